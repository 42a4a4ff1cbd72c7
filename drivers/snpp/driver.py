"""The SNPP line: a server on the network; what clients SEND is on disk before they hear 250."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from drivers.snpp.events import CommandRefused, Event, MessageSubmitted, SessionEnded
from drivers.snpp.protocol import Session
from gatewayd.driver import Capabilities, Driver
from gatewayd.errors import GatewayError, LineDown, StoreUnavailable
from gatewayd.model import TextReceived
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.tcp import listen_tcp

if TYPE_CHECKING:
    from drivers.snpp.settings import SnppSettings
    from gatewayd.clock import Clock
    from gatewayd.driver import Address, Line


class ClientConnection(StreamAdapter[Event]):
    """One client; who may not be served is told so and nothing else."""

    def __init__(self, core: Session, clock: Clock, settings: SnppSettings) -> None:
        super().__init__(core, clock)
        self._settings = settings
        self.core = core
        self.host = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio calls this once: bytes may flow."""
        self.host = str((transport.get_extra_info("peername") or ("",))[0])
        if self._settings.serves(self.host):
            self.core.greet()
        else:
            self.core.turn_away()
        super().connection_made(transport)


class SnppDriver(Driver):
    """Takes texts from programs; each becomes a text for the recipient whose pager id it names."""

    kind: ClassVar[str] = "snpp"

    def __init__(self, line: Line, settings: SnppSettings) -> None:
        super().__init__(line)
        self._settings = settings
        self._rules = settings.rules()
        self._bound: Address | None = None
        self._clients: dict[ClientConnection, asyncio.Task[None]] = {}

    @property
    def capabilities(self) -> Capabilities:
        """It receives and cannot send."""
        return Capabilities(receives=True)

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

    def _welcome(self) -> ClientConnection:
        clock = self.line.clock
        client = ClientConnection(Session(self._rules, clock.now()), clock, self._settings)
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
                if isinstance(event, MessageSubmitted):
                    client.core.settle(self.line.clock.now(), recorded=await self._record(event, client.host))
                    client.flush()
                elif isinstance(event, CommandRefused):
                    self.line.trouble("refused")
                elif isinstance(event, SessionEnded):
                    return
        except LineDown as error:
            self.line.log.debug("an SNPP client has gone: %s", error)
        finally:
            client.close()

    async def _record(self, message: MessageSubmitted, host: str) -> bool:
        """Report the message once for each pager; return whether all of them are on disk."""
        for pager in message.pagers:
            try:
                await self.line.report(TextReceived(message.caller or host, message.text, pager))
            except StoreUnavailable as error:
                self.line.log.warning("a message could not be recorded: %s", error)
                return False
            except GatewayError:
                self.line.log.exception("a message cannot be recorded")
                return False
            self.line.count("messages")
        return True
