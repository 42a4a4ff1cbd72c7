"""How a serial port is configured."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from gatewayd.driver import Address, LineSettings

BAUD_RATES = (
    *(50, 75, 110, 134, 150, 200, 300, 600, 1_200, 1_800, 2_400, 4_800, 9_600),
    *(19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 500_000, 576_000, 921_600),
)
LONGEST_PORT = 4_096  # characters: PATH_MAX
SOCKET = "socket://"


class SerialSettings(LineSettings):
    """The port of a serial line; drivers extend it with their own keys.

    `port` is a device path (`/dev/serial/by-id/...`, a PTY) or `socket://host:port` for a raw TCP device server.
    `software_parity` makes and checks the parity bit of seven-bit bytes in software, for ports that do 8N1 only.
    `exclusive` keeps other programs away from the device while the line has it.
    """

    port: str = Field(min_length=1, max_length=LONGEST_PORT)
    baudrate: int = 9600
    bytesize: Literal[7, 8] = 8
    parity: Literal["none", "even", "odd"] = "none"
    stopbits: Literal[1, 2] = 1
    flow: Literal["none", "rtscts", "xonxoff"] = "none"
    software_parity: bool = False
    exclusive: bool = True

    @property
    def address(self) -> Address | None:
        """Host and port of the device server, or None for a device path."""
        if not self.port.startswith(SOCKET):
            return None
        parts = urlsplit(self.port)
        return (parts.hostname or "", parts.port or 0)

    @field_validator("port")
    @classmethod
    def _port_is_a_path_or_a_socket(cls, port: str) -> str:
        if not port.isprintable() or port != port.strip():
            raise ValueError("contains spaces at its ends or control characters")
        if port.startswith(SOCKET):
            return _checked_socket(port)
        if "://" in port:
            raise ValueError("is neither a device path nor socket://host:port")
        return port

    @field_validator("baudrate")
    @classmethod
    def _baudrate_is_known(cls, baudrate: int) -> int:
        if baudrate not in BAUD_RATES:
            raise ValueError(f"is none of {', '.join(map(str, BAUD_RATES))}")
        return baudrate

    @model_validator(mode="after")
    def _software_parity_is_possible(self) -> SerialSettings:
        if self.software_parity and (self.bytesize, self.parity) not in {(7, "even"), (7, "odd")}:
            raise ValueError("software_parity needs bytesize 7 and parity even or odd")
        if self.software_parity and self.flow == "xonxoff":
            raise ValueError("software_parity hides XON and XOFF from the kernel: use flow rtscts or none")
        return self


def _checked_socket(port: str) -> str:
    try:
        parts = urlsplit(port)
        sound = bool(parts.hostname and parts.port) and not (parts.path or parts.query or parts.fragment)
    except ValueError:
        sound = False
    if not sound or "@" in port:
        raise ValueError("is not socket://host:port (port 1 to 65535)")
    return port
