"""Timers for simulated wires that ring within a fraction of a millisecond: a thread of its own waits for them.

asyncio rounds every wait up to whole milliseconds, and one byte at 9600 Bd takes one: a wire whose bytes are carried by
the timers of the loop is slower than a real one, and what is measured on it looks slower than it is.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
from contextlib import suppress
from contextvars import Context, copy_context
from typing import TYPE_CHECKING

from gatewayd.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.clock import Clock, TimerHandle


class _ExactTimer:
    """A callback waiting for the thread, and then for its turn in the loop, where alone it is run and cancelled."""

    __slots__ = ("_callback", "context", "when")

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self._callback: Callable[[], None] | None = callback
        self.context: Context = copy_context()

    def cancel(self) -> None:
        self._callback = None

    def ring(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class ExactTimers:
    """Timers of the running loop on the timeline of `clock`, never early; to be stopped with what uses them.

    The timers of a clock that is not the machine's are that clock's own: a test moves it by hand.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[float, int, _ExactTimer]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def call_at(self, when: float, callback: Callable[[], None]) -> TimerHandle:
        """Run `callback` in the loop when the timeline reaches `when`; not any more once these are stopped."""
        if not isinstance(self._clock, SystemClock):
            return self._clock.call_at(when, callback)
        timer = _ExactTimer(when, callback)
        with self._changed:
            heapq.heappush(self._waiting, (when, next(self._order), timer))
            self._changed.notify()
        if self._thread is None and not self._stopped:
            self._thread = threading.Thread(target=self._wait, name="exact timers", daemon=True)
            self._thread.start()
        return timer

    def stop(self) -> None:
        """Forget every timer and let the thread end."""
        with self._changed:
            self._stopped = True
            self._waiting.clear()
            self._changed.notify()

    def _wait(self) -> None:
        with suppress(RuntimeError):  # the loop was closed, and nobody is left to be called
            while (timer := self._next()) is not None:
                self._loop.call_soon_threadsafe(self._ring, timer, context=timer.context)

    def _ring(self, timer: _ExactTimer) -> None:
        if not self._stopped:
            timer.ring()

    def _next(self) -> _ExactTimer | None:
        """Wait for the next timer that is due; None: these are stopped."""
        with self._changed:
            while not self._stopped:
                left = self._waiting[0][0] - self._clock.now() if self._waiting else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._waiting)[2]
                self._changed.wait(left)
        return None
