"""The timers of TAP 1.8, scaled for the wire."""

from __future__ import annotations

from dataclasses import dataclass

ANSWER_SIZE = 100
"""Characters that an answer may take on the wire before its control byte: one line of text and its envelope."""

MAX_WAITS = 12
"""How often `111 processing, wait` extends one wait: two minutes with the usual t3, then the terminal is stuck."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Timers in seconds and repeat counts, named as in TAP 1.8; `byte_time`: what one character takes on the wire."""

    t1: float = 2.0  # between two CRs that ask for ID=
    t2: float = 1.0  # the terminal answers a CR, or a log-off, within this
    t3: float = 10.0  # the terminal answers a logon or a block within this
    t4: float = 4.0  # the next block follows an answer within this, or the terminal gives up
    t5: float = 8.0  # the terminal waits this long for a logon before it repeats ID=
    n1: int = 3  # CRs until the terminal counts as dead
    n2: int = 3  # resends of one block
    n3: int = 3  # repeats of ID=, and so of the logon
    byte_time: float = 0.0

    def after(self, now: float, seconds: float, sent: int = 0) -> float:
        """Return the deadline `seconds` from now, plus what `sent` characters and their answer take on the wire."""
        return now + seconds + (sent + ANSWER_SIZE) * self.byte_time


class AnswerWait:
    """The wait for one answer (t3), and how often the terminal may extend it."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._extended = 0

    def start(self, now: float, sent: int = 0) -> float:
        """Return the deadline of a new wait, begun by sending `sent` characters."""
        self._extended = 0
        return self._timing.after(now, self._timing.t3, sent)

    def extend(self, now: float, due: float | None) -> float | None:
        """Return the deadline after `111 processing, wait`: t3 from now, but not for ever."""
        self._extended += 1
        return self._timing.after(now, self._timing.t3) if self._extended <= MAX_WAITS else due
