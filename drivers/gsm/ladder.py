"""What to do about a modem that does not answer: ever harder steps, each of them limited."""

from __future__ import annotations

from enum import Enum

RESTART_EVERY = 600.0  # seconds between two reboots: one that does not help will not help at once again
REOPENINGS = 2  # openings in vain until the power is cut
SEARCH = 600.0  # seconds that a modem may be without a network until it is restarted for that
LONGEST_SEARCH = 14_400.0
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
        self._useless = False
        self._lost_since: float | None = None
        self._patience = SEARCH

    def answers(self) -> None:
        """Take note that the modem answers; one that did so before and sent nothing has to do more than that."""
        if not self._useless:
            self._in_vain = 0

    def works(self) -> None:
        """Take note that the modem sent a message."""
        self._in_vain = 0
        self._useless = False

    def searched_enough(self, now: float, *, registered: bool) -> bool:
        """Take note of a look at the network; return whether the modem has searched it in vain for too long.

        It may not be the modem's fault: the next time it gets twice as long.
        """
        if registered:
            self._lost_since, self._patience = None, SEARCH
            return False
        if self._lost_since is None:
            self._lost_since = now
        if now - self._lost_since < self._patience:
            return False
        self._lost_since, self._patience = now, min(2 * self._patience, LONGEST_SEARCH)
        return True

    def next_step(self, now: float, *, useless: bool = False) -> Step:
        """Choose the step for a modem that is silent now, or answers and does no work; count it as done."""
        self._useless |= useless
        if now - self._restarted >= RESTART_EVERY:
            self._restarted = now
            return Step.RESTART
        self._in_vain += 1
        patient = self._in_vain > REOPENINGS and now - self._restarted >= BOOT_TIME
        if self._has_power and patient and now - self._powered >= self._power_every:
            self._powered = now
            return Step.POWER
        return Step.REOPEN
