"""What an encoder says to a Scope frame: `Page Queued Okay`, or `Error` and perhaps NAK."""

from __future__ import annotations

from gatewayd.driver import Outcome
from gatewayd.encoder.exchange import Reply

MAX_LINE = 120  # characters of one line that are kept
NAK = 0x15
QUEUED = "page queued okay"
BUSY_AGAIN_AFTER = 15.0  # seconds until a full encoder has room again


class ScopeReplies:
    """Reads lines; the NAK behind an error that was told already adds nothing."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._told = False

    def feed(self, data: bytes) -> tuple[list[Reply], int]:
        """Take bytes; return the replies in them, and how many bytes of other lines there were."""
        found: list[Reply] = []
        noise = 0
        for byte in data:
            if byte == NAK:
                noise += self._end_of_line(found)
                if not self._told:
                    found.append(Reply(Outcome.FAILED, "the encoder refused the frame (NAK)"))
                self._told = False
            elif byte in b"\r\n":
                noise += self._end_of_line(found)
            elif len(self._line) < MAX_LINE:
                self._told = False
                self._line.append(byte)
            else:
                noise += 1
        return found, noise

    def forget(self) -> None:
        """Forget half a reply."""
        self._line.clear()
        self._told = False

    def _end_of_line(self, found: list[Reply]) -> int:
        """Act on a line; return how many bytes of it made no sense."""
        size = len(self._line)
        line = "".join(char if char.isprintable() else " " for char in self._line.decode("latin-1")).strip()
        self._line.clear()
        if line.lower().startswith("error"):
            self._told = True
            found.append(_error(line))
            return 0
        if line.lower().startswith(QUEUED):
            found.append(Reply(Outcome.SENT, line))
            return 0
        return size


def _error(line: str) -> Reply:
    """Return the reply: a pager that is not taken is refused; all else is damage on the line, or passes."""
    words = line.lower()
    if "pager id" in words:
        return Reply(Outcome.REFUSED, line)
    return Reply(Outcome.FAILED, line, BUSY_AGAIN_AFTER if "full" in words or "busy" in words else None)
