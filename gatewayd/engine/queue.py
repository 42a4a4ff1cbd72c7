"""The page queue of one line and the agenda of deadlines: `heapq` on plain tuples with a unique sequence number.

Two heaps: *waiting* by due time and *ready* by rank, then age. One priority-first heap would hide due pages behind a
future page of high priority. Withdrawal is lazy: an entry is dead once its sequence number is not the item's newest;
when more than half of a heap is dead it is rebuilt.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")
SMALL = 64  # entries; below this a heap is never rebuilt


class PriorityQueue(Generic[ItemT]):
    """Items in order of rank (the smaller number first), then age; an item may wait for its due time first."""

    __slots__ = ("_live", "_ready", "_sequence", "_waiting")

    def __init__(self) -> None:
        self._ready: list[tuple[int, float, int, ItemT]] = []
        self._waiting: list[tuple[float, int, ItemT, int, float]] = []
        self._live: dict[ItemT, int] = {}
        self._sequence = 0

    def __len__(self) -> int:
        """Return how many items are queued, ready or waiting."""
        return len(self._live)

    def __contains__(self, item: ItemT) -> bool:
        """Return whether the item is queued."""
        return item in self._live

    def push(self, item: ItemT, rank: int, age: float, due: float = 0.0, now: float = 0.0) -> None:
        """Queue an item, or queue it anew; it is ready once `due` is reached. `age` is the time it counts from."""
        self._sequence = sequence = self._sequence + 1
        if item in self._live:
            self.withdraw(item)
        self._live[item] = sequence
        if due <= now:
            heappush(self._ready, (rank, age, sequence, item))
        else:
            heappush(self._waiting, (due, sequence, item, rank, age))

    def pop(self, now: float) -> ItemT | None:
        """Take the first item that is ready, or None."""
        if self._waiting and self._waiting[0][0] <= now:
            self._promote(now)
        ready, live = self._ready, self._live
        while ready:
            entry = heappop(ready)
            item = entry[3]
            if live.get(item) == entry[2]:
                del live[item]
                return item
        return None

    def peek(self, now: float) -> ItemT | None:
        """Return what `pop` would take, and leave it where it is."""
        if self._waiting and self._waiting[0][0] <= now:
            self._promote(now)
        ready, live = self._ready, self._live
        while ready and live.get(ready[0][3]) != ready[0][2]:
            heappop(ready)
        return ready[0][3] if ready else None

    def withdraw(self, item: ItemT) -> bool:
        """Take an item out wherever it is; return whether it was queued."""
        if self._live.pop(item, None) is None:
            return False
        entries = len(self._ready) + len(self._waiting)
        if entries > SMALL and entries > 2 * len(self._live):
            self._compact()
        return True

    def next_due(self) -> float | None:
        """Return when the next waiting item becomes ready; None when none waits."""
        waiting, live = self._waiting, self._live
        while waiting and live.get(waiting[0][2]) != waiting[0][1]:
            heappop(waiting)
        return waiting[0][0] if waiting else None

    def _promote(self, now: float) -> None:
        waiting, live = self._waiting, self._live
        while waiting and waiting[0][0] <= now:
            _, sequence, item, rank, age = heappop(waiting)
            if live.get(item) == sequence:
                heappush(self._ready, (rank, age, sequence, item))

    def _compact(self) -> None:
        live = self._live
        self._ready = [entry for entry in self._ready if live.get(entry[3]) == entry[2]]
        self._waiting = [entry for entry in self._waiting if live.get(entry[2]) == entry[1]]
        heapify(self._ready)
        heapify(self._waiting)


class Agenda(Generic[ItemT]):
    """Deadlines: what is due comes in order of rank, so that after an outage the most urgent goes first."""

    __slots__ = ("_dues", "_heap", "_ripe")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, ItemT]] = []
        self._ripe: list[tuple[int, float, ItemT]] = []
        self._dues: dict[ItemT, float] = {}

    def __len__(self) -> int:
        """Return how many deadlines stand."""
        return len(self._dues)

    def set(self, item: ItemT, due: float, rank: int = 0) -> None:
        """Set or move the deadline of an item."""
        self._dues[item] = due
        heappush(self._heap, (due, rank, item))
        self._compact()

    def load(self, deadlines: list[tuple[ItemT, float, int]]) -> None:
        """Set many deadlines at once: (item, due, rank)."""
        self._dues.update((item, due) for item, due, _ in deadlines)
        self._heap += [(due, rank, item) for item, due, rank in deadlines]
        heapify(self._heap)

    def forget(self, item: ItemT) -> None:
        """Drop the deadline of an item; harmless when it has none."""
        if self._dues.pop(item, None) is not None:
            self._compact()

    def next_due(self) -> float | None:
        """Return the earliest deadline; one in the past when something due was not taken yet."""
        heap, dues, ripe = self._heap, self._dues, self._ripe
        while ripe and dues.get(ripe[0][2]) != ripe[0][1]:
            heappop(ripe)
        if ripe:
            return ripe[0][1]
        while heap and dues.get(heap[0][2]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def take_due(self, now: float, most: int) -> list[ItemT]:
        """Take up to `most` items whose deadline is reached, the most urgent first."""
        heap, dues, ripe = self._heap, self._dues, self._ripe
        while heap and heap[0][0] <= now:
            due, rank, item = heappop(heap)
            if dues.get(item) == due:
                heappush(ripe, (rank, due, item))
        taken: list[ItemT] = []
        while ripe and len(taken) < most:
            _, due, item = heappop(ripe)
            if dues.get(item) == due:
                del dues[item]
                taken.append(item)
        return taken

    def _compact(self) -> None:
        dues = self._dues
        entries = len(self._heap) + len(self._ripe)
        if entries > SMALL and entries > 2 * len(dues):
            self._heap = [entry for entry in self._heap if dues.get(entry[2]) == entry[0]]
            self._ripe = [entry for entry in self._ripe if dues.get(entry[2]) == entry[1]]
            heapify(self._heap)
            heapify(self._ripe)
