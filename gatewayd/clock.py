"""The one clock: a steady timeline for durations, the wall clock for people, and the only timer of the loop.

The *timeline* counts seconds and looks like an epoch time, but never jumps: it is the monotonic clock plus an offset
that is fixed when the machine boots and kept in the store. A due time on it is one number that survives a restart of
the process and is unaffected by changes of the wall clock.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class TimerHandle(Protocol):
    """A scheduled callback."""

    def cancel(self) -> None:
        """Forget the callback; harmless when it has already run."""


class Clock(Protocol):
    """What the engine and the drivers know of time."""

    def now(self) -> float:
        """Return seconds on the timeline; never goes back, never jumps."""

    def wall(self) -> float:
        """Return the wall clock in seconds since the epoch; may jump."""

    def call_at(self, when: float, callback: Callable[[], None]) -> TimerHandle:
        """Run `callback` in the loop when the timeline reaches `when`."""


async def sleep(clock: Clock, seconds: float) -> None:
    """Sleep on the timeline of `clock`."""
    done = asyncio.Event()
    handle = clock.call_at(clock.now() + seconds, done.set)
    try:
        await done.wait()
    finally:
        handle.cancel()


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where the timeline of one boot of the machine lies: timeline = monotonic clock + offset (seconds)."""

    boot_id: str
    offset: float


def anchor_timeline(previous: Anchor | None, boot_id: str, monotonic: float, wall: float, latest: float) -> Anchor:
    """Choose the timeline's offset at start-up.

    The same boot keeps its offset. After a reboot the wall clock says how long the box was off, but the timeline never
    starts before `latest`, the last time known to have been reached (a dead clock battery must not freeze escalations).
    A boot id that does not change with the boot (`read_boot_id` without a kernel that tells) is seen through by that.
    """
    if previous is not None and previous.boot_id == boot_id and monotonic + previous.offset >= latest:
        return previous
    return Anchor(boot_id, max(wall, latest) - monotonic)


def read_boot_id() -> str:
    """Return the kernel's id of this boot, or a constant where there is none."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"


class SystemClock:
    """The real clock."""

    def __init__(self, offset: float | None = None) -> None:
        self._offset = time.time() - time.monotonic() if offset is None else offset

    def now(self) -> float:
        """Return seconds on the timeline."""
        return time.monotonic() + self._offset

    def wall(self) -> float:
        """Return the wall clock."""
        return time.time()

    def call_at(self, when: float, callback: Callable[[], None]) -> TimerHandle:
        """Run `callback` when the timeline reaches `when`."""
        return asyncio.get_running_loop().call_later(max(0.0, when - self.now()), callback)


@dataclass(slots=True)
class _ManualTimer:
    """A callback waiting for a `ManualClock`."""

    callback: Callable[[], None] | None

    def cancel(self) -> None:
        self.callback = None


@dataclass
class ManualClock:
    """A clock that moves only when told to: for tests, for plan simulation and for replaying captures."""

    time: float = 1_700_000_000.0
    wall_offset: float = 0.0
    _timers: list[tuple[float, int, _ManualTimer]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)

    def now(self) -> float:
        """Return seconds on the timeline."""
        return self.time

    def wall(self) -> float:
        """Return the wall clock, which a test may shift by `wall_offset`."""
        return self.time + self.wall_offset

    def call_at(self, when: float, callback: Callable[[], None]) -> TimerHandle:
        """Run `callback` when `advance` passes `when`."""
        timer = _ManualTimer(callback)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def next_due(self) -> float | None:
        """Return the time of the earliest live timer."""
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def fire_next(self, until: float) -> bool:
        """Move to the earliest timer due at or before `until` and run it; return whether there was one."""
        due = self.next_due()
        if due is None or due > until:
            return False
        _, _, timer = heapq.heappop(self._timers)
        self.time = max(self.time, due)
        callback, timer.callback = timer.callback, None
        if callback is not None:
            callback()
        return True

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass: run every timer in order and let the tasks that it wakes settle before the next one."""
        until = self.time + seconds
        await settle()
        while self.fire_next(until):
            await settle()
        self.time = until
        await settle()


async def settle(rounds: int = 50) -> None:
    """Give every task that can run the chance to run, without real time passing."""
    for _ in range(rounds):
        await asyncio.sleep(0)
