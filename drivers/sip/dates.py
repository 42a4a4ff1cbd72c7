"""The one date format of SIP (RFC 3261 20.17)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(wall: float) -> str:
    """Return seconds since the epoch as `Sat, 13 Nov 2010 23:29:00 GMT`, whatever the locale."""
    return _spell(int(wall))


@lru_cache(maxsize=2)
def _spell(wall: int) -> str:
    moment = datetime.fromtimestamp(wall, UTC)
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} GMT"
