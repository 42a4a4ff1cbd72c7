"""UDP: one socket for one adapter."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

from gatewayd.errors import LineDown
from gatewayd.transport.tcp import reason_of

if TYPE_CHECKING:
    from gatewayd.driver import Address
    from gatewayd.transport.adapter import DatagramAdapter

# Bytes the kernel keeps for us while the loop is busy: about 1,500 SIP MESSAGEs (it counts some 2.7 KB for each).
# It grants at most net.core.rmem_max.
RECEIVE_BUFFER = 4 << 20


async def open_udp(host: str, port: int, adapter: DatagramAdapter[Any]) -> Address:
    """Bind a socket and join it to `adapter`; return the actual host and port. Raises LineDown."""
    try:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: adapter, local_addr=(host, port)
        )
    except (OSError, ValueError, OverflowError) as error:
        raise LineDown(f"cannot open udp:{host}:{port}: {reason_of(error)}") from error
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    actual_host, actual_port, *_ = sock.getsockname()
    return actual_host, actual_port
