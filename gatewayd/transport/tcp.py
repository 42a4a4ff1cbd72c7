"""TCP: connect and listen, with keep-alive, and every failure as LineDown."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, cast

from gatewayd.errors import LineDown
from gatewayd.transport.adapter import HIGHEST_PORT, StreamAdapter
from gatewayd.transport.stage import STAGE
from gatewayd.transport.timing import within

if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLContext

    from gatewayd.transport.link import Link

CONNECT_LIMIT = 10.0  # seconds for name, connection and TLS together
CONNECTIONS = 32  # of one listener; a site has a handful of peers, and each costs a descriptor and buffers
# A peer that lost its power says nothing. 10 s + 3 * 5 s: inside the 30 s in which a silent interface must be noticed.
KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
MOST_AT_ONCE = 8 * 1024  # bytes that a connection hands over in one turn of the loop: a flood must not hold others up
UNACKNOWLEDGED_LIMIT = 20_000  # milliseconds; the same for bytes that were sent and are not acknowledged (RFC 5482)

AnyAdapter = StreamAdapter[Any]


def keep_alive(sock: socket.socket) -> None:
    """Let the kernel notice a peer that vanished."""
    if sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in {**KEEPALIVE, "TCP_USER_TIMEOUT": UNACKNOWLEDGED_LIMIT}.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def check_port(port: int, lowest: int = 0) -> None:
    """Refuse (ValueError) what the resolver would silently take modulo 65,536."""
    if not lowest <= port <= HIGHEST_PORT:
        raise ValueError("there is no such port")


def reason_of(error: Exception) -> str:
    """Say in the system's own words what went wrong."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


async def connect_tcp(
    host: str, port: int, adapter: AnyAdapter | Link, *, ssl: SSLContext | None = None, tls_name: str | None = None
) -> None:
    """Connect and join the connection to `adapter`. Raises LineDown within CONNECT_LIMIT.

    `tls_name` is what the certificate has to be for, where that is not `host`.
    """
    loop, stage = asyncio.get_running_loop(), STAGE.get()
    try:
        check_port(port, lowest=1)
        async with within(adapter.clock, CONNECT_LIMIT):
            if stage is not None:
                await stage.connect_tcp(host, port, adapter)
                return
            transport, _ = await loop.create_connection(
                lambda: Portions(adapter), host, port, ssl=ssl, server_hostname=tls_name if ssl else None
            )
    except (OSError, ValueError, OverflowError) as error:
        raise LineDown(f"cannot connect to {host}:{port}: {reason_of(error)}") from error
    keep_alive(transport.get_extra_info("socket"))


async def listen_tcp(
    host: str,
    port: int,
    factory: Callable[[], AnyAdapter],
    *,
    ssl: SSLContext | None = None,
    limit: int = CONNECTIONS,
) -> asyncio.Server:
    """Listen, and let `factory` make the adapter of each connection; port 0 takes a free one. Raises LineDown.

    More than `limit` connections at a time are refused. A factory may call `close_when_idle` on what it makes.
    """
    if (stage := STAGE.get()) is not None:
        return await stage.listen_tcp(host, port, factory)
    listener = _Listener(factory, limit, tls=ssl is not None)
    try:
        check_port(port)
        server = await asyncio.get_running_loop().create_server(
            listener.accept, host, port, ssl=ssl, ssl_handshake_timeout=CONNECT_LIMIT if ssl else None
        )
    except (OSError, ValueError, OverflowError) as error:
        raise LineDown(f"cannot listen on {host}:{port}: {reason_of(error)}") from error
    for sock in server.sockets:
        keep_alive(sock)  # accepted connections inherit it
    return server


class Portions(asyncio.BufferedProtocol):
    """Hands on what arrives, MOST_AT_ONCE bytes at a time; asyncio by itself reads 256 KiB."""

    def __init__(self, receiver: asyncio.Protocol) -> None:
        self._receiver = receiver
        self._buffer = memoryview(bytearray(MOST_AT_ONCE))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand on that bytes may flow."""
        self._receiver.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand on that the connection is gone."""
        self._receiver.connection_lost(exc)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where the next bytes go."""
        del sizehint
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hand on what came."""
        self._receiver.data_received(bytes(self._buffer[:nbytes]))

    def eof_received(self) -> bool | None:
        """Hand on that no more will come."""
        return self._receiver.eof_received()


class _Listener:
    """Counts the connections of one listening socket and refuses those above the limit."""

    def __init__(self, factory: Callable[[], AnyAdapter], limit: int, *, tls: bool) -> None:
        self._factory = factory
        self._tls = tls
        self._limit = limit
        self._open: list[AnyAdapter] = []

    def accept(self) -> asyncio.BaseProtocol:
        """Make the protocol of one accepted connection."""
        self._open = [adapter for adapter in self._open if adapter.lost is None]
        if len(self._open) >= self._limit:
            return _Refusal()
        adapter = self._factory()
        self._open.append(adapter)
        if self._tls:
            adapter.clock.call_at(adapter.clock.now() + CONNECT_LIMIT, lambda: _expect_connection(adapter))
        return Portions(adapter)


class _Refusal(asyncio.Protocol):
    """Ends a connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).abort()


def _expect_connection(adapter: AnyAdapter) -> None:
    """End an adapter whose TLS handshake never came to an end: asyncio does not tell it."""
    if adapter.transport is None:
        adapter.fail(LineDown("the TLS handshake failed"))
