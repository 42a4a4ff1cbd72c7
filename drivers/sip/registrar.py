"""The registrar: which phone is where (RFC 3261 section 10.3).

`plan` decides and changes nothing; `apply` takes a decision over once it is on disk. A request takes effect as a whole
or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from drivers.sip.flow import UDP, Flow
from drivers.sip.grammar import DEFAULT_PORT, Malformed, NameAddr, format_params, parse_delta
from drivers.sip.message import printable
from drivers.sip.uri import Uri

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from drivers.sip.message import Request

# A person has a few devices; beyond this the binding that ends first makes room (phones leave zombies behind), never
# the one that is confirmed by the same answer.
MAX_BINDINGS = 10
# Users with bindings. Only where nobody is asked for a password could somebody register more; then those that have
# ended make room.
MAX_USERS = 5_000
# RFC 3261 10.3 step 7 allows 423 only for requests below one hour.
LONGEST_REFUSED = 3600
MAX_URI = 512
# Proxies on one site between a phone and us: one at its edge, perhaps one more.
MAX_PATH = 8


class Refusal(Exception):
    """The request is answered with `status`, and nothing was changed."""

    def __init__(self, status: int, headers: Mapping[str, list[str]] | None = None) -> None:
        self.status = status
        self.headers = headers or {}
        super().__init__(str(status))


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds for which a binding may stand; `on_stream` is the longest for one that lives on a connection."""

    shortest: int = 60
    longest: int = 7200
    default: int = 3600
    on_stream: int = 600


