"""Cuts what a modem sends into lines and prompts, in bounded memory whatever arrives."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINE = 1_024
"""Characters kept of a line: the longest PDU of a short message has 352; the rest of a longer line is dropped."""

_CR, _LF, _BLANK, _DELETE = 0x0D, 0x0A, 0x20, 0x7F


class Prompt(Enum):
    """The modem waits for text (3GPP TS 27.005, clause 3.5.1)."""

    PROMPT = "> "


Token = str | Prompt


class Scanner:
    """Turns bytes into lines without their ends; `prompt_wanted` says that `>` at the start of a line is a prompt."""

    def __init__(self) -> None:
        self.prompt_wanted = False
        self._line = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Token, int]]:
        """Yield what `data` completes, each with the number of bytes of `data` used up to there."""
        for used, byte in enumerate(data, 1):
            if byte in (_CR, _LF):
                if self._line:
                    yield self._take(), used
            elif len(self._line) < MAX_LINE and byte >= _BLANK and byte != _DELETE and (self._line or byte != _BLANK):
                self._line.append(byte)
                if self.prompt_wanted and self._line == b">":
                    self._line.clear()
                    self.prompt_wanted = False
                    yield Prompt.PROMPT, used

    def _take(self) -> str:
        line = self._line.decode("latin-1").rstrip()
        self._line.clear()
        return line
