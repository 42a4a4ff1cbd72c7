"""The page queue against raw `heapq` on tuples: pushes and pops a second with N entries in the heap.

`plain` pushes and pops; `mixed` is what a line sees: a tenth of the entries waits for a due time, a twentieth is
withdrawn instead of popped. Raw heapq works through the same entries in the same loop; it knows neither due times nor
withdrawal.
"""

from __future__ import annotations

import random
import time
from heapq import heappop, heappush

from gatewayd.engine.queue import PriorityQueue
from tools.benches.report import Row, median

SIZES = (1_000, 100_000, 1_000_000)
ROUNDS = 200_000
REPEATS = 5


def measure() -> list[Row]:
    """Return pairs of push and pop a second, for every size: medians, and the median of the ratios pair by pair."""
    rows = []
    for size in SIZES:
        old, new = _entries(size), _entries(ROUNDS)
        for name, run in (("plain", _plain), ("mixed", _mixed)):
            pairs = [(_raw(old, new), run(old, new)) for _ in range(REPEATS)]
            ceiling, measured = median([raw for raw, _ in pairs]), median([ours for _, ours in pairs])
            rows.append(Row(f"{name}, {size:,}", "pairs/s", ceiling, measured, median([b / a for a, b in pairs])))
    return rows


def _entries(count: int) -> list[tuple[int, float]]:
    chance = random.Random(count)  # noqa: S311 - the same entries for both sides
    return [(chance.randint(1, 4), chance.random()) for _ in range(count)]


def _raw(old: list[tuple[int, float]], new: list[tuple[int, float]]) -> float:
    heap: list[tuple[int, float, int, int]] = []
    for number, (rank, age) in enumerate(old):
        heappush(heap, (rank, age, number, number))
    number, now = len(old), 0.0
    begin = time.perf_counter()
    for rank, age in new:
        number += 1
        now += 0.001
        if number % 10:
            heappush(heap, (rank, age, number, number))
        else:
            heappush(heap, (rank, age, number, number))
        if number % 20:
            heappop(heap)
        else:
            heappop(heap)
    return len(new) / (time.perf_counter() - begin)


def _filled(old: list[tuple[int, float]]) -> PriorityQueue[int]:
    queue: PriorityQueue[int] = PriorityQueue()
    for number, (rank, age) in enumerate(old):
        queue.push(number, rank, age)
    return queue


def _plain(old: list[tuple[int, float]], new: list[tuple[int, float]]) -> float:
    queue, number, now = _filled(old), len(old), 0.0
    begin = time.perf_counter()
    for rank, age in new:
        number += 1
        now += 0.001
        if number % 10:
            queue.push(number, rank, age)
        else:
            queue.push(number, rank, age)
        if number % 20:
            queue.pop(now)
        else:
            queue.pop(now)
    return len(new) / (time.perf_counter() - begin)


def _mixed(old: list[tuple[int, float]], new: list[tuple[int, float]]) -> float:
    queue, number, now = _filled(old), len(old), 0.0
    begin = time.perf_counter()
    for rank, age in new:
        number += 1
        now += 0.001
        if number % 10:
            queue.push(number, rank, age)
        else:
            queue.push(number, rank, age, now + 1.0, now)
        if number % 20:
            queue.pop(now)
        else:
            queue.withdraw(number)
    return len(new) / (time.perf_counter() - begin)
