"""Transports in memory: a pair of ends, whole or byte by byte, lossy, delayed. For tests, demos and replays."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from gatewayd.clock import Clock


@dataclass(frozen=True, slots=True)
class Wire:
    """How a wire treats bytes.

    `chunk` bytes arrive at a time (0: as written), `delay` seconds later; `alter` sees every chunk and may damage it or
    drop it (return nothing).
    """

    chunk: int = 0
    delay: float = 0.0
    alter: Callable[[bytes], bytes] | None = None


def drop_every(n: int) -> Callable[[bytes], bytes]:
    """Return an alteration that loses every `n`-th byte."""
    seen = 0

    def alter(chunk: bytes) -> bytes:
        nonlocal seen
        first, seen = seen, seen + len(chunk)
        return bytes(byte for position, byte in enumerate(chunk, first + 1) if position % n)

    return alter


def flip_bits(rng: random.Random, rate: float = 0.01) -> Callable[[bytes], bytes]:
    """Return an alteration that turns one bit over in about `rate` of the bytes."""

    def alter(chunk: bytes) -> bytes:
        return bytes(byte ^ (1 << rng.randrange(8)) if rng.random() < rate else byte for byte in chunk)

    return alter


class MemoryTransport(asyncio.Transport):
    """One end of a wire; what is written here arrives at the other end, in order, in a later turn of the loop.

    `extra` is what `get_extra_info` knows: `peername`, `sockname`.
    """

    def __init__(self, clock: Clock, wire: Wire, extra: Mapping[str, object] | None = None) -> None:
        super().__init__(dict(extra or {}))
        self._clock = clock
        self._wire = wire
        self._peer: MemoryTransport | None = None
        self._protocol: asyncio.Protocol | None = None
        self._incoming: deque[bytes | None] = deque()  # None: the other end has closed
        self._arrived = 0
        self._paused = False
        self._closing = False
        self.written = bytearray()

    def attach(self, protocol: asyncio.Protocol, peer: MemoryTransport) -> None:
        """Join this end to its protocol and to the other end."""
        self._protocol, self._peer = protocol, peer

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes to the other end."""
        if self._closing:
            return
        self.written += data
        size = self._wire.chunk or len(data) or 1
        for start in range(0, len(data), size):
            chunk = bytes(data[start : start + size])
            self._carry(chunk if self._wire.alter is None else self._wire.alter(chunk))

    def get_write_buffer_size(self) -> int:
        """Return 0: a wire takes everything at once."""
        return 0

    def is_closing(self) -> bool:
        """Return whether this end is closed or the wire was cut."""
        return self._closing

    def pause_reading(self) -> None:
        """Let what arrives wait."""
        self._paused = True

    def resume_reading(self) -> None:
        """Take what waits, and go on."""
        self._paused = False
        asyncio.get_running_loop().call_soon(self._deliver)

    def close(self) -> None:
        """Close this end; the other end still receives what is on the wire, and then the end."""
        if not self._closing:
            self._carry(None)
            self.lose(None)

    def abort(self) -> None:
        """Cut the wire at both ends; what is on it is lost."""
        self.cut(None)

    def cut(self, reason: Exception | None) -> None:
        """Lose the connection at both ends, as an unplugged cable does."""
        self.lose(reason)
        if self._peer is not None:
            self._peer.lose(reason)

    def lose(self, reason: Exception | None) -> None:
        """Lose the connection at this end only."""
        if not self._closing:
            self._closing = True
            if self._protocol is not None:
                asyncio.get_running_loop().call_soon(self._protocol.connection_lost, reason)

    def expect(self, item: bytes | None) -> None:
        """Take note of what is on the wire towards this end; None is its end."""
        self._incoming.append(item)

    def arrive(self) -> None:
        """Let the next thing on the wire arrive: the order is that of the wire, whatever the order of the timers."""
        self._arrived += 1
        self._deliver()

    def _carry(self, item: bytes | None) -> None:
        peer = self._peer
        if peer is None or item == b"":
            return
        peer.expect(item)
        if self._wire.delay:
            self._clock.call_at(self._clock.now() + self._wire.delay, peer.arrive)
        else:
            asyncio.get_running_loop().call_soon(peer.arrive)

    def _deliver(self) -> None:
        while self._arrived and not self._paused and not self._closing and self._protocol is not None:
            self._arrived -= 1
            item = self._incoming.popleft()
            if item is None:
                self.lose(None)
            else:
                self._protocol.data_received(item)


def connect(
    left: asyncio.Protocol,
    right: asyncio.Protocol,
    clock: Clock,
    wire: Wire | None = None,
    back: Wire | None = None,
) -> tuple[MemoryTransport, MemoryTransport]:
    """Join two asyncio protocols and return the ends; both see `connection_made` before this returns.

    `wire` carries from left to right and, unless `back` is given, from right to left as well.
    """
    wire = wire or Wire()
    a, b = MemoryTransport(clock, wire), MemoryTransport(clock, back or wire)
    a.attach(left, b)
    b.attach(right, a)
    left.connection_made(a)
    right.connection_made(b)
    return a, b
