"""Cuts a stream of bytes into frames: by terminators, by markers, by length, or by silence alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST = 1_024  # bytes of a frame at most: a line is judged by regular expressions, whose cost grows with its length
LONGEST_MARKER = 8


class Framing(Enum):
    """How the end of a record is known."""

    LINES = "lines"  # a terminator
    MARKERS = "markers"  # everything from a start marker to an end marker
    FIXED = "fixed"  # a number of bytes
    GAP = "gap"  # silence


@dataclass(frozen=True, slots=True)
class FrameRules:
    """What a frame looks like; lengths and offsets in bytes.

    A `wildcard` byte in a marker or a terminator stands for any byte. `start_offset` bytes are cut from the front of a
    marked frame and `end_offset` from its end; at 0 the markers belong to the record.
    """

    framing: Framing = Framing.LINES
    terminators: tuple[bytes, ...] = (b"\r\n", b"\n\r", b"\r", b"\n")
    start: bytes = b""
    end: bytes = b""
    wildcard: bytes = b""
    start_offset: int = 0
    end_offset: int = 0
    length: int = 0
    max_length: int = 256


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes that belong together; `complete` is false where their end was not seen."""

    data: bytes
    complete: bool = True


class Framer:
    """Turns bytes into frames. Nothing is dropped: what fits no frame is a frame of its own, not complete."""

    def __init__(self, rules: FrameRules) -> None:
        self._rules = rules
        self._buffer = bytearray()
        self._tail = b""  # the terminator that the last bytes were: a longer one may turn out to be meant
        self._inside = False
        self._known = 0  # bytes at the front of a marked frame in which its end is not looked for: the start marker
        self._terminator = _pattern(rules.terminators, rules.wildcard)
        self._start = _pattern((rules.start,), rules.wildcard)
        self._end = _pattern((rules.end,), rules.wildcard)
        # A printable start marker may occur in a record (the colon of a time of day); a control code never does.
        self._restarts = rules.start[:1] < b" "

    @property
    def pending(self) -> bool:
        """Whether bytes wait for the rest of their frame."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes; return the frames that they complete, and what has become too long."""
        self._buffer += data
        return [*self._complete(), *self._overlong()]

    def flush(self) -> list[Frame]:
        """Return what waits: its end will not come."""
        rest, self._inside, self._tail = self._take(len(self._buffer)), False, b""
        if not rest:
            return []
        return list(self._pieces(rest, complete=self._rules.framing is Framing.GAP))

    def _complete(self) -> Iterable[Frame]:
        match self._rules.framing:
            case Framing.LINES:
                return self._lines()
            case Framing.MARKERS:
                return self._marked()
            case Framing.FIXED:
                return self._fixed()
            case Framing.GAP:
                return ()

    def _lines(self) -> Iterator[Frame]:
        self._skip_rest_of_terminator()
        begin = 0
        for found in self._terminator.finditer(self._buffer):
            yield from self._pieces(bytes(self._buffer[begin : found.start()]))
            begin = found.end()
            self._tail = bytes(found[0]) if begin == len(self._buffer) else b""
        del self._buffer[:begin]

    def _skip_rest_of_terminator(self) -> None:
        """Drop the LF that belongs to a CR on which a line was already complete: no line waits for its last byte."""
        if self._tail and self._buffer:
            whole = self._terminator.match(self._tail + self._buffer[:1])
            if whole is not None and whole.end() > len(self._tail):
                del self._buffer[:1]
            self._tail = b""

    def _marked(self) -> Iterator[Frame]:
        while self._buffer:
            if not self._inside:
                found = self._start.search(self._buffer)
                if found is None:
                    return
                yield from self._stray(found.start())
                self._inside, self._known = True, len(self._rules.start)
            # No farther than a record may go: for each of a flood of start markers all of the rest would be searched.
            limit = self._rules.max_length + LONGEST_MARKER
            end = self._end.search(self._buffer, self._known, limit)
            again = self._start.search(self._buffer, self._known, limit) if self._restarts else None
            if again is not None and (end is None or again.start() < end.start()):
                self._inside = False
                yield from self._stray(again.start())
            elif end is not None:
                self._inside = False
                yield from self._cut(self._take(end.end()))
            elif len(self._buffer) > self._rules.max_length:
                yield self._first_part()
            else:
                return

    def _stray(self, size: int) -> Iterator[Frame]:
        if size:
            yield from self._pieces(self._take(size), complete=False)

    def _cut(self, data: bytes) -> Iterator[Frame]:
        whole = self._known > 0
        begin = self._rules.start_offset if whole else 0
        return self._pieces(data[begin : len(data) - self._rules.end_offset], complete=whole)

    def _fixed(self) -> Iterator[Frame]:
        while len(self._buffer) >= self._rules.length:
            yield Frame(self._take(self._rules.length))

    def _overlong(self) -> Iterator[Frame]:
        while len(self._buffer) > self._rules.max_length:
            yield self._first_part()

    def _first_part(self) -> Frame:
        self._known = 0
        return Frame(self._take(self._rules.max_length), complete=False)

    def _pieces(self, data: bytes, *, complete: bool = True) -> Iterator[Frame]:
        """Return a frame, or several where it is too long for one; an empty one too: it may be a heartbeat."""
        longest = self._rules.max_length
        complete = complete and len(data) <= longest
        for begin in range(0, len(data) or 1, longest):
            yield Frame(data[begin : begin + longest], complete)

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data


def _pattern(words: tuple[bytes, ...], wildcard: bytes) -> re.Pattern[bytes]:
    """Return what finds any of the words, the longest first; wildcards stand for any byte."""
    escaped = [
        b"".join(b"[\\s\\S]" if wildcard and char == wildcard else re.escape(char) for char in _bytes_of(word))
        for word in sorted(words, key=len, reverse=True)
    ]
    return re.compile(b"|".join(escaped))


def _bytes_of(word: bytes) -> list[bytes]:
    return [bytes((value,)) for value in word]
