"""COMP2 frames: `PagerID CR text CR` (Motorola People Finder emulation)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gatewayd.encoder.pocsag import numeric
from gatewayd.encoder.text import fitted, plain
from gatewayd.errors import Invalid, RemoteProtocolError

LONGEST_TEXT = 253
LONGEST_FRAME = 256  # pager ID, text and both delimiters; the resynchronisation before it does not count
RESYNC = b"\x7f\x7f\x7f"

# 1-4 digits name an entry of the encoder's database, perhaps with a function letter; 5-10 characters are an extended
# ID: capcode, type (N, n, 0 numeric; A, a, 1 alphanumeric), rate (5, 1, 2), function (0-4).
_ID = re.compile(r"(?P<entry>\d{1,4}[A-D]?)|(?P<cap>\d{2,7})(?P<type>[NAna01])(?P<rate>[512])(?P<function>[0-4])")


@dataclass(frozen=True, slots=True)
class Call:
    """One page: an empty text is a tone only."""

    pager_id: str
    text: str = ""
    note: str = ""

    @classmethod
    def of(cls, address: str, text: str, delimiter: bytes = b"\r", longest: int = LONGEST_TEXT) -> Call:
        """Return the call for a page. Raises Invalid where the encoder or the pager cannot take it."""
        pager_id = address.strip()
        found = _ID.fullmatch(pager_id) if pager_id.isascii() else None
        if found is None:
            raise Invalid(
                "address", "is no COMP2 pager ID: 1-4 digits and perhaps A-D, or capcode, type, rate, function"
            )
        words = plain(text).replace("~", "-") if delimiter == b"~" else plain(text)
        if found["type"] and found["type"] in "Nn0":
            words = numeric(words)
        cut, note = fitted(words, min(longest, LONGEST_FRAME - len(pager_id) - 2))
        return cls(pager_id, cut, note)

    @classmethod
    def from_bytes(cls, raw: bytes, delimiter: bytes = b"\r") -> Call:
        """Read a frame as an encoder does. Raises RemoteProtocolError when it is none."""
        pager_id, found, rest = raw.lstrip(b"\x7f").partition(delimiter)
        text, ended, _ = rest.partition(delimiter)
        if not found or not ended or len(pager_id) + len(text) + 2 > LONGEST_FRAME:
            raise RemoteProtocolError("this is no COMP2 frame")
        name = pager_id.decode("ascii", "replace")
        if not pager_id.isascii() or _ID.fullmatch(name) is None:
            raise RemoteProtocolError("Invalid character in pager ID")
        return cls(name, text.decode("ascii", "replace"))

    def to_bytes(self, delimiter: bytes = b"\r", *, resync: bool = True) -> bytes:
        """Return the frame."""
        frame = delimiter.join((self.pager_id.encode("ascii"), self.text.encode("ascii"), b""))
        return RESYNC + frame if resync else frame
