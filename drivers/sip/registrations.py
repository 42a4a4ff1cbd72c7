"""Registrations on their way to the disk: those of one user are written one after the other (RFC 3261 10.3)."""

from __future__ import annotations

from collections import deque
from dataclasses import field
from typing import TYPE_CHECKING

from drivers.sip.dates import http_date
from drivers.sip.events import BindingsChanged, Event, Registered
from drivers.sip.grammar import Malformed
from drivers.sip.registrar import Bindings, Refusal, Registrar

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass

    from drivers.sip.layer import TransactionLayer
    from drivers.sip.message import Request
    from drivers.sip.transactions import ServerTransaction
else:
    from gatewayd.values import dataclass

# Seconds that a phone should wait when we cannot write to disk.
RETRY_AFTER = "10"
MAX_QUEUED_REGISTERS = 16


def memory_key(user: str) -> str:
    """Return the key under which the bindings of `user` are remembered."""
    return f"bindings/{user}"


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that passed the checks that all have in common, and who sent it."""

    server: ServerTransaction
    user: str

    @property
    def request(self) -> Request:
        """The request itself."""
        return self.server.request


@dataclass(slots=True)
class _Saving:
    """A registration on its way to the disk, and the requests of the same user behind it."""

    admitted: Admitted
    bindings: Bindings
    behind: deque[Admitted] = field(default_factory=deque)


class Registrations:
    """Has each registration written down, then answers it; `emit` takes what is to be written."""

    def __init__(
        self,
        layer: TransactionLayer,
        registrar: Registrar,
        wall: Callable[[], float],
        emit: Callable[[Event], None],
    ) -> None:
        self._layer = layer
        self._registrar = registrar
        self._wall = wall
        self._emit = emit
        self._saving: dict[str, _Saving] = {}

    def take(self, admitted: Admitted, now: float) -> None:
        """Take a registration of a user for themselves. Raises Refusal and Malformed."""
        saving = self._saving.get(admitted.user)
        if saving is None:
            self._plan(admitted, now)
        elif len(saving.behind) < MAX_QUEUED_REGISTERS:
            saving.behind.append(admitted)
        else:
            raise Refusal(503, {"retry-after": [RETRY_AFTER]})

    def _plan(self, admitted: Admitted, now: float) -> None:
        user, server = admitted.user, admitted.server
        before = self._registrar.current(user, now)
        after = self._registrar.plan(user, server.request, server.flow, now)
        if after == before:
            self._list_bindings(admitted, now)
            return
        forgotten = dict.fromkeys(map(memory_key, self._registrar.make_room(user, now)))
        self._saving[user] = _Saving(admitted, after)
        remembered = [binding.to_json() for binding in after] or None
        self._emit(BindingsChanged(server.number, user, {**forgotten, memory_key(user): remembered}))

    def saved(self, user: str, now: float, *, saved: bool) -> None:
        """Answer the registration of `user` that was on its way to the disk, then take the next one."""
        saving = self._saving.pop(user)
        if saved:
            self._registrar.apply(user, saving.bindings)
            self._list_bindings(saving.admitted, now)
            if saving.bindings:
                self._emit(Registered(user))
        else:
            self._layer.respond(saving.admitted.server, 503, now, {"retry-after": [RETRY_AFTER]})
        self._resume(user, saving.behind, now)

    def _resume(self, user: str, behind: deque[Admitted], now: float) -> None:
        while behind and user not in self._saving:
            admitted = behind.popleft()
            try:
                self._plan(admitted, now)
            except Malformed as error:
                self._layer.respond(admitted.server, error.status, now)
            except Refusal as refusal:
                self._layer.respond(admitted.server, refusal.status, now, refusal.headers)
        if user in self._saving:
            self._saving[user].behind = behind

    def _list_bindings(self, admitted: Admitted, now: float) -> None:
        """Answer with every binding of the user, and the Path for who knows of it (RFC 3327 5.3)."""
        request = admitted.request
        headers = {"date": [http_date(self._wall())]}
        contacts = [binding.contact(now) for binding in self._registrar.current(admitted.user, now)]
        if contacts:
            headers["contact"] = contacts
        if "path" in request.headers and "path" in [name.lower() for name in request.every("supported")]:
            headers["path"] = request.headers["path"]
        self._layer.respond(admitted.server, 200, now, headers)
