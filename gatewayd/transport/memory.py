"""Transports in memory: a pair of ends, whole or byte by byte, lossy, delayed. For tests, demos and replays."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.clock import Clock


@dataclass(frozen=True, slots=True)
class Wire:
    """How a wire treats bytes.

    `chunk` bytes arrive at a time (0: as written), `delay` seconds later; `alter` sees every chunk and may damage or drop it.
    """

    chunk: int = 0
    delay: float = 0.0
    alter: Callable[[bytes], bytes] | None = None


class MemoryTransport(asyncio.Transport):
    """One end of a wire; what is written here arrives at the peer's protocol."""

    def __init__(self, clock: Clock, wire: Wire) -> None:
        super().__init__()
        self._clock = clock
        self._wire = wire
        self._peer: MemoryTransport | None = None
        self._protocol: asyncio.Protocol | None = None
        self._closing = False
        self.written = bytearray()

    def attach(self, protocol: asyncio.Protocol, peer: MemoryTransport) -> None:
        """Join this end to its protocol and to the other end."""
        self._protocol, self._peer = protocol, peer

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes to the other end; they arrive in a later turn of the loop."""
        if self._closing:
            return
        self.written += data
        size = self._wire.chunk or len(data) or 1
        for start in range(0, len(data), size):
            self._carry(bytes(data[start : start + size]))

    def is_closing(self) -> bool:
        """Return whether the wire was cut."""
        return self._closing

    def close(self) -> None:
        """Cut the wire at both ends."""
        self.cut(None)

    def abort(self) -> None:
        """Cut the wire at both ends."""
        self.cut(None)

    def cut(self, reason: Exception | None) -> None:
        """Lose the connection at both ends, as an unplugged cable does."""
        for end in (self, self._peer):
            if end is not None and not end._closing:
                end._closing = True
                asyncio.get_running_loop().call_soon(end._lose, reason)

    def _lose(self, reason: Exception | None) -> None:
        if self._protocol is not None:
            self._protocol.connection_lost(reason)

    def _carry(self, chunk: bytes) -> None:
        if self._wire.alter is not None:
            chunk = self._wire.alter(chunk)
        if not chunk:
            return
        if self._wire.delay:
            self._clock.call_at(self._clock.now() + self._wire.delay, lambda: self._arrive(chunk))
        else:
            asyncio.get_running_loop().call_soon(self._arrive, chunk)

    def _arrive(self, chunk: bytes) -> None:
        peer = self._peer
        if peer is not None and not peer._closing and peer._protocol is not None:
            peer._protocol.data_received(chunk)


def connect(
    left: asyncio.Protocol, right: asyncio.Protocol, clock: Clock, wire: Wire | None = None
) -> tuple[MemoryTransport, MemoryTransport]:
    """Join two asyncio protocols by a wire and return its ends; both see `connection_made` before this returns."""
    wire = wire or Wire()
    a, b = MemoryTransport(clock, wire), MemoryTransport(clock, wire)
    a.attach(left, b)
    b.attach(right, a)
    left.connection_made(a)
    right.connection_made(b)
    return a, b
