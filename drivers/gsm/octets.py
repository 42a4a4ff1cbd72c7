"""Reading octets and half octets of a PDU from front to back (3GPP TS 23.040, clause 9.1)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

TIMESTAMP_OCTETS = 7
_QUARTER = 15  # minutes; the unit of a time stamp's zone
_PIVOT = 90  # two-digit years from here on belong to the last century: GSM began then
_ZONE_MINUS = 0x08  # bit 3 of the zone octet, in the half that holds its tens
_NIBBLE = 0x0F
_TENS_LIMIT = 10


class Malformed(ValueError):
    """A PDU breaks TS 23.040; the text says where."""


class Octets:
    """A PDU and how far it was read."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many octets have not been read."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """Return the next octets. Raises Malformed when there are fewer."""
        if count > self.left:
            raise Malformed(f"ends after {len(self._data)} octets, {count - self.left} are missing")
        self._at += count
        return self._data[self._at - count : self._at]

    def octet(self) -> int:
        """Return the next octet."""
        return self.take(1)[0]

    def rest(self) -> bytes:
        """Return everything that is left."""
        return self.take(self.left)


def swapped(octet: int) -> int:
    """Return the decimal number of an octet whose half octets are swapped. Raises Malformed for other digits."""
    tens, units = octet & _NIBBLE, octet >> 4
    if tens >= _TENS_LIMIT or units >= _TENS_LIMIT:
        raise Malformed(f"{octet:02X} is no decimal octet")
    return tens * 10 + units


def swap(number: int) -> int:
    """Return the octet that stands for a number from 0 to 99."""
    return (number % 10) << 4 | number // 10


def read_timestamp(octets: bytes) -> datetime | None:
    """Return a service centre time stamp (clause 9.2.3.11), or None where it makes no sense: it is never worth a text.

    The century is a guess.
    """
    zone = octets[6]
    try:
        year, month, day, hour, minute, second = map(swapped, octets[:6])
        quarters = swapped(zone & ~_ZONE_MINUS)
        minutes = -quarters * _QUARTER if zone & _ZONE_MINUS else quarters * _QUARTER
        tz = timezone(timedelta(minutes=minutes))
        return datetime(year + (1900 if year >= _PIVOT else 2000), month, day, hour, minute, second, tzinfo=tz)
    except ValueError:
        return None


def write_timestamp(time: datetime) -> bytes:
    """Return the seven octets of a time that knows its zone."""
    offset = time.utcoffset() or timedelta()
    quarters = round(abs(offset) / timedelta(minutes=_QUARTER))
    zone = swap(quarters) | (_ZONE_MINUS if offset < timedelta() else 0)
    fields = (time.year % 100, time.month, time.day, time.hour, time.minute, time.second)
    return bytes((*map(swap, fields), zone))
