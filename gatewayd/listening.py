"""Where the API listens: on this machine alone until there is an admin; elsewhere by TLS, or where that was waived."""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from gatewayd.settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.settings import ApiSettings

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
        self.address = Address("", 0)

    async def open(self) -> None:
        """Listen. Raises OSError when the port cannot be had."""
        host, context = self._place()
        await self._listen(host, context)

    async def follow(self) -> None:
        """Listen where the settings say as soon as there is an admin: the site was read anew."""
        host, context = self._place()
        if host == self.address.host or self._site is None:
            return
        former = self.address.host
        await self._site.stop()
        try:
            await self._listen(host, context)
        except OSError as error:
            log.error("cannot listen on %s: %s", host, error)  # noqa: TRY400 - the error says it all
            await self._listen(former, context)
        log.info("the API answers at %s now", self.address.url)

    async def _listen(self, host: str, context: ssl.SSLContext | None) -> None:
        self._site = web.TCPSite(self._runner, host, self._settings.port, backlog=BACKLOG, ssl_context=context)
        await self._site.start()
        self.address = Address(host, self._runner.addresses[-1][1], tls=context is not None)

    def _place(self) -> tuple[str, ssl.SSLContext | None]:
        """Return the host to listen on, and how to speak TLS there."""
        host = self._settings.host
        try:
            context = make_tls(self._settings)
        except (OSError, ssl.SSLError) as error:  # SSLError names the library's reason, never the key
            reason = error.strerror or type(error).__name__
            log.error("the API's TLS files cannot be used (%s): it answers on this machine alone", reason)  # noqa: TRY400
            return HERE, None
        if is_loopback(host) or self._has_admin():
            return host, context
        log.warning("there is no admin with a password yet: the API answers on this machine alone")
        return HERE, context


def make_tls(settings: ApiSettings) -> ssl.SSLContext | None:
    """Return how to speak TLS, 1.2 or newer; None without a certificate. Raises OSError, SSLError.

    A locked key is an error: nobody is asked for its passphrase at the terminal.
    """
    if not settings.tls_certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls_certificate, settings.tls_key or None, password="")
    return context
