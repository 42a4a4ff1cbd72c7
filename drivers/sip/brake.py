"""A brake on guessing passwords: a source that was wrong too often has to wait, longer each time."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

# Wrong passwords that a source may send within WINDOW seconds before it has to wait.
FREE_TRIES = 5
WINDOW = 60.0
# The longest wait. It also ends what a person who mistypes at the phone has to sit through.
LONGEST = 60.0
# Sources that are remembered; a network of phones has fewer, and an attacker with more gains five tries each.
MAX_SOURCES = 4_096


@dataclass(slots=True)
class _Record:
    wrong: int = 0
    last: float = 0.0
    until: float = 0.0


class Brake:
    """Counts wrong passwords by source host."""

    def __init__(self) -> None:
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def wait(self, source: str, now: float) -> float:
        """Return how many seconds `source` has to wait before its next try is looked at; 0 when it need not."""
        record = self._records.get(source)
        return max(0.0, record.until - now) if record is not None else 0.0

    def wrong(self, source: str, now: float) -> None:
        """Take note of a wrong password."""
        record = self._records.setdefault(source, _Record())
        self._records.move_to_end(source)
        if now - record.last > WINDOW + LONGEST:
            record.wrong = 0
        record.wrong, record.last = record.wrong + 1, now
        if record.wrong >= FREE_TRIES:
            record.until = now + min(LONGEST, 2.0 ** min(16, record.wrong - FREE_TRIES))
        while len(self._records) > MAX_SOURCES:
            self._records.popitem(last=False)

    def right(self, source: str) -> None:
        """Forget a source that knew the password."""
        if self._records:
            self._records.pop(source, None)
