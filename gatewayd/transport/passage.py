"""Whether bytes leave a port: after one that took nothing, that it can be opened again says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewayd.clock import sleep
from gatewayd.errors import LineDown

if TYPE_CHECKING:
    from gatewayd.clock import Clock
    from gatewayd.transport.adapter import StreamAdapter

HELD = 1.0  # seconds in which nothing of what waited has left: no speed is so low
LOOK_EVERY = 0.25  # seconds; neither the kernel nor the device tells when a byte leaves


class Passage:
    """Outlives the connections of a line. `blocked`: the last one ended while nothing left, and nothing has since."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.blocked = False

    def ended(self, adapter: StreamAdapter[Any]) -> None:
        """Take note of how a connection ends; call it before the connection is closed."""
        transport = adapter.transport
        if transport is not None and transport.get_extra_info("held", 0.0) >= HELD:
            self.blocked = True

    async def opens(self, adapter: StreamAdapter[Any]) -> None:
        """Wait until something that was written on this connection has left. Raises LineDown when that is lost."""
        while self.blocked:
            if adapter.lost is not None:
                raise LineDown(str(adapter.lost))
            if _something_left(adapter):
                self.blocked = False
            else:
                await sleep(self._clock, LOOK_EVERY)


def _something_left(adapter: StreamAdapter[Any]) -> bool:
    """Return whether fewer bytes wait, in our buffer or the kernel's, than were written; a lost port lets none out."""
    transport = adapter.transport
    if transport is None:
        return False
    port = transport.get_extra_info("serial")
    try:
        waiting = transport.get_write_buffer_size() + (port.unsent if port is not None else 0)
    except OSError:
        return False
    return adapter.traffic.bytes_out > waiting
