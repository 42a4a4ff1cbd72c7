"""The wires of an endpoint: one datagram socket and numbered stream connections, seen from the sans-IO side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.sip.flow import Flow
from drivers.sip.framing import PONG, Ping, StreamFramer

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.driver import Address

# What a peer that does not read may make us hold; then the connection is given up.
MAX_UNSENT = 256 * 1024


class Connection:
    """One stream connection: a `StreamProtocol` whose messages go to the endpoint that owns it.

    `last_heard` is when a whole message or a ping came, so that a peer that sends single bytes still counts as idle.
    """

    def __init__(self, wires: Wires, transport: str = "TCP") -> None:
        self.flow = Flow(transport, ("", 0), -1)
        self.last_heard = 0.0
        self.closing = False
        self._wires = wires
        self._framer = StreamFramer()
        self._unsent = bytearray()

    def opened(self, peer: Address, now: float) -> None:
        """Take the address of the other end; from now on requests may be sent here."""
        self.last_heard = now
        self.flow = self._wires.register(self, Flow(self.flow.transport, peer))

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the wire."""
        for item in self._framer.receive(data):
            self.last_heard = now
            if isinstance(item, Ping):
                self._unsent += PONG
                continue
            self._wires.on_message(item.data, self.flow, now)
            if item.last:
                self.close()
        self._wires.wake()

    def close(self) -> None:
        """Ask for the connection to be closed once its bytes are out."""
        self.closing = True
        self._wires.serve(self)

    def write(self, data: bytes) -> bool:
        """Queue bytes; False when the connection is closing or its peer does not read."""
        if self.closing or len(self._unsent) > MAX_UNSENT:
            self.close()
            return False
        self._unsent += data
        self._wires.serve(self)
        return True

    def data_to_send(self) -> bytes:
        """Return, and forget, the bytes that have to go out."""
        data = bytes(self._unsent)
        self._unsent.clear()
        return data

    def next_event(self) -> None:
        """Return nothing: what happens is an event of the endpoint."""

    def get_timer(self) -> None:
        """Return nothing: the endpoint keeps the time."""

    def handle_timer(self, now: float) -> None:
        """Do nothing: the endpoint keeps the time."""


class Wires:
    """Every way out. `on_message(data, flow, now)` takes each whole message; `wake` asks the owner to flush."""

    def __init__(self, on_message: Callable[[bytes, Flow, float], None]) -> None:
        self.on_message = on_message
        self.wake: Callable[[], None] = _nothing
        self.connections: dict[int, Connection] = {}
        self._datagrams: list[tuple[bytes, Address]] = []
        self._restless: set[Connection] = set()
        self._numbers = 0

    def register(self, connection: Connection, flow: Flow) -> Flow:
        """Give a new stream connection its number and return its flow."""
        self._numbers += 1
        self.connections[self._numbers] = connection
        return Flow(flow.transport, flow.peer, self._numbers)

    def find(self, transport: str, peer: Address) -> Flow | None:
        """Return the newest connection to `peer`, if there is one."""
        for connection in reversed(self.connections.values()):
            if connection.flow.transport == transport and connection.flow.peer == peer and not connection.closing:
                return connection.flow
        return None

    def count_from(self, host: str) -> int:
        """Return how many connections there are with one host."""
        return sum(connection.flow.peer[0] == host for connection in self.connections.values())

    def alive(self, flow: Flow) -> bool:
        """Return whether something can be sent on `flow`."""
        if not flow.is_stream:
            return True
        connection = self.connections.get(flow.connection)
        return connection is not None and not connection.closing

    def send(self, flow: Flow, data: bytes, address: Address | None = None) -> bool:
        """Send one message; `address` overrides the peer of a datagram. False when the connection is gone."""
        if not flow.is_stream:
            self._datagrams.append((data, address or flow.peer))
            return True
        connection = self.connections.get(flow.connection)
        return connection is not None and connection.write(data)

    def datagrams_to_send(self) -> list[tuple[bytes, Address]]:
        """Return, and forget, the datagrams that have to go out."""
        datagrams, self._datagrams = self._datagrams, []
        return datagrams

    def serve(self, connection: Connection) -> None:
        """Note that `connection` has something to send or wants to be closed."""
        self._restless.add(connection)
        self.wake()

    def take_restless(self) -> set[Connection]:
        """Return, and forget, the connections that want to be served."""
        restless, self._restless = self._restless, set()
        return restless

    def close_idle(self, before: float) -> None:
        """Mark every connection that said nothing since `before` for closing."""
        for connection in self.connections.values():
            if connection.last_heard < before:
                connection.close()


def _nothing() -> None:
    """Do nothing until an owner sets `wake`."""
