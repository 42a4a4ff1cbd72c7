"""A TAP line and a paging terminal, joined in memory: what the driver is tested on."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from drivers.tap.driver import TapDriver
from drivers.tap.settings import TapSettings
from drivers.tap.simulator import TapSimulator, TerminalSettings
from gatewayd.clock import ManualClock, settle
from gatewayd.errors import LineDown, StoreUnavailable
from gatewayd.model import Page, Priority, Recorded, Report
from gatewayd.transport.memory import MemoryTransport, Wire, connect

if TYPE_CHECKING:
    from drivers.tap.pages import TapEvent
    from gatewayd.clock import Clock
    from gatewayd.driver import Receipt
    from gatewayd.transport.adapter import StreamAdapter
    from gatewayd.transport.serial import SerialSettings


class RecordingLine:
    """What the driver sees of the gateway, remembered."""

    name = "pager"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.log = logging.LoggerAdapter(logging.getLogger("test.tap"))
        self.ups = 0
        self.came_up = asyncio.Event()
        self.counts: dict[str, int] = {}
        self.reports: list[Report] = []
        self.disk_full = False
        self.weakness = ""

    @property
    def memory(self) -> Any:  # noqa: ANN401 - the driver has nothing to remember
        raise AssertionError("the driver needs no memory")

    def up(self) -> None:
        self.ups += 1
        self.came_up.set()

    def degraded(self, reason: str) -> None:
        self.weakness = reason

    def trouble(self, what: str, amount: int = 1) -> None:
        self.count(what, amount)

    def count(self, what: str, amount: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + amount

    async def report(self, report: Report) -> Recorded:
        if self.disk_full:
            raise StoreUnavailable("no space left")
        self.reports.append(report)
        return Recorded.NOTED


def page(text: str = "FIRE 3", address: str = "2001", number: int = 1) -> Page:
    return Page(number, 1, "pager", address, text, Priority.HIGH, created=0, due=0, expires=1e12, queue_time=0)


class Site:
    """The driver under test, its terminal, and the wire between them."""

    simulator_type: type[TapSimulator] = TapSimulator

    def __init__(self, terminal: dict[str, Any] | None = None, wire: Wire | None = None, **line: Any) -> None:  # noqa: ANN401
        self.clock = ManualClock()
        self.line = RecordingLine(self.clock)
        self.simulator = self.simulator_type(self.clock, TerminalSettings(port="memory", **(terminal or {})))
        self.driver = TapDriver(self.line, TapSettings(**{"port": "/dev/memory"} | line), self._open)
        self.wire = wire
        self.reachable = True
        self.opened = 0
        self.ends: tuple[MemoryTransport, MemoryTransport] | None = None
        self.running: asyncio.Task[None] | None = None

    async def _open(self, settings: SerialSettings, adapter: StreamAdapter[TapEvent]) -> None:
        if not self.reachable:
            adapter.abort()
            raise LineDown(f"cannot open {settings.port}")
        self.opened += 1
        self.ends = connect(adapter, self.simulator.adapter(), self.clock, self.wire)

    async def start(self) -> None:
        self.running = asyncio.create_task(self.driver.run())
        await settle()

    async def stop(self) -> None:
        assert self.running is not None
        self.running.cancel()
        await asyncio.wait([self.running])

    async def sending(self, what: Page | None = None) -> asyncio.Task[Receipt]:
        task = asyncio.create_task(self.driver.send(what or page()))
        await settle()
        return task

    async def sends(self, what: Page | None = None, within: float = 0) -> Receipt:
        """Send a page, letting `within` seconds pass for it."""
        task = await self.sending(what)
        await self.clock.advance(within)
        assert task.done()
        return task.result()

    async def down(self) -> str:
        """Return why the line went down; it has done so already."""
        assert self.running is not None
        assert self.running.done()
        error = self.running.exception()
        assert isinstance(error, LineDown)
        return str(error)

    @property
    def wrote(self) -> bytes:
        """What the driver has written on the present connection."""
        assert self.ends is not None
        return bytes(self.ends[0].written)
