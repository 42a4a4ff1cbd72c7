"""What went over a line lately: a bounded ring of timestamped bytes in both directions.

The engine makes one `Recorder` a line and sets it in the context in which the line's driver runs; every adapter that is
built there finds it. So no driver has to think of it, and none can forget it.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict, deque
from contextvars import ContextVar
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.clock import Clock
    from gatewayd.driver import Address, News
    from gatewayd.model import Page

RING_BYTES = 64 * 1024  # of one line; a minute of a busy 9600 Bd line
RING_PIECES = 2_048  # of one line; an entry costs some 200 bytes beside its data
IN, OUT = "in", "out"
OPEN = "open"  # the driver (re)starts
CONNECT, CLOSE = "connect", "close"  # a connection over the network begins and ends
PAGE, WITHDRAW = "page", "withdraw"  # the driver was given a page, and had it taken away again
NEWS = "news"  # the driver was told what became of something that it had reported
KINDS = frozenset({IN, OUT, OPEN, CONNECT, CLOSE, PAGE, WITHDRAW, NEWS})
ATTEMPT = frozenset({OPEN, CONNECT, CLOSE})
_CODES = re.compile(
    rb"(\+C(?:PIN|LCK|PWD)(?=[ =\"]))([^\r]*)", re.IGNORECASE
)  # the codes of a SIM (TS 27.007): captures travel
SEPARATOR = "\x1f"  # between the fields of a page, of news and of a connection


def _stars(found: re.Match[bytes]) -> bytes:
    return found[1] + b"*" * len(found[2])


class Piece(NamedTuple):
    """One entry: when (timeline), what, on which channel, and its bytes.

    The channel is the number of a connection, `host:port` of a datagram's other end, or the number of a page. With unit
    separators (1F) between them, the bytes of a page are its address, priority, tone and text; those of `connect` the
    peer's and our own `host:port`; those of `news` its key, progress, who and message number.
    """

    time: float
    what: str
    channel: str
    data: bytes


# As it lies in the ring: number, and what a piece says; the other end of a datagram is spelled when somebody looks.
_Entry = tuple[int, float, str, "str | Address", bytes]


def _piece(entry: _Entry) -> Piece:
    _, moment, what, channel, data = entry
    return Piece(moment, what, channel if isinstance(channel, str) else f"{channel[0]}:{channel[1]}", data)


class Recorder:
    """The ring of one line. Pieces are numbered; of `forgotten` ones only the number and the bytes are known."""

    def __init__(self, clock: Clock, most_bytes: int = RING_BYTES, most_pieces: int = RING_PIECES) -> None:
        self._clock = clock
        self._most_bytes = most_bytes
        self._most_pieces = most_pieces
        self._ring: deque[_Entry] = deque()
        self._size = 0
        self.next_number = 0  # that the next piece will have
        self._channels = 0
        self._followers: list[asyncio.Event] = []
        self.forgotten = 0
        self.forgotten_bytes = 0
        self.last_received: float | None = None
        self.tallies: defaultdict[str, int] = defaultdict(int)  # a Counter takes thrice the time to count
        self.ask_pins: Callable[[], frozenset[str] | None] | None = None  # of the serial port that is open

    @property
    def first_number(self) -> int:
        """The number of the oldest piece that is kept."""
        return self._ring[0][0] if self._ring else self.next_number

    def record(self, what: str, channel: str, data: bytes) -> None:
        """Add a piece; the oldest go. Of a piece that is longer than the whole ring only the beginning is kept."""
        self._record(what, data, channel)

    def _record(self, what: str, data: bytes, channel: str | Address) -> None:
        ring, now, length = self._ring, self._clock.now(), len(data)
        if what == IN:
            self.tallies["bytes_in"] += length
            self.last_received = now
        elif what == OUT:
            self.tallies["bytes_out"] += length
        kept = bytes(data[: self._most_bytes])
        ring.append((self.next_number, now, what, channel, kept))
        self.next_number += 1
        size, lost = self._size + len(kept), length - len(kept)
        while size > self._most_bytes or len(ring) > self._most_pieces:
            oldest = len(ring.popleft()[-1])
            size -= oldest
            lost += oldest
            self.forgotten += 1
        self._size = size
        self.forgotten_bytes += lost
        if self._followers:
            for follower in self._followers:
                follower.set()

    def tally(self, what: str, amount: int) -> None:
        """Add to the line's statistics of its transport."""
        self.tallies[what] += amount

    def pins(self) -> frozenset[str] | None:
        """Return which modem lines of the port are on now; None: it has none, or there is no open port."""
        try:
            return self.ask_pins() if self.ask_pins is not None else None
        except OSError:
            return None  # the device is just being lost

    def opening(self) -> None:
        """Note that the driver starts anew. A device that stays away must not fill the ring with attempts."""
        attempt = list(takewhile(lambda entry: entry[2] in ATTEMPT, reversed(self._ring)))
        if any(what == OPEN for _, _, what, _, _ in attempt):
            for *_, data in attempt:
                self._ring.pop()
                self._size -= len(data)
        self.record(OPEN, "-", b"")

    def ordered(self, page: Page) -> None:
        """Note that the driver was given a page."""
        words = f"{page.address}{SEPARATOR}{page.priority:d}{SEPARATOR}{page.tone}{SEPARATOR}{page.text}"
        self.record(PAGE, str(page.id), words.encode("utf-8", "replace"))

    def told(self, news: News) -> None:
        """Note that the driver was told something."""
        words = (news.key, news.progress.value, news.who, str(news.message_id))
        self.record(NEWS, "-", SEPARATOR.join(words).encode("utf-8", "replace"))

    def stream(self) -> Callable[[str, bytes], None]:
        """Return the trace of a new connection."""
        self._channels += 1
        channel, record = str(self._channels), self.record

        def trace(direction: str, data: bytes) -> None:
            record(direction, channel, data if b"+" not in data else _CODES.sub(_stars, data))

        return trace

    def datagrams(self, direction: str, data: bytes, address: Address) -> None:
        """Take note of one datagram: the trace of a socket."""
        self._record(direction, data, address)

    def pieces(self, number: int = 0) -> list[Piece]:
        """Return what is kept, from piece `number` on."""
        newest_first = [_piece(entry) for entry in takewhile(lambda entry: entry[0] >= number, reversed(self._ring))]
        return newest_first[::-1]

    async def wait_for(self, number: int) -> None:
        """Wait until piece `number` has been recorded."""
        event = asyncio.Event()
        self._followers.append(event)
        try:
            while self.next_number <= number:
                event.clear()
                await event.wait()
        finally:
            self._followers.remove(event)


CURRENT: ContextVar[Recorder | None] = ContextVar("recorder", default=None)  # of the line that runs in this context
