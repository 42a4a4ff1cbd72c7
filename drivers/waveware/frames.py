"""WaveWare's own command: `SOH T,B,C, STX text ETX EOT`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gatewayd.encoder.pocsag import HIGHEST_CAPCODE, capcode, numeric
from gatewayd.encoder.text import fitted, plain
from gatewayd.errors import Invalid, RemoteProtocolError

SOH, STX, ETX, EOT = b"\x01", b"\x02", b"\x03", b"\x04"

_ADDRESS = re.compile(r"(?:(?P<type>[AN1-4])(?:,(?P<rate>[512]))?,)?(?P<cap>[0-9]{1,7})")
_COMMAND = re.compile(rb"(?P<type>[AN1-4]),?(?P<rate>[512]),?(?P<cap>[0-9]{1,7}),?(?:\x02(?P<text>[^\x01-\x04]*)\x03)?")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where an address does not say it: type and rate of a pager, and the beeps of a page without text."""

    pager_type: str = "A"
    rate: str = "5"
    beeps: str = "1"
    commas: bool = True
    longest: int = 240
    highest_capcode: int = HIGHEST_CAPCODE


@dataclass(frozen=True, slots=True)
class Call:
    """One page. `pager_type` is A, N, or a number of beeps; then there is no text."""

    pager_type: str
    rate: str
    capcode: str
    text: str = ""
    note: str = ""

    @classmethod
    def of(cls, address: str, text: str, defaults: Defaults) -> Call:
        """Return the call for a page. Raises Invalid where the encoder or the pager cannot take it."""
        found = _ADDRESS.fullmatch(address.strip())
        if found is None:
            raise Invalid("address", "is no WaveWare address: a capcode, before it perhaps A, N or 1-4 and a rate")
        capcode(found["cap"], defaults.highest_capcode)
        pager_type = found["type"] or defaults.pager_type
        words = plain(text)
        if not words and not pager_type.isdigit():
            pager_type = defaults.beeps
        words, note = _words(pager_type, words, defaults)
        return cls(pager_type, found["rate"] or defaults.rate, found["cap"], words, note)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Call:
        """Read a command, with or without SOH and EOT, as an encoder does. Raises RemoteProtocolError."""
        found = _COMMAND.fullmatch(raw.removeprefix(SOH).removesuffix(EOT))
        if found is None or (found["text"] is None) != found["type"].isdigit():
            raise RemoteProtocolError("this is no WaveWare command")
        text = (found["text"] or b"").decode("ascii", "replace")
        return cls(found["type"].decode(), found["rate"].decode(), found["cap"].decode(), text)

    def to_bytes(self, *, commas: bool = True) -> bytes:
        """Return the command; the commas are optional."""
        comma = "," if commas else ""
        head = f"{self.pager_type}{comma}{self.rate}{comma}{self.capcode}{comma}".encode("ascii")
        text = b"" if self.pager_type.isdigit() else STX + self.text.encode("ascii") + ETX
        return SOH + head + text + EOT


def _words(pager_type: str, words: str, defaults: Defaults) -> tuple[str, str]:
    if pager_type == "A":
        return fitted(words, defaults.longest)
    if pager_type.isdigit():
        return "", f"beeps only, without the {len(words)} characters of its text" if words else ""
    return fitted(numeric(words), defaults.longest)
