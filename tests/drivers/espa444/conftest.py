"""A gateway line on a clock that the test moves, joined by a wire in memory to a simulated panel or pager."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from drivers.espa444 import DRIVER, SETTINGS
from drivers.espa444.simulator import PagerSettings, PanelSettings, SimulatedPager, SimulatedPanel
from gatewayd.clock import ManualClock, settle
from gatewayd.driver import News, Progress
from gatewayd.errors import NotDurable, StoreUnavailable
from gatewayd.model import AlarmActivated, AlarmReset, Page, Priority, Recorded, TextReceived
from gatewayd.transport.memory import MemoryTransport, Wire, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from drivers.espa444.settings import EspaSettings
    from gatewayd.driver import Receipt
    from gatewayd.model import Report
    from gatewayd.transport.adapter import StreamAdapter

KEY = "2001|FIRE ZONE 3"


@dataclass
class Memory:
    """The line's memory, without a disk."""

    kept: dict[str, Any] = field(default_factory=dict)
    failures: int = 0
    disk_is_down: bool = False

    def items(self) -> dict[str, Any]:
        return dict(self.kept)

    async def save(self, changes: dict[str, Any]) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("the disk is full")
        self.kept = {key: value for key, value in (self.kept | changes).items() if value is not None}
        if self.disk_is_down:
            raise NotDurable("it is remembered, and not stored")


