"""Serial ports: one facade over pyserial-asyncio-fast and pyserial-asyncio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gatewayd.driver import LineSettings

if TYPE_CHECKING:
    from gatewayd.transport.adapter import StreamAdapter


class SerialSettings(LineSettings):
    """The port of a serial line; drivers extend it with their own keys.

    `port` is a device path (`/dev/serial/by-id/...`, a PTY) or `socket://host:port` for a raw TCP device server.
    """

    port: str
    baudrate: int = 9600
    bytesize: Literal[7, 8] = 8
    parity: Literal["none", "even", "odd"] = "none"
    stopbits: Literal[1, 2] = 1
    flow: Literal["none", "rtscts", "xonxoff"] = "none"


async def open_serial(settings: SerialSettings, adapter: StreamAdapter) -> None:  # type: ignore[type-arg]
    """Open the port and join it to `adapter`. Raises LineDown when it cannot be opened."""
