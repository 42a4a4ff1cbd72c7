"""When which texts were taken: a new one costs no look at the disk, and one that comes again is found there at once.

A device that did not hear our answer sends the same text again, known by its reference; what was taken is written in
the commit of the text itself. In memory lies only a number for each, with the time. Where one matches, the store is
asked for that time: the text may not have been written after all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 50_000  # numbers in each half, some 7 MB; a device repeats within seconds or minutes, and knows of no flood

Name = tuple[str, str, str]


class References:
    """The newest that were taken within `lifetime`, `MOST` of them at least, in two halves: the older one is dropped.

    `stored` are those on disk at the start, with their times.
    """

    def __init__(self, stored: Iterable[tuple[Name, float]], lifetime: float, now: float) -> None:
        self._lifetime = lifetime
        self._young: dict[int, float] = {}
        self._old = {hash(name): when for name, when in stored}
        self._turned = now

    def taken(self, name: Name, now: float, within: float | None = None) -> float | None:
        """Return when line, sender and reference were taken, if that is at most `within` seconds ago, or a lifetime."""
        oldest = now - (self._lifetime if within is None else within)
        number = hash(name)
        when = self._young.get(number)
        if when is None:
            when = self._old.get(number)
        return when if when is not None and when >= oldest else None

    def add(self, name: Name, now: float) -> None:
        """Take note of a name that is being taken."""
        if now - self._turned >= self._lifetime or len(self._young) >= MOST:
            self._turned, self._young, self._old = now, {}, self._young
        self._young[hash(name)] = now
