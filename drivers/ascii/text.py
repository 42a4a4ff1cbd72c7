"""Bytes of a record as text: fill characters, parity bits, code pages, control codes, runs of blanks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gatewayd.charset import CodePage

FILL = b"\x00\x7f"  # printers were given NUL and DEL to gain time, and a BREAK reads as NUL: they carry nothing
STRIP = bytes(byte & 0x7F for byte in range(256))
NOISE_SHARE = 3  # a record is unreadable when more than one character in so many is none

# White space separates words; U+FFFD, which stands for what cannot be read, would count as printable.
_SHOWN_AS = dict.fromkeys(map(ord, "\t\n\v\f\r\u00a0\u2007\u202f\u3000"), " ") | {0xFFFD: ""}


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
        text = "".join(filter(str.isprintable, raw.translate(_SHOWN_AS)))
        return self._tidied(text), (len(raw) - len(text)) * NOISE_SHARE <= len(raw)

    def _tidied(self, text: str) -> str:
        if self._runs is not None:
            text = self._runs.sub(self._kept, text)
        return text.strip() if self._reading.strip else text.rstrip()
