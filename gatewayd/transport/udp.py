"""UDP: one socket for one adapter."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from gatewayd.errors import LineDown
from gatewayd.transport.stage import STAGE
from gatewayd.transport.tcp import check_port, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatewayd.driver import Address
    from gatewayd.transport.adapter import DatagramAdapter

# Bytes the kernel keeps for us while the loop is busy: about 1,500 SIP MESSAGEs (it counts some 2.7 KB for each).
# It grants at most net.core.rmem_max.
RECEIVE_BUFFER = 4 << 20
# Datagrams that are taken in one turn of the loop: what comes together is then also committed together. Asyncio reads
# one in a turn; more than this would keep everything else waiting.
BATCH = 64
LARGEST = 65_536  # bytes; no datagram is longer


async def open_udp(host: str, port: int, adapter: DatagramAdapter[Any]) -> Address:
    """Bind a socket and join it to `adapter`; return the actual host and port. Raises LineDown."""
    if (stage := STAGE.get()) is not None:
        return await stage.open_udp(host, port, adapter)
    loop = asyncio.get_running_loop()
    try:
        check_port(port)
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
        sock = _bound(*found[0])
    except (OSError, ValueError, OverflowError) as error:
        raise LineDown(f"cannot open udp:{host}:{port}: {reason_of(error)}") from error
    if isinstance(loop, asyncio.SelectorEventLoop):  # uvloop reads many by itself
        adapter.more = partial(_waiting, sock)
    await loop.create_datagram_endpoint(lambda: adapter, sock=sock)
    actual_host, actual_port, *_ = sock.getsockname()
    return actual_host, actual_port


def _waiting(sock: socket.socket) -> Iterator[tuple[bytes, tuple[Any, ...]]]:
    """Take what else has arrived, BATCH - 1 datagrams at most; an error is left to the loop, which meets it again."""
    with suppress(OSError):
        for _ in range(BATCH - 1):
            yield sock.recvfrom(LARGEST)


def _bound(family: int, kind: int, protocol: int, _: str, address: tuple[Any, ...]) -> socket.socket:
    """Bind before the loop has it: the buffer is large when the first datagram comes."""
    sock = socket.socket(family, kind, protocol)
    try:
        sock.settimeout(0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock
