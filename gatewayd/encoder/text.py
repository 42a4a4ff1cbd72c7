"""Text in seven bits, without control codes: what an encoder may be told."""

from __future__ import annotations

from gatewayd.charset import spelled

_BLANK = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")


def plain(text: str) -> str:
    """Return printable ASCII: as `spelled`, control codes as blanks, none of them at either end."""
    return spelled(text.translate(_BLANK)).strip()


def fitted(text: str, longest: int) -> tuple[str, str]:
    """Return the text cut to `longest` characters, and what to tell about that."""
    if len(text) <= longest:
        return text, ""
    return text[:longest], f"text cut to {longest} of {len(text)} characters"
