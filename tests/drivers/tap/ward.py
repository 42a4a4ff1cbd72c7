"""A TAP line that is a paging terminal, and its clients, joined in memory: what the receiving end is tested on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from drivers.tap.driver import TapDriver
from drivers.tap.settings import TapSettings
from drivers.tap.simulated_client import ClientSettings, TapClient
from gatewayd.clock import ManualClock, settle
from gatewayd.model import Recorded, Report, TextReceived
from gatewayd.transport.memory import MemoryTransport, connect
from tests.drivers.tap.site import RecordingLine

if TYPE_CHECKING:
    from drivers.tap.pages import PageSettled, TapEvent
    from gatewayd.clock import Clock
    from gatewayd.errors import GatewayError
    from gatewayd.transport.adapter import StreamAdapter
    from gatewayd.transport.serial import SerialSettings


class TakingLine(RecordingLine):
    """What the driver sees of a gateway that takes texts once, and whose store may be slow or full."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.failures: list[GatewayError] = []
        self.store_is_free = asyncio.Event()
        self.store_is_free.set()

    @property
    def texts(self) -> list[tuple[str, str]]:
        return [(report.recipient, report.text) for report in self.reports if isinstance(report, TextReceived)]

    async def report(self, report: Report) -> Recorded:
        await self.store_is_free.wait()
        if self.failures:
            raise self.failures.pop(0)
        assert isinstance(report, TextReceived)
        if any(isinstance(old, TextReceived) and old.reference == report.reference for old in self.reports):
            return Recorded.REPEAT
        self.reports.append(report)
        return Recorded.FORWARDED


class Ward:
    """The driver under test on a port; a client, and the wire between them."""

    def __init__(self, client: dict[str, Any] | None = None, **line: Any) -> None:  # noqa: ANN401 - any setting
        self.clock = ManualClock()
        self.line = TakingLine(self.clock)
        self.driver = TapDriver(
            self.line, TapSettings(**{"port": "/dev/memory", "role": "terminal"} | line), self._open
        )
        self.client = TapClient(self.clock, ClientSettings(port="memory", **(client or {})), self.plug)
        self.running: asyncio.Task[None] | None = None
        self.heard = bytearray()
        self._near: StreamAdapter[Any] | None = None
        self._wire: MemoryTransport | None = None

    async def start(self) -> Ward:
        self.running = asyncio.create_task(self.driver.run())
        await settle()
        return self

    async def stop(self) -> None:
        assert self.running is not None
        self.running.cancel()
        await asyncio.wait([self.running])

    async def down(self) -> str:
        """Return why the line goes down, which it is about to do."""
        assert self.running is not None
        await asyncio.wait([self.running])
        return str(self.running.exception())

    async def says(self, data: bytes) -> bytes:
        """Play a client by hand: say something and return what the terminal answered."""
        if self._wire is None:
            await self.plug(_Ear(self.heard))
        assert self._wire is not None
        before = len(self.heard)
        self._wire.write(data)
        await settle()
        return bytes(self.heard[before:])

    async def waits(self, seconds: float) -> bytes:
        before = len(self.heard)
        await self.clock.advance(seconds)
        return bytes(self.heard[before:])

    async def pages(self, text: str = "FIRE 3", pager_id: str = "2001", within: float = 20) -> PageSettled:
        task = asyncio.create_task(self.client.page(pager_id, text))
        await self.clock.advance(within)
        assert task.done()
        return task.result()

    async def _open(self, settings: SerialSettings, adapter: StreamAdapter[Any]) -> None:
        self._near = adapter

    async def plug(self, adapter: StreamAdapter[TapEvent] | asyncio.Protocol) -> None:
        assert self._near is not None
        if self._wire is None:
            self._wire, _ = connect(adapter, self._near, self.clock)
            return
        self._wire.attach(adapter, _other(self._wire))
        adapter.connection_made(self._wire)


class _Ear(asyncio.Protocol):
    def __init__(self, heard: bytearray) -> None:
        self._heard = heard

    def data_received(self, data: bytes) -> None:
        self._heard += data


def _other(wire: MemoryTransport) -> MemoryTransport:
    assert wire._peer is not None
    return wire._peer
