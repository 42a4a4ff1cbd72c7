"""A protocol over a telephone line: a modem, and in a call the core that talks to the other end. Sans-IO."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from gatewayd.hayes.calls import CarrierLost, Connected, DataReceived, HungUp, PhoneEvent
from gatewayd.hayes.dialling import Phone, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.driver import StreamProtocol

    Make = Callable[[Connected, float], StreamProtocol[Any]]


class InCall:
    """A `StreamProtocol`: its events are those of the modem (without `DataReceived`) and those of the core.

    `make` builds the core of each call when it stands; `core` is that of the present one. An idle modem has to prove
    every `probe_every` seconds that it lives (0: never).
    """

    def __init__(
        self, phone: Phone, make: Callable[[Connected, float], StreamProtocol[Any]], probe_every: float = 0.0
    ) -> None:
        self.phone = phone
        self._make = make
        self._probe_every = probe_every
        self._probe_due: float | None = None
        self._events: deque[Any] = deque()
        self.core: StreamProtocol[Any] | None = None

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the modem."""
        self.phone.receive_data(data, now)
        self._follow(now)

    def data_to_send(self) -> bytes:
        """Return, and forget, the bytes for the modem."""
        if self.core is not None:
            self.phone.send(self.core.data_to_send())
        return self.phone.data_to_send()

    def next_event(self) -> Any | None:  # noqa: ANN401 - whatever the core tells
        """Return the next thing that happened, or None."""
        self._collect()
        return self._events.popleft() if self._events else None

    def get_timer(self) -> float | None:
        """Return when the modem, the core or a probe is due."""
        core = self.core.get_timer() if self.core is not None else None
        probe = self._probe_due if self.phone.stage is Stage.IDLE else None
        return min((due for due in (self.phone.get_timer(), core, probe) if due is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Let whatever is due act."""
        if self._probe_due is not None and now >= self._probe_due:
            self._probe_due = None
            self.phone.probe(now)
        self.phone.handle_timer(now)
        if self.core is not None:
            self.core.handle_timer(now)
        self._follow(now)

    # --- commands -----------------------------------------------------------------------------------------------------

    def open(self, now: float) -> None:
        """Initialise the modem."""
        self.phone.open(now)
        self._follow(now)

    def dial(self, number: str, now: float) -> None:
        """Call a number as soon as the modem is free."""
        self.phone.dial(number, now)
        self._follow(now)

    def hang_up(self, now: float) -> None:
        """End the call, or the attempt."""
        self.phone.hang_up(now)
        self._follow(now)

    def carrier_dropped(self, now: float) -> None:
        """Take note that DCD went off."""
        self.phone.carrier_dropped(now)
        self._follow(now)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _follow(self, now: float) -> None:
        while (event := self.phone.next_event()) is not None:
            if isinstance(event, DataReceived):
                if self.core is not None:
                    self.core.receive_data(event.data, now)
                continue
            self._collect()
            self._take(event, now)
        if self.phone.stage is not Stage.IDLE or not self._probe_every:
            self._probe_due = None
        elif self._probe_due is None:
            self._probe_due = now + self._probe_every

    def _take(self, event: PhoneEvent, now: float) -> None:
        if isinstance(event, Connected):
            self.core = self._make(event, now)
        elif isinstance(event, CarrierLost | HungUp):
            self.core = None
        self._events.append(event)

    def _collect(self) -> None:
        """Take what the core has told, so that it stands in order with what the modem tells."""
        while self.core is not None and (event := self.core.next_event()) is not None:
            self._events.append(event)
