"""Plays a capture to a driver: byte- and time-exact, on a clock of its own, with nothing plugged in."""

from __future__ import annotations

import asyncio
import pkgutil
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

from gatewayd.cli.rehearsal import NOBODY, SERIAL, Rehearsal
from gatewayd.cli.replayline import ReplayLine, words
from gatewayd.clock import ManualClock, settle
from gatewayd.driver import News, Outcome, Progress, Receipt
from gatewayd.errors import GatewayError, Invalid, LineDown
from gatewayd.model import Page, Priority
from gatewayd.transport.capture import CLOSE, CONNECT, IN, NEWS, OPEN, OUT, PAGE, SEPARATOR, WITHDRAW
from gatewayd.transport.serial import open_serial
from gatewayd.transport.stage import STAGE
from gatewayd.transport.tcp import connect_tcp, listen_tcp
from gatewayd.transport.udp import open_udp

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.driver import Address, LineSettings
    from gatewayd.registry import Kind
    from gatewayd.transport.capture import Piece
    from gatewayd.transport.capturefile import Capture

    Tell = Callable[[float, str], None]

__all__ = ["Player", "require_playable", "words"]

OPENERS = (open_serial, connect_tcp, listen_tcp, open_udp)
NOT_OF_THE_LINE = frozenset({"simulator", "tester"})  # modules of a kind that its line does not need
TAIL = 5.0  # seconds after the last byte: what silence alone brings about belongs to it
LIFETIME = 3600.0  # seconds; a page in a capture has not expired


class Player:
    """One capture on one driver. `tell` hears of everything that happens: seconds since the first piece, and what."""

    def __init__(self, kind: Kind, settings: LineSettings, capture: Capture, tell: Tell, speed: float = 0.0) -> None:
        """`speed` 0: at once. Raises Invalid when lines of this kind cannot be replayed."""
        require_playable(kind)
        self._clock = ManualClock()
        self._start = self._clock.now()
        self._capture = capture
        self._tell_at = tell
        self._speed = speed
        self._stage = Rehearsal(self._clock)
        self._line = ReplayLine(kind.name, self._clock, self._tell)
        self._driver = kind.driver(self._line, settings)
        self._running: asyncio.Task[None] | None = None
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._channel: str | None = None

    async def play(self) -> None:
        """Go through the capture from its beginning to its end and a little longer."""
        token = STAGE.set(self._stage)
        try:
            await self._play()
        finally:
            STAGE.reset(token)

    async def _play(self) -> None:
        try:
            if self._capture.pieces and self._capture.pieces[0].what != OPEN:
                await self._open()
            for piece in self._capture.pieces:
                await self._reach(piece.time)
                await self._live_through(piece)
            await self._clock.advance(TAIL)
        finally:
            await self._end()
        for what, count in sorted(self._line.counters.items()):
            self._tell(f"counted {what}: {count}")
        self._compare()

    async def _reach(self, seconds: float) -> None:
        due = self._start + seconds
        if self._speed:
            await asyncio.sleep((due - self._clock.now()) / self._speed)
        await self._clock.advance(due - self._clock.now())

    async def _live_through(self, piece: Piece) -> None:
        if piece.what == OPEN:
            await self._open()
        elif piece.what == PAGE:
            self._sending[piece.channel] = asyncio.create_task(self._send(piece))
        elif piece.what == WITHDRAW:
            self._withdraw(piece.channel)
        elif piece.what == NEWS:
            self._driver.tell(_news(piece))
        else:
            await self._carry(piece)
        await settle()

    def _withdraw(self, channel: str) -> None:
        sending = self._sending.pop(channel, None)
        if sending is not None:
            sending.cancel()

    async def _carry(self, piece: Piece) -> None:
        """Let a connection begin or end, or bytes arrive. On a serial line another connection cuts the present one."""
        if ":" in piece.channel:
            heard = piece.what == OUT or self._stage.feed_datagram(_address(piece.channel), piece.data)
        else:
            await self._turn_to(piece.channel)
            heard = self._conduct(piece)
        if not heard and piece.what == IN:
            self._tell(f"{len(piece.data)} bytes were not heard: the line is not open")

    def _conduct(self, piece: Piece) -> bool:
        stage, channel = self._stage, piece.channel
        if piece.what == CLOSE:
            stage.end(channel)
            return True
        peer, own = (
            (*piece.data.decode("utf-8", "replace").split(SEPARATOR), "", "")[:2] if piece.what == CONNECT else ("", "")
        )
        stage.begin(channel, _address(peer), _address(own))
        return piece.what != IN or stage.feed(channel, piece.data)

    async def _turn_to(self, channel: str) -> None:
        if self._stage.is_serial and self._channel not in {None, channel}:
            self._stage.cut()
            await settle()
        self._channel = channel

    async def _open(self) -> None:
        """Start the driver, as the supervisor does after a loss."""
        await self._close()
        self._channel = None
        self._running = asyncio.create_task(self._run())
        await settle()

    async def _run(self) -> None:
        try:
            await self._driver.run()
        except LineDown as error:
            self._tell(f"down: {error}")

    async def _close(self) -> None:
        self._stage.cut()
        await settle()
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _end(self) -> None:
        if self._running is not None:
            self._running.cancel()
        for task in self._sending.values():
            task.cancel()
        await asyncio.gather(*self._sending.values(), return_exceptions=True)
        if self._running is not None:
            ended = await asyncio.gather(self._running, return_exceptions=True)
            if isinstance(ended[0], Exception):
                raise GatewayError(f"the driver failed: {ended[0]!r}") from ended[0]

    async def _send(self, piece: Piece) -> None:
        page = _page(piece, self._clock.now())
        self._tell(f"page {page.id} to {page.address!r}: {page.text!r}")
        try:
            receipt = await self._driver.send(page)
        except LineDown as error:
            receipt = Receipt(Outcome.FAILED, str(error))
        self._tell(f"page {page.id} {receipt.outcome.value}{receipt.detail and ': ' + receipt.detail}")

    def _compare(self) -> None:
        """Say whether the driver answered as it did then: another edition of it may do so on purpose."""
        then, now = self._said_then(), self._stage.sent
        channels = list(dict.fromkeys([*then, *now]))
        before = b"".join(then.get(channel, b"") for channel in channels)
        after = b"".join(bytes(now.get(channel, b"")) for channel in channels)
        if before == after:
            self._tell(f"sent as recorded: {len(after)} bytes")
            return
        pairs = enumerate(zip(before, after, strict=False))
        same = next((number for number, (a, b) in pairs if a != b), min(len(before), len(after)))
        self._tell(f"sent otherwise than recorded: {len(after)} bytes instead of {len(before)}, the first {same} agree")

    def _said_then(self) -> dict[str, bytes]:
        said: dict[str, bytes] = {}
        for piece in self._capture.pieces:
            if piece.what == OUT:
                channel = SERIAL if self._stage.is_serial else piece.channel
                said[channel] = said.get(channel, b"") + piece.data
        return said

    def _tell(self, text: str) -> None:
        self._tell_at(self._clock.now() - self._start, text)


