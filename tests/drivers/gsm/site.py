"""A GSM line and a modem, joined in memory: what the driver is tested on."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from drivers.gsm.driver import GsmDriver
from drivers.gsm.settings import GsmSettings
from drivers.gsm.simulated import ModemSettings
from drivers.gsm.simulator import GsmSimulator
from gatewayd.clock import ManualClock, settle
from gatewayd.errors import LineDown, StoreUnavailable
from gatewayd.model import AlarmActivated, AlarmReset, Page, PageConfirmed, Priority, Recorded, Report, TextReceived
from gatewayd.transport.memory import MemoryTransport, Wire, connect

if TYPE_CHECKING:
    from drivers.gsm.events import GsmEvent
    from gatewayd.clock import Clock
    from gatewayd.driver import Receipt
    from gatewayd.transport.adapter import StreamAdapter
    from gatewayd.transport.serial import SerialSettings

ANNA = "+491701234567"
BERT = "+491707654321"


class Memory:
    """What survives a restart."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.full = False

    def items(self) -> dict[str, Any]:
        return dict(self.kept)

    async def save(self, changes: dict[str, Any]) -> None:
        if self.full:
            raise StoreUnavailable("no space left")
        self.kept |= changes
        self.kept = {key: value for key, value in self.kept.items() if value is not None}


class RecordingLine:
    """What the driver sees of the gateway, remembered."""

    name = "sms"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.log = logging.LoggerAdapter(logging.getLogger("test.gsm"))
        self.memory = Memory()
        self.ups = 0
        self.came_up = asyncio.Event()
        self.counts: dict[str, int] = {}
        self.reports: list[Report] = []
        self.disk_full = False
        self.weakness = ""

    def up(self) -> None:
        self.ups += 1
        self.came_up.set()

    def degraded(self, reason: str) -> None:
        self.weakness = reason

    def count(self, what: str, amount: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + amount

    def trouble(self, what: str, amount: int = 1) -> None:
        self.count(what, amount)

    async def report(self, report: Report) -> Recorded:
        if self.disk_full:
            raise StoreUnavailable("no space left")
        self.reports.append(report)
        return Recorded.NOTED

    @property
    def texts(self) -> list[tuple[str, str]]:
        return [(report.sender, report.text) for report in self.reports if isinstance(report, TextReceived)]

    @property
    def confirmed(self) -> list[tuple[str, str]]:
        return [(report.reference, report.state) for report in self.reports if isinstance(report, PageConfirmed)]

    @property
    def faults(self) -> list[str]:
        """The faults that stand."""
        standing: dict[str, str] = {}
        for report in self.reports:
            if isinstance(report, AlarmActivated):
                assert report.fault
                standing[report.key] = report.text
            elif isinstance(report, AlarmReset) and report.key is not None:
                standing.pop(report.key, None)
        return list(standing.values())


def page(text: str = "FIRE 3", address: str = ANNA, number: int = 1, expires: float = 1e12) -> Page:
    return Page(number, 1, "sms", address, text, Priority.HIGH, created=0, due=0, expires=expires, queue_time=0)


class Site:
    """The driver under test, its modem, and the wire between them."""

    def __init__(self, modem: dict[str, Any] | None = None, wire: Wire | None = None, **line: Any) -> None:  # noqa: ANN401
        self.clock = ManualClock()
        self.line = RecordingLine(self.clock)
        self.modem = GsmSimulator(self.clock, ModemSettings(port="memory", **(modem or {})))
        self.powered: list[tuple[str, ...]] = []
        self.driver = GsmDriver(self.line, GsmSettings(**{"port": "/dev/memory"} | line), self._open, self._power)
        self.wire = wire
        self.opened = 0
        self.ends: tuple[MemoryTransport, MemoryTransport] | None = None
        self.running: asyncio.Task[None] | None = None

    async def _open(self, settings: SerialSettings, adapter: StreamAdapter[GsmEvent]) -> None:
        self.opened += 1
        self.ends = connect(adapter, self.modem.adapter(), self.clock, self.wire)

    async def _power(self, command: tuple[str, ...], line: object) -> None:
        self.powered.append(command)

    async def start(self, within: float = 1.0) -> None:
        self.running = asyncio.create_task(self.driver.run())
        self.running.add_done_callback(_look)
        await self.clock.advance(within)

    async def restart(self) -> None:
        """Open the port anew, as the gateway does when a line was down."""
        if self.running is not None:
            self.running.cancel()
            await asyncio.wait([self.running])
        await self.start()

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

    def down(self) -> str:
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

    def says(self, text: str) -> None:
        """Let the modem's end say something that the simulated modem does not."""
        assert self.ends is not None
        self.ends[1].write(text.encode("latin-1"))


def _look(ended: asyncio.Task[None]) -> None:
    """Take note of how a line ended: not every test asks, and asyncio complains of what nobody asked for."""
    if not ended.cancelled():
        ended.exception()