@dataclass(frozen=True, slots=True)
class Binding:
    """One device of a user. `expires` lies on the timeline; `flow` is the way on which it registered.

    `path` are the proxies between it and us, the nearest to us first (RFC 3327).
    """

    uri: str
    expires: float
    call_id: str
    cseq: int
    flow: Flow
    q: float = 1.0
    instance: str = ""
    user_agent: str = ""
    path: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """Return by what the device is known again when it registers anew."""
        return self.instance or f"{self.user_agent}@{self.flow.peer[0]}"

    def to_json(self) -> dict[str, Any]:
        """Return what is remembered over a restart: a stream connection is not."""
        return {
            "uri": self.uri,
            "expires": self.expires,
            "call_id": self.call_id,
            "cseq": self.cseq,
            "transport": self.flow.transport,
            "peer": list(self.flow.peer),
            "q": self.q,
            "instance": self.instance,
            "user_agent": self.user_agent,
            "path": list(self.path),
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Binding:
        """Restore; a stream binding comes back with a connection that does not exist."""
        transport, (host, port) = saved["transport"], saved["peer"]
        flow = Flow(transport, (str(host), int(port)), 0 if transport == UDP else -1)
        names = ("uri", "expires", "call_id", "cseq", "q", "instance", "user_agent")
        return cls(flow=flow, path=tuple(saved.get("path", ())), **{name: saved[name] for name in names})

    def contact(self, now: float) -> str:
        """Return the Contact value that lists this binding with its remaining seconds."""
        params = {"expires": str(max(0, round(self.expires - now)))}
        if self.q < 1:
            params["q"] = f"{self.q:.3f}".rstrip("0").rstrip(".")
        return f"<{self.uri}>{format_params(params)}"


Bindings = tuple[Binding, ...]


@dataclass
class Registrar:
    """The bindings of every user."""

    limits: Limits = field(default_factory=Limits)
    most: int = MAX_USERS
    _bindings: dict[str, Bindings] = field(default_factory=dict)

    def restore(self, saved: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
        """Take over what was remembered, as `{user: [binding, …]}`."""
        self._bindings = {user: tuple(map(Binding.from_json, entries)) for user, entries in saved.items()}

    def current(self, user: str, now: float) -> Bindings:
        """Return the live bindings of `user`, the preferred first."""
        known = self._bindings.get(user)
        if known is None:
            return ()
        live = (binding for binding in known if binding.expires > now)
        return tuple(sorted(live, key=lambda binding: -binding.q))

    def users(self) -> list[str]:
        """Return every user with bindings, live or not."""
        return list(self._bindings)

    def apply(self, user: str, bindings: Bindings) -> None:
        """Take over what was planned."""
        if bindings:
            self._bindings[user] = bindings
        else:
            self._bindings.pop(user, None)

    def make_room(self, user: str, now: float) -> tuple[str, ...]:
        """Forget users whose bindings have ended, where one more is too many; return them. Raises Refusal."""
        if user in self._bindings or len(self._bindings) < self.most:
            return ()
        ended = (name for name, known in self._bindings.items() if all(binding.expires <= now for binding in known))
        gone = tuple(islice(ended, 2))
        if not gone:
            raise Refusal(503, {"retry-after": ["60"]})
        for name in gone:
            del self._bindings[name]
        return gone

    def plan(self, user: str, request: Request, flow: Flow, now: float) -> Bindings:
        """Return the bindings that `user` has after `request`. Raises Refusal and Malformed."""
        before = self.current(user, now)
        contacts = request.every("contact")
        if not contacts:
            return before
        if len(contacts) > MAX_BINDINGS:
            raise Malformed("too many contacts")
        order = _Order(request.call_id, request.cseq[0])
        if "*" in contacts:
            return self._remove_all(before, contacts, request, order)
        after = list(before)
        for contact in contacts:
            wanted = self._read(contact, request, flow, now)
            after = [old for old in after if not self._replaces(wanted, old, order)]
            if wanted.expires > now:
                after.append(wanted)
        return tuple(sorted(after, key=lambda binding: (order.made(binding), binding.expires))[-MAX_BINDINGS:])

    def _remove_all(self, before: Bindings, contacts: list[str], request: Request, order: _Order) -> Bindings:
        if len(contacts) > 1 or parse_delta(request.first("expires")) != 0:
            raise Refusal(400)
        for old in before:
            order.check(old)
        return ()

    def _replaces(self, wanted: Binding, old: Binding, order: _Order) -> bool:
        """Step 7: the same address, or the same device that has come back under another one (RFC 5626 6)."""
        same = Uri.parse(wanted.uri).matches(Uri.parse(old.uri))
        if same:
            order.check(old)
        return same or (wanted.instance != "" and wanted.instance == old.instance)

    def _read(self, contact: str, request: Request, flow: Flow, now: float) -> Binding:
        address = NameAddr.parse(contact)
        if len(address.uri) > MAX_URI:
            raise Malformed("a contact is too long")
        uri = Uri.parse(address.uri)
        if uri.scheme == "tel":
            raise Malformed("a tel URI is no contact")
        return Binding(
            uri=address.uri,
            expires=now + self._lifetime(address, request, flow),
            call_id=request.call_id,
            cseq=request.cseq[0],
            flow=_way_to(uri, request, flow),
            q=_quality(address.params.get("q", "")),
            instance=address.params.get("+sip.instance", "")[:MAX_URI],
            user_agent=printable(request.first("user-agent")),
            path=_path(request),
        )

    def _lifetime(self, address: NameAddr, request: Request, flow: Flow) -> int:
        """Step 6: what the contact says, else the header, else our default; nonsense counts as unsaid.

        A restart of ours ends every connection, and some phones notice only when they register the next time.
        """
        asked = parse_delta(address.params.get("expires", ""))
        if asked is None:
            asked = parse_delta(request.first("expires"))
        seconds = self.limits.default if asked is None else asked
        if 0 < seconds < min(self.limits.shortest, LONGEST_REFUSED):
            raise Refusal(423, {"min-expires": [str(self.limits.shortest)]})
        return min(seconds, self.limits.on_stream if flow.is_stream else self.limits.longest)


@dataclass(frozen=True, slots=True)
class _Order:
    """Call-ID and CSeq of a request: within one call only a higher CSeq may change a binding."""

    call_id: str
    cseq: int

    def check(self, old: Binding) -> None:
        if old.call_id == self.call_id and self.cseq <= old.cseq:
            raise Refusal(500)

    def made(self, binding: Binding) -> bool:
        """Return whether this request is what made the binding."""
        return (binding.call_id, binding.cseq) == (self.call_id, self.cseq)


def _way_to(uri: Uri, request: Request, flow: Flow) -> Flow:
    """Return the way to a contact: that of its registration, unless the phone listens on another port of its host.

    Some phones send from a port on which they hear nothing, and so do not ask for answers there (rport).
    """
    is_direct = uri.numeric_host == flow.peer[0] and "path" not in request.headers
    if flow.is_stream or not is_direct or uri.transport != UDP or "rport" in request.via.params:
        return flow
    return Flow(UDP, (flow.peer[0], uri.port or DEFAULT_PORT))


def _path(request: Request) -> tuple[str, ...]:
    """Return the Path of a registration as it came. Raises Malformed."""
    values = request.every("path")
    if len(values) > MAX_PATH:
        raise Malformed("the path is too long")
    for value in values:
        if len(value) > MAX_URI or Uri.parse(NameAddr.parse(value).uri).scheme == "tel":
            raise Malformed("the path is not proper")
    return tuple(values)


def _quality(text: str) -> float:
    try:
        return min(1.0, max(0.0, round(float(text[:8]), 3)))
    except ValueError:
        return 1.0
