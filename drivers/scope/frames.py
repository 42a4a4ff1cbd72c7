"""Scope frames: pager type, perhaps a rate, seven digits of capcode, beep code, text, CR."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from gatewayd.encoder.pocsag import HIGHEST_CAPCODE, capcode, numeric
from gatewayd.encoder.text import fitted, plain
from gatewayd.errors import Invalid, RemoteProtocolError

LONGEST_FRAME = 512
LONGEST_NUMERIC = 20

_ADDRESS = re.compile(r"(?:(?P<type>[AN])(?P<rate>[NFS])?)?(?P<cap>[0-9]{1,7})(?P<beep>[A-D])?")
_HEAD = re.compile(r"(?P<type>[AN])(?P<rate>[NFS])?(?P<cap>[0-9]{7})(?P<beep>[A-D])")


class Dialect(Enum):
    """Whose frames these are."""

    SCOPE = "scope"  # no rate, no replies
    WAVEWARE = "waveware"  # the "Scope interface" of WaveWare encoders: a rate, and replies


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where an address does not say it: type, rate and beep code of a pager."""

    dialect: Dialect = Dialect.SCOPE
    pager_type: str = "A"
    rate: str = "N"
    beep: str = "A"
    longest: int = 240
    highest_capcode: int = HIGHEST_CAPCODE


@dataclass(frozen=True, slots=True)
class Call:
    """One page; without a rate it is a frame of Scope's own units."""

    pager_type: str
    rate: str
    capcode: int
    beep: str
    text: str
    note: str = ""

    @classmethod
    def of(cls, address: str, text: str, defaults: Defaults, tone: str = "") -> Call:
        """Return the call for a page. Raises Invalid where the encoder or the pager cannot take it."""
        found = _ADDRESS.fullmatch(address.strip())
        if found is None:
            raise Invalid("address", "is no Scope address: capcode, before it A or N (and N, F or S), behind it A-D")
        if found["rate"] and defaults.dialect is Dialect.SCOPE:
            raise Invalid("address", "has a rate, which only the dialect waveware knows")
        pager_type = found["type"] or defaults.pager_type
        rate = (found["rate"] or defaults.rate) if defaults.dialect is Dialect.WAVEWARE else ""
        beep = found["beep"] or (tone if tone in {"A", "B", "C", "D"} else defaults.beep)
        words, note = _words(pager_type, text, defaults)
        return cls(pager_type, rate, capcode(found["cap"], defaults.highest_capcode), beep, words, note)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Call:
        """Read a frame without its CR, as an encoder does. Raises RemoteProtocolError with the encoder's own words."""
        text = raw.decode("ascii", "replace")
        if text[:1] not in {"A", "N"}:
            raise RemoteProtocolError("Invalid pager type. Expected A or N")
        head = _HEAD.match(text)
        if head is None:
            reason = (
                "Beep code invalid. Expected A,B,C,D" if re.match(r"[AN][NFS]?[0-9]{7}", text) else "Invalid Pager ID"
            )
            raise RemoteProtocolError(reason)
        return cls(head["type"], head["rate"] or "", int(head["cap"]), head["beep"], text[head.end() :])

    def to_bytes(self) -> bytes:
        """Return the frame."""
        return f"{self.pager_type}{self.rate}{self.capcode:07}{self.beep}{self.text}\r".encode("ascii")


def _words(pager_type: str, text: str, defaults: Defaults) -> tuple[str, str]:
    words = plain(text)
    if pager_type == "A":
        return fitted(words, defaults.longest)
    return fitted(numeric(words), min(defaults.longest, LONGEST_NUMERIC))
