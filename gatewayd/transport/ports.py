"""Serial devices: opening one as its settings say, and the little that we do to it differently from pyserial."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import termios
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import serial
from serial.rs485 import RS485Settings

from gatewayd.errors import LineDown
from gatewayd.transport.framing import SEVEN, SevenBits, software_framing
from gatewayd.transport.watching import missing
from gatewayd.transport.wiring import PortErrors, read_errors, read_pins

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.transport.settings import SerialSettings

PTY_MAJORS = range(136, 144)  # Linux: the device numbers of Unix98 PTYs
CFLAG, CC = 2, 6  # where termios.tcgetattr keeps the control modes and the special characters
PIN_WAIT, PIN_CHECK = 0.5, 0.05  # seconds
PARITIES = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}
SIZES = {7: termios.CS7, 8: termios.CS8}
HINTS = {
    errno.ENOENT: "there is no such device; is it plugged in?",
    errno.EACCES: "permission denied; is the service in the group that owns the device (dialout)?",
    errno.EBUSY: "it is in use by another program",
    errno.EAGAIN: "it is in use by another line or program",
    errno.ENOTTY: "it is not a serial port",
}


class Character(NamedTuple):
    """How one character looks on the wire."""

    bytesize: int
    parity: str
    stopbits: int

    def __str__(self) -> str:
        return f"{self.bytesize}{self.parity[0].upper()}{self.stopbits}"


class RefusedError(Exception):
    """The device does not do this character."""


class Port(serial.Serial):
    """A serial device for an event loop: reads do not wait, nothing drains, and a loss is told instead of raised.

    The asyncio libraries drain without a limit when they close, and have more than one way to close; so they never see
    an error here. `on_loss` does, and closes once.
    """

    fd: int  # while it is open
    on_loss: Callable[[str], None] | None = None

    def read(self, size: int = 1, /) -> bytes:
        """Return what is there. The loop has found the port readable: no data means that it hung up."""
        try:
            data = os.read(self.fd, size)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError as error:
            self.lose(reason_of(error))
            return b""
        if not data:
            self.lose("the device hung up")
        return data

    def flush(self) -> None:
        """Do nothing: our own drain has a limit."""

    def lose(self, reason: str) -> None:
        """Tell that the device is gone."""
        if self.on_loss is not None:
            self.on_loss(reason)

    def pins(self) -> frozenset[str] | None:
        """Return the modem lines that are on, or None where the port has none. Raises OSError."""
        return read_pins(self.fd)

    def errors(self) -> PortErrors | None:
        """Return the errors that the kernel counted, or None where it does not. Raises OSError."""
        return read_errors(self.fd)

    def discard(self) -> None:
        """Forget what the kernel has not sent, so that closing does not wait for it."""
        with suppress(OSError, termios.error):
            termios.tcflush(self.fd, termios.TCOFLUSH)

    @property
    def unsent(self) -> int:
        """How many bytes the kernel has not sent; 0 where it does not tell."""
        try:
            return int(self.out_waiting)
        except OSError:
            return 0


Opened = tuple[Port, SevenBits | None]


def open_port(settings: SerialSettings) -> Opened:
    """Open the device; return it with the framing that is left to software. Blocks. Raises LineDown."""
    try:
        return _open(settings)
    except RefusedError as error:
        raise LineDown(f"cannot open {settings.port}: the device does not do {error}") from error
    except (OSError, ValueError, termios.error) as error:
        raise LineDown(f"cannot open {settings.port}: {reason_of(error)}") from error


def _open(settings: SerialSettings) -> Opened:
    """Open with the framing in hardware where that is possible and meant, else as eight bits with it in software."""
    status = Path(settings.port).stat()
    if not stat.S_ISCHR(status.st_mode):
        raise OSError(errno.ENOTTY, "not a device")
    pty = os.major(status.st_rdev) in PTY_MAJORS
    if not pty and not settings.software_parity:
        try:
            return _configured(settings, Character(settings.bytesize, settings.parity, settings.stopbits), pty), None
        except RefusedError:
            # The kernel does not recognise XON and XOFF in bytes that carry a parity bit.
            if settings.bytesize != SEVEN or settings.flow == "xonxoff":
                raise
    return _configured(settings, _eight_bits(settings), pty), software_framing(settings, forced=not pty)


def _eight_bits(settings: SerialSettings) -> Character:
    """Return the character that carries seven bits and parity in eight; the second stop bit of 7N2 is its bit 7."""
    bit_7_stops = settings.bytesize == SEVEN and settings.parity == "none"
    return Character(8, "none", 1 if bit_7_stops else settings.stopbits)


def _configured(settings: SerialSettings, character: Character, pty: bool) -> Port:  # noqa: FBT001 - a fact, no option
    try:
        port = Port(
            None,
            settings.baudrate,
            bytesize=character.bytesize,
            parity=PARITIES[character.parity],
            stopbits=character.stopbits,
            rtscts=settings.flow == "rtscts",
            xonxoff=settings.flow == "xonxoff",
            exclusive=True if settings.exclusive else None,
        )
        port.dtr, port.rts, port.port = settings.dtr, settings.rts and not settings.rs485, settings.port
        if settings.rs485:
            port.rs485_mode = RS485Settings()
        port.open()
    except termios.error as error:
        if error.args[0] == errno.EINVAL:
            raise RefusedError(character) from error
        raise
    try:
        _settle(port, character)
        if not pty:
            _settle_device(port, settings)
        if settings.watch:
            _await_pins(port, settings.watch)
    except BaseException:
        port.close()
        raise
    return port


def _settle(port: Port, character: Character) -> None:
    """See that the device took the character; an empty read shall mean a hang-up; a close shall not drop DTR."""
    modes = termios.tcgetattr(port.fd)
    parity = termios.PARENB if character.parity != "none" else 0
    if modes[CFLAG] & (termios.CSIZE | termios.PARENB) != SIZES[character.bytesize] | parity:
        raise RefusedError(character)
    modes[CFLAG] &= ~termios.HUPCL
    modes[CC][termios.VMIN] = 1
    termios.tcsetattr(port.fd, termios.TCSANOW, modes)


def _settle_device(port: Port, settings: SerialSettings) -> None:
    """Lock out programs that do not look at locks; ask USB adapters not to collect bytes for 16 ms first."""
    if settings.exclusive:
        fcntl.ioctl(port.fd, termios.TIOCEXCL)
    with suppress(OSError, ValueError):
        port.set_low_latency_mode(low_latency_settings=True)


def _await_pins(port: Port, wanted: tuple[str, ...]) -> None:
    """See that the modem lines are on; a device may answer our DTR only after a moment. Raises ValueError."""
    deadline = time.monotonic() + PIN_WAIT
    while True:
        pins = port.pins()
        if pins is None:
            raise ValueError("it has no modem lines that could be watched")
        reason = missing(wanted, pins)
        if not reason:
            return
        if time.monotonic() > deadline:
            raise ValueError(reason)
        time.sleep(PIN_CHECK)


def reason_of(error: Exception) -> str:
    """Say what went wrong and, where it is known, what to do."""
    number = getattr(error, "errno", None) or (error.args[0] if error.args else None)
    if not isinstance(number, int):
        return str(error)
    return HINTS.get(number) or os.strerror(number)
