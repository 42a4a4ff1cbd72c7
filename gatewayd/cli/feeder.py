"""Plays the device's half of a capture to a gateway that runs: for `gatewayd replay --device`, `--listen`, `--to`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from gatewayd.clock import sleep
from gatewayd.errors import GatewayError, LineDown
from gatewayd.transport.capture import CLOSE, CONNECT, IN, OPEN, OUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.cli.ends import Ends
    from gatewayd.transport.capture import Piece
    from gatewayd.transport.capturefile import Capture

PATIENCE = 10.0  # seconds that the gateway may be later than it was then, before we go on without it
TAIL = 1.0  # seconds at the end for what is still on its way


class Feeder:
    """One capture on one gateway. `speed` 0: as fast as the gateway answers; `tell` hears of what differs."""

    def __init__(self, capture: Capture, ends: Ends, tell: Callable[[float, str], None], speed: float) -> None:
        self._pieces = capture.pieces
        self._ends = ends
        self._tell_at = tell
        self._speed = speed
        self._clock = ends.clock
        self._late = 0.0  # seconds by which we are behind the recording, because the gateway is
        self._due: dict[str, bytearray] = {}  # what the gateway has to say, by channel, since its beginning
        self.differences = 0

    async def feed(self) -> None:
        """Go through the capture. Raises GatewayError when the gateway is not there."""
        self._start = self._clock.now()
        for piece in self._pieces:
            try:
                await self._live_through(piece)
            except LineDown as error:
                raise GatewayError(f"at {piece.time:.3f} s: {error}") from error
        await sleep(self._clock, TAIL)
        for channel in tuple(self._due):
            self._compare(channel)
        self._tell("the gateway said what it said then" if not self.differences else "the gateway said something else")

    async def _live_through(self, piece: Piece) -> None:
        if piece.what == OPEN and piece is not self._pieces[0]:
            await self._restart()
        elif piece.what in {CONNECT, IN, OUT}:
            await self._begin(piece)
            if piece.what == IN:
                await self._wait_for(piece.time)
                self._ends.send(piece.channel, piece.data)
            elif piece.what == OUT:
                self._due.setdefault(piece.channel, bytearray()).extend(piece.data)
                await self._hear(piece)
        elif piece.what == CLOSE:
            await self._wait_for(piece.time)
            self._compare(piece.channel)
            await self._ends.end(piece.channel)

    async def _begin(self, piece: Piece) -> None:
        """Begin the channel of a piece; what that takes is not the recording's time."""
        if piece.channel not in self._ends.ends:
            began = self._clock.now()
            await self._ends.begin(piece.channel)
            self._late += self._clock.now() - began

    async def _restart(self) -> None:
        for channel in tuple(self._due):
            self._compare(channel)
        await self._ends.restart()

    async def _wait_for(self, seconds: float) -> None:
        if self._speed:
            due = self._start + self._late + seconds / self._speed
            await sleep(self._clock, max(0.0, due - self._clock.now()))

    async def _hear(self, piece: Piece) -> None:
        """Wait until the gateway has said what it said then; the rest of the recording waits with us."""
        due = self._start + self._late + (piece.time / self._speed if self._speed else 0.0)
        end, wanted = self._ends.ends[piece.channel], len(self._due[piece.channel])
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, due - self._clock.now()) + PATIENCE):
                await end.hears(wanted)
        self._late += max(0.0, self._clock.now() - due)

    def _compare(self, channel: str) -> None:
        then, end = bytes(self._due.pop(channel, b"")), self._ends.ends.get(channel)
        now = bytes(end.heard) if end is not None else b""
        if end is not None:
            end.heard.clear()
        if then == now:
            return
        self.differences += 1
        pairs = enumerate(zip(then, now, strict=False))
        same = next((number for number, (a, b) in pairs if a != b), min(len(then), len(now)))
        self._tell(f"channel {channel}: {len(now)} bytes instead of {len(then)}, the first {same} agree")

    def _tell(self, text: str) -> None:
        self._tell_at(self._clock.now() - self._start, text)
