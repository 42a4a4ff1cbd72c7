"""A line of text and a panel that prints, joined in memory, with a store that may be slow or full."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from drivers.ascii import DRIVER
from drivers.ascii.simulator import PrinterSettings, SimulatedPrinterPort
from gatewayd.clock import ManualClock, settle
from gatewayd.errors import LineDown, StoreUnavailable
from gatewayd.model import AlarmActivated, AlarmReset, Recorded
from gatewayd.transport.memory import MemoryTransport, Wire, connect
from tests.drivers.ascii.samples import line

if TYPE_CHECKING:
    from drivers.ascii.settings import AsciiSettings
    from gatewayd.clock import Clock
    from gatewayd.model import Report
    from gatewayd.transport.adapter import StreamAdapter


class Memory:
    """The line's memory; `order` notes when it is written between reports."""

    def __init__(self, order: list[str]) -> None:
        self.kept: dict[str, Any] = {}
        self.failures = 0
        self._order = order

    def items(self) -> dict[str, Any]:
        return dict(self.kept)

    async def save(self, changes: dict[str, Any]) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("the disk is full")
        self._order += [f"{'remember' if value else 'forget'} {key}" for key, value in changes.items()]
        self.kept = {key: value for key, value in (self.kept | changes).items() if value is not None}


class Gateway:
    """What the driver sees of the gateway."""

    name = "panel"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.order: list[str] = []
        self.memory = Memory(self.order)
        self.log = logging.LoggerAdapter(logging.getLogger("test.ascii"), {})
        self.reports: list[Report] = []
        self.standing: set[str | None] = set()
        self.counts: dict[str, int] = {}
        self.ups = 0
        self.failures: list[Exception] = []
        self.store_is_free = asyncio.Event()
        self.store_is_free.set()

    def up(self) -> None:
        self.ups += 1

    def count(self, what: str, amount: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + amount

    def trouble(self, what: str, amount: int = 1) -> None:
        self.count(what, amount)

    async def report(self, report: Report) -> Recorded:
        await self.store_is_free.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.reports.append(report)
        self.order.append(f"{type(report).__name__} {getattr(report, 'key', '')}")
        return self._taken(report)

    def _taken(self, report: Report) -> Recorded:
        """Fold alarms as the engine does."""
        if isinstance(report, AlarmReset):
            self.standing.discard(report.key)
            return Recorded.CLEARED
        if not isinstance(report, AlarmActivated):
            return Recorded.FORWARDED
        known = report.key in self.standing
        self.standing.add(report.key)
        return Recorded.REPEAT if known else Recorded.NEW

    @property
    def alarms(self) -> list[str]:
        return [report.text for report in self.reports if isinstance(report, AlarmActivated) and not report.fault]

    @property
    def faults(self) -> list[str]:
        return [report.key for report in self.reports if isinstance(report, AlarmActivated) and report.fault]

    @property
    def resets(self) -> list[str | None]:
        return [report.key for report in self.reports if isinstance(report, AlarmReset)]


class Site:
    """The line under test, its panel, and the wire between them."""

    def __init__(
        self,
        *layers: dict[str, Any],
        panel: dict[str, Any] | None = None,
        wire: Wire | None = None,
        gateway: Gateway | None = None,
        **more: Any,  # noqa: ANN401 - any setting of the line
    ) -> None:
        self.clock = ManualClock()
        if gateway is not None:
            assert isinstance(gateway.clock, ManualClock)
            self.clock = gateway.clock
        self.gateway = gateway or Gateway(self.clock)
        self.driver = DRIVER(self.gateway, line(*layers, **more), self._open)
        self.options = panel or {}
        self.panel = self._new_panel()
        self.wire = wire
        self.end: MemoryTransport | None = None
        self.running: asyncio.Task[None] | None = None
        self.serving: asyncio.Task[None] | None = None
        self.device = self.panel.adapter

    def _new_panel(self) -> SimulatedPrinterPort:
        return SimulatedPrinterPort(self.clock, PrinterSettings(**self.options))

    async def _open(self, settings: AsciiSettings, adapter: StreamAdapter[Any]) -> None:
        if self.device.lost is not None:
            adapter.abort()
            raise LineDown(f"cannot open {settings.port}")
        self.end, _ = connect(adapter, self.device, self.clock, self.wire)

    async def start(self) -> None:
        self.serving = asyncio.create_task(self.panel.serve())
        self.running = asyncio.create_task(self.driver.run())
        await settle()

    async def says(self, *lines: str) -> None:
        await self.panel.prints(*lines)
        await settle()

    async def sends(self, data: bytes) -> None:
        await self.panel.transmits(data)
        await settle()

    async def unplug(self) -> str:
        """Pull the plug; return why the line went down."""
        assert self.end is not None
        assert self.running is not None
        self.end.cut(OSError("unplugged"))
        await settle()
        error = self.running.exception()
        assert isinstance(error, LineDown)
        return str(error)

    async def replug(self) -> None:
        """Connect the panel again and let the supervisor's next attempt happen."""
        assert self.serving is not None
        await asyncio.gather(self.serving, return_exceptions=True)
        self.panel = self._new_panel()
        self.device = self.panel.adapter
        await self.start()

    async def stop(self) -> None:
        for task in (self.running, self.serving):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
