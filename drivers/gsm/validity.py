"""How long the service centre keeps trying (3GPP TS 23.040, clause 9.2.3.12)."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from drivers.gsm.octets import TIMESTAMP_OCTETS, read_timestamp, write_timestamp

if TYPE_CHECKING:
    from drivers.gsm.octets import Octets

Validity = timedelta | datetime | bytes | None
"""Relative, absolute, enhanced (its seven octets as they are), or whatever the service centre thinks right."""

FORMAT_MASK = 0x18
_NONE, _ENHANCED, _RELATIVE, _ABSOLUTE = 0x00, 0x08, 0x10, 0x18


def _relative(octet: int) -> timedelta:
    """Return what a relative validity period means: clause 9.2.3.12.1."""
    if octet <= 143:  # noqa: PLR2004 - the steps of the table in the clause
        return timedelta(minutes=5 * (octet + 1))
    if octet <= 167:  # noqa: PLR2004
        return timedelta(hours=12, minutes=30 * (octet - 143))
    if octet <= 196:  # noqa: PLR2004
        return timedelta(days=octet - 166)
    return timedelta(weeks=octet - 192)


_PERIODS = [_relative(octet) for octet in range(256)]


def relative_octet(period: timedelta) -> int:
    """Return the longest period that is not above the one wanted; never less than five minutes."""
    return max(0, bisect_right(_PERIODS, period) - 1)


def format_bits(validity: Validity) -> int:
    """Return the validity period format in the first octet of a SUBMIT."""
    if validity is None:
        return _NONE
    if isinstance(validity, bytes):
        return _ENHANCED
    return _RELATIVE if isinstance(validity, timedelta) else _ABSOLUTE


def write(validity: Validity) -> bytes:
    """Return the field."""
    if validity is None:
        return b""
    if isinstance(validity, bytes):
        return validity[:TIMESTAMP_OCTETS].ljust(TIMESTAMP_OCTETS, b"\0")
    return bytes((relative_octet(validity),)) if isinstance(validity, timedelta) else write_timestamp(validity)


def read(octets: Octets, first_octet: int) -> Validity:
    """Read the field that the first octet announces; an absolute time that makes no sense is None."""
    form = first_octet & FORMAT_MASK
    if form == _NONE:
        return None
    if form == _RELATIVE:
        return _PERIODS[octets.octet()]
    field = octets.take(TIMESTAMP_OCTETS)
    return field if form == _ENHANCED else read_timestamp(field)
