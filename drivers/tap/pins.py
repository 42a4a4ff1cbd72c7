"""The modem lines of the port that a modem hangs on, as far as the port has any: DTR to hang up, DCD of a call."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from gatewayd.transport.serial import SerialLink

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from gatewayd.clock import Clock, TimerHandle

LOOK_EVERY = 1.0  # seconds, in a call only: nothing tells that DCD went off (gatewayd.transport.guard)
CARRIER = "dcd"


class Pins(Protocol):
    """What a port offers. Each raises OSError when the device is lost."""

    def pins(self) -> frozenset[str] | None:
        """Return the modem lines that are on; None: there are none."""

    def set_dtr(self, *, on: bool) -> None:
        """Switch DTR."""


def pins_of(transport: asyncio.Transport | None) -> Pins | None:
    """Return the modem lines of a connection; None for sockets and wires in memory."""
    return transport if isinstance(transport, SerialLink) else None


class CarrierWatch:
    """Looks at DCD during a call; `on_loss` hears that it went off. One that was never on is not wired."""

    def __init__(self, clock: Clock, on_loss: Callable[[], None]) -> None:
        self._clock = clock
        self._on_loss = on_loss
        self._timer: TimerHandle | None = None
        self._was_on = False

    def start(self, pins: Pins | None) -> None:
        """Watch the call that begins."""
        self.stop()
        self._was_on = False
        if pins is not None:
            self._look(pins)

    def stop(self) -> None:
        """End the watch."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _look(self, pins: Pins) -> None:
        with suppress(OSError):  # the port's own guard tells of a device that is gone
            state = pins.pins()
            on = state is not None and CARRIER in state
            if self._was_on and not on:
                self._on_loss()
                return
            self._was_on = on
            if state is not None:
                self._timer = self._clock.call_at(self._clock.now() + LOOK_EVERY, lambda: self._look(pins))
