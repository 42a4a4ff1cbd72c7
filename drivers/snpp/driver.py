"""The SNPP line: a server on the network; what clients SEND is on disk before they hear that it was taken."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from drivers.snpp.draft import Wishes
from drivers.snpp.events import CommandRefused, Event, LoginRefused, MessageSubmitted, SessionEnded, TagGivenUp
from drivers.snpp.following import Following
from drivers.snpp.guard import LoginGuard
from drivers.snpp.protocol import Session
from drivers.snpp.twoway import HOUR
from gatewayd.driver import Capabilities, Driver
from gatewayd.errors import GatewayError, LineDown, StoreUnavailable
from gatewayd.model import TextReceived
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.tcp import listen_tcp

if TYPE_CHECKING:
    from drivers.snpp.draft import Pager
    from drivers.snpp.settings import SnppSettings
    from gatewayd.clock import Clock
    from gatewayd.driver import Address, Line, News

ACCEPTED = "250 message accepted"
BARRED = "too many wrong logins, come back later"
NOT_STORED = "554 this cannot be stored now, send it again"


class ClientConnection(StreamAdapter[Event]):
    """One client; who may not be served is told so and nothing else."""

    def __init__(self, core: Session, clock: Clock, settings: SnppSettings, guard: LoginGuard) -> None:
        super().__init__(core, clock)
        self._settings = settings
        self._guard = guard
        self.core = core
        self.host = ""
        self.id = secrets.token_hex(8)  # so that the same message, sent again, is not taken twice

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio calls this once: bytes may flow."""
        self.host = str((transport.get_extra_info("peername") or ("",))[0])
        if not self._settings.serves(self.host):
            self.core.turn_away()
        elif self._guard.bars(self.host, self.clock.now()):
            self.core.turn_away(BARRED)
        else:
            self.core.greet()
        super().connection_made(transport)


class SnppDriver(Driver):
    """Takes texts from programs; each becomes a text for the recipient whose pager id it names."""

    kind: ClassVar[str] = "snpp"

    def __init__(self, line: Line, settings: SnppSettings) -> None:
        super().__init__(line)
        self._settings = settings
        self._rules = settings.rules()
        self._following = Following(line, settings.tag_hours * HOUR)
        self._guard = LoginGuard()
        self._bound: Address | None = None
        self._clients: dict[ClientConnection, asyncio.Task[None]] = {}

    @property
    def capabilities(self) -> Capabilities:
        """It receives and cannot send; clients may follow what they sent."""
        return Capabilities(receives=True, follows=self._settings.two_way)

    @property
    def port(self) -> str:
        """Where clients connect."""
        host, port = self._bound or (self._settings.host, self._settings.port)
        return f"tcp:[{host}]:{port}" if ":" in host else f"tcp:{host}:{port}"

    @property
    def bound(self) -> Address | None:
        """The address where this line listens."""
        return self._bound

    async def run(self) -> None:
        """Listen and serve clients until cancelled. Raises LineDown when the port cannot be opened."""
        settings = self._settings
        server = await listen_tcp(settings.host, settings.port, self._welcome, limit=settings.connections)
        try:
            self._bound = server.sockets[0].getsockname()[:2]
            self.line.up()
            await asyncio.Event().wait()
        finally:
            server.close()
            self._bound = None
            await self._send_away()
            await self._following.close()

    def tell(self, news: News) -> None:
        """Note what became of a message that a client follows."""
        self._following.tell(news)

    def _welcome(self) -> ClientConnection:
        clock = self.line.clock
        session = Session(self._rules, clock.now(), self._following.tags)
        client = ClientConnection(session, clock, self._settings, self._guard)
        task = asyncio.get_running_loop().create_task(self._serve(client))
        self._clients[client] = task
        task.add_done_callback(partial(self._forget, client))
        return client

    def _forget(self, client: ClientConnection, task: asyncio.Task[None]) -> None:
        self._clients.pop(client, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.line.log.error("an SNPP session failed", exc_info=error)

    async def _send_away(self) -> None:
        tasks = list(self._clients.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, client: ClientConnection) -> None:
        try:
            async for event in client.events():
                if isinstance(event, MessageSubmitted | TagGivenUp):
                    await self._settle(client, event)
                elif isinstance(event, LoginRefused):
                    self._wrong_login(client)
                elif isinstance(event, CommandRefused):
                    self.line.trouble("refused")
                elif isinstance(event, SessionEnded):
                    return
        except LineDown as error:
            self.line.log.debug("an SNPP client has gone: %s", error)
        finally:
            client.close()

    def _wrong_login(self, client: ClientConnection) -> None:
        self.line.trouble("wrong_logins")
        now = self.line.clock.now()
        self._guard.failed(client.host, now)
        if self._guard.bars(client.host, now):
            client.core.turn_away(BARRED)
            client.flush()

    async def _settle(self, client: ClientConnection, event: MessageSubmitted | TagGivenUp) -> None:
        """Record what a client waits for, and answer it."""
        try:
            if isinstance(event, TagGivenUp):
                await self._following.give_up(event.number)
                reply = "250 nobody asks after it any more"
            elif event.two_way is not None:
                reply = await self._follow(event, client)
            else:
                for pager in event.pagers:
                    reference = f"{client.id}.{event.number}.{pager.id}"
                    await self._report(event, client, pager, reference)
                reply = ACCEPTED
            recorded = True
        except GatewayError as error:
            reply, recorded = NOT_STORED, False
            if isinstance(error, StoreUnavailable):
                self.line.log.warning("a message could not be recorded: %s", error)
            else:
                self.line.log.exception("a message cannot be recorded")
        client.core.settle(self.line.clock.now(), reply, recorded=recorded)
        client.flush()

    async def _follow(self, message: MessageSubmitted, client: ClientConnection) -> str:
        """Record a message that is followed, its tag first: news of it may come before it is answered."""
        (pager,), wishes = message.pagers, message.two_way or Wishes()
        tag = await self._following.begin(wishes)
        try:
            await self._report(message, client, pager, tag.number)
        except GatewayError:
            self._following.abandon(tag.number)
            raise
        return f"960 {tag.number} {tag.pass_code} message queued for delivery"

    async def _report(self, message: MessageSubmitted, client: ClientConnection, pager: Pager, reference: str) -> None:
        sender = message.caller or client.host
        await self.line.report(TextReceived(sender, message.text, pager.id, reference, pager.priority))
        self.line.count("messages")
