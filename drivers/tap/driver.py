"""The TAP line of the gateway: an entry device, which sends, or a paging terminal, which receives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drivers.tap.sending import Sender
from gatewayd.driver import Capabilities, Driver, Receipt
from gatewayd.transport.serial import open_serial

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drivers.tap.receiving import Receiver
    from drivers.tap.settings import TapSettings
    from gatewayd.driver import Address, RatedLine
    from gatewayd.model import Page
    from gatewayd.transport.adapter import StreamAdapter

    Opener = Callable[[TapSettings, StreamAdapter[Any]], Awaitable[None]]


class TapDriver(Driver):
    """Sends pages to one paging terminal (role `entry`), or takes those of entry devices (role `terminal`)."""

    kind: ClassVar[str] = "tap"

    def __init__(self, line: RatedLine, settings: TapSettings, opener: Opener = open_serial) -> None:
        super().__init__(line)
        self._settings = settings
        self._end = _end(line, settings, opener)

    @property
    def capabilities(self) -> Capabilities:
        """What the role allows."""
        return self._end.capabilities

    @property
    def port(self) -> str:
        """The device path, the device server, or where clients connect."""
        bound = self.bound or self._settings.listening
        if bound is None:
            return self._settings.port
        host, port = bound
        return f"tcp:[{host}]:{port}" if ":" in host else f"tcp:{host}:{port}"

    @property
    def bound(self) -> Address | None:
        """Where the terminal listens, once it does."""
        return None if isinstance(self._end, Sender) else self._end.bound

    async def run(self) -> None:
        """Serve the line until cancelled. Raises LineDown."""
        await self._end.run()

    async def send(self, page: Page) -> Receipt:
        """Make one attempt to deliver `page`. Raises LineDown when the device is lost meanwhile."""
        return await self._end.send(page) if isinstance(self._end, Sender) else await super().send(page)


def _end(line: RatedLine, settings: TapSettings, opener: Opener) -> Sender | Receiver:
    """Return what serves the line. A line that sends over a wire need not wait for the code of the other ends."""
    if settings.role == "terminal":
        from drivers.tap.receiving import Receiver

        return Receiver(line, settings, opener)
    if settings.modem:
        from drivers.tap.calling import Caller

        return Caller(line, settings, opener)
    return Sender(line, settings, opener)
