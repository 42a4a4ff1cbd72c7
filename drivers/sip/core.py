"""What both ends of SIP share: wires, transactions, timer and events. Gateway and phone build on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from drivers.sip.connection import Connection
from drivers.sip.layer import Surroundings, TransactionLayer, datagram_flow
from drivers.sip.uri import host_of_uri

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.sip.events import ConnectionWanted
    from drivers.sip.flow import Flow
    from drivers.sip.message import Request
    from gatewayd.driver import Address

EventT = TypeVar("EventT")

# How often connections are looked over for idle ones, seconds.
IDLE_CHECK = 15.0


@dataclass(frozen=True, slots=True)
class Outside:
    """What a core needs from outside: random bytes as hex, counters, the wall clock."""

    tokens: Callable[[int], str]
    count: Callable[[str], None]
    wall: Callable[[], float]


class Core(ABC, Generic[EventT]):
    """A `DatagramProtocol` with stream connections beside it."""

    def __init__(self, outside: Outside, bound: Address, idle_timeout: float) -> None:
        self.outside = outside
        self.bound = bound
        self.events: deque[EventT] = deque()
        self.layer = TransactionLayer(Surroundings(self.sent_by, outside.tokens, outside.count), self.on_request)
        self.hears: Callable[[str, float], bool] = _everybody  # whether there is time for a datagram of a host
        self._idle_timeout = idle_timeout
        self._idle_check_planned = False

    @abstractmethod
    def on_request(self, request: Request, flow: Flow, now: float) -> None:
        """Take a new request."""

    @abstractmethod
    def connection_made(self, wanted: ConnectionWanted, flow: Flow | None, now: float) -> None:
        """Take the connection that an event asked for; None when it could not be made."""

    def allows(self, peer: Address) -> bool:
        """Return whether `peer` is answered."""
        del peer
        return True

    def sent_by(self) -> str:
        """Return our host and port as Via says them."""
        return f"{host_of_uri(self.bound[0])}:{self.bound[1]}"

    def bind(self, address: Address, wake: Callable[[], None]) -> None:
        """Learn the address that was bound in the end, and how to ask for events and streams to be looked after."""
        self.bound = address
        self.layer.wires.wake = wake

    # --- datagrams, events, time ------------------------------------------------------------------------------------

    def receive_datagram(self, data: bytes, source: Address, now: float) -> None:
        """Take one datagram; from a foreign network, or of line ends only (a keep-alive), it is dropped."""
        if not self.allows(source):
            self.outside.count("foreign")
        elif not self.hears(source[0], now):
            self.outside.count("flooded")
        elif data.strip(b"\r\n\0"):
            self.layer.receive(data, datagram_flow(source), now)

    def datagrams_to_send(self) -> list[tuple[bytes, Address]]:
        """Return, and forget, the datagrams that have to go out."""
        return self.layer.wires.datagrams_to_send()

    def next_event(self) -> EventT | None:
        """Return the next thing that happened, or None."""
        return self.events.popleft() if self.events else None

    def get_timer(self) -> float | None:
        """Return when `handle_timer` wants to be called."""
        return self.layer.agenda.next_due()

    def handle_timer(self, now: float) -> None:
        """Act on every deadline that has passed."""
        self.layer.agenda.run(now)

    # --- streams ----------------------------------------------------------------------------------------------------

    def new_connection(self, transport: str = "TCP") -> Connection:
        """Return the core of a stream connection; it counts once `connection_opened` was called."""
        return Connection(self.layer.wires, transport)

    def connection_opened(self, connection: Connection, peer: Address, now: float) -> None:
        """Take a connection into use; one from a foreign network is closed."""
        connection.opened(peer, now)
        if not self.allows(peer):
            self.outside.count("foreign")
            connection.close()
        if not self._idle_check_planned:
            self._plan_idle_check(now)

    def connection_lost(self, connection: Connection, now: float) -> None:
        """Take the loss of a connection."""
        self.layer.connection_lost(connection.flow.connection, now)

    def connections_to_serve(self) -> set[Connection]:
        """Return, and forget, the connections that have bytes to send or want to be closed."""
        return self.layer.wires.take_restless()

    def _plan_idle_check(self, now: float) -> None:
        self._idle_check_planned = True
        self.layer.agenda.at(now + IDLE_CHECK, self._check_idle)

    def _check_idle(self, now: float) -> None:
        self.layer.wires.close_idle(now - self._idle_timeout)
        self._idle_check_planned = False
        if self.layer.wires.connections:
            self._plan_idle_check(now)


def _everybody(host: str, now: float) -> bool:
    """Hear everybody."""
    del host, now
    return True
