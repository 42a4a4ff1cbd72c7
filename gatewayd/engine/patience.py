"""Patience with wrong passwords: how many are human, and how long one has to wait after more."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

WATCHED = 10_000  # failing addresses remembered: bounds what a flood can make us keep


@dataclass(slots=True)
class _Misses:
    """Wrong passwords in a row: how many, since when, and until when nothing is tried."""

    count: int = 0
    since: float = 0.0
    blocked_until: float = 0.0


class Patience:
    """Counts wrong passwords under some key and says when it is enough."""

    def __init__(self, allowed: int, window: float, longest: float, watched: int = WATCHED) -> None:
        self._watched = watched
        self._allowed = allowed
        self._window = window
        self._longest = longest
        self._misses: OrderedDict[tuple[str, ...], _Misses] = OrderedDict()

    def is_blocked(self, key: tuple[str, ...], now: float) -> bool:
        """Return whether attempts under `key` have to wait."""
        misses = self._misses.get(key)
        return misses is not None and now < misses.blocked_until

    def miss(self, key: tuple[str, ...], now: float) -> None:
        """Note a wrong password. The count starts anew after a quiet `longest` delay, before that after `window`."""
        misses = self._misses.pop(key, None) or _Misses(since=now)
        quiet = self._window if misses.count < self._allowed else self._longest
        if now - max(misses.since, misses.blocked_until) >= quiet:
            misses = _Misses(since=now)
        misses.count += 1
        if misses.count >= self._allowed:
            delay = self._window * 2.0 ** min(misses.count - self._allowed, 20)
            misses.blocked_until = now + min(delay, self._longest)
        self._misses[key] = misses
        if len(self._misses) > self._watched:
            self._misses.popitem(last=False)

    def forgive(self, key: tuple[str, ...]) -> None:
        """Forget what was wrong: the right password came."""
        self._misses.pop(key, None)
