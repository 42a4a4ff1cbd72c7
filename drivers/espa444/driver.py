"""An ESPA 4.4.4 line of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drivers.espa444.calls import SentCalls
from drivers.espa444.ledger import Ledger
from drivers.espa444.pager import PagerSession
from drivers.espa444.panel import PanelSession
from gatewayd.driver import Capabilities, Driver, Receipt
from gatewayd.errors import LineDown
from gatewayd.transport.passage import Passage
from gatewayd.transport.serial import open_serial

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drivers.espa444.settings import EspaSettings
    from gatewayd.driver import Line, News
    from gatewayd.model import Page
    from gatewayd.transport.adapter import StreamAdapter

    OpenPort = Callable[[EspaSettings, StreamAdapter[Any]], Awaitable[None]]


class EspaDriver(Driver):
    """Receives calls from panels (role `pager`), or makes calls at paging transmitters (role `panel`)."""

    kind = "espa444"

    def __init__(self, line: Line, settings: EspaSettings, open_port: OpenPort = open_serial) -> None:
        super().__init__(line)
        self._settings = settings
        self._open_port = open_port
        self._calls = SentCalls(settings.stations[0])
        self._ledger = Ledger(settings)
        self._loaded = False
        self._passage = Passage(line.clock)
        self._session: PagerSession | PanelSession | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What the role allows; answers of pagers come only where there are polls."""
        if self._settings.role == "pager":
            return Capabilities(receives=True, follows=True)
        hears = self._settings.hears_status
        return Capabilities(
            receives=hears,
            sends=True,
            confirms_delivery=hears,
            carries_answers=hears,
            longest_text=self._settings.longest_text,
        )

    @property
    def port(self) -> str:
        """The device path or the address of the device server."""
        return self._settings.port

    async def run(self) -> None:
        """Open the port and serve until cancelled. Raises LineDown."""
        self._load()
        if self._settings.role == "pager":
            session: PagerSession | PanelSession = PagerSession(self.line, self._settings, self._passage, self._ledger)
        else:
            session = PanelSession(self.line, self._settings, self._passage, self._calls)
        try:
            await self._open_port(self._settings, session.adapter)
            self._session = session
            await session.serve()
        finally:
            self._session = None
            self._passage.ended(session.adapter)
            session.adapter.close()
            await session.adapter.wait_closed()

    def _load(self) -> None:
        """Take up, once, what the line's memory has kept over a restart."""
        if not self._loaded:
            self._loaded = True
            self._calls.load(self.line.memory.items())
            self._ledger.load(self.line.memory.items(), self.line.clock.now())

    def tell(self, news: News) -> None:
        """Take note of what became of a call; its panel hears of it as soon as there is a connection."""
        call = self._ledger.take(news)
        if isinstance(self._session, PagerSession):
            self._session.tell(call)

    async def send(self, page: Page) -> Receipt:
        """Make one call for `page`. Raises LineDown when there is no connection, or it is lost meanwhile."""
        if self._settings.role == "pager":
            return await super().send(page)
        if not isinstance(self._session, PanelSession):
            raise LineDown(f"{self._settings.port} is not open")
        return await self._session.call(page)
