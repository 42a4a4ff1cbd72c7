"""An SNPP line and a client, joined over loopback, with a store and a memory that may be slow or full."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from drivers.snpp import DRIVER, SETTINGS
from drivers.snpp.simulator import ClientSettings, SnppClient
from gatewayd.clock import SystemClock
from gatewayd.driver import News, Progress
from gatewayd.errors import StoreUnavailable
from gatewayd.model import Recorded, TextReceived

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from drivers.snpp.driver import SnppDriver
    from gatewayd.model import Report


class Memory:
    """The line's memory, which may be slow or refuse."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.failures = 0
        self.is_free = asyncio.Event()
        self.is_free.set()

    def items(self) -> dict[str, Any]:
        return dict(self.kept)

    async def save(self, changes: dict[str, Any]) -> None:
        await self.is_free.wait()
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("the disk is full")
        self.kept = {key: value for key, value in (self.kept | changes).items() if value is not None}


class Gateway:
    """What the driver sees of the gateway."""

    name = "it"

    def __init__(self, memory: Memory | None = None) -> None:
        self.clock = SystemClock()
        self.memory = memory or Memory()
        self.log = logging.LoggerAdapter(logging.getLogger("test.snpp"), {})
        self.reports: list[Report] = []
        self.counts: dict[str, int] = {}
        self.is_up = asyncio.Event()
        self.failures: list[Exception] = []
        self.reports_before_failure: int | None = None
        self.store_is_free = asyncio.Event()
        self.store_is_free.set()
        self.asked = asyncio.Event()
        self.driver: SnppDriver | None = None

    def tells(self, progress: Progress, key: str = "", who: str = "Anna") -> None:
        """Say what became of the newest text, or of that with this key."""
        assert self.driver is not None
        self.driver.tell(News(key or self.texts[-1].reference, progress, who, 1))

    def up(self) -> None:
        self.is_up.set()

    def count(self, what: str, amount: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + amount

    def trouble(self, what: str, amount: int = 1) -> None:
        self.count(what, amount)

    async def report(self, report: Report) -> Recorded:
        self.asked.set()
        await self.store_is_free.wait()
        if self.failures:
            raise self.failures.pop(0)
        if self.reports_before_failure is not None:
            self.reports_before_failure -= 1
            if self.reports_before_failure < 0:
                self.reports_before_failure = None
                raise StoreUnavailable("the disk is full")
        self.reports.append(report)
        return Recorded.FORWARDED

    @property
    def texts(self) -> list[TextReceived]:
        return [report for report in self.reports if isinstance(report, TextReceived)]


@asynccontextmanager
async def serving(memory: Memory | None = None, **values: Any) -> AsyncIterator[tuple[Gateway, SnppClient]]:  # noqa: ANN401 - any setting
    gateway = Gateway(memory)
    driver = gateway.driver = DRIVER(gateway, SETTINGS(port=0, **values))
    running = asyncio.create_task(driver.run())
    await gateway.is_up.wait()
    assert driver.bound is not None
    try:
        yield gateway, SnppClient(gateway.clock, ClientSettings(server=f"127.0.0.1:{driver.bound[1]}", caller="nagios"))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert driver.bound is None
