"""Text as people compare it: without case, in every alphabet, and letters with their accents beside those without.

SQLite's own LIKE and NOCASE know the 26 letters of ASCII only.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache


def folded(value: object) -> str | None:
    """Return a column's value for a comparison without case; NULL stays NULL."""
    return None if value is None else str(value).casefold()


def compare(one: str, other: str) -> int:
    """Return how two texts are ordered: negative when `one` comes first, 0 only for equal ones."""
    ours, theirs = _key(one), _key(other)
    return (ours > theirs) - (ours < theirs)


@lru_cache(maxsize=4096)
def _key(text: str) -> tuple[str, str]:
    """Return the letters without accents, and the text itself to decide between those that are then alike."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter)), text.casefold()
