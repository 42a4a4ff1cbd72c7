"""Cuts what a modem sends into lines and prompts, in bounded memory whatever arrives."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINE = 1_024
"""Characters kept of a line: the longest PDU has 352; the rest of a longer line is dropped."""

_CR, _LF, _BLANK, _DELETE = 0x0D, 0x0A, 0x20, 0x7F


class Prompt(Enum):
    """The modem waits for the text of a message (TS 27.005, clause 3.5.1)."""

    PROMPT = "> "


Token = str | Prompt


class Scanner:
    """Turns bytes into lines without their ends; `prompt_wanted` says that `>` at the start of a line is a prompt."""

    def __init__(self) -> None:
        self.prompt_wanted = False
        self._line = bytearray()

    def feed(self, data: bytes) -> Iterator[Token]:
        """Yield what `data` completes."""
        for byte in data:
            if byte in (_CR, _LF):
                if self._line:
                    yield self._take()
            elif len(self._line) < MAX_LINE and byte >= _BLANK and byte != _DELETE and (self._line or byte != _BLANK):
                self._line.append(byte)
                if self.prompt_wanted and self._line == b">":
                    self._line.clear()
                    self.prompt_wanted = False
                    yield Prompt.PROMPT

    def _take(self) -> str:
        line = self._line.decode("latin-1").rstrip()
        self._line.clear()
        return line
