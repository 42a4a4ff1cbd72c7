"""Cuts what a terminal sends into answers.

Keyed on control bytes: lines may end in CR, LF, CRLF or LFCR, the CR before a control byte may be missing, and so may
all text. Bit 8 is ignored. Text is hostile: it is bounded and only printable characters are kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.tap.blocks import ACK, CR, EOT, ESC, LF, NAK, RS
from drivers.tap.responses import CODES, WAIT_CODE, Control

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINE = 160
"""Longest line that is kept: two lines of a screen; the rest of a longer one is dropped."""
MAX_LINES = 4
"""Lines kept of one answer: the newest, for a code stands near its control byte."""

_CONTROLS = {ACK: Control.ACK, NAK: Control.NAK, RS: Control.RS, EOT: Control.HANG_UP}
_CODE = re.compile(r"([125]\d\d)(?!\d)")
_SEVEN_BITS = bytes(range(128)) * 2
_PROMPT = "ID="
_FIRST_FINAL_CODE = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing that a terminal said; for ASKED, `text` is what stood before `ID=` on the same line."""

    control: Control
    code: int | None = None
    text: str = ""

    @property
    def said(self) -> str:
        """Return the terminal's own words, or what its bare code or control byte means."""
        if self.code in CODES and self.text == str(self.code):
            return f"{self.text} {CODES[self.code].meaning}"
        return self.text or f"the terminal answered {self.control.value}"

    def asks(self, prompt: str) -> bool:
        """Return whether `ID=` is a question, for a terminal that says `prompt` before it, and no word of an answer."""
        return not self.text or (prompt != "" and self.text.rpartition(_PROMPT)[2].strip() == prompt)


class Scanner:
    """Turns bytes into answers, in bounded memory whatever arrives."""

    def __init__(self) -> None:
        self._line = ""
        self._lines: list[str] = []
        self._escape = ""
        self._noise = 0

    def take_noise(self) -> int:
        """Return, and forget, how many bytes were passed over: no answer has them, or a line was too long."""
        noise, self._noise = self._noise, 0
        return noise

    def feed(self, data: bytes) -> Iterator[Answer]:
        """Yield the answers that `data` completes."""
        for byte in data.translate(_SEVEN_BITS):
            answer = self._take_escape(byte) if self._escape else self._take(byte)
            if answer is not None:
                yield answer

    def _take_escape(self, byte: int) -> Answer | None:
        """Go on after ESC: EOT hangs up, `[ p` is the go-ahead, anything else was not meant for us."""
        sequence, self._escape = self._escape + chr(byte), ""
        if sequence == "\x1b[":
            self._escape = sequence
            return None
        if sequence == "\x1b[p":
            return self._finish(Control.GO_AHEAD)
        return self._take(byte)

    def _take(self, byte: int) -> Answer | None:
        if byte in (CR, LF):
            return self._end_line()
        if byte == ESC:
            self._escape = "\x1b"
        elif (control := _CONTROLS.get(byte)) is not None:
            return self._finish(control)
        elif chr(byte).isprintable() and len(self._line) < MAX_LINE:
            self._line += chr(byte)
            return self._find_prompt()
        else:
            self._noise += 1
        return None

    def _find_prompt(self) -> Answer | None:
        """`ID=` counts when its last character arrives: nothing needs to follow it."""
        if not self._line.endswith(_PROMPT):
            return None
        before = self._line.removesuffix(_PROMPT).strip()
        if not before:
            self._line = ""
        return Answer(Control.ASKED, text=before)

    def _end_line(self) -> Answer | None:
        line, self._line = self._line.rstrip(), ""
        if not line:
            return None
        self._lines = [*self._lines, line][-MAX_LINES:]
        return Answer(Control.WAIT, WAIT_CODE, line) if _code_of(line) == WAIT_CODE else None

    def _finish(self, control: Control) -> Answer:
        self._end_line()
        lines, self._lines = self._lines, []
        codes = [code for code in map(_code_of, lines) if code is not None]
        final = [code for code in codes if code >= _FIRST_FINAL_CODE]
        code = final[-1] if final else codes[-1] if codes else None
        return Answer(control, code, " / ".join(line.strip() for line in lines))


def _code_of(line: str) -> int | None:
    """Return the code that starts a line; a continuation line is indented by a blank when it starts with a digit."""
    match = _CODE.match(line)
    return int(match[1]) if match else None
