"""How a serial port is configured."""

from __future__ import annotations

from typing import Annotated, Literal
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
    `dtr` and `rts` are held like this as long as the line is open, and after it.
    `rs485`: the port's RTS drives a two-wire bus; the kernel raises it while we send, and at no other time.
    `echo`: on a two-wire bus (RS-485) we hear what we send; it is taken out of what arrives.
    `hold_limit` seconds without a byte leaving (flow control) are a fault.
    `watch` names modem lines that have to be on; off for `watch_limit` seconds, the device is gone.
    """

    port: str = Field(min_length=1, max_length=LONGEST_PORT)
    baudrate: int = 9600
    bytesize: Literal[7, 8] = 8
    parity: Literal["none", "even", "odd"] = "none"
    stopbits: Literal[1, 2] = 1
    flow: Literal["none", "rtscts", "xonxoff"] = "none"
    software_parity: bool = False
    exclusive: bool = True
    dtr: bool = True
    rts: bool = True
    rs485: bool = False
    echo: bool = False
    hold_limit: Annotated[float, Field(ge=1, le=120)] = 20.0
    watch: Annotated[tuple[Literal["dsr", "cts", "dcd"], ...], Field(max_length=3)] = ()
    watch_limit: Annotated[float, Field(ge=0, le=60)] = 2.0

    @property
    def byte_time(self) -> float:
        """What one character takes on the wire, in seconds."""
        return (1 + self.bytesize + (self.parity != "none") + self.stopbits) / self.baudrate

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

    @model_validator(mode="after")
    def _modem_lines_are_there(self) -> SerialSettings:
        if self.flow == "rtscts" and not self.rts:
            raise ValueError("rts is moved by flow rtscts: leave it out")
        if self.rs485 and (self.flow == "rtscts" or not self.rts):
            raise ValueError("rts is moved by rs485: leave it out, and flow rtscts too")
        if self.address is not None and (self.watch or self.rs485 or not (self.dtr and self.rts)):
            raise ValueError("dtr, rts, rs485 and watch need the port itself: behind a device server set them there")
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
