"""Ends the search of a pattern that takes too long, on the loop itself.

The engine of `re` looks for signals while it searches. A timer of the CPU time of this process interrupts it, and what
its handler raises leaves the search at once. This works in the main thread only, where the loop of the gateway runs.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Self

from drivers.ascii.patience import Patience, TooSlowError

if TYPE_CHECKING:
    from types import FrameType, TracebackType

LIMIT = 0.05  # seconds of CPU time; a hundred rules take a hundredth of it on a line of 256 characters


class TimeLimit(Patience):
    """Gives a pattern up that is being asked when `seconds` of CPU time are over, and again after each further one."""

    def __init__(self, seconds: float = LIMIT) -> None:
        super().__init__()
        self._seconds = seconds
        self._told = False

    def __enter__(self) -> Self:
        """Begin a piece of work, which does not wait for anything."""
        super().__enter__()
        if threading.current_thread() is threading.main_thread():
            _arm(self, self._seconds)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the piece of work."""
        if _current is self:
            _disarm()
        super().__exit__(kind, error, trace)

    def tick(self) -> None:
        """Leave the search that is under way; raises TooSlowError.

        Never twice in a row: the second one would meet the search's caller while it deals with the first. It is not the
        last one either: code that must not fail (a finalizer) swallows what is raised into it.
        """
        self._told = self.asking and not self._told
        if self._told:
            raise TooSlowError


_current: TimeLimit | None = None
_handled = False


def _arm(limit: TimeLimit, seconds: float) -> None:
    global _current, _handled  # noqa: PLW0603 - a process has one such timer
    if not _handled:
        signal.signal(signal.SIGVTALRM, _tick)
        _handled = True
    _current = limit
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, seconds)


def _disarm() -> None:
    global _current  # noqa: PLW0603
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    _current = None


def _tick(number: int, frame: FrameType | None) -> None:
    del number, frame
    if _current is not None:
        _current.tick()
