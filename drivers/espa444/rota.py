"""Which station is polled next: all of them in turn, but those that never answer only now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MISSES = 3  # polls without an answer in a row, after which a station counts as absent


class Rota:
    """The stations in turn. An absent one would cost every round the time of an answer, so it is left out for a while.

    Where nobody is present, all are polled as if they were.
    """

    def __init__(self, stations: Sequence[str], pause: float) -> None:
        self._stations = list(stations)
        self._pause = pause
        self._misses = dict.fromkeys(stations, 0)
        self._again = dict.fromkeys(stations, 0.0)

    def is_absent(self, station: str) -> bool:
        """Return whether a station has left so many polls unanswered that it is left out."""
        return self._misses.get(station, 0) >= MISSES

    def answered(self, station: str) -> None:
        """Take note of a sign of life."""
        if station in self._misses:
            self._misses[station] = 0

    def missed(self, station: str, now: float) -> None:
        """Take note that a poll was not answered."""
        self._misses[station] += 1
        self._again[station] = now + self._pause

    def next(self, now: float) -> str:
        """Return the station to poll now; it goes to the end of the round."""
        nobody = all(self.is_absent(station) for station in self._stations)
        chosen = next(station for station in self._stations if nobody or self._is_due(station, now))
        self._stations.remove(chosen)
        self._stations.append(chosen)
        return chosen

    def _is_due(self, station: str, now: float) -> bool:
        return not self.is_absent(station) or now >= self._again[station]
