"""Are the phones still there? An OPTIONS to each device now and then; any answer at all means yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.sip.message import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.sip.flow import Flow
    from drivers.sip.registrar import Registrar
    from drivers.sip.timing import Deadline
    from drivers.sip.transactions import ClientTransaction, Failure

Device = tuple[str, str]  # user and contact URI


class Liveness:
    """Knows which devices stay silent. A silent one is paged all the same, only nobody waits for it."""

    def __init__(
        self,
        registrar: Registrar,
        ask: Callable[[Request, Flow, float, Callable[[Response | Failure, float], None]], ClientTransaction],
        at: Callable[[float, Callable[[float], None]], Deadline],
        tell: Callable[[Device, bool], None],
    ) -> None:
        self._registrar = registrar
        self._ask = ask
        self._at = at
        self._tell = tell
        self._silent: set[Device] = set()
        self._watched: dict[Device, Deadline] = {}
        self._static: dict[Device, Flow] = {}
        self.interval = 0.0
        self.patience = 8.0
        self.draw_up: Callable[[Device, float], Request] | None = None

    def is_silent(self, device: Device) -> bool:
        """Return whether the device did not answer lately."""
        return device in self._silent

    def heard(self, device: Device) -> None:
        """Note a sign of life."""
        if device in self._silent:
            self._silent.discard(device)
            self._tell(device, True)  # noqa: FBT003 - the value of the flag is the news

    def missed(self, device: Device) -> None:
        """Note that the device let a request pass unanswered."""
        if device not in self._silent and self._way_to(device, 0.0) is not None:
            self._silent = {each for each in self._silent if self._way_to(each, 0.0) is not None} | {device}
            self._tell(device, False)  # noqa: FBT003 - the value of the flag is the news

    def watch(self, user: str, now: float, share: float = 1.0) -> None:
        """Ask every device of `user` from now on, for the first time when this `share` of the interval has passed."""
        for binding in self._registrar.current(user, now):
            device = (user, binding.uri)
            if self.interval and device not in self._watched:
                self._plan(device, now + self.interval * share)

    def watch_static(self, user: str, uri: str, flow: Flow, now: float) -> None:
        """Ask a device that never registers from now on."""
        device = (user, uri)
        self._static[device] = flow
        if self.interval:
            self._plan(device, now + self.interval)

    def connection_lost(self, number: int, now: float) -> None:
        """Every device that was reached over this connection is silent for now."""
        for user in self._registrar.users():
            for binding in self._registrar.current(user, now):
                if binding.flow.connection == number:
                    self.missed((user, binding.uri))

    def _plan(self, device: Device, when: float) -> None:
        self._watched[device] = self._at(when, lambda now: self._ping(device, now))

    def _ping(self, device: Device, now: float) -> None:
        flow = self._way_to(device, now)
        if flow is None or self.draw_up is None:
            del self._watched[device]
            self._silent.discard(device)
            return
        self._plan(device, now + self.interval)
        patience = self._at(now + self.patience, lambda _now: self.missed(device))

        def on_result(result: Response | Failure, _now: float) -> None:
            patience.cancel()
            if isinstance(result, Response):
                self.heard(device)
            else:
                self.missed(device)

        self._ask(self.draw_up(device, now), flow, now, on_result)

    def _way_to(self, device: Device, now: float) -> Flow | None:
        """Return the flow of a device that is there to be asked."""
        if device in self._static:
            return self._static[device]
        found = (each.flow for each in self._registrar.current(device[0], now) if each.uri == device[1])
        return next(found, None)
