"""Messages out of a byte stream: RFC 3261 18.3 and the keep-alive of RFC 5626 section 3.5.1."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.sip.message import MAX_BODY, MAX_HEAD

if TYPE_CHECKING:
    from collections.abc import Iterator

PONG = b"\r\n"
_END = b"\r\n\r\n"
_LENGTH = re.compile(
    rb"^(?:content-length|l)[ \t]*:[ \t]*(?:\r\n[ \t]+)?([^\r\n]*?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE
)
_DIGITS = re.compile(rb"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Frame:
    """One message; `last` when nothing behind it can be made out, so that the stream has to be closed."""

    data: bytes
    last: bool = False


@dataclass(frozen=True, slots=True)
class Ping:
    """The other end asks for a pong."""


class StreamFramer:
    """Cuts a stream into messages; after a `last` frame it takes nothing more. Holds at most MAX_HEAD + MAX_BODY."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._broken = False

    def receive(self, data: bytes) -> Iterator[Frame | Ping]:
        """Take bytes and yield what is complete."""
        if self._broken:
            return
        self._buffer += data
        while (item := self._next()) is not None:
            yield item
            if isinstance(item, Frame) and item.last:
                return

    def _next(self) -> Frame | Ping | None:
        buffer = self._buffer
        while buffer.startswith(b"\r\n"):
            if buffer.startswith(_END):
                del buffer[:4]
                return Ping()
            if _END.startswith(buffer):
                return None
            del buffer[:2]
        end = buffer.find(_END, max(0, self._searched - 3))
        if end < 0:
            self._searched = len(buffer)
            return self._give_up(bytes(buffer)) if len(buffer) > MAX_HEAD else None
        lengths = _LENGTH.findall(buffer, 0, end + 2)
        if len(lengths) != 1 or not _DIGITS.fullmatch(lengths[0]) or end > MAX_HEAD or int(lengths[0]) > MAX_BODY:
            return self._give_up(bytes(buffer[: end + 4]))
        total = end + 4 + int(lengths[0])
        return self._take(total) if len(buffer) >= total else None

    def _take(self, total: int) -> Frame:
        data = bytes(self._buffer[:total])
        del self._buffer[:total]
        self._searched = 0
        return Frame(data)

    def _give_up(self, data: bytes) -> Frame:
        self._broken = True
        self._buffer.clear()
        return Frame(data, last=True)
