"""The device's end of a serial line, for simulators: a PTY of its own, or a real port with a cable to the gateway."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatewayd.transport.pty import open_pty
from gatewayd.transport.serial import SerialSettings, open_serial

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gatewayd.transport.adapter import StreamAdapter


@asynccontextmanager
async def device_port(
    adapter: StreamAdapter[Any], port: str, *, baudrate: int = 9600, throttle: bool = False
) -> AsyncIterator[None]:
    """Join `adapter` to a port, and close it in the end.

    Under /dev/ or socket:// the port exists; elsewhere a link to a new PTY is made there, and without a name a PTY
    alone. `throttle` makes a PTY as slow as its baudrate. Raises LineDown for a port, OSError for a PTY that cannot be
    had.
    """
    if port.startswith(("/dev/", "socket://")):
        await open_serial(SerialSettings(port=port, baudrate=baudrate), adapter)
    else:
        open_pty(adapter, Path(port) if port else None, baudrate=baudrate if throttle else None)
    try:
        yield
    finally:
        adapter.close()
        await adapter.wait_closed()
