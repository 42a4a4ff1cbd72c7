"""The GSM 7-bit default alphabet, its extension table and their packing (3GPP TS 23.038, clauses 6.1 and 6.2)."""

from __future__ import annotations

import unicodedata

ESCAPE = 0x1B
SEPTET = 7  # bits

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = dict(zip(b"\x0a\x14\x28\x29\x2f\x3c\x3d\x3e\x40\x65", "\f^{}\\[~]|€", strict=True))
_SEPTETS = {character: bytes((code,)) for code, character in enumerate(_BASIC) if code != ESCAPE} | {
    character: bytes((ESCAPE, code)) for code, character in _EXTENSION.items()
}
_BITS = tuple(f"{septet:07b}" for septet in range(1 << SEPTET))
_LOOKALIKES = {
    '"': "„“”«»",
    "'": "\u201a\u2018\u2019\u00b4\u0060",
    "-": "\u2013\u2014\u2011\u2212",
    " ": "\t\u00a0\u2009\u202f",
    "*": "•·",
    "...": "…",
    "l": "ł",
    "L": "Ł",
    "d": "đ",
    "D": "Đ",
}
_SIMPLER = str.maketrans({character: simple for simple, group in _LOOKALIKES.items() for character in group})


def to_septets(text: str) -> bytes | None:
    """Return one septet per byte, two for a character of the extension table; None when the alphabet lacks one."""
    try:
        return b"".join([_SEPTETS[character] for character in text])
    except KeyError:
        return None


def from_septets(septets: bytes) -> str:
    """Return the text of septets; an unknown extension reads as its basic character (clause 6.2.1.1)."""
    if ESCAPE not in septets:
        return "".join([_BASIC[septet] for septet in septets])
    text, escaped = [], False
    for septet in septets:
        if escaped:
            text.append(_EXTENSION.get(septet) or (" " if septet == ESCAPE else _BASIC[septet]))
            escaped = False
        elif septet == ESCAPE:
            escaped = True
        else:
            text.append(_BASIC[septet])
    return "".join(text)


def pack(septets: bytes, fill: int = 0) -> bytes:
    """Return septets as octets, the first behind `fill` bits (clause 6.1.2.1)."""
    if not septets:
        return b""
    bits = int("".join([_BITS[septet] for septet in reversed(septets)]), 2) << fill
    return bits.to_bytes((len(septets) * SEPTET + fill + 7) // 8, "little")


def unpack(octets: bytes, count: int, fill: int = 0) -> bytes:
    """Return at most `count` septets, as many as the octets really hold."""
    count = max(0, min(count, (len(octets) * 8 - fill) // SEPTET))
    bits = int.from_bytes(octets, "little") >> fill
    return bytes([bits >> SEPTET * place & 0x7F for place in range(count)])


def simplify(text: str) -> str:
    """Return the text with lookalikes for what the alphabet lacks; what has none stays as it is."""
    return "".join([_lookalike(character) for character in text.translate(_SIMPLER)])


def _lookalike(character: str) -> str:
    if character in _SEPTETS:
        return character
    base = "".join(part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part))
    return base if base and to_septets(base) is not None else character
