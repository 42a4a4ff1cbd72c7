"""Whether a station is heard, and whether it asks for us."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drivers.espa444.events import Config


class Silence:
    """Watches one station. `due` is when to check next; it moves only when it is reached, so hearing costs nothing."""

    def __init__(self, station: str, config: Config, now: float) -> None:
        self.station = station
        self.due = None if config.silent_after is None else now + config.silent_after
        self._limit = config.silent_after
        self._last = now
        self._heard = False

    def hear(self, now: float) -> bool:
        """Note a sign of life; return whether it is the first one, or the first after silence."""
        self._last = now
        news, self._heard = not self._heard, True
        if news and self._limit is not None:
            self.due = now + self._limit
        return news

    def check(self, now: float) -> bool:
        """Act on `due`; return whether the station has fallen silent."""
        if self._limit is None or self.due is None or now < self.due:
            return False
        self.due = self._last + self._limit
        if now < self.due:
            return False
        self.due, self._heard = None, False
        return True


class Attention:
    """Notices that others are asked for and we never are: then somebody has set the wrong address."""

    def __init__(self, config: Config, now: float) -> None:
        self._own = config.own
        self._known = (*config.peers, "")
        self._limit = config.silent_after
        self._last = now
        self._neglected = False

    def hear(self, address: str, now: float) -> str | None:
        """Take note whom an enquiry was for; return who is asked for instead of us, or "" when we are asked again."""
        if address == self._own:
            self._last = now
            was, self._neglected = self._neglected, False
            return "" if was else None
        if self._limit is None or self._neglected or address in self._known or now < self._last + self._limit:
            return None
        self._neglected = True
        return address
