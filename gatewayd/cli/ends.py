"""The device's ends of the connections with a running gateway: a pseudo-terminal, a device server, or clients."""

from __future__ import annotations

import asyncio
import termios
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatewayd.clock import SystemClock, sleep
from gatewayd.errors import LineDown
from gatewayd.transport.adapter import DatagramAdapter, StreamAdapter
from gatewayd.transport.pty import open_pty
from gatewayd.transport.tcp import connect_tcp, listen_tcp
from gatewayd.transport.udp import open_udp

if TYPE_CHECKING:
    from gatewayd.driver import Address

ARRIVAL = 60.0  # seconds in which the gateway has to open its end
LOOK = 0.05  # seconds; a pseudo-terminal does not tell that it was opened
CFLAG = 2  # where termios.tcgetattr keeps the control modes; a new one has no CLOCAL, whoever opens a port sets it


class End:
    """One connection with the gateway, as core of an adapter: says what it is told to and keeps what it hears."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self._news = asyncio.Event()
        self._unsent = bytearray()

    def say(self, data: bytes) -> None:
        """Have bytes sent."""
        self._unsent += data

    async def hears(self, count: int) -> None:
        """Wait until the gateway has sent so many bytes in all."""
        while len(self.heard) < count:
            self._news.clear()
            await self._news.wait()

    def receive_data(self, data: bytes, now: float) -> None:
        """Keep what the gateway says."""
        del now
        self.heard += data
        self._news.set()

    def receive_datagram(self, data: bytes, source: Address, now: float) -> None:
        """Keep what the gateway says."""
        del source
        self.receive_data(data, now)

    def data_to_send(self) -> bytes:
        """Return, and forget, the bytes that have to go out."""
        data = bytes(self._unsent)
        self._unsent.clear()
        return data

    def datagrams_to_send(self) -> list[tuple[bytes, Address]]:
        """Return nothing: datagrams are sent one by one."""
        return []

    def next_event(self) -> None:
        """Nothing happens here."""

    def get_timer(self) -> None:
        """No timer."""

    def handle_timer(self, now: float) -> None:
        """No timer."""


class Ends(ABC):
    """The device's ends of the connections, by the channels of the capture."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.ends: dict[str, End] = {}

    @abstractmethod
    async def begin(self, channel: str) -> End:
        """Return the end of a channel, joined to the gateway. Raises LineDown."""

    @abstractmethod
    def send(self, channel: str, data: bytes) -> None:
        """Send bytes, or a datagram. Raises LineDown."""

    @abstractmethod
    async def end(self, channel: str) -> None:
        """Hang up."""

    async def restart(self) -> None:
        """Hang up everything: the recorded driver started anew."""
        for channel in tuple(self.ends):
            await self.end(channel)


class Device(Ends):
    """A device on a pseudo-terminal; whatever the channel, it is the same one. `link` becomes the port's path."""

    def __init__(self, link: Path) -> None:
        super().__init__()
        self._end = End()
        self._adapter: StreamAdapter[Any] = StreamAdapter(self._end, self.clock)
        self._pty = open_pty(self._adapter, link)
        self._joined = False

    async def begin(self, channel: str) -> End:
        """Wait until the gateway has opened the port."""
        if not self._joined:
            await self._opened()
            self._joined = True
        return self.ends.setdefault(channel, self._end)

    async def _opened(self) -> None:
        with Path(self._pty.path).open("rb", buffering=0) as port:  # noqa: ASYNC230 - a pseudo-terminal does not wait
            for _ in range(int(ARRIVAL / LOOK)):
                if termios.tcgetattr(port)[CFLAG] & termios.CLOCAL:
                    return
                await sleep(self.clock, LOOK)
        raise LineDown(f"nobody opened {self._pty.path} in {ARRIVAL:g} s")

    def send(self, channel: str, data: bytes) -> None:
        """Send bytes."""
        del channel
        self._end.say(data)
        self._adapter.flush()

    async def end(self, channel: str) -> None:
        """Pull the plug and put it in again."""
        if self.ends.pop(channel, None) is not None and self._joined:
            self._pty.replug()
            self._joined = False

    def close(self) -> None:
        """Remove the port."""
        self._adapter.close()


class Clients(Ends):
    """Clients of a gateway at an address: a TCP connection or a UDP socket for each channel."""

    def __init__(self, target: Address) -> None:
        super().__init__()
        self._target = target
        self._adapters: dict[str, StreamAdapter[Any] | DatagramAdapter[Any]] = {}

    async def begin(self, channel: str) -> End:
        """Connect."""
        if channel in self.ends:
            return self.ends[channel]
        end = End()
        if ":" in channel:
            adapter: DatagramAdapter[Any] = DatagramAdapter(end, self.clock)
            await open_udp("::" if ":" in self._target[0] else "0.0.0.0", 0, adapter)  # noqa: S104 - a client's socket
            self._adapters[channel] = adapter
        else:
            stream: StreamAdapter[Any] = StreamAdapter(end, self.clock)
            await connect_tcp(*self._target, stream)
            self._adapters[channel] = stream
        self.ends[channel] = end
        return end

    def send(self, channel: str, data: bytes) -> None:
        """Send bytes, or a datagram."""
        adapter = self._adapters[channel]
        if isinstance(adapter, StreamAdapter):
            self.ends[channel].say(data)
            adapter.flush()
        elif adapter.transport is not None:
            adapter.transport.sendto(data, self._target)

    async def end(self, channel: str) -> None:
        """Hang up."""
        self.ends.pop(channel, None)
        adapter = self._adapters.pop(channel, None)
        if adapter is not None:
            adapter.close()
            await adapter.wait_closed()


class Server(Ends):
    """A device server: the gateway connects to it, and whatever the channel, it is the present connection."""

    def __init__(self) -> None:
        super().__init__()
        self._accepted: asyncio.Queue[tuple[End, StreamAdapter[Any]]] = asyncio.Queue()
        self._adapter: StreamAdapter[Any] | None = None

    async def listen(self, port: int) -> asyncio.Server:
        """Open the port. Raises LineDown."""
        return await listen_tcp("127.0.0.1", port, self._accept)

    def _accept(self) -> StreamAdapter[Any]:
        end = End()
        adapter: StreamAdapter[Any] = StreamAdapter(end, self.clock)
        self._accepted.put_nowait((end, adapter))
        return adapter

    async def begin(self, channel: str) -> End:
        """Wait until the gateway has connected."""
        if channel not in self.ends:
            await self.restart()
            try:
                async with asyncio.timeout(ARRIVAL):
                    self.ends[channel], self._adapter = await self._accepted.get()
            except TimeoutError:
                raise LineDown(f"nobody connected in {ARRIVAL:g} s") from None
        return self.ends[channel]

    def send(self, channel: str, data: bytes) -> None:
        """Send bytes."""
        if self._adapter is not None:
            self.ends[channel].say(data)
            self._adapter.flush()

    async def end(self, channel: str) -> None:
        """Hang up."""
        if self.ends.pop(channel, None) is not None and self._adapter is not None:
            self._adapter.close()
            await self._adapter.wait_closed()
