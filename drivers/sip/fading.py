"""What is kept for a while and then forgotten: the memory of transactions that are over."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.sip.timing import Deadline

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

# Seconds between two looks at what has faded: one timer serves all, whatever the rate.
ROUND = 0.5


class Fading(Generic[KeyT, ValueT]):
    """A mapping whose entries end in the order in which they came; `at` plans a callback. They weigh `most` at most.

    Many are held at a high rate: with plain strings and bytes as keys and values they cost the garbage collector
    nothing.
    """

    def __init__(self, at: Callable[[float, Callable[[float], None]], Deadline], most: int) -> None:
        self._at = at
        self._most = most
        self._values: dict[KeyT, ValueT] = {}
        self._ends: deque[tuple[float, KeyT, int]] = deque()
        self._weight = 0
        self._planned = False

    def keep(self, key: KeyT, value: ValueT, until: float, weight: int = 1) -> None:
        """Add an entry that ends at `until`, which is never earlier than that of the entry before."""
        self._values[key] = value
        self._ends.append((until, key, weight))
        self._weight += weight
        while self._weight > self._most:
            self._forget()
        if not self._planned:
            self._planned = True
            self._at(until, self._look)

    def get(self, key: KeyT) -> ValueT | None:
        """Return what is kept under `key`."""
        return self._values.get(key)

    def __len__(self) -> int:
        return len(self._values)

    def _look(self, now: float) -> None:
        ends = self._ends
        while ends and ends[0][0] <= now:
            self._forget()
        self._planned = bool(ends)
        if ends:
            self._at(max(ends[0][0], now + ROUND), self._look)

    def _forget(self) -> None:
        _, key, weight = self._ends.popleft()
        self._weight -= weight
        self._values.pop(key, None)
