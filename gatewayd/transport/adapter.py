"""The one loop that runs any sans-IO protocol on any asyncio transport.

An adapter is itself an asyncio protocol: it hands bytes to the core, writes what the core wants written, keeps one timer for
it, and queues its events in order. After calling a method of the core directly, call `flush`.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from gatewayd.errors import LineDown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gatewayd.clock import Clock, TimerHandle
    from gatewayd.driver import Address, DatagramProtocol, StreamProtocol

EventT = TypeVar("EventT")


class _Adapter(ABC, Generic[EventT]):
    """What both kinds of adapter share: the timer, the queue of events, the end of the connection."""

    def __init__(self, core: StreamProtocol[EventT] | DatagramProtocol[EventT], clock: Clock) -> None:
        self._core = core
        self._clock = clock
        self._timer: TimerHandle | None = None
        self._timer_due: float | None = None
        self._events: asyncio.Queue[EventT | LineDown] = asyncio.Queue()
        self.lost: LineDown | None = None

    @abstractmethod
    def _send_pending(self) -> None:
        """Write what the core wants written."""

    def flush(self) -> None:
        """Carry out what the core decided: events out, bytes out, timer set."""
        while (event := self._core.next_event()) is not None:
            self._events.put_nowait(event)
        self._send_pending()
        self._set_timer(self._core.get_timer())

    async def next_event(self) -> EventT:
        """Wait for the next event. Raises LineDown when the connection is lost and every event before that was taken."""
        item = await self._events.get()
        if isinstance(item, LineDown):
            self._events.put_nowait(item)
            raise item
        return item

    async def events(self) -> AsyncIterator[EventT]:
        """Yield events for ever; ends only by LineDown."""
        while True:
            yield await self.next_event()

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio calls this once: the device or the peer is gone."""
        self.fail(LineDown(f"connection lost: {exc}" if exc else "connection closed by the other end"))

    def fail(self, reason: LineDown) -> None:
        """End the adapter: no timer any more, and `next_event` raises `reason`."""
        if self.lost is None:
            self.lost = reason
            self._set_timer(None)
            self._events.put_nowait(reason)

    def _set_timer(self, due: float | None) -> None:
        if self.lost is not None:
            due = None
        if due == self._timer_due and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = due
        self._timer = None if due is None else self._clock.call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = self._timer_due = None
        self._core.handle_timer(self._clock.now())
        self.flush()


class StreamAdapter(_Adapter[EventT], asyncio.Protocol):
    """Runs a `StreamProtocol` on a byte stream. `trace`, when given, sees every byte: ("in" | "out", data)."""

    def __init__(
        self, core: StreamProtocol[EventT], clock: Clock, trace: Callable[[str, bytes], None] | None = None
    ) -> None:
        super().__init__(core, clock)
        self._stream = core
        self._trace = trace
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio calls this once: bytes may flow."""
        self._transport = cast("asyncio.WriteTransport", transport)
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Asyncio calls this with what arrived."""
        if self._trace is not None:
            self._trace("in", data)
        self._stream.receive_data(data, self._clock.now())
        self.flush()

    def close(self) -> None:
        """Close the connection; what was written is still sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close the connection at once; what was written may be lost."""
        if self._transport is not None:
            self._transport.abort()

    def _send_pending(self) -> None:
        if self._transport is None:
            return
        data = self._stream.data_to_send()
        if not data:
            return
        if self._transport.is_closing():
            self.fail(LineDown("the connection is closing"))
            return
        if self._trace is not None:
            self._trace("out", data)
        self._transport.write(data)


class DatagramAdapter(_Adapter[EventT], asyncio.DatagramProtocol):
    """Runs a `DatagramProtocol` on one socket."""

    def __init__(self, core: DatagramProtocol[EventT], clock: Clock) -> None:
        super().__init__(core, clock)
        self._datagram = core
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio calls this once: datagrams may flow."""
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.flush()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Asyncio calls this with each datagram."""
        self._datagram.receive_datagram(data, (addr[0], addr[1]), self._clock.now())
        self.flush()

    def error_received(self, exc: Exception) -> None:
        """An earlier datagram was refused (ICMP): the core's own timers decide what that means."""
        del exc

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()

    def _send_pending(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        for data, target in self._datagram.datagrams_to_send():
            self._transport.sendto(data, target)
