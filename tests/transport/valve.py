"""A wire through which nothing leaves while its valve is shut, as behind XOFF, CTS off, or nobody who reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewayd.transport.memory import MemoryTransport, Wire

if TYPE_CHECKING:
    import asyncio

    from gatewayd.clock import Clock


class Valve:
    """Outlives the connections, as the device does."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.is_shut = False
        self._wires: list[Held] = []

    def connect(self, line: asyncio.Protocol, device: asyncio.Protocol) -> Held:
        """Join a line to its device; return the line's end."""
        ours, theirs = Held(self), MemoryTransport(self.clock, Wire())
        ours.attach(line, theirs)
        theirs.attach(device, ours)
        self._wires.append(ours)
        line.connection_made(ours)
        device.connection_made(theirs)
        return ours

    def open(self) -> None:
        """Let everything out that waits."""
        self.is_shut = False
        for wire in self._wires:
            wire.let_go()


class Held(MemoryTransport):
    """The line's end."""

    def __init__(self, valve: Valve) -> None:
        super().__init__(valve.clock, Wire())
        self._valve = valve
        self._waiting = bytearray()
        self._since = 0.0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep the bytes while the valve is shut."""
        if not self._valve.is_shut:
            super().write(data)
            return
        if not self._waiting:
            self._since = self._valve.clock.now()
        self._waiting += data

    def let_go(self) -> None:
        """Send what waits."""
        data, self._waiting = self._waiting, bytearray()
        super().write(data)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait."""
        return len(self._waiting)

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's own signature
        """Return for how many seconds nothing has left (`held`)."""
        if name == "held":
            return self._valve.clock.now() - self._since if self._waiting else 0.0
        return super().get_extra_info(name, default)
