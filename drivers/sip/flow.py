"""Where messages come from and go to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.sip.grammar import DEFAULT_PORT

if TYPE_CHECKING:
    from dataclasses import dataclass

    from gatewayd.driver import Address
else:
    from gatewayd.values import dataclass

UDP = "UDP"
TCP = "TCP"
TLS = "TLS"
TRANSPORTS = frozenset({UDP, TCP, TLS})
# A request above this goes over TCP, because a fragmented datagram is a lost one (RFC 3261 18.1.1).
MAX_DATAGRAM_REQUEST = 1300
TLS_PORT = 5061


def default_port(transport: str) -> int:
    """Return the port of SIP, or of SIP over TLS (RFC 3261 18.1.1)."""
    return TLS_PORT if transport == TLS else DEFAULT_PORT


@dataclass(frozen=True, slots=True)
class Flow:
    """A way to one peer: our datagram socket and its address, or one stream connection (numbered from 1)."""

    transport: str
    peer: Address
    connection: int = 0

    @property
    def is_stream(self) -> bool:
        """Whether delivery is the transport's care: no retransmission, Content-Length mandatory."""
        return self.connection != 0

    def __str__(self) -> str:
        return f"{self.transport.lower()}:{self.peer[0]}:{self.peer[1]}"
