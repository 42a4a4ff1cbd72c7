"""Deadlines of a sans-IO core: one heap, cancelled entries fall out lazily. And the timer values of RFC 3261 17."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Below this, cancelled entries are not worth a compaction.
_SMALL = 64


@dataclass(frozen=True, slots=True)
class Timing:
    """T1, T2, T4 in seconds (RFC 3261 table 4)."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def limit(self) -> float:
        """Timers F, H and J: how long a transaction lives."""
        return 64 * self.t1


@dataclass(slots=True)
class Deadline:
    """Something to do later."""

    action: Callable[[float], None] | None
    _agenda: Agenda

    def cancel(self) -> None:
        """Forget it; harmless when it is done already."""
        if self.action is not None:
            self.action = None
            self._agenda.one_was_cancelled()


class Agenda:
    """What is to be done when, on the timeline."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Deadline]] = []
        self._order = itertools.count()
        self._dead = 0

    def at(self, when: float, action: Callable[[float], None]) -> Deadline:
        """Call `action(now)` once `when` has come."""
        deadline = Deadline(action, self)
        heapq.heappush(self._heap, (when, next(self._order), deadline))
        return deadline

    def next_due(self) -> float | None:
        """Return the earliest deadline."""
        heap = self._heap
        while heap and heap[0][2].action is None:
            heapq.heappop(heap)
            self._dead -= 1
        return heap[0][0] if heap else None

    def run(self, now: float) -> None:
        """Do everything that is due."""
        while (due := self.next_due()) is not None and due <= now:
            _, _, deadline = heapq.heappop(self._heap)
            action, deadline.action = deadline.action, None
            if action is not None:
                action(now)

    def one_was_cancelled(self) -> None:
        """Count a cancelled deadline; drop them all when they are more than half."""
        self._dead += 1
        if self._dead > _SMALL and self._dead * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].action is not None]
            heapq.heapify(self._heap)
            self._dead = 0

    def __len__(self) -> int:
        return len(self._heap) - self._dead
