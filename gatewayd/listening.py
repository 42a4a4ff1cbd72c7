"""Where the API listens: on this machine alone until there is an admin; elsewhere by TLS, or where that was waived."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from gatewayd.clock import sleep
from gatewayd.sections import is_loopback
from gatewayd.transport.tls import server_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from gatewayd.clock import Clock
    from gatewayd.sections import ApiSettings

log = logging.getLogger("gatewayd")

HERE = "127.0.0.1"
EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared, not bound
BACKLOG = 512
RETRY = 5.0  # seconds between attempts to listen where the settings say
GRACE = 30.0  # seconds without it until people are told: after a power cut a network takes its time


@dataclass(frozen=True, slots=True)
class Address:
    """Where the API answers; without a host it does not."""

    host: str
    port: int
    tls: bool = False

    @property
    def url(self) -> str:
        """Return the URL of the console; empty where there is none."""
        if not self.port:
            return ""
        scheme = "https" if self.tls else "http"
        here = "::1" if self.host == "::" else HERE  # which takes IPv6 alone
        host = here if self.host in EVERYWHERE else self.host
        return f"{scheme}://[{host}]:{self.port}/" if ":" in host else f"{scheme}://{host}:{self.port}/"


class Telling(Protocol):
    """What tells people that the API cannot be reached where it should be."""

    @property
    def stands(self) -> bool:
        """Whether they have been told, and not yet that it is over."""

    async def tell(self, reason: str) -> None:
        """Raise the fault; without a reason clear it."""


class Listener:
    """The open port. Alarms must flow whatever is wrong with it: what cannot be used narrows where it listens.

    Where the settings say a place that cannot be had (the network is not up yet, the port is taken) it answers on this
    machine if it can, and tries again for ever.
    """

    def __init__(
        self,
        runner: web.ServerRunner,
        settings: ApiSettings,
        has_admin: Callable[[], bool],
        clock: Clock,
        fault: Telling,
    ) -> None:
        self._runner = runner
        self._settings = settings
        self._has_admin = has_admin
        self._clock = clock
        self._fault = fault
        self._site: web.TCPSite | None = None
        self._host = settings.host
        self._context: ssl.SSLContext | None = None
        self._missing = ""  # why it does not listen where it should
        self._moving = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None
        self.address = Address("", 0)

    async def open(self) -> None:
        """Listen, as far as that can be had now."""
        api = self._settings
        try:
            self._context = server_context(api.tls_certificate, api.tls_key) if api.tls_certificate else None
        except OSError as error:  # SSLError, which is one, names the library's reason, never the key
            self._host, reason = HERE, error.strerror or type(error).__name__
            log.error("the API's TLS files cannot be used (%s): it answers on this machine alone", reason)  # noqa: TRY400
        await self.follow()

    async def follow(self) -> None:
        """Listen where the settings say as soon as there is an admin: the site was read anew."""
        former = self.address.url
        await self._settle()
        if former and former != self.address.url:
            log.info("the API answers at %s now", self.address.url)
        if (self._missing or self._fault.stands) and (self._keeper is None or self._keeper.done()):
            self._keeper = asyncio.get_running_loop().create_task(self._keep(), name="the API's port")

    async def close(self) -> None:
        """End the attempts; the runner closes what is open."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def _keep(self) -> None:
        """Try again until it listens where it should and nobody believes otherwise."""
        since = self._clock.now()
        while self._missing or self._fault.stands:
            await sleep(self._clock, RETRY)
            await self._settle()
            lasts = self._fault.stands or self._clock.now() - since >= GRACE
            await self._fault.tell(self._missing if lasts else "")

    async def _settle(self) -> None:
        """Listen where it should, or, where that cannot be had, on this machine."""
        async with self._moving:
            wanted = self._allowed()
            if self._site is not None and self.address.host == wanted:
                self._missing = ""
                return
            if {wanted, self.address.host} & EVERYWHERE:  # our own socket would be in the way
                await self._close(self._site)
            before = self._site
            missing = await self._listen(wanted)
            if not missing:
                await self._close(before)
            elif self._site is None and wanted != HERE:
                await self._listen(HERE)
            if missing and missing != self._missing:
                log.error("%s; alarms go their way, and it is tried again", missing)
            self._missing = missing

    async def _listen(self, host: str) -> str:
        """Listen; returns why that was not possible, or nothing."""
        site = web.TCPSite(self._runner, host, self._settings.port, backlog=BACKLOG, ssl_context=self._context)
        try:
            await site.start()
        except (OSError, UnicodeError) as error:  # the latter: what is no name of a host
            await site.stop()  # or the runner would keep it
            return f"cannot listen on {host}, port {self._settings.port}: {_reason(error)}"
        self._site = site
        self.address = Address(host, self._runner.addresses[-1][1], tls=self._context is not None)
        return ""

    async def _close(self, site: web.TCPSite | None) -> None:
        if site is not None:
            await site.stop()
        if site is self._site:
            self._site, self.address = None, Address("", 0)

    def _allowed(self) -> str:
        """Return the host to listen on now."""
        if is_loopback(self._host) or self._has_admin():
            return self._host
        if self.address.host != HERE:
            log.warning("there is no admin with a password yet: the API answers on this machine alone")
        return HERE


def _reason(error: OSError | UnicodeError) -> str:
    """Return why, without what asyncio adds."""
    if isinstance(error, UnicodeError):
        return "no name of a host"
    if error.errno is None:  # from Python 3.13 on that is how asyncio says that no address of the host is ours
        return os.strerror(errno.EADDRNOTAVAIL)
    if error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or "no name of a host"  # the words of the resolver, whose numbers are negative
