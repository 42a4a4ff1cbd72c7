"""Bytes of a record as text: fill characters, parity bits, code pages, control codes, runs of blanks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

FILL = b"\x00\x7f"  # printers were given NUL and DEL to gain time, and a BREAK reads as NUL: they carry nothing
STRIP = bytes(byte & 0x7F for byte in range(256))
NOISE_SHARE = 3  # a record is unreadable when more than one character in so many is none

# DIN 66003, the German variant of ISO 646: seven codes of ASCII carry other letters.
_FROM_DIN = str.maketrans("[\\]{|}~", "ÄÖÜäöüß")
_CONTROLS: dict[int, str | None] = {
    **dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0xFFFD)),
    **dict.fromkeys(map(ord, "\t\n\v\f\r"), " "),
}


class CodePage(Enum):
    """How the bytes of a line are to be read."""

    ASCII = "ascii"
    LATIN1 = "latin-1"
    CP437 = "cp437"
    CP850 = "cp850"
    DIN66003 = "din66003"
    UTF8 = "utf-8"

    def decode(self, data: bytes) -> str:
        """Return the text of `data`; what cannot be read becomes U+FFFD."""
        if self is CodePage.DIN66003:
            return data.decode("ascii", "replace").translate(_FROM_DIN)
        return data.decode(self.value, "replace")

    def encode(self, text: str) -> bytes:
        """Return the bytes of `text`; what the code page does not have becomes `?`."""
        if self is CodePage.DIN66003:
            return text.translate({letter: code for code, letter in _FROM_DIN.items()}).encode("ascii", "replace")
        return text.encode(self.value, "replace")


@dataclass(frozen=True, slots=True)
class Reading:
    """How records are read. `most_blanks` is the longest run of blanks that is kept (0: all of them are)."""

    code_page: CodePage = CodePage.ASCII
    strip_parity: bool = False
    most_blanks: int = 0
    strip: bool = True


class Reader:
    """Turns the bytes of one record into a line of text without control codes."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        most = reading.most_blanks
        self._runs = re.compile(f" {{{most + 1},}}") if most else None
        self._kept = " " * most

    def read(self, data: bytes) -> tuple[str, bool]:
        """Return the text, and whether it is text at all rather than noise."""
        if self._reading.strip_parity:
            data = data.translate(STRIP)
        raw = self._reading.code_page.decode(data.translate(None, FILL))
        if raw.isascii() and raw.isprintable():
            return self._tidied(raw), True
        text = raw.translate(_CONTROLS)
        return self._tidied(text), (len(raw) - len(text)) * NOISE_SHARE <= len(raw)

    def _tidied(self, text: str) -> str:
        if self._runs is not None:
            text = self._runs.sub(self._kept, text)
        return text.strip() if self._reading.strip else text.rstrip()
