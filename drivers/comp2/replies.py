"""What a COMP2 encoder says: nothing when all is well, a line of text and RS when it is not."""

from __future__ import annotations

import re

from gatewayd.driver import Outcome
from gatewayd.encoder.exchange import Reply

MAX_LINE = 120  # characters of one line that are kept
NAK, RS = 0x15, 0x1E
_ERROR = re.compile(r"\s*(error|invalid)", re.IGNORECASE)


class ErrorLines:
    """Finds errors: a line that begins like one, RS, or NAK. What ends an error that was told already adds nothing."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._told = False

    def feed(self, data: bytes) -> tuple[list[Reply], int]:
        """Take bytes; return the errors in them, and how many bytes of other lines there were."""
        found: list[Reply] = []
        noise = 0
        for byte in data:
            if byte in (RS, NAK):
                found += self._error()
                self._told = False
            elif byte in b"\r\n":
                noise += self._end_of_line(found)
            elif len(self._line) < MAX_LINE:
                self._line.append(byte)
                self._told = False
            else:
                noise += 1
        return found, noise

    def forget(self) -> None:
        """Forget half a reply."""
        self._line.clear()
        self._told = False

    def _end_of_line(self, found: list[Reply]) -> int:
        """Act on a line; return how many bytes of it made no sense."""
        if _ERROR.match(self._text()):
            found += self._error()
            self._told = True
            return 0
        noise = len(self._line)
        self._line.clear()
        return noise

    def _error(self) -> list[Reply]:
        text = self._text().strip()
        self._line.clear()
        if self._told and not text:
            return []
        refused = "pager id" in text.lower()
        return [Reply(Outcome.REFUSED if refused else Outcome.FAILED, text or "the encoder refused the page")]

    def _text(self) -> str:
        return "".join(char if char.isprintable() else " " for char in self._line.decode("ascii", "replace"))
