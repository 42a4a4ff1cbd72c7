"""Which texts may have been taken before: one that is surely new costs no look at the disk.

A device that did not hear our answer sends the same text again, known by its reference; what was taken is written in
the commit of the text itself. In memory lies only a number for each, of the last day or two. Where one matches the
store is asked; where none does the text is new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 50_000  # numbers in each half, some 5 MB

Name = tuple[str, str, str]


class References:
    """Numbers of what was taken, in two halves: the older one is dropped when all of it is older than `lifetime`.

    `stored` are the names that were on disk at the start, or None when they are too many to be kept.
    """

    def __init__(self, stored: Iterable[Name] | None, lifetime: float, now: float) -> None:
        self._lifetime = lifetime
        self._young: set[int] = set()
        self._old = {hash(name) for name in stored or ()}
        self._turned = now
        self._complete_from = now + lifetime if stored is None else now

    def may_know(self, name: Name, now: float) -> bool:
        """Return whether line, sender and reference may have been taken during the last `lifetime` seconds."""
        number = hash(name)
        return now < self._complete_from or number in self._young or number in self._old

    def add(self, name: Name, now: float) -> None:
        """Take note of a name that is being taken; of too many at once none is kept, and the store is asked."""
        if now - self._turned >= self._lifetime:
            self._turned, self._young, self._old = now, set(), self._young
        elif len(self._young) >= MOST:
            self._young.clear()
            self._complete_from = now + self._lifetime
        self._young.add(hash(name))
