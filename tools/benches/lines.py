"""How well a line uses its wire: pages a second on every kind that pages, over what the wire could carry at best.

The whole line runs as in the daemon (queue, worker, driver, serial port) at a simulated device behind a PTY that is as
slow as the baud rate. The ceiling is the time that the bytes of the same pages take on the wire, both directions, one
after the other, with no pause between them. Pages have 80 characters; the session is open already; a page that the
device does not take ends the run.

The wire never carries a byte earlier than a real one would, and on an idle machine no more than some tenths of a
millisecond later. On a busy one its thread waits for a processor, and so do the simulated device and the gateway: what
that costs counts against the line. So each run has a second figure, `gateway alone`: the wire, and the pauses before
what the gateway sends. A ratio a little above 1 is no mistake: a TAP block may begin while the last CR of the answer
before it is still on the wire.

COMP2 acknowledges by silence: what it has to be waited for after each page belongs to the protocol, and counts as wire
time here. `ascii` and `snpp` lines page nobody, `gsm` has a bench of its own.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatewayd import registry
from gatewayd.clock import SystemClock
from gatewayd.driver import Outcome
from gatewayd.engine.line import RunningLine
from gatewayd.model import Page, Priority, Recorded
from gatewayd.store import open_store
from gatewayd.transport.pace import BITS_PER_BYTE
from tools.benches.report import Row

if TYPE_CHECKING:
    from gatewayd.clock import Clock
    from gatewayd.driver import Receipt
    from gatewayd.model import Report
    from gatewayd.store import Store
    from gatewayd.transport.capture import Piece

TEXT = "FIRE ALARM ZONE 3 ROOM 12 SECOND FLOOR EAST WING STAIRCASE B CALL THE FRONT DESK"
KINDS = ("tap", "espa444", "comp2", "scope", "waveware")
RATES = ((1_200, 6), (9_600, 40))  # baud, pages
TIMEOUT = 60.0
LINE_SETTINGS: dict[str, dict[str, Any]] = {
    "tap": {"permanent": True},
    "espa444": {"role": "panel", "poll_interval": 30},
}
DEVICES: dict[str, tuple[str, dict[str, Any]]] = {  # the simulator, where it is not called like the kind; its settings
    "espa444": ("espa444-pager", {}),
    "scope": ("scope", {"replies": False}),
}
THROTTLED = {"throttle": True}
SILENCE = {"comp2": 0.3}  # seconds after each page; the default of `error_wait`


class Host:
    """What a line needs of the engine; receipts are counted."""

    def __init__(self, store: Store) -> None:
        self.clock: Clock = SystemClock()
        self.store = store
        self.receipts: list[Receipt] = []
        self.news = asyncio.Event()

    async def report(self, line: str, report: Report) -> Recorded:
        """Forget a report."""
        del line, report
        return Recorded.NOTED

    async def settle(self, page: Page, receipt: Receipt) -> None:
        """Count the end of an attempt."""
        del page
        self.receipts.append(receipt)
        self.news.set()

    async def hasten(self, page: Page) -> None:
        """There is no other way."""

    def wake_at(self, when: float | None) -> None:
        """Nothing is due later."""

    async def settled(self, count: int) -> None:
        """Wait for the receipts of so many pages in all. Raises RuntimeError when the device did not take one."""
        async with asyncio.timeout(TIMEOUT):
            while len(self.receipts) < count:
                self.news.clear()
                await self.news.wait()
        lost = [receipt for receipt in self.receipts if receipt.outcome is not Outcome.SENT]
        if lost:
            raise RuntimeError(f"{len(lost)} pages were not taken: {lost[0].outcome.value} {lost[0].detail}")


def measure() -> list[Row]:
    """Return pages a second for every line and rate."""
    return [row for kind in KINDS for rate in RATES for row in asyncio.run(_run(kind, *rate))]


async def _run(kind: str, baudrate: int, count: int) -> tuple[Row, Row]:
    with tempfile.TemporaryDirectory() as folder, closing(open_store(Path(folder))) as store:
        host = Host(store)
        port = {"port": str(Path(folder) / "port"), "baudrate": baudrate}
        device = await _plug_in(kind, host.clock, port)
        line = RunningLine(kind, host)
        made = registry.load(kind)
        line.driver = made.driver(line, made.settings.model_validate(port | LINE_SETTINGS.get(kind, {})))
        running = asyncio.create_task(line.supervise())
        try:
            pieces = await _page(line, host, count)
        finally:
            for task in (running, device):
                task.cancel()
            await asyncio.gather(running, device, return_exceptions=True)
    byte_time = BITS_PER_BYTE / baudrate
    silence = SILENCE.get(kind, 0.0)
    wire = sum(len(piece.data) for piece in pieces) * byte_time + count * silence
    pauses = (_pause(before, piece, byte_time) for before, piece in pairwise(pieces) if piece.what == "out")
    ours = sum(max(0.0, pause - silence) for pause in pauses)
    what = f"{kind}, {baudrate} Bd"
    taken = _end(pieces[-1], byte_time) + silence - pieces[0].time
    return _row(what, count, wire, taken), _row(f"{what}, gateway alone", count, wire, wire + ours)


async def _plug_in(kind: str, clock: Clock, port: dict[str, Any]) -> asyncio.Task[None]:
    """Run the simulated device; its port is there when this returns."""
    name, values = DEVICES.get(kind, (kind, {}))
    simulator = registry.simulator(name)
    device = asyncio.create_task(simulator(clock, simulator.Settings.model_validate(port | THROTTLED | values)).run())
    await asyncio.sleep(0)
    return device


async def _page(line: RunningLine, host: Host, count: int) -> list[Piece]:
    """Send one page to open the session, then the others; return what went over the wire for those."""
    line.push(_new_page(0, host.clock.now()))
    await asyncio.wait_for(line.first_attempt.wait(), TIMEOUT)
    line.pump()
    await host.settled(1)
    first = line.recorder.next_number
    for number in range(1, count + 1):
        line.push(_new_page(number, host.clock.now()))
    line.pump()
    await host.settled(count + 1)
    return [piece for piece in line.recorder.pieces(first) if piece.what in {"in", "out"}]


def _new_page(number: int, now: float) -> Page:
    return Page(number, number, "", str(2000 + number), TEXT, Priority.NORMAL, now, now, now + TIMEOUT, now)


def _pause(before: Piece, piece: Piece, byte_time: float) -> float:
    """Return how long the wire was idle before the gateway sent a piece."""
    return max(0.0, piece.time - _end(before, byte_time))


def _end(piece: Piece, byte_time: float) -> float:
    """Return when the last byte of a piece had left, or had arrived."""
    return piece.time + (len(piece.data) * byte_time if piece.what == "out" else 0.0)


def _row(what: str, count: int, wire: float, taken: float) -> Row:
    return Row(what, "pages/s", count / wire, count / taken, wire / taken)
