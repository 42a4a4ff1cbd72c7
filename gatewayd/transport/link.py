"""What stands between a transport and an adapter when bytes are recoded on their way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from gatewayd.errors import LineDown
from gatewayd.transport.capture import CURRENT

if TYPE_CHECKING:
    from gatewayd.clock import Clock
    from gatewayd.transport.adapter import StreamAdapter
    from gatewayd.transport.echo import Echo
    from gatewayd.transport.framing import SevenBits


class Link(asyncio.Transport, asyncio.Protocol):
    """The adapter's transport and the transport's protocol, in one."""

    def __init__(self, adapter: StreamAdapter[Any], framing: SevenBits | None, echo: Echo | None = None) -> None:
        super().__init__()
        self._adapter = adapter
        self._framing = framing
        self._echo = echo
        self._recorder = CURRENT.get()
        self._below: asyncio.Transport | None = None

    # --- what the transport below calls -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass on that bytes may flow."""
        self._below = cast("asyncio.Transport", transport)
        self._adapter.connection_made(self)

    def data_received(self, data: bytes) -> None:
        """Pass on what arrived, without our echo and in seven bits where that is agreed."""
        if self._echo is not None:
            data = self._without_echo(self._echo, data)
            if not data:
                return
        if self._framing is not None:
            data = self._framing.decode(data)
            traffic = self._adapter.traffic
            self.tally("parity_errors", self._framing.errors - traffic.parity_errors)
            traffic.parity_errors = self._framing.errors
        self._adapter.data_received(data)

    def _without_echo(self, echo: Echo, data: bytes) -> bytes:
        before = echo.errors
        data = echo.received(data, self.clock.now())
        self.tally("echo_errors", echo.errors - before)
        return data

    def tally(self, what: str, count: int) -> None:
        """Add to the statistics of the line to which this connection belongs."""
        if count and self._recorder is not None:
            self._recorder.tally(what, count)

    def eof_received(self) -> bool:
        """Pass on that no more will arrive."""
        return self._adapter.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on that the connection is gone."""
        self._adapter.connection_lost(exc)

    @property
    def clock(self) -> Clock:
        """The adapter's clock."""
        return self._adapter.clock

    # --- what the adapter calls -------------------------------------------------------------------------------------

    @property
    def below(self) -> asyncio.Transport:
        """The transport that carries the bytes."""
        if self._below is None:
            raise RuntimeError("there is no connection yet")
        return self._below

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's own signature
        """Return what the transport knows."""
        return self.below.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes, with bit 7 as agreed."""
        wire = bytes(data) if self._framing is None else self._framing.encode(bytes(data))
        if self._echo is not None:
            self._await_echo(self._echo, wire)
        self._write(wire)

    def _await_echo(self, echo: Echo, wire: bytes) -> None:
        before = echo.errors
        echo.sent(wire, self.clock.now())
        self.tally("echo_errors", echo.errors - before)
        if echo.is_missing:
            reason = "nothing of what we send comes back: is it a two-wire bus (echo = true), and is it connected?"
            asyncio.get_running_loop().call_soon(self._adapter.fail, LineDown(reason))

    def get_write_buffer_size(self) -> int:
        """Return how many bytes have not left."""
        return self.below.get_write_buffer_size()

    def is_closing(self) -> bool:
        """Return whether no more can be sent."""
        return self.below.is_closing()

    def pause_reading(self) -> None:
        """Let the other end wait."""
        self.below.pause_reading()

    def resume_reading(self) -> None:
        """Go on reading."""
        self.below.resume_reading()

    def close(self) -> None:
        """Send what waits, then close."""
        self.below.close()

    def abort(self) -> None:
        """Close at once."""
        self.below.abort()

    def _write(self, data: bytes | bytearray | memoryview) -> None:
        self.below.write(data)
