"""Code pages of devices on serial lines, the German variant of ISO 646 among them, and text spelled in seven bits."""

from __future__ import annotations

import unicodedata
from enum import Enum

# DIN 66003, the German variant of ISO 646: seven codes of ASCII carry other letters, which it lacks in turn.
DIN_CODES, DIN_LETTERS = "[\\]{|}~", "ÄÖÜäöüß"
_FROM_DIN = str.maketrans(DIN_CODES, DIN_LETTERS)
_TO_DIN = str.maketrans(DIN_CODES + DIN_LETTERS, "?" * len(DIN_CODES) + DIN_CODES)

_SPELLED = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "Ä": "Ae",
        "Ö": "Oe",
        "Ü": "Ue",
        "ß": "ss",
        "æ": "ae",
        "ø": "o",
        "Æ": "Ae",
        "Ø": "O",
    }
    | {
        "€": "EUR",
        "°": " deg",
        "\u2013": "-",
        "\u2014": "-",
        "\u2018": "'",
        "\u2019": "'",
        "\u201a": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u201e": '"',
    }
    | {"\u2026": "..."}
)


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
            return text.translate(_TO_DIN).encode("ascii", "replace")
        return text.encode(self.value, "replace")


def spelled(text: str) -> str:
    """Return ASCII: umlauts spelled out, accents dropped, the rest as `?`; ASCII control codes stay as they are."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFC", text).replace(" °", "°")
    parts = unicodedata.normalize("NFKD", text.translate(_SPELLED))
    return "".join(char for char in parts if not unicodedata.combining(char)).encode("ascii", "replace").decode("ascii")
