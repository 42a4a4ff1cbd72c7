"""A message to ourselves from time to time: the only proof that both directions work."""

from __future__ import annotations

import re

from drivers.gsm.address import same_subscriber
from gatewayd.model import AlarmActivated, AlarmReset

KEY = "self-test"
MEMORY_KEY = "selftest"
WITHIN = 600.0  # seconds for the message to come back
AFTER_START = 60.0  # seconds until one that is overdue at the start is sent
RETRY = 3_600.0  # seconds after one that failed
PREFIX = "gatewayd self-test"
_OURS = re.compile(re.escape(PREFIX) + r" [0-9]{1,12}")


class SelfTest:
    """Says when to send and what it means that a text came back or did not. `every` in seconds; 0: never."""

    def __init__(self, every: float, own_number: str) -> None:
        self._every = every
        self.number = own_number
        self._next: float | None = None
        self._expected = ""
        self._deadline = 0.0

    def start(self, last: float | None, wall: float, now: float) -> None:
        """Plan the first one; `last` is the wall clock time of the last success, None when there was none."""
        if self._every and self.number and self._next is None:
            left = self._every - (wall - last) if last is not None and last <= wall else 0.0
            self._next = now + max(AFTER_START, left)

    def text_due(self, now: float) -> str:
        """Return the text to send now, or nothing."""
        if self._next is None or now < self._next or self._expected:
            return ""
        self._expected = f"{PREFIX} {int(now)}"
        self._deadline = now + WITHIN
        return self._expected

    def came_back(self, text: str, now: float) -> bool:
        """Return whether a text is ours; then the test has passed."""
        if not self._expected or text != self._expected:
            return False
        self._expected = ""
        self._next = now + self._every
        return True

    def is_old(self, sender: str, text: str) -> bool:
        """Return whether a text is one of ours that came back too late, or to another start of the gateway."""
        return bool(self.number) and same_subscriber(sender, self.number) and _OURS.fullmatch(text) is not None

    def overdue(self, now: float) -> AlarmActivated | None:
        """Return the fault of a message that has not come back in time."""
        if not self._expected or now < self._deadline:
            return None
        self._expected = ""
        self._next = now + RETRY
        return AlarmActivated(KEY, f"self-test: no message came back within {WITHIN:.0f} s", fault=True)

    @staticmethod
    def passed() -> AlarmReset:
        """Return the end of that fault."""
        return AlarmReset(KEY, text="self-test: the message came back")
