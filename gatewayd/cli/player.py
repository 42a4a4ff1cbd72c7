"""Plays a capture to a driver: byte- and time-exact, on a clock of its own, with nothing plugged in."""

from __future__ import annotations

import asyncio
import inspect
import logging
from contextlib import suppress
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from gatewayd.clock import ManualClock, settle
from gatewayd.driver import Outcome, Receipt
from gatewayd.errors import GatewayError, Invalid, LineDown
from gatewayd.model import Page, Priority, Recorded
from gatewayd.transport.capture import IN, OPEN, OUT, PAGE, WITHDRAW
from gatewayd.transport.memory import MemoryTransport, connect
from gatewayd.transport.serial import open_serial

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.driver import Driver, LineSettings
    from gatewayd.model import Report
    from gatewayd.registry import Kind
    from gatewayd.transport.adapter import StreamAdapter
    from gatewayd.transport.capture import Piece
    from gatewayd.transport.capturefile import Capture

    Tell = Callable[[float, str], None]

TAIL = 5.0  # seconds after the last byte: what silence alone brings about belongs to it
LIFETIME = 3600.0  # seconds; a page in a capture has not expired


class Player:
    """One capture on one driver. `tell` hears of everything that happens: seconds since the first piece, and what."""

    def __init__(self, kind: Kind, settings: LineSettings, capture: Capture, tell: Tell, speed: float = 0.0) -> None:
        """`speed` 0: at once. Raises Invalid when drivers of this kind have no serial port."""
        self._clock = ManualClock()
        self._start = self._clock.now()
        self._capture = capture
        self._tell_at = tell
        self._speed = speed
        self._socket = _Socket(self._clock)
        self._line = ReplayLine(kind.name, self._clock, self._tell)
        self._driver = _driver(kind, self._line, settings, self._socket)
        self._running: asyncio.Task[None] | None = None
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._channel: str | None = None

    async def play(self) -> None:
        """Go through the capture from its beginning to its end and a little longer."""
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
        elif piece.what in {IN, OUT}:
            await self._carry(piece)
        elif piece.what == PAGE:
            self._sending[piece.channel] = asyncio.create_task(self._send(piece))
        elif piece.what == WITHDRAW and (sending := self._sending.pop(piece.channel, None)) is not None:
            sending.cancel()
        await settle()

    async def _carry(self, piece: Piece) -> None:
        """Let bytes arrive; those of another connection only when the present one is cut."""
        if self._channel not in {None, piece.channel}:
            self._socket.cut()
            await settle()
        self._channel = piece.channel
        if piece.what == IN and not self._socket.feed(piece.data):
            self._tell(f"{len(piece.data)} bytes were not heard: the line is not open")

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
        self._socket.cut()
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
        then = b"".join(piece.data for piece in self._capture.pieces if piece.what == OUT)
        now = bytes(self._socket.sent)
        if then == now:
            self._tell(f"sent as recorded: {len(now)} bytes")
            return
        same = next((n for n, (a, b) in enumerate(zip(then, now, strict=False)) if a != b), min(len(then), len(now)))
        self._tell(f"sent otherwise than recorded: {len(now)} bytes instead of {len(then)}, the first {same} agree")

    def _tell(self, text: str) -> None:
        self._tell_at(self._clock.now() - self._start, text)


class ReplayLine:
    """What the driver sees of the gateway: nothing is kept longer than the replay, everything is told."""

    def __init__(self, name: str, clock: ManualClock, tell: Callable[[str], None]) -> None:
        self.name = name
        self.clock = clock
        self.log = logging.LoggerAdapter(logging.getLogger("gatewayd.replay"), {"line": name})
        self.memory = _Memory()
        self.counters: dict[str, int] = {}
        self._tell = tell

    def up(self) -> None:
        """Tell that the device answers."""
        self._tell("up")

    def count(self, what: str, amount: int = 1) -> None:
        """Count; the sums are told at the end."""
        self.counters[what] = self.counters.get(what, 0) + amount

    def trouble(self, what: str, amount: int = 1) -> None:
        """Count bad input, and tell it at once."""
        self.count(what, amount)
        self._tell(f"trouble {what}: {amount}")

    async def report(self, report: Report) -> Recorded:
        """Tell a report."""
        self._tell(words(report))
        return Recorded.NEW


class _Memory:
    """A line's memory that forgets when the replay ends."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def items(self) -> dict[str, Any]:
        return dict(self._kept)

    async def save(self, changes: dict[str, Any]) -> None:
        self._kept = {key: value for key, value in (self._kept | changes).items() if value is not None}


class _Socket:
    """Where the driver plugs its adapters in instead of a port."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._near: MemoryTransport | None = None
        self._far: MemoryTransport | None = None
        self.sent = bytearray()

    async def open(self, settings: object, adapter: StreamAdapter[Any]) -> None:
        """Join an adapter to the recorded device."""
        del settings
        self._near, self._far = connect(adapter, _Device(self.sent), self._clock)

    def feed(self, data: bytes) -> bool:
        """Let bytes arrive; return whether anybody listens."""
        if self._far is None or self._far.is_closing():
            return False
        self._far.write(data)
        return True

    def cut(self) -> None:
        """Pull the plug."""
        if self._near is not None:
            self._near.cut(OSError("the recorded connection ended"))


class _Device(asyncio.Protocol):
    """The other end: it keeps what it hears."""

    def __init__(self, heard: bytearray) -> None:
        self._heard = heard

    def data_received(self, data: bytes) -> None:
        self._heard += data


def _driver(kind: Kind, line: ReplayLine, settings: LineSettings, socket: _Socket) -> Driver:
    """Build the driver with its port replaced: by the argument whose default is `open_serial`."""
    for name, parameter in inspect.signature(kind.driver).parameters.items():
        if parameter.default is open_serial:
            return kind.driver(line, settings, **{name: socket.open})
    raise Invalid("kind", f"lines of kind {kind.name!r} cannot be replayed: they have no serial port")


def _page(piece: Piece, now: float) -> Page:
    parts = piece.data.decode("utf-8", "replace").split("\x1f", 3)
    address, priority, tone, text = [*parts, "", "", "", ""][:4]
    number = 0
    with suppress(ValueError):
        number = int(piece.channel)
    urgency = Priority(int(priority)) if priority in {"1", "2", "3", "4"} else Priority.NORMAL
    return Page(number, number, "", address, text, urgency, now, now, now + LIFETIME, now, tone=tone)


def words(report: Report) -> str:
    """Return a report in words: its name and whatever is not as usual in it; printable, whatever the device sent."""
    said = []
    for field in fields(report):
        usual = field.default_factory() if field.default_factory is not MISSING else field.default
        value = getattr(report, field.name)
        if value != usual:
            said.append(f"{field.name}={value!r}")
    return f"{type(report).__name__} {' '.join(said)}"
