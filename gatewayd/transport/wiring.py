"""What a serial port knows beside its bytes: the state of its modem lines, and the errors that the kernel counted.

The only place that asks the kernel for either. PTYs and some adapters have neither; then the answer is None.
"""

from __future__ import annotations

import errno
import fcntl
import struct
import sys
import termios
from typing import NamedTuple

PINS = {"dsr": termios.TIOCM_DSR, "cts": termios.TIOCM_CTS, "dcd": termios.TIOCM_CAR, "ri": termios.TIOCM_RNG}
UNKNOWN = frozenset({errno.ENOTTY, errno.EINVAL, errno.EOPNOTSUPP})  # how ports say that they have no such thing
INT_SIZE = 4
ICOUNTER = struct.Struct("20i")  # linux/serial.h, struct serial_icounter_struct
FIRST_ERROR, LAST_ERROR = 6, 11  # its members frame, overrun, parity, brk, buf_overrun


class PortErrors(NamedTuple):
    """Errors since the port's driver was loaded; their names are those of the line's counters."""

    framing_errors: int = 0
    overruns: int = 0
    parity_errors: int = 0
    breaks: int = 0
    buffer_overruns: int = 0

    def since(self, before: PortErrors) -> dict[str, int]:
        """Return what has come since `before`; a counter that began anew counts from zero."""
        pairs = zip(self._fields, self, before, strict=True)
        more = {name: now - then if now >= then else now for name, now, then in pairs}
        return {name: count for name, count in more.items() if count}


def read_pins(fd: int) -> frozenset[str] | None:
    """Return which of PINS are on, or None where the port has none. Raises OSError when the device is lost."""
    try:
        answer = fcntl.ioctl(fd, termios.TIOCMGET, bytes(INT_SIZE))
    except OSError as error:
        if error.errno in UNKNOWN:
            return None
        raise
    state = int.from_bytes(answer, sys.byteorder)
    return frozenset(name for name, bit in PINS.items() if state & bit)


def read_errors(fd: int) -> PortErrors | None:
    """Return the kernel's counters, or None where the port has none. Raises OSError when the device is lost."""
    try:
        answer = fcntl.ioctl(fd, termios.TIOCGICOUNT, bytes(ICOUNTER.size))
    except OSError as error:
        if error.errno in UNKNOWN:
            return None
        raise
    return PortErrors(*ICOUNTER.unpack(answer)[FIRST_ERROR:LAST_ERROR])
