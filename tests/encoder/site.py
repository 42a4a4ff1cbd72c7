"""A line to an encoder of any kind, and the encoder, joined in memory."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gatewayd.clock import ManualClock, settle
from gatewayd.errors import LineDown, StoreUnavailable
from gatewayd.model import Page, Priority, Recorded
from gatewayd.transport.memory import MemoryTransport, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from gatewayd.clock import Clock
    from gatewayd.driver import Receipt
    from gatewayd.encoder.driver import EncoderDriver, EncoderSettings
    from gatewayd.encoder.exchange import Exchange, Timing
    from gatewayd.encoder.simulator import EncoderSimulator
    from gatewayd.model import Report
    from gatewayd.transport.adapter import StreamAdapter

    Make = Callable[..., Awaitable["Site"]]


@dataclass(frozen=True)
class Kind:
    """One kind of encoder: its driver and its simulator, how its line is set, and what goes over it.

    `address` is one that it takes, `numeric` one that takes no letters; `frame` is "FIRE 3" to `address`. A kind that
    replies says `good`, which the receipt tells as `taken`.
    """

    name: str
    driver: type[EncoderDriver]
    settings: type[EncoderSettings]
    simulator: type[EncoderSimulator]
    sender: Callable[[Timing], Exchange]
    address: str
    numeric: str
    frame: bytes
    line: dict[str, Any] = field(default_factory=dict)
    good: bytes = b""
    taken: str = ""


class Memory:
    """What the line remembers."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def items(self) -> dict[str, Any]:
        return dict(self.kept)

    async def save(self, changes: dict[str, Any]) -> None:
        self.kept = {key: value for key, value in (self.kept | changes).items() if value is not None}


class Gateway:
    """What the driver sees of the gateway."""

    name = "pager"

    def __init__(self, clock: Clock, memory: Memory | None = None) -> None:
        self.clock = clock
        self.memory = memory or Memory()
        self.log = logging.LoggerAdapter(logging.getLogger("test.pager"), {})
        self.reports: list[Report] = []
        self.counts: dict[str, int] = {}
        self.ups = 0
        self.disk_full = False

    def up(self) -> None:
        self.ups += 1

    def count(self, what: str, amount: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + amount

    def trouble(self, what: str, amount: int = 1) -> None:
        self.count(what, amount)

    async def report(self, report: Report) -> Recorded:
        if self.disk_full:
            raise StoreUnavailable("no space left")
        self.reports.append(report)
        return Recorded.NOTED


class Held:
    """A port of which the kernel says how much has not left."""

    unsent = 0


class HeldTransport(MemoryTransport):
    """A wire whose near end has a kernel buffer that may be stuck."""

    port = Held()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's own signature
        return self.port if name == "serial" else default


def page(address: str, text: str = "FIRE 3", number: int = 1, tone: str = "") -> Page:
    return Page(
        number, 1, "pager", address, text, Priority.HIGH, created=0, due=0, expires=1e12, queue_time=0, tone=tone
    )


class Site:
    """The line under test, its encoder, and the wire between them."""

    def __init__(
        self,
        kind: Kind,
        encoder: dict[str, Any] | None = None,
        memory: Memory | None = None,
        **line: Any,  # noqa: ANN401 - any setting
    ) -> None:
        self.kind = kind
        self.clock = ManualClock()
        self.gateway = Gateway(self.clock, memory)
        self._encoder = encoder or {}
        self.replug()
        settings = kind.settings.model_validate({"port": "memory"} | kind.line | line)
        self.driver = kind.driver(self.gateway, settings, self._open)
        self.tasks: list[asyncio.Task[Any]] = []
        self._ended: list[asyncio.Task[Any]] = []
        self.near: MemoryTransport | None = None
        self.port = Held()

    async def _open(self, settings: object, adapter: StreamAdapter[Any]) -> None:
        if self.encoder.adapter.lost is not None:
            adapter.abort()
            raise LineDown("cannot open memory")
        self.near, _ = connect(adapter, self.encoder.adapter, self.clock)
        self.near.__class__ = HeldTransport
        self.near.port = self.port  # type: ignore[attr-defined]

    def replug(self) -> None:
        """Have a new encoder on the port; `start` runs the line anew, as its supervisor does."""
        settings: Any = self.kind.simulator.Settings(**self._encoder)
        self.encoder: EncoderSimulator = self.kind.simulator(self.clock, settings)  # type: ignore[call-arg]

    async def start(self) -> None:
        self._ended += self.tasks
        self.tasks = [asyncio.create_task(self.driver.run()), asyncio.create_task(self.encoder.serve())]
        await settle()

    async def stop(self) -> None:
        tasks = [*self._ended, *self.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def page(self, text: str = "FIRE 3", address: str = "", number: int = 1, tone: str = "") -> Page:
        """Return a page to an address that the kind takes, or to this one."""
        return page(address or self.kind.address, text, number, tone)

    async def sending(self, text: str = "FIRE 3", **what: Any) -> asyncio.Task[Receipt]:  # noqa: ANN401 - of a page
        task = asyncio.create_task(self.driver.send(self.page(text, **what)))
        self.tasks.append(task)
        await settle()
        return task

    async def sends(self, text: str = "FIRE 3", *, within: float = 1.0, **what: Any) -> Receipt:  # noqa: ANN401
        """Send a page, letting `within` seconds pass for it."""
        task = await self.sending(text, **what)
        await self.clock.advance(within)
        assert task.done()
        return task.result()

    async def answers(self, data: bytes) -> None:
        """Let the encoder say something of its own accord."""
        transport = self.encoder.adapter.transport
        assert transport is not None
        transport.write(data)
        await settle()

    @property
    def wrote(self) -> bytes:
        """What the driver has written."""
        assert self.near is not None
        return bytes(self.near.written)

    async def unplug(self) -> None:
        assert self.near is not None
        self.near.cut(OSError("unplugged"))
        await settle()

    def down(self) -> str:
        """Return why the line went down; it has done so already."""
        error = self.tasks[0].exception()
        assert isinstance(error, LineDown)
        return str(error)


@asynccontextmanager
async def sites(kind: Kind) -> AsyncIterator[Make]:
    """Build sites of a kind, which end with their test."""
    built: list[Site] = []

    async def build(encoder: dict[str, Any] | None = None, **line: Any) -> Site:  # noqa: ANN401 - any setting
        site = Site(kind, encoder, **line)
        built.append(site)
        await site.start()
        return site

    yield build
    for site in built:
        await site.stop()