@dataclass
class Gateway:
    """What a driver sees of the gateway; the test may make its store slow or unavailable."""

    clock: ManualClock = field(default_factory=ManualClock)
    name: str = "panel"
    memory: Memory = field(default_factory=Memory)
    reports: list[Report] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    is_up: bool = False
    weakness: str = ""
    store_is_free: asyncio.Event = field(default_factory=asyncio.Event)
    failures: int = 0
    on_report: Callable[[Report], None] = lambda _: None

    def __post_init__(self) -> None:
        self.store_is_free.set()

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        return logging.LoggerAdapter(logging.getLogger("test"), {})

    def up(self) -> None:
        self.is_up = True

    def degraded(self, reason: str) -> None:
        self.weakness = reason

    def trouble(self, what: str, amount: int = 1) -> None:
        self.count(what, amount)

    def count(self, what: str, amount: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + amount

    async def report(self, report: Report) -> Recorded:
        await self.store_is_free.wait()
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("the disk is full")
        self.reports.append(report)
        self.on_report(report)
        if self.memory.disk_is_down:
            raise NotDurable("it has taken effect, and is not stored")
        return Recorded.NEW

    @property
    def texts(self) -> list[TextReceived]:
        return [report for report in self.reports if isinstance(report, TextReceived)]

    @property
    def alarms(self) -> list[AlarmActivated]:
        return [report for report in self.reports if isinstance(report, AlarmActivated) and not report.fault]

    @property
    def faults(self) -> list[AlarmActivated]:
        return [report for report in self.reports if isinstance(report, AlarmActivated) and report.fault]

    @property
    def resets(self) -> list[AlarmReset]:
        return [report for report in self.reports if isinstance(report, AlarmReset)]


def espa(**options: object) -> EspaSettings:
    """Return the settings of a line, as a configuration file gives them."""
    return SETTINGS.model_validate({"port": "memory"} | options)


class Tap(asyncio.Protocol):
    """Where a station is tapped into a bus: what it says is heard by all the others."""

    def __init__(self, taps: list[Tap]) -> None:
        self._taps = taps
        taps.append(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for tap in self._taps:
            if tap is not self:
                tap.transport.write(data)


class Site:
    """A gateway, a device, and the wire between them. `said` are the bytes that the gateway has sent."""

    def __init__(self) -> None:
        self.gateway = Gateway()
        self.clock = self.gateway.clock
        self.wire: MemoryTransport | None = None
        self.tasks: list[asyncio.Task[Any]] = []
        self.driver: Any = None
        self.device: Any = None

    @property
    def said(self) -> bytes:
        assert self.wire is not None
        return bytes(self.wire.written)

    def start(self, coroutine: Any) -> asyncio.Task[Any]:  # noqa: ANN401 - whatever the test wants to run
        task: asyncio.Task[Any] = asyncio.ensure_future(coroutine)
        self.tasks.append(task)
        return task

    async def join(self, device: StreamAdapter[Any] | asyncio.Protocol, wire: Wire | None, settings: Any) -> None:  # noqa: ANN401
        self.device = device

        async def open_port(_settings: object, adapter: StreamAdapter[Any]) -> None:
            self.wire, _ = connect(adapter, self.device, self.clock, wire)

        self.driver = DRIVER(self.gateway, settings, open_port)
        self.start(self.driver.run())
        await settle()

    async def panel(
        self, wire: Wire | None = None, options: dict[str, Any] | None = None, **settings: object
    ) -> SimulatedPanel:
        """Join a simulated panel; the gateway is its pager."""
        panel = SimulatedPanel(self.clock, PanelSettings(**(options or {})))
        await self.join(panel.adapter, wire, espa(role="pager", **settings))
        self.start(panel.serve())
        return panel

    async def pager(
        self, wire: Wire | None = None, options: dict[str, Any] | None = None, **settings: object
    ) -> SimulatedPager:
        """Join a simulated paging transmitter; the gateway is its panel."""
        pager = SimulatedPager(self.clock, PagerSettings(**(options or {})))
        await self.join(pager.adapter, wire, espa(role="panel", **settings))
        self.start(pager.serve())
        return pager

    async def bus(self, devices: list[SimulatedPager] | list[SimulatedPanel], **settings: object) -> None:
        """Join several simulated devices to one line, as on RS-485."""
        taps: list[Tap] = []
        for device in devices:
            connect(device.adapter, Tap(taps), self.clock)
        await self.join(Tap(taps), None, espa(**settings))
        for device in devices:
            self.start(device.serve())

    async def reconnect(self, **options: Any) -> SimulatedPanel:  # noqa: ANN401 - those of the panel
        """Plug a panel in again after the wire was cut: the same driver runs anew, as under its supervisor."""
        panel = SimulatedPanel(self.clock, PanelSettings(**options))
        self.device = panel.adapter
        self.start(self.driver.run())
        await settle()
        self.start(panel.serve())
        return panel

    async def restart(self) -> None:
        """End everything without notice; what is joined next has the same memory."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()
        self.gateway.reports.clear()

    def tells(self, progress: Progress, key: str = KEY) -> None:
        """Let the engine tell the line what became of something that it reported."""
        self.driver.tell(News(key, progress, "Anna", 1))

    async def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Let time pass until `condition` holds."""
        end = self.clock.now() + seconds
        while not condition():
            assert self.clock.now() < end, "it did not happen in time"
            await self.clock.advance(0.02)

    async def finish(self, task: asyncio.Task[Any], seconds: float = 60) -> Any:  # noqa: ANN401
        """Let time pass until `task` is done; return its result."""
        await self.until(task.done, seconds)
        return task.result()

    async def sends(self, text: str = "FIRE 3", address: str = "2001", **options: Any) -> Receipt:  # noqa: ANN401
        """Let the gateway send a page; return the receipt."""
        receipt: Receipt = await self.finish(self.start(self.driver.send(page(text, address, **options))))
        return receipt


def page(text: str = "FIRE 3", address: str = "2001", priority: Priority = Priority.EMERGENCY, tone: str = "") -> Page:
    """Return a page."""
    return Page(
        id=1,
        message_id=1,
        line="panel",
        address=address,
        text=text,
        priority=priority,
        created=0,
        due=0,
        expires=1e12,
        queue_time=0,
        tone=tone,
    )


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    yield site
    for task in site.tasks:
        task.cancel()
    await asyncio.gather(*site.tasks, return_exceptions=True)
