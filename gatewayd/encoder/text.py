"""Text in seven bits, without control codes: what an encoder may be told."""

from __future__ import annotations

import unicodedata

_BLANK = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")
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


def spelled(text: str) -> str:
    """Return ASCII: umlauts spelled out, accents dropped, the rest as `?`; ASCII control codes stay as they are."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", text).translate(_SPELLED))
    return "".join(char for char in parts if not unicodedata.combining(char)).encode("ascii", "replace").decode("ascii")


def plain(text: str) -> str:
    """Return printable ASCII: as `spelled`, control codes as blanks, none of them at either end."""
    return spelled(text.translate(_BLANK)).strip()


def fitted(text: str, longest: int) -> tuple[str, str]:
    """Return the text cut to `longest` characters, and what to tell about that."""
    if len(text) <= longest:
        return text, ""
    return text[:longest], f"text cut to {longest} of {len(text)} characters"
