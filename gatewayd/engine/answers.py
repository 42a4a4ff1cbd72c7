"""What a person's text means: taken, not taken, or something else that a person has to read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from gatewayd.model import Answer

LONGEST_ANSWER = 40  # characters; what is longer has more to say than yes or no
PATTERN = re.compile(
    r"(?P<word>[^\W\d_]+|[0-9](?![0-9]))?[\s:.,!]*(?:(?P<hash>#)?(?P<code>[0-9]{1,15}))?[\s.!]*", re.UNICODE
)


@dataclass(frozen=True, slots=True)
class Words:
    """The words, and single digits, that people answer with; compared without case."""

    accept: frozenset[str] = frozenset({"1", "ok", "okay", "ack", "yes", "y", "ja", "accept", "oui", "si"})
    decline: frozenset[str] = frozenset({"2", "no", "n", "nein", "decline", "non", "busy"})

    @classmethod
    def of(cls, accept: tuple[str, ...], decline: tuple[str, ...]) -> Words:
        """Take words as people spell them."""
        return cls(frozenset(map(str.casefold, accept)), frozenset(map(str.casefold, decline)))


COMMON = Words()


class TextAnswer(NamedTuple):
    """An answer by text; `code` is the number that stood behind the `#` of the page, None where it was left out."""

    answer: Answer
    code: int | None


def parse(text: str, words: Words = COMMON) -> TextAnswer | None:
    """Read `OK`, `1`, `#4711`, `JA 4711`, `2 #4711`; None when the text is not an answer."""
    stripped = text.strip()
    found = PATTERN.fullmatch(stripped) if len(stripped) <= LONGEST_ANSWER else None
    if found is None:
        return None
    word, code = found["word"], int(found["code"]) if found["code"] else None
    if word is None:
        return TextAnswer(Answer.ACCEPT, code) if found["hash"] else None
    if word.casefold() in words.accept:
        return TextAnswer(Answer.ACCEPT, code)
    return TextAnswer(Answer.DECLINE, code) if word.casefold() in words.decline else None
