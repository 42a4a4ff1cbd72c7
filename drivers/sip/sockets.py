"""Runs a SIP core on real sockets: UDP and TCP on the same port, and the connections that it asks for."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from drivers.sip.flow import TLS
from drivers.sip.tls import Tls
from gatewayd.errors import LineDown
from gatewayd.transport.adapter import DatagramAdapter, StreamAdapter
from gatewayd.transport.tcp import connect_tcp, listen_tcp
from gatewayd.transport.udp import open_udp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from drivers.sip.connection import Connection
    from drivers.sip.core import Core
    from drivers.sip.events import ConnectionWanted
    from drivers.sip.flow import Flow
    from gatewayd.clock import Clock
    from gatewayd.driver import Address

EventT = TypeVar("EventT")

# A free UDP port may be taken in TCP; a few tries find one that is free in both.
PORT_TRIES = 8


class PhoneConnection(StreamAdapter[Any]):
    """One stream connection; tells the core when it opens and when it is lost."""

    def __init__(
        self, core: Core[Any], clock: Clock, family: dict[Connection, PhoneConnection], transport: str = "TCP"
    ) -> None:
        self.connection: Connection = core.new_connection(transport)
        super().__init__(self.connection, clock)
        self._owner = core
        self._family = family

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio calls this once: bytes may flow."""
        host, port = transport.get_extra_info("peername", ("", 0))[:2]
        self._family[self.connection] = self
        self._owner.connection_opened(self.connection, (host, port), self.clock.now())
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio calls this once: the phone is gone."""
        super().connection_lost(exc)
        self._family.pop(self.connection, None)
        self._owner.connection_lost(self.connection, self.clock.now())
        self._owner.layer.wires.wake()


class Sockets(Generic[EventT]):
    """The sockets of one core. `flush` after calling the core directly."""

    def __init__(self, core: Core[EventT], clock: Clock, limit: int = 32, tls: Tls | None = None) -> None:
        self._tls = tls or Tls()
        self.tls_bound: Address | None = None
        self._core = core
        self._clock = clock
        self._limit = limit
        self._udp = DatagramAdapter[EventT](core, clock)
        self._servers: list[asyncio.Server] = []
        self._adapters: dict[Connection, PhoneConnection] = {}
        self._connecting: set[asyncio.Task[None]] = set()
        self._pump_planned = False

    async def open(self, host: str, port: int) -> Address:
        """Bind UDP and TCP to the same port (0: any) and return it. Raises LineDown."""
        for left in reversed(range(1 if port else PORT_TRIES)):
            try:
                return await self._open(host, port)
            except LineDown:
                self._udp.close()
                if not left:
                    raise
                self._udp = DatagramAdapter[EventT](self._core, self._clock)
        raise LineDown(f"no free port on {host}")

    async def _open(self, host: str, port: int) -> Address:
        address = await open_udp(host, port, self._udp)
        self._core.bind(address, self.flush_soon)
        self._servers.append(await listen_tcp(host, address[1], self._new_connection, limit=self._limit))
        return address

    async def open_tls(self, host: str) -> None:
        """Listen for TLS as well, if it is wanted. Raises LineDown."""
        if self._tls.server is None:
            return
        make = partial(self._new_connection, TLS)
        server = await listen_tcp(host, self._tls.port, make, ssl=self._tls.server, limit=self._limit)
        self._servers.append(server)
        self.tls_bound = server.sockets[0].getsockname()[:2]

    def _new_connection(self, transport: str = "TCP") -> PhoneConnection:
        return PhoneConnection(self._core, self._clock, self._adapters, transport)

    def events(self) -> AsyncIterator[EventT]:
        """Yield the events of the core for ever; ends only by LineDown."""
        return self._udp.events()

    def connect(self, wanted: ConnectionWanted) -> None:
        """Make the connection that the core asked for, and tell it how that went."""
        task = asyncio.get_running_loop().create_task(self._connect(wanted))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, wanted: ConnectionWanted) -> None:
        adapter = self._new_connection(wanted.transport)
        context = self._tls.client if wanted.transport == TLS else None
        flow: Flow | None = None
        with contextlib.suppress(LineDown):
            if wanted.transport != TLS or context is not None:
                name = self._tls.names.get(wanted.peer[0])
                await connect_tcp(*wanted.peer, adapter, ssl=context, tls_name=name)
                flow = adapter.connection.flow
        self._core.connection_made(wanted, flow, self._clock.now())
        self.flush()

    def flush(self) -> None:
        """Carry out what the core decided on every socket; a connection that breaks meanwhile tells the core itself."""
        self._pump_planned = False
        with contextlib.suppress(LineDown):
            self._udp.flush()
        for connection in self._core.connections_to_serve():
            adapter = self._adapters.get(connection)
            if adapter is None:
                continue
            with contextlib.suppress(LineDown):
                adapter.flush()
            if connection.closing:
                adapter.close()

    def flush_soon(self) -> None:
        """Flush in the next turn of the loop, once for all that is decided until then."""
        if not self._pump_planned:
            self._pump_planned = True
            asyncio.get_running_loop().call_soon(self.flush)

    def close(self) -> None:
        """Close everything."""
        for task in self._connecting:
            task.cancel()
        for server in self._servers:
            server.close()
        for connection in list(self._core.layer.wires.connections.values()):
            connection.close()
        self.flush()
        self._udp.close()
