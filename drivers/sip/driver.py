"""The SIP line: a registrar and message gateway that opens its sockets anew whenever they are lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drivers.sip.session import Session, SipLine
from gatewayd.driver import Capabilities, Driver
from gatewayd.errors import LineDown

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from drivers.sip.settings import SipSettings
    from gatewayd.driver import Address, News, Receipt
    from gatewayd.model import Page


class SipDriver(Driver):
    """A registrar and message gateway for SIP phones."""

    kind: ClassVar[str] = "sip"

    def __init__(self, line: SipLine, settings: SipSettings) -> None:
        super().__init__(line)
        self._line = line
        self._settings = settings
        self._capabilities = Capabilities(
            receives=True,
            sends=True,
            confirms_delivery=True,
            carries_answers=True,
            answers_in_text=True,
            longest_text=settings.longest_text,
            parallel=settings.parallel,
            follows=bool(settings.accepted_text or settings.unreached_text),
        )
        self._session: Session | None = None

    @property
    def capabilities(self) -> Capabilities:
        """Both directions; a 200 means that the phone has the text."""
        return self._capabilities

    @property
    def bound(self) -> Address | None:
        """Host and port that are open now, or None."""
        return self._session.bound if self._session else None

    @property
    def tls_bound(self) -> Address | None:
        """Host and port that are open for TLS now, or None."""
        return self._session.tls_bound if self._session else None

    @property
    def port(self) -> str:
        """Return `udp+tcp:host:port`, with the actual port once it is open."""
        host, port = self.bound or (self._settings.host, self._settings.port)
        return f"udp+tcp:[{host}]:{port}" if ":" in host else f"udp+tcp:{host}:{port}"

    async def run(self) -> None:
        """Serve the phones until cancelled. Raises LineDown when a socket cannot be opened or is lost."""
        session = Session(self._line, self._settings)
        try:
            await session.open()
            self._session = session
            self.line.up()
            await session.serve()
        finally:
            self._session = None
            session.close()

    def tell(self, news: News) -> None:
        """Tell the phone that sent a text what became of it, as the settings want it."""
        if self._session is not None:
            self._session.tell(news)

    def send(self, page: Page) -> Coroutine[Any, Any, Receipt]:
        """Deliver one page to every device of its user, and wait for what they answer. Raises LineDown."""
        if self._session is None:
            raise LineDown("the SIP port is not open")
        return self._session.send(page)
