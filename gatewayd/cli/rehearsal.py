"""The stage of a replay: what a driver opens on it is joined to the connections of a capture, and to nothing else."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from gatewayd.transport.memory import MemoryTransport, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.clock import Clock
    from gatewayd.driver import Address
    from gatewayd.transport.adapter import DatagramAdapter, StreamAdapter

NOBODY: Address = ("127.0.0.1", 0)  # a peer that an old capture does not name
SERIAL = ""  # as a channel: the device of the line, whatever number its connection had


class _Waiting(NamedTuple):
    """A connection that the driver asked for, until the capture has it."""

    adapter: asyncio.Protocol
    made: asyncio.Future[None]


class Rehearsal:
    """A `gatewayd.transport.stage.Stage`. `sent` is what the driver said, by channel."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._streams: dict[str, MemoryTransport] = {}  # the far ends, by channel
        self._waiting: deque[_Waiting] = deque()
        self._listeners: list[_Listener] = []
        self._sockets: list[DatagramAdapter[Any]] = []
        self.sent: dict[str, bytearray] = {}
        self.is_serial = False

    # --- what the transports call -------------------------------------------------------------------------------------

    async def open_serial(self, adapter: StreamAdapter[Any]) -> None:
        """Join an adapter to the recorded device."""
        self.is_serial = True
        self._join(adapter, SERIAL, None)

    async def connect_tcp(self, host: str, port: int, adapter: asyncio.Protocol) -> None:
        """Wait until the capture has a connection."""
        del host, port
        waiting = _Waiting(adapter, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        await waiting.made

    async def listen_tcp(self, host: str, port: int, factory: Callable[[], StreamAdapter[Any]]) -> asyncio.Server:
        """Take the connections of the capture."""
        listener = _Listener((host, port), factory)
        self._listeners.append(listener)
        return listener

    async def open_udp(self, host: str, port: int, adapter: DatagramAdapter[Any]) -> Address:
        """Take the datagrams of the capture."""
        self._sockets.append(adapter)
        adapter.connection_made(_Socket(self))
        return host, port

    # --- what the replay does -----------------------------------------------------------------------------------------

    def begin(self, channel: str, peer: Address = NOBODY, own: Address = NOBODY) -> bool:
        """Begin a connection of the capture: one that the driver waits for, else a new one; return whether it did."""
        if self.is_serial or channel in self._streams:
            return channel in self._streams
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.made.done():
                self._join(waiting.adapter, channel, peer)
                waiting.made.set_result(None)
                return True
        listeners = [listener for listener in self._listeners if listener.is_open]
        if not listeners:
            return False
        chosen = next((listener for listener in listeners if listener.address[1] == own[1]), listeners[0])
        self._join(chosen.factory(), channel, peer)
        return True

    def end(self, channel: str) -> None:
        """End a connection of the capture, as its other end does."""
        far = self._streams.get(SERIAL if self.is_serial else channel)
        if far is not None:
            far.close()

    def feed(self, channel: str, data: bytes) -> bool:
        """Let bytes arrive; return whether anybody listens."""
        far = self._streams.get(SERIAL if self.is_serial else channel)
        if far is None or far.is_closing():
            return False
        far.write(data)
        return True

    def feed_datagram(self, source: Address, data: bytes) -> bool:
        """Let a datagram arrive; return whether anybody listens."""
        listening = [adapter for adapter in self._sockets if adapter.lost is None]
        for adapter in listening[:1]:
            adapter.datagram_received(data, source)
        return bool(listening)

    def cut(self) -> None:
        """Pull every plug."""
        for far in self._streams.values():
            far.cut(OSError("the recorded connection ended"))
        self._streams.clear()
        self._listeners.clear()
        self._sockets.clear()
        for waiting in self._waiting:
            if not waiting.made.done():
                waiting.made.set_exception(ConnectionError("the recording has no such connection"))
        self._waiting.clear()

    def note(self, channel: str, data: bytes) -> None:
        """Keep what the driver said."""
        self.sent.setdefault(channel, bytearray()).extend(data)

    def _join(self, adapter: asyncio.Protocol, channel: str, peer: Address | None) -> None:
        near = MemoryTransport(self._clock, Wire(), {"peername": peer} if peer else None)
        far = self._streams[channel] = MemoryTransport(self._clock, Wire())
        near.attach(adapter, far)
        far.attach(_Device(self, channel), near)
        adapter.connection_made(near)


class _Device(asyncio.Protocol):
    """The other end of a stream: it keeps what it hears."""

    def __init__(self, stage: Rehearsal, channel: str) -> None:
        self._stage = stage
        self._channel = channel

    def data_received(self, data: bytes) -> None:
        self._stage.note(self._channel, data)


class _Socket(asyncio.DatagramTransport):
    """The other ends of all datagrams."""

    def __init__(self, stage: Rehearsal) -> None:
        super().__init__()
        self._stage = stage

    def sendto(self, data: Any, addr: Any = None) -> None:  # noqa: ANN401 - asyncio's own signature
        self._stage.note(f"{addr[0]}:{addr[1]}", bytes(data))

    def close(self) -> None:
        """Nothing is open."""

    def abort(self) -> None:
        """Nothing is open."""


class _Listener(asyncio.Server):
    """Stands in for a listening socket."""

    def __init__(self, address: Address, factory: Callable[[], StreamAdapter[Any]]) -> None:
        self.address = address
        self.factory = factory
        self.is_open = True

    @property
    def sockets(self) -> tuple[Any, ...]:
        """What a driver asks for the port that was taken."""
        return (self,)

    def getsockname(self) -> Address:
        """Return where it listens."""
        return self.address

    def close(self) -> None:
        """Take no more connections."""
        self.is_open = False

    async def wait_closed(self) -> None:
        """Nothing is open."""


class Isolated(asyncio.SelectorEventLoop):
    """A loop from which nothing goes out, whatever a driver tries: a replay must not page anybody."""

    async def _refuse(self, *_: Any, **__: Any) -> Any:  # noqa: ANN401 - in place of anything
        raise OSError("a replay opens nothing")

    create_connection = create_server = create_datagram_endpoint = getaddrinfo = _refuse
    create_unix_connection = create_unix_server = subprocess_exec = subprocess_shell = _refuse
    sock_connect = sock_sendall = sock_sendto = _refuse
