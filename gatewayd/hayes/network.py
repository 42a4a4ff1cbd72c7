"""What simulated modems are connected to: a program that answers every call, one that calls, or each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewayd.hayes.simulated import SimulatedModem

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.driver import StreamProtocol
    from gatewayd.simulator import Faults


class AnsweringModem:
    """A modem whose calls, whatever the number, are all answered by a core of `make`: a `StreamProtocol[None]`.

    The other end hangs up behind its `farewell`.
    """

    def __init__(self, make: Callable[[float], StreamProtocol[Any]], faults: Faults, farewell: bytes = b"") -> None:
        self._make = make
        self._farewell = farewell
        self._core: StreamProtocol[Any] | None = None
        self.modem = SimulatedModem(self, faults)

    # --- the exchange -------------------------------------------------------------------------------------------------

    def call(self, modem: SimulatedModem, number: str, now: float) -> bool:
        """Answer at once."""
        del number
        self._core = self._make(now)
        modem.connect()
        return True

    def answer(self, modem: SimulatedModem, now: float) -> bool:
        """Return False: nobody calls this modem."""
        del modem, now
        return False

    def carry(self, modem: SimulatedModem, data: bytes, now: float) -> None:
        """Let the core hear it."""
        del modem
        if self._core is not None:
            self._core.receive_data(data, now)

    def hang_up(self, modem: SimulatedModem, now: float) -> None:
        """Forget the core of the call."""
        del modem, now
        self._core = None

    # --- the computer -------------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the computer."""
        self.modem.receive_data(data, now)
        self._pass_on(now)

    def data_to_send(self) -> bytes:
        """Return, and forget, the bytes for the computer."""
        return self.modem.data_to_send()

    def next_event(self) -> None:
        """Return None: nobody is told."""

    def get_timer(self) -> float | None:
        """Return when the modem or the core is due."""
        core = self._core.get_timer() if self._core is not None else None
        return min((due for due in (self.modem.get_timer(), core) if due is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Let both act."""
        self.modem.handle_timer(now)
        if self._core is not None:
            self._core.handle_timer(now)
        self._pass_on(now)

    def _pass_on(self, now: float) -> None:
        if self._core is not None:
            self._core.next_event()
            data = self._core.data_to_send()
            self.modem.hear(data, now)
            if self._farewell and data.endswith(self._farewell):
                self._core = None
                self.modem.lose_carrier()


class CallingModem:
    """A modem that somebody calls by `ring`: a `StreamProtocol` with the events of the caller's core.

    `answered` hears when the receiver is lifted: only then has the core somebody to talk to.
    """

    def __init__(self, core: StreamProtocol[Any], answered: Callable[[float], None], faults: Faults) -> None:
        self._core = core
        self._answered = answered
        self.modem = SimulatedModem(self, faults)

    def ring(self, now: float) -> None:
        """Call the modem."""
        self.modem.ring(now)

    def end_call(self) -> None:
        """Hang up at the caller's end, or give up calling."""
        self.modem.stop_ringing()
        self.modem.lose_carrier()

    # --- the exchange -------------------------------------------------------------------------------------------------

    def call(self, modem: SimulatedModem, number: str, now: float) -> bool:
        """Return False: whoever is dialled does not answer."""
        del modem, number, now
        return False

    def answer(self, modem: SimulatedModem, now: float) -> bool:
        """Connect the caller."""
        modem.connect()
        self._answered(now)
        return True

    def carry(self, modem: SimulatedModem, data: bytes, now: float) -> None:
        """Let the caller hear it."""
        del modem
        self._core.receive_data(data, now)

    def hang_up(self, modem: SimulatedModem, now: float) -> None:
        """Leave the caller in silence."""

    # --- the computer -------------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the computer."""
        self.modem.receive_data(data, now)
        self._pass_on(now)

    def data_to_send(self) -> bytes:
        """Return, and forget, the bytes for the computer."""
        return self.modem.data_to_send()

    def next_event(self) -> Any | None:  # noqa: ANN401 - whatever the core tells
        """Return the caller's next event."""
        return self._core.next_event()

    def get_timer(self) -> float | None:
        """Return when the modem or the caller is due."""
        dues = (self.modem.get_timer(), self._core.get_timer())
        return min((due for due in dues if due is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Let both act."""
        self.modem.handle_timer(now)
        self._core.handle_timer(now)
        self._pass_on(now)

    def _pass_on(self, now: float) -> None:
        self.modem.hear(self._core.data_to_send(), now)


class PhoneNetwork:
    """Two modems that can call each other; `changed` hears of a modem that has something to say by itself."""

    def __init__(self, faults: Faults, changed: Callable[[SimulatedModem], None], rate: int = 1200) -> None:
        self._changed = changed
        self.modems = (SimulatedModem(self, faults, rate), SimulatedModem(self, faults, rate))

    def call(self, modem: SimulatedModem, number: str, now: float) -> bool:
        """Let the other modem ring, whatever the number."""
        del number
        other = self._other(modem)
        if other.in_call:
            return False
        other.ring(now)
        self._changed(other)
        return True

    def answer(self, modem: SimulatedModem, now: float) -> bool:
        """Connect both."""
        del now
        other = self._other(modem)
        modem.connect()
        other.connect()
        self._changed(other)
        return True

    def carry(self, modem: SimulatedModem, data: bytes, now: float) -> None:
        """Let the other modem hear it."""
        other = self._other(modem)
        other.hear(data, now)
        self._changed(other)

    def hang_up(self, modem: SimulatedModem, now: float) -> None:
        """End the call, or the ringing, at the other end."""
        del now
        other = self._other(modem)
        other.stop_ringing()
        other.lose_carrier()
        self._changed(other)

    def _other(self, modem: SimulatedModem) -> SimulatedModem:
        first, second = self.modems
        return second if modem is first else first