def require_playable(kind: Kind) -> None:
    """Raise Invalid unless lines of this kind open their connections through the transports, so that a stage fits in.

    Web Push, for one, leaves that to a library.
    """
    package = import_module(kind.driver.__module__.rpartition(".")[0])
    names = [info.name for info in pkgutil.iter_modules(package.__path__) if info.name not in NOT_OF_THE_LINE]
    modules = [import_module(f"{package.__name__}.{name}") for name in names]
    parents = [sys.modules[parent.__module__] for parent in kind.driver.__mro__ if parent.__module__ in sys.modules]
    found = (value for module in (*modules, *parents) for value in vars(module).values() if callable(value))
    if not any(value in OPENERS for value in found):
        reason = "cannot be replayed: their bytes go through a library of their own, and captures do not have them"
        raise Invalid("kind", f"lines of kind {kind.name!r} {reason}")


def _page(piece: Piece, now: float) -> Page:
    parts = piece.data.decode("utf-8", "replace").split("\x1f", 3)
    address, priority, tone, text = [*parts, "", "", "", ""][:4]
    number = 0
    with suppress(ValueError):
        number = int(piece.channel)
    urgency = Priority(int(priority)) if priority in {"1", "2", "3", "4"} else Priority.NORMAL
    return Page(number, number, "", address, text, urgency, now, now, now + LIFETIME, now, tone=tone)


def _news(piece: Piece) -> News:
    key, progress, who, number = (*piece.data.decode("utf-8", "replace").split(SEPARATOR, 3), "", "", "", "")[:4]
    known = progress in {each.value for each in Progress}
    return News(key, Progress(progress) if known else Progress.PAGED, who, int(number) if number.isdecimal() else 0)


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return (host, int(port)) if host and port.isdecimal() else NOBODY
