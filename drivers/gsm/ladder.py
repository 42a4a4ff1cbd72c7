"""What to do about a modem that does not answer: ever harder steps, each of them limited."""

from __future__ import annotations

from enum import Enum

RESTART_EVERY = 600.0  # seconds between two reboots: one that does not help will not help at once again
REOPENINGS = 2  # openings in vain until the power is cut
BOOT_TIME = 60.0  # seconds that a modem gets to come back by itself


class Step(Enum):
    """The next step, from gentle to hard; calling it (AT) has been tried before the first."""

    RESTART = "have the modem reboot itself"
    REOPEN = "close the port and open it again"
    POWER = "cut its power, then open the port again"


class Ladder:
    """Remembers what was tried; lives as long as the line, over many openings. `power_every` in seconds."""

    def __init__(self, power_every: float, *, has_power: bool) -> None:
        self._power_every = power_every
        self._has_power = has_power
        self._restarted = self._powered = float("-inf")
        self._in_vain = 0

    def well(self) -> None:
        """Take note that the modem works."""
        self._in_vain = 0

    def next_step(self, now: float) -> Step:
        """Choose the step for a modem that is silent now, and count it as done."""
        if now - self._restarted >= RESTART_EVERY:
            self._restarted = now
            return Step.RESTART
        self._in_vain += 1
        patient = self._in_vain > REOPENINGS and now - self._restarted >= BOOT_TIME
        if self._has_power and patient and now - self._powered >= self._power_every:
            self._powered = now
            return Step.POWER
        return Step.REOPEN
