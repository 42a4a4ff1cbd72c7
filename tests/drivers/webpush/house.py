"""A Web Push line, a push service with its browsers, and the memory between two starts of the line."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from drivers.webpush.driver import WebPushDriver
from drivers.webpush.settings import WebPushSettings
from drivers.webpush.simulator import Device, PushService, PushServiceSettings
from drivers.webpush.subscriptions import memory_key, subscription_id
from gatewayd.clock import ManualClock, settle
from gatewayd.errors import LineDown, StoreUnavailable
from gatewayd.model import Page, Priority, Recorded, Report

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gatewayd.clock import Clock
    from gatewayd.driver import Receipt

START = 1_700_000_000.0
SUBJECT = "mailto:it@hospital.example"


class Memory:
    """A line's memory that can break."""

    def __init__(self) -> None:
        self.saved: dict[str, Any] = {}
        self.broken = False

    def items(self) -> dict[str, Any]:
        return dict(self.saved)

    async def save(self, changes: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        if self.broken:
            raise StoreUnavailable("the disk is full")
        for key, value in changes.items():
            self.saved.pop(key, None)
            if value is not None:
                self.saved[key] = value


class FakeLine:
    """What the driver sees of the gateway, remembered."""

    name = "push"

    def __init__(self, clock: Clock, memory: Memory) -> None:
        self.clock = clock
        self.memory = memory
        self.log = logging.LoggerAdapter(logging.getLogger("test.webpush"))
        self.ups = 0
        self.is_up = asyncio.Event()
        self.counters: Counter[str] = Counter()
        self.rated = ""
        self.ratings: list[str] = []

    def up(self) -> None:
        self.ups += 1
        self.is_up.set()

    def count(self, what: str, amount: int = 1) -> None:
        self.counters[what] += amount

    def degraded(self, reason: str) -> None:
        self.rated = reason
        self.ratings.append(reason)

    def trouble(self, what: str, amount: int = 1) -> None:
        self.count(what, amount)

    async def report(self, report: Report) -> Recorded:
        raise AssertionError(f"a line that only sends reports nothing: {report}")


def page(text: str = "FIRE 3", address: str = "", **changes: Any) -> Page:  # noqa: ANN401 - any field
    values: dict[str, Any] = {
        "id": 1, "message_id": 1, "line": "push", "address": address, "text": text, "priority": Priority.HIGH,
        "created": START, "due": START, "expires": START + 600, "queue_time": START,
    }  # fmt: skip
    return Page(**{**values, **changes})


class House:
    """The line under test beside a push service on loopback, which the line is allowed to reach."""

    def __init__(self, service: dict[str, Any] | None = None, **settings: Any) -> None:  # noqa: ANN401 - any setting
        self.clock = ManualClock(START)
        self.memory = Memory()
        self.line = FakeLine(self.clock, self.memory)
        self.service = PushService(self.clock, PushServiceSettings(**{"browsers": 0, **(service or {})}))
        given = {"subject": SUBJECT, "allow_http": True, "allow_hosts": ("127.0.0.1",), "timeout": 5.0}
        self.settings = WebPushSettings(**{**given, **settings})
        self.lookup: Callable[[str], list[str]] | None = None
        self.driver = WebPushDriver(self.line, self.settings)

    def subscribe(self, device: Device | None = None, **changes: Any) -> tuple[str, Device]:  # noqa: ANN401 - any field
        """Subscribe a browser as the API does; return the address of its pages, and the browser."""
        device = device or self.service.subscribe()
        value = {**device.subscription(), "user_id": 7, "time": START, "name": "phone", **changes}
        address = subscription_id(value["endpoint"])
        self.memory.saved[memory_key(address)] = value
        return address, device

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[House]:
        """Start both ends."""
        async with self.service_open(), self.line_open():
            yield self

    @contextlib.asynccontextmanager
    async def service_open(self) -> AsyncIterator[PushService]:
        """Start the push service, the second time on the port of the first."""
        self._serving = asyncio.create_task(self.service.run())
        await self.service.opened.wait()
        try:
            yield self.service
        finally:
            await self.service_closes()

    async def service_closes(self) -> None:
        """End the push service; its port answers no more, and the next one opens the same."""
        await ended(self._serving)
        port = int(self.service.origin.rpartition(":")[2])
        self.service.settings = self.service.settings.model_copy(update={"port": port})
        self.service.opened.clear()

    @contextlib.asynccontextmanager
    async def line_open(self, *, again: bool = False) -> AsyncIterator[WebPushDriver]:
        """Start the line: as after a restart of the process (only the memory stays), or `again` after it went down.

        Raises LineDown.
        """
        if again:
            self.line.is_up.clear()
        else:
            self.line = FakeLine(self.clock, self.memory)
            self.driver = WebPushDriver(self.line, self.settings, self.lookup)
        self._running = running = asyncio.create_task(self.driver.run())
        up = asyncio.create_task(self.line.is_up.wait())
        await asyncio.wait({running, up}, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if running.done():
            running.result()
        try:
            yield self.driver
        finally:
            await ended(running)

    async def watched(self) -> None:
        """Wait until the line has proved its way out and waits for the next time."""
        while self.clock.next_due() is None:
            await settle(1)

    @property
    def is_down(self) -> bool:
        """Whether the line has ended by itself."""
        return self._running.done()

    async def down(self) -> str:
        """Wait until the line is down and return why."""
        await asyncio.wait({self._running})
        error = self._running.exception()
        assert isinstance(error, LineDown)
        return str(error)

    async def sends(self, text: str = "FIRE 3", address: str = "", **changes: Any) -> Receipt:  # noqa: ANN401 - any field
        return await self.driver.send(page(text, address, **changes))


async def ended(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and not isinstance(task.exception(), LineDown | None):
        task.result()
