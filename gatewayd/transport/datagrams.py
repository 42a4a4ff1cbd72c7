"""Runs a sans-IO protocol of datagrams on one socket; see `gatewayd.transport.adapter` for streams."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeVar, cast

from gatewayd.errors import LineDown
from gatewayd.transport.base import EVENTS_HIGH, Adapter
from gatewayd.transport.capture import CURRENT

if TYPE_CHECKING:
    from gatewayd.clock import Clock
    from gatewayd.driver import Address, DatagramProtocol

EventT = TypeVar("EventT")
DatagramTrace = Callable[[str, bytes, "Address"], None]

HIGHEST_PORT = 65_535

log = logging.getLogger(__name__)


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
        source = addr if len(addr) == 2 else _readable(addr)  # noqa: PLR2004 - IPv4
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
    """Do nothing: the driver may have called the core before there was a socket."""


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
