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
_SEARCHING = Patience.ask.__code__


class TimeLimit(Patience):
    """Gives a pattern up after `seconds` of CPU time at the most, and half of it at the least."""

    def __init__(self, seconds: float = LIMIT) -> None:
        super().__init__()
        self._interval = seconds / 2
        self._warned = 0  # the number of the search that the last tick met

    def __enter__(self) -> Self:
        """Begin a piece of work, which does not wait for anything."""
        super().__enter__()
        if threading.current_thread() is threading.main_thread():
            _arm(self, self._interval)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the piece of work."""
        if _current is self:
            _disarm()
        super().__exit__(kind, error, trace)

    def tick(self, frame: FrameType | None) -> None:
        """Note a search that is under way, and leave it when it was noted before; raises TooSlowError.

        Only where a search was called: the engine of `re` runs no code of Python, but finalizers may run meanwhile, and
        must not fail. One tick alone says nothing of the search that it meets: others may have used the time before.
        """
        if not self.asking or frame is None or frame.f_code is not _SEARCHING:
            return
        noted, self._warned = self._warned == self.asked, self.asked
        if noted:
            self._warned = 0
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
    del number
    if _current is not None:
        _current.tick(frame)
