"""Two ends that talk by bytes, and a time that the test moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewayd.hayes.calls import DataReceived, DtrWanted
from gatewayd.hayes.simulated import SimulatedModem

if TYPE_CHECKING:
    from gatewayd.driver import StreamProtocol


class Pairs:
    """Computers and their modems, joined; `events` has what each computer's core told."""

    def __init__(self, *pairs: tuple[StreamProtocol[Any], StreamProtocol[None]]) -> None:
        self.pairs = pairs
        self.now = 1_000.0
        self.events: list[list[Any]] = [[] for _ in pairs]
        self.dtr_is_wired = True

    def pump(self) -> None:
        """Carry bytes until nobody has any."""
        moved = True
        while moved:
            moved = False
            for events, (computer, modem) in zip(self.events, self.pairs, strict=True):
                while (event := computer.next_event()) is not None:
                    events.append(event)
                    self._switch_dtr(event, modem)
                for left, right in ((computer, modem), (modem, computer)):
                    if data := left.data_to_send():
                        right.receive_data(data, self.now)
                        moved = True

    def waits(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        self.pump()
        while (due := self._next_due()) is not None and due <= until:
            self.now = max(self.now, due)
            for end in (end for pair in self.pairs for end in pair):
                end.handle_timer(self.now)
            self.pump()
        self.now = until

    def told(self, number: int = 0) -> list[Any]:
        """Return, and forget, what a computer's core told, without DTR; data that came in pieces is one."""
        events, self.events[number] = self.events[number], []
        told: list[Any] = []
        for event in events:
            if isinstance(event, DataReceived) and told and isinstance(told[-1], DataReceived):
                told[-1] = DataReceived(told[-1].data + event.data)
            elif not isinstance(event, DtrWanted):
                told.append(event)
        return told

    def _switch_dtr(self, event: object, modem: object) -> None:
        modem = getattr(modem, "modem", modem)
        if event == DtrWanted(on=False) and self.dtr_is_wired and isinstance(modem, SimulatedModem):
            modem.drop_dtr(self.now)

    def _next_due(self) -> float | None:
        dues = (end.get_timer() for pair in self.pairs for end in pair)
        return min((due for due in dues if due is not None), default=None)
