"""The line as a paging terminal: on a port, or as a TCP server for several clients at once."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from drivers.tap.dialup import DialUp
from drivers.tap.submissions import TERMINAL_EVENTS, SessionEnded, TerminalEvent
from drivers.tap.taking import Client, Taker
from drivers.tap.terminal import PagingTerminal
from drivers.tap.verdicts import GOODBYE
from gatewayd.driver import Capabilities
from gatewayd.errors import LineDown
from gatewayd.hayes.calls import Connected, ModemReady
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.passage import Passage
from gatewayd.transport.tcp import listen_tcp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drivers.tap.settings import TapSettings
    from gatewayd.clock import Clock
    from gatewayd.driver import Address, Line

    Opener = Callable[[TapSettings, StreamAdapter[TerminalEvent]], Awaitable[None]]


class Receiver:
    """Serves whoever pages through us."""

    def __init__(self, line: Line, settings: TapSettings, open_port: Opener) -> None:
        self._line = line
        self._settings = settings
        self._open_port = open_port
        self._taker = Taker(line, settings)
        self._passage = Passage(line.clock)
        self._clients: dict[ClientConnection, asyncio.Task[None]] = {}
        self.bound: Address | None = None

    @property
    def capabilities(self) -> Capabilities:
        """It receives and cannot send."""
        return Capabilities(receives=True)

    async def run(self) -> None:
        """Serve until cancelled. Raises LineDown."""
        if self._settings.modem:
            await self._answer_calls()
        elif self._settings.listening is not None:
            await self._listen(*self._settings.listening)
        else:
            await self._serve_port()

    async def _serve_port(self) -> None:
        core = PagingTerminal(self._settings.rules())
        adapter: StreamAdapter[TerminalEvent] = StreamAdapter(core, self._line.clock)
        test: asyncio.Task[None] | None = None
        try:
            await self._open_port(self._settings, adapter)
            if self._passage.blocked:
                test = asyncio.create_task(self._until_something_leaves(adapter))
            else:
                self._line.up()
            while True:
                await self._taker.serve(Client(core, adapter))
        finally:
            if test is not None:
                test.cancel()
            self._passage.ended(adapter)
            adapter.close()
            await adapter.wait_closed()

    async def _until_something_leaves(self, adapter: StreamAdapter[TerminalEvent]) -> None:
        """Say that the line is up with the first answer that leaves: the last time the port took nothing."""
        with suppress(LineDown):
            await self._passage.opens(adapter)
            self._line.up()

    # --- modem --------------------------------------------------------------------------------------------------------

    async def _answer_calls(self) -> None:
        dialup = DialUp(self._line, self._settings, self._make)
        client: Client | None = None
        try:
            await dialup.open(self._open_port)
            async for event in dialup.events():
                if isinstance(event, ModemReady):
                    self._line.up()
                elif isinstance(event, Connected) and isinstance(dialup.core, PagingTerminal):
                    client = Client(dialup.core, dialup.adapter)
                elif isinstance(event, TERMINAL_EVENTS) and client is not None:
                    await self._taker.handle(client, event)
                    if isinstance(event, SessionEnded):
                        dialup.hang_up()
        finally:
            await dialup.close()

    def _make(self, connected: Connected, now: float) -> PagingTerminal:
        del connected
        core = PagingTerminal(self._settings.rules())
        core.greet(now)
        return core

    # --- TCP ----------------------------------------------------------------------------------------------------------

    async def _listen(self, host: str, port: int) -> None:
        server = await listen_tcp(host, port, self._welcome, limit=self._settings.connections)
        try:
            self.bound = server.sockets[0].getsockname()[:2]
            self._line.up()
            await asyncio.Event().wait()
        finally:
            server.close()
            self.bound = None
            tasks = list(self._clients.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _welcome(self) -> ClientConnection:
        connection = ClientConnection(PagingTerminal(self._settings.rules()), self._line.clock, self._settings)
        connection.close_when_idle(self._settings.idle_timeout)
        task = asyncio.get_running_loop().create_task(self._serve_client(connection))
        self._clients[connection] = task
        task.add_done_callback(partial(self._forget, connection))
        return connection

    def _forget(self, connection: ClientConnection, task: asyncio.Task[None]) -> None:
        self._clients.pop(connection, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._line.log.error("a TAP connection failed", exc_info=error)

    async def _serve_client(self, connection: ClientConnection) -> None:
        """Serve a client, session after session; who does not behave is hung up on for good."""
        await connection.admitted.wait()
        client = Client(connection.core, connection, connection.host)
        try:
            code = GOODBYE.code
            while code == GOODBYE.code:
                code = (await self._taker.serve(client)).code
        except LineDown as error:
            self._line.log.debug("a TAP client has gone: %s", error)
            if client.last is not None and client.last[2] < connection.closed:
                self._taker.heard(client)
        finally:
            connection.close()


class ClientConnection(StreamAdapter[TerminalEvent]):
    """One client over TCP; who may not be served hears nothing at all."""

    def __init__(self, core: PagingTerminal, clock: Clock, settings: TapSettings) -> None:
        super().__init__(core, clock)
        self._settings = settings
        self.core = core
        self.host = ""
        self.admitted = asyncio.Event()
        self.closed = 0.0  # when the client closed it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio calls this once: bytes may flow, to those who are served."""
        self.host = str((transport.get_extra_info("peername") or ("",))[0])
        self.core.greet(self.clock.now())
        super().connection_made(transport)
        self.admitted.set()
        if not self._settings.serves(self.host):
            self.fail(LineDown(f"{self.host} is not served here"))

    def eof_received(self) -> bool:
        """Asyncio calls this when the client closes: what we answered before, it has heard."""
        self.closed = self.clock.now()
        return super().eof_received()
