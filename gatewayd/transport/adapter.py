"""The one loop that runs any sans-IO protocol on any asyncio transport.

An adapter is itself an asyncio protocol: it hands bytes to the core, writes what the core wants written, keeps one
timer for it, and queues its events in order. After calling a method of the core directly, call `flush`.
An adapter lives for one connection: after LineDown, build a new core and a new adapter.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeVar, cast

from gatewayd.errors import LineDown
from gatewayd.transport.base import EVENTS_HIGH, Adapter
from gatewayd.transport.capture import CLOSE, CONNECT, CURRENT, SEPARATOR

if TYPE_CHECKING:
    from gatewayd.clock import Clock, TimerHandle
    from gatewayd.driver import Address, DatagramProtocol, StreamProtocol

__all__ = ["DatagramAdapter", "DatagramTrace", "StreamAdapter", "Trace"]

EventT = TypeVar("EventT")
Trace = Callable[[str, bytes], None]
DatagramTrace = Callable[[str, bytes, "Address"], None]

MAX_UNSENT = 1 << 20  # bytes; nothing that we say is this long: the other end has stopped taking them
HIGHEST_PORT = 65_535

log = logging.getLogger(__name__)


class StreamAdapter(Adapter[EventT], asyncio.Protocol):
    """Runs a `StreamProtocol` on a byte stream.

    `trace` sees every byte: ("in" | "out", data); not given, it is that of the line in whose context this is built.
    """

    def __init__(self, core: StreamProtocol[EventT], clock: Clock, trace: Trace | None = None) -> None:
        super().__init__(core, clock)
        self._stream = core
        recorder = CURRENT.get()
        self._trace = trace or (recorder.stream() if recorder is not None else None)
        self._transport: asyncio.Transport | None = None
        self._idle_timer: TimerHandle | None = None
        self._connected = False  # over a network, and that was recorded
        self._last_input = clock.now()

    @property
    def transport(self) -> asyncio.Transport | None:
        """What the bytes go through, once there is a connection."""
        return self._transport

    def close(self) -> None:
        """Close the connection; what was written is still sent, as far as that is possible within CLOSE_LIMIT."""
        if self._closing or self.lost is not None:
            return
        self._closing = True
        if self._transport is None:
            self.fail(LineDown("connection closed"))
            return
        self._set_timer(None)
        self._guard_close()
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once; what was written may be lost."""
        self._closing = True
        self.fail(LineDown("connection closed"))

    def close_when_idle(self, seconds: float) -> None:
        """Fail the connection when nothing arrives for `seconds`: for listeners, whose peers may vanish in silence."""

        def check() -> None:
            due = self._last_input + seconds
            if self._closing or self.lost is not None:
                return
            if self._clock.now() < due:
                self._idle_timer = self._clock.call_at(due, check)
            else:
                self.fail(LineDown(f"nothing was received for {seconds:g} s"))

        self._last_input = self._clock.now()
        self._idle_timer = self._clock.call_at(self._last_input + seconds, check)

    def fail(self, reason: LineDown) -> None:
        """End the adapter and drop the connection: no timer any more, and `next_event` raises `reason`."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        super().fail(reason)

    # --- for asyncio ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio calls this once: bytes may flow."""
        self._transport = cast("asyncio.Transport", transport)
        self._connected = self._trace is not None and self._note_connection(transport)
        if self.lost is not None:
            self._transport.abort()
        else:
            self._run(_nothing)

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio calls this once: the device or the peer is gone."""
        if self._connected and self._trace is not None:
            self._trace(CLOSE, b"")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Asyncio calls this with what arrived."""
        if self._closing or self.lost is not None:
            return
        now = self._last_input = self._clock.now()
        self.traffic.bytes_in += len(data)

        def receive() -> None:
            if self._trace is not None:
                self._trace("in", data)
            self._stream.receive_data(data, now)

        self._run(receive)

    def eof_received(self) -> bool:
        """Asyncio calls this when the other end will send no more: the transport then closes, under our guard."""
        self._guard_close()
        return False

    # --- inside -----------------------------------------------------------------------------------------------------

    def _note_connection(self, transport: asyncio.BaseTransport) -> bool:
        """Have the beginning of a network connection recorded; return whether it is one."""
        ends = [transport.get_extra_info(name) for name in ("peername", "sockname")]
        if not ends[0] or self._trace is None:
            return False
        self._trace(CONNECT, SEPARATOR.join(_host_and_port(end) for end in ends).encode())
        return True

    def _abort(self) -> None:
        if self._transport is None:
            self._closed.set()
        else:
            self._transport.abort()

    def _send_pending(self) -> None:
        transport = self._transport
        if transport is None or self.lost is not None:
            return
        data = self._stream.data_to_send()
        if not data:
            return
        if transport.is_closing():
            self.fail(LineDown(transport.get_extra_info("loss") or "the connection is closing"))
        elif transport.get_write_buffer_size() > MAX_UNSENT:
            self.fail(LineDown("the other end has stopped taking data"))
        else:
            transport.write(data)
            self.traffic.bytes_out += len(data)
            if self._trace is not None:
                self._trace("out", data)

    def _discard_pending(self) -> bool:
        return bool(self._stream.data_to_send())

    def _fell_behind(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def _caught_up(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()


class DatagramAdapter(Adapter[EventT], asyncio.DatagramProtocol):
    """Runs a `DatagramProtocol` on one socket.

    `trace` sees all of it: ("in" | "out", data, address); not given, it is that of the line in whose context this is
    built. `more` yields what has arrived beside the datagram that asyncio brings, and its source, without waiting.
    """

    def __init__(self, core: DatagramProtocol[EventT], clock: Clock, trace: DatagramTrace | None = None) -> None:
        super().__init__(core, clock)
        self._datagram = core
        recorder = self._recorder = CURRENT.get()
        self._trace = trace or (recorder.datagrams if recorder is not None else None)
        self._transport: asyncio.DatagramTransport | None = None
        self._congested = False
        self.more: Callable[[], Iterable[tuple[bytes, tuple[Any, ...]]]] = tuple

    @property
    def transport(self) -> asyncio.DatagramTransport | None:
        """The socket, once it is open."""
        return self._transport

    def close(self) -> None:
        """Close the socket; datagrams still in its buffer are lost."""
        self._closing = True
        self.fail(LineDown("socket closed"))

    # --- for asyncio ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio calls this once: datagrams may flow."""
        self._transport = cast("asyncio.DatagramTransport", transport)
        if self.lost is not None:
            self._transport.abort()
        else:
            self._run(_nothing)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Asyncio calls this with a datagram; what else has arrived is taken in the same turn."""
        if self.lost is not None:
            return

        def receive() -> None:
            self._take(data, addr)
            for another in self.more():
                self._take(*another)

        self._run(receive)

    def _take(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Hand one datagram to the core; while the driver is behind it is dropped, and the sender repeats."""
        if len(self._events) >= EVENTS_HIGH:
            self.traffic.dropped += 1
            return
        self.traffic.bytes_in += len(data)
        source = _readable(addr)
        if self._trace is not None:
            self._trace("in", data, source)
        self._datagram.receive_datagram(data, source, self._clock.now())

    def error_received(self, exc: Exception) -> None:
        """Ignore that an earlier datagram was refused (ICMP): the core's own timers decide what that means."""
        del exc

    def pause_writing(self) -> None:
        """Asyncio calls this when the network takes nothing: datagrams are dropped until it does."""
        self._congested = True

    def resume_writing(self) -> None:
        """Asyncio calls this when the network takes datagrams again."""
        self._congested = False

    # --- inside -----------------------------------------------------------------------------------------------------

    def _abort(self) -> None:
        if self._transport is None:
            self._closed.set()
        else:
            self._transport.abort()

    def _send_pending(self) -> None:
        if self._transport is None or self.lost is not None:
            return
        for data, target in self._datagram.datagrams_to_send():
            self._send(self._transport, data, target)

    def _send(self, transport: asyncio.DatagramTransport, data: bytes, target: Address) -> None:
        if not _sendable(target) or self._congested:
            self._drop()
            return
        transport.sendto(data, target)
        self.traffic.bytes_out += len(data)
        if self._trace is not None:
            self._trace("out", data, target)

    def _drop(self) -> None:
        self.traffic.dropped += 1
        if self._recorder is not None:
            self._recorder.tally("dropped_datagrams", 1)

    def _discard_pending(self) -> bool:
        return bool(self._datagram.datagrams_to_send())


def _nothing() -> None:
    """Do nothing: the connection may have been waiting for what the core wanted to say first."""


def _host_and_port(end: object) -> str:
    return f"{end[0]}:{end[1]}" if isinstance(end, tuple) else ""


def _readable(addr: tuple[Any, ...]) -> Address:
    """Return host and port; a link-local IPv6 address keeps its scope, without which it cannot be answered."""
    host, port, *rest = addr
    return (f"{host}%{rest[1]}", port) if rest and rest[1] and "%" not in host else (host, port)


@lru_cache(maxsize=1_024)
def _sendable(target: Address) -> bool:
    """Return whether a datagram can go there: a host name would be looked up in the loop and hold everything up."""
    host, port = target
    try:
        ip_address(host)
    except ValueError:
        log.warning("a datagram to %.80r was dropped: not a numeric address", host)
        return False
    return 0 < port <= HIGHEST_PORT
