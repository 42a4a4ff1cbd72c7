"""Keeps an eye on an open serial port: bytes that do not leave, modem lines that go off, errors that the kernel counts.

There is no event for any of them. Bytes that do not leave are looked at only while there are some, errors only after
something arrived; modem lines once a second, where the settings name some: the kernel can be waited for (TIOCMIWAIT),
but nothing ends that wait when the port is to be closed.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from gatewayd.transport.watching import PinWatch, Stall
from gatewayd.transport.wiring import PortErrors

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.clock import Clock, TimerHandle
    from gatewayd.transport.settings import SerialSettings

LOOKS = 5  # at bytes that do not leave, within the time after which that is a fault
GRACE = 1.0  # seconds; a driver that keeps the same limit for its page, and knows more, goes first
LONGEST_CHARACTER = 12  # bits: start, eight, parity, two stop
PINS_EVERY = 1.0
ERRORS_EVERY = 1.0
TOLD_EVERY = 60.0  # seconds between two log lines about errors of one port

log = logging.getLogger(__name__)


class PortFacts(Protocol):
    """What can be asked of an open port. Each raises OSError when the device is lost."""

    @property
    def unsent(self) -> int:
        """How many bytes have not left."""

    def pins(self) -> frozenset[str] | None:
        """Return the modem lines that are on; None: there are none."""

    def errors(self) -> PortErrors | None:
        """Return the kernel's counters; None: there are none."""


class PortGuard:
    """Watches one open port until `stop`. `lose` hears why it is of no use any more, `tally` of errors."""

    def __init__(
        self,
        port: PortFacts,
        settings: SerialSettings,
        clock: Clock,
        lose: Callable[[str], None],
        tally: Callable[[str, int], None],
    ) -> None:
        self._port = port
        self._settings = settings
        self._clock = clock
        self._lose = lose
        self._tally = tally
        self._timers: dict[str, TimerHandle] = {}
        self._stall = Stall()
        self._held = 0.0
        self._stopped = False
        self._written = 0
        self._pins = PinWatch(settings.watch, settings.watch_limit)
        self._errors = PortErrors()
        self._told = -TOLD_EVERY
        self._counts = self._can_count()
        if settings.watch:
            self._after(PINS_EVERY, "pins", self._look_at_pins)

    def wrote(self, count: int) -> None:
        """Take note of bytes that are to leave."""
        self._written += count
        if "stall" not in self._timers:
            self._stall.look(self._written - count, count, self._clock.now())
            self._after(self._settings.hold_limit / LOOKS, "stall", self._look_at_stall)

    def received(self) -> None:
        """Take note that something arrived."""
        if self._counts and "errors" not in self._timers:
            self._after(ERRORS_EVERY, "errors", self._look_at_errors)

    def held(self) -> float:
        """Return for how many seconds nothing of what waits has left; after `stop`, what that was in the end."""
        if not self._stopped:
            with suppress(OSError):
                self._look()
        return self._held

    def stop(self) -> None:
        """End it; the port is about to be closed."""
        self.held()
        self._stopped = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _after(self, seconds: float, what: str, look: Callable[[], None]) -> None:
        def ring() -> None:
            del self._timers[what]
            try:
                look()
            except OSError as error:
                self._lose(error.strerror or "the device is gone")

        self._timers[what] = self._clock.call_at(self._clock.now() + seconds, ring)

    def _look(self) -> int:
        """Look how long nothing has left; return how many bytes wait. Raises OSError."""
        unsent = self._port.unsent
        self._held = self._stall.look(self._written - unsent, unsent, self._clock.now())
        return unsent

    def _look_at_stall(self) -> None:
        unsent, held = self._look(), self._held
        wire_time = unsent * LONGEST_CHARACTER / self._settings.baudrate
        if held >= self._settings.hold_limit + wire_time + GRACE:
            self._lose(f"the device has taken nothing for {held:.0f} s ({self._why_held()})")
        elif unsent:
            self._after(self._settings.hold_limit / LOOKS, "stall", self._look_at_stall)

    def _why_held(self) -> str:
        if self._settings.flow == "xonxoff":
            return "flow control: it has sent XOFF and no XON"
        pins = self._port.pins() if self._settings.flow == "rtscts" else None
        return "flow control: CTS is off" if pins is not None and "cts" not in pins else "nothing leaves the port"

    def _look_at_pins(self) -> None:
        pins = self._port.pins()
        reason = self._pins.look(pins or frozenset(), self._clock.now())
        if reason:
            self._lose(reason)
        else:
            self._after(PINS_EVERY, "pins", self._look_at_pins)

    def _can_count(self) -> bool:
        try:
            errors = self._port.errors()
        except OSError:
            return False
        self._errors = errors or self._errors
        return errors is not None

    def _look_at_errors(self) -> None:
        errors = self._port.errors()
        more = {} if errors is None else errors.since(self._errors)
        self._errors = errors or self._errors
        for what, count in more.items():
            self._tally(what, count)
        if more and self._clock.now() - self._told >= TOLD_EVERY:
            self._told = self._clock.now()
            found = ", ".join(f"{what} +{count}" for what, count in more.items())
            log.warning("%s: %s; do speed, parity and wiring fit the device?", self._settings.port, found)
