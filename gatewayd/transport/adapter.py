"""The one loop that runs any sans-IO protocol on any asyncio transport.

An adapter is itself an asyncio protocol: it hands bytes to the core, writes what the core wants written, keeps one
timer for it, and queues its events in order. After calling a method of the core directly, call `flush`.
An adapter lives for one connection: after LineDown, build a new core and a new adapter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

from gatewayd.errors import LineDown
from gatewayd.transport.base import Adapter
from gatewayd.transport.capture import CLOSE, CONNECT, CURRENT, SEPARATOR
from gatewayd.transport.datagrams import HIGHEST_PORT, DatagramAdapter, DatagramTrace

if TYPE_CHECKING:
    from gatewayd.clock import Clock, TimerHandle
    from gatewayd.driver import StreamProtocol

__all__ = ["HIGHEST_PORT", "DatagramAdapter", "DatagramTrace", "StreamAdapter", "Trace"]

EventT = TypeVar("EventT")
Trace = Callable[[str, bytes], None]

MAX_UNSENT = 1 << 20  # bytes; nothing that we say is this long: the other end has stopped taking them


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


def _nothing() -> None:
    """Do nothing: the connection may have been waiting for what the core wanted to say first."""


def _host_and_port(end: object) -> str:
    return f"{end[0]}:{end[1]}" if isinstance(end, tuple) else ""
