"""Text on an ESPA 4.4.4 line: IA5 and what is used in its place; control codes never reach a frame."""

from __future__ import annotations

from enum import Enum

from gatewayd.charset import DIN_CODES, DIN_LETTERS, CodePage, spelled

# Umlauts take the codes of brackets; a bracket, which a DIN 66003 pager would show as an umlaut, its nearest sign.
_TO_DIN = str.maketrans(DIN_CODES + DIN_LETTERS, "(/)(/)-" + DIN_CODES)
# White space separates words, so it becomes a blank; every other control code (00-1F, DEL, C1) is taken out.
_WITHOUT_CONTROLS: dict[int, str | None] = {
    **dict.fromkeys((*range(0x20), *range(0x7F, 0xA0))),
    **dict.fromkeys(map(ord, "\t\n\v\f\r"), " "),
}


class Charset(Enum):
    """How the characters of a line are to be read."""

    ASCII = "ascii"
    LATIN1 = "latin-1"
    UTF8 = "utf-8"
    DIN66003 = "din66003"

    @property
    def is_seven_bit(self) -> bool:
        """Whether bit 7 carries no character: it may hold parity and is masked off (1984 proposal: 7 data bits)."""
        return self in (Charset.ASCII, Charset.DIN66003)

    def decode(self, data: bytes) -> str:
        """Return the text of wire bytes; what cannot be read becomes a replacement character."""
        return CodePage(self.value).decode(data)

    def encode(self, text: str) -> bytes:
        """Return wire bytes; a character that the line does not have becomes its nearest sign, or `?`."""
        if self is Charset.UTF8:
            return text.encode("utf-8", "replace")
        if self is Charset.LATIN1:
            return "".join(char if char <= "\xff" else spelled(char) for char in text).encode("latin-1", "replace")
        if self is Charset.DIN66003:
            return spelled(text.translate(_TO_DIN)).encode("ascii")
        return spelled(text).encode("ascii")

    def fit(self, text: str, limit: int) -> str:
        """Return `text` without control codes and cut so that it takes at most `limit` bytes on the wire."""
        data = self.encode(without_controls(text))
        return self.decode(data) if len(data) <= limit else self._cut(data[:limit])

    def _cut(self, data: bytes) -> str:
        """Return the text of `data`, without the character that the cut went through."""
        return data.decode("utf-8", "ignore") if self is Charset.UTF8 else self.decode(data)


def without_controls(text: str) -> str:
    """Return `text` with line breaks and tabs as blanks, and without any other control code."""
    return text.translate(_WITHOUT_CONTROLS)
