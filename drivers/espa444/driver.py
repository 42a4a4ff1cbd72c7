"""An ESPA 4.4.4 line of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drivers.espa444.mapping import SentCalls
from drivers.espa444.sessions import PagerSession, PanelSession
from gatewayd.driver import Capabilities, Driver, Receipt
from gatewayd.errors import LineDown
from gatewayd.transport.serial import open_serial

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drivers.espa444.settings import EspaSettings
    from gatewayd.driver import Line
    from gatewayd.model import Page
    from gatewayd.transport.adapter import StreamAdapter

    OpenPort = Callable[[EspaSettings, StreamAdapter[Any]], Awaitable[None]]


class EspaDriver(Driver):
    """Receives calls from a panel (role `pager`), or makes calls at a paging transmitter (role `panel`)."""

    kind = "espa444"

    def __init__(self, line: Line, settings: EspaSettings, open_port: OpenPort = open_serial) -> None:
        super().__init__(line)
        self._settings = settings
        self._open_port = open_port
        self._calls = SentCalls()
        self._panel: PanelSession | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What the role allows; answers of pagers come only to those who poll."""
        if self._settings.role == "pager":
            return Capabilities(receives=True)
        polls = bool(self._settings.polls)
        return Capabilities(
            receives=polls,
            sends=True,
            confirms_delivery=polls,
            carries_answers=polls,
            longest_text=self._settings.longest_text,
        )

    @property
    def port(self) -> str:
        """The device path or the address of the device server."""
        return self._settings.port

    async def run(self) -> None:
        """Open the port and serve until cancelled. Raises LineDown."""
        session: PagerSession | PanelSession
        if self._settings.role == "pager":
            session = PagerSession(self.line, self._settings)
        else:
            session = self._panel = PanelSession(self.line, self._settings, self._calls)
        try:
            await self._open_port(self._settings, session.adapter)
            await session.serve()
        finally:
            self._panel = None
            session.adapter.close()
            await session.adapter.wait_closed()

    async def send(self, page: Page) -> Receipt:
        """Make one call for `page`. Raises LineDown when there is no connection, or it is lost meanwhile."""
        if self._settings.role == "pager":
            return await super().send(page)
        if self._panel is None or self._panel.adapter.transport is None:
            raise LineDown(f"{self._settings.port} is not open")
        return await self._panel.call(page)
