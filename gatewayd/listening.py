"""Where the API listens: on this machine alone until there is an admin; elsewhere by TLS, or where that was waived."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from gatewayd.sections import is_loopback
from gatewayd.transport.tls import server_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from gatewayd.sections import ApiSettings

log = logging.getLogger("gatewayd")

HERE = "127.0.0.1"
EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared, not bound
BACKLOG = 512


@dataclass(frozen=True, slots=True)
class Address:
    """Where the API answers."""

    host: str
    port: int
    tls: bool = False

    @property
    def url(self) -> str:
        """Return the URL of the console."""
        scheme = "https" if self.tls else "http"
        host = HERE if self.host in EVERYWHERE else self.host
        return f"{scheme}://[{host}]:{self.port}/" if ":" in host else f"{scheme}://{host}:{self.port}/"


class Listener:
    """The open port. Alarms must flow whatever is wrong with it, so what cannot be used narrows where it listens."""

    def __init__(self, runner: web.ServerRunner, settings: ApiSettings, has_admin: Callable[[], bool]) -> None:
        self._runner = runner
        self._settings = settings
        self._has_admin = has_admin
        self._site: web.TCPSite | None = None
        self._host = settings.host
        self._context: ssl.SSLContext | None = None
        self.address = Address("", 0)

    async def open(self) -> None:
        """Listen. Raises OSError when the port cannot be had."""
        api = self._settings
        try:
            self._context = server_context(api.tls_certificate, api.tls_key) if api.tls_certificate else None
        except OSError as error:  # SSLError, which is one, names the library's reason, never the key
            self._host, reason = HERE, error.strerror or type(error).__name__
            log.error("the API's TLS files cannot be used (%s): it answers on this machine alone", reason)  # noqa: TRY400
        await self._listen(self._allowed())

    async def follow(self) -> None:
        """Listen where the settings say as soon as there is an admin: the site was read anew. Raises OSError."""
        host, former = self._allowed(), self.address.host
        if host == former or self._site is None:
            return
        await self._site.stop()
        try:
            await self._listen(host)
        except OSError as error:
            log.error("cannot listen on %s: %s", host, error)  # noqa: TRY400 - the error says it all
            await self._listen(former)
        log.info("the API answers at %s now", self.address.url)

    async def _listen(self, host: str) -> None:
        self._site = web.TCPSite(self._runner, host, self._settings.port, backlog=BACKLOG, ssl_context=self._context)
        await self._site.start()
        self.address = Address(host, self._runner.addresses[-1][1], tls=self._context is not None)

    def _allowed(self) -> str:
        """Return the host to listen on now."""
        if is_loopback(self._host) or self._has_admin():
            return self._host
        log.warning("there is no admin with a password yet: the API answers on this machine alone")
        return HERE
