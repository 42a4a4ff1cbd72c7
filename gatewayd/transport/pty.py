"""Pseudo-terminals: the serial ports of simulators."""

from __future__ import annotations

import asyncio
import errno
import os
import tty
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gatewayd.transport.exact import ExactTimers
from gatewayd.transport.fdio import FdWriter
from gatewayd.transport.pace import Direction

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayd.clock import Clock
    from gatewayd.transport.adapter import StreamAdapter

READ_SIZE = 4_096  # bytes; what the kernel keeps for one direction of a PTY, and a slow wire beside that
UNHEARD_LIMIT = 65_536  # bytes kept for a reader that is slow; beyond that they are lost, as on a real wire
UNHEARD_TIME = 1.0  # seconds without any being taken: nobody has the port open, and they are lost likewise


def open_pty(adapter: StreamAdapter[Any], link: Path | None = None, *, baudrate: int | None = None) -> Pty:
    """Make a PTY whose device side is `adapter`; `link` becomes a symbolic link to its other side.

    An old link is replaced. With `baudrate`, bytes take their time in both directions.
    Raises OSError when the system has no PTY left or the link cannot be made.
    """
    pty = Pty(adapter, link, baudrate)
    pty.replug()
    adapter.connection_made(pty)
    return pty


class Pty(asyncio.Transport):
    """The device side of a PTY. It survives that the other side closes and opens again, as a device does.

    `path` is what the gateway opens: the link where there is one.
    """

    def __init__(self, adapter: StreamAdapter[Any], link: Path | None, baudrate: int | None) -> None:
        super().__init__()
        self._adapter = adapter
        self._clock: Clock = adapter.clock
        self._link = link
        self._exact = ExactTimers(adapter.clock)
        self._input = Direction(baudrate, self._clock, self._exact, self._tell) if baudrate else None
        self._output = Direction(baudrate, self._clock, self._exact, self._deliver) if baudrate else None
        self._loop = asyncio.get_running_loop()
        self._fds: tuple[int, int] | None = None
        self._writer: FdWriter | None = None
        self._heard_at: float | None = None  # when the piece had arrived that the device is just told of
        self._progress = (0, 0.0)  # how many bytes had been taken, and since when no more were
        self._watching = self._paused = self._closing = False
        self.path = ""

    # --- cable ------------------------------------------------------------------------------------------------------

    def unplug(self) -> None:
        """Pull the plug: the other side sees a hang-up, the link is gone, and what the device sends is lost."""
        if self._fds is None:
            return
        for direction in (self._input, self._output):
            if direction is not None:
                direction.clear()
        if self._writer is not None:
            self._writer.stop()
        master, slave = self._fds
        self._ignore()
        self._fds = self._writer = None
        if self._link is not None and _target(self._link) == os.ttyname(slave):
            self._link.unlink()
        os.close(master)
        os.close(slave)

    def replug(self) -> None:
        """Plug in (again): a new PTY under the same link; without a link `path` is a new one."""
        self.unplug()
        master, slave = os.openpty()
        try:
            os.set_blocking(master, False)
            tty.setraw(slave)
            name = os.ttyname(slave)
            if self._link is not None:
                _point(self._link, name)
        except BaseException:
            os.close(master)
            os.close(slave)
            raise
        self.path = str(self._link or name)
        self._fds = (master, slave)
        self._writer = FdWriter(master, lambda _: None)
        self._watch()

    # --- transport --------------------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send to the other side; while unplugged, or while nobody reads, the bytes are lost."""
        if self._writer is None or self.get_write_buffer_size() > UNHEARD_LIMIT:
            return
        if self._output is None:
            self._hand_over(self._writer, data)
            return
        self._output.put(data, self._clock.now() if self._heard_at is None else self._heard_at)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes have not left."""
        on_wire = self._output.size if self._output is not None else 0
        return on_wire + (self._writer.unsent if self._writer is not None else 0)

    def is_closing(self) -> bool:
        """Return whether the device was switched off for good."""
        return self._closing

    def pause_reading(self) -> None:
        """Stop reading; the other side's writes back up."""
        self._paused = True
        self._ignore()
        if self._input is not None:
            self._input.hold()

    def resume_reading(self) -> None:
        """Go on reading."""
        self._paused = False
        self._watch()
        if self._input is not None:
            self._input.go()

    def close(self) -> None:
        """Switch the device off for good and remove the link."""
        if not self._closing:
            self._closing = True
            self.unplug()
            self._exact.stop()
            self._loop.call_soon(self._adapter.connection_lost, None)

    def abort(self) -> None:
        """Switch the device off for good and remove the link."""
        self.close()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Read what comes, unless the device or a slow wire has enough: then it waits in the kernel."""
        full = self._input is not None and self._input.size >= READ_SIZE
        if self._fds is not None and not (self._watching or self._paused or full):
            self._watching = True
            self._loop.add_reader(self._fds[0], self._readable)

    def _ignore(self) -> None:
        if self._watching and self._fds is not None:
            self._loop.remove_reader(self._fds[0])
        self._watching = False

    def _hand_over(self, writer: FdWriter, data: bytes | bytearray | memoryview) -> None:
        now = self._clock.now()
        taken, since = self._progress
        if not writer.unsent or writer.taken != taken:
            self._progress = (writer.taken, now)
        elif now - since > UNHEARD_TIME:
            writer.stop()
            return
        writer.write(data)

    def _deliver(self, then: float, piece: bytes) -> None:
        del then
        if self._writer is not None:
            self._hand_over(self._writer, piece)

    def _readable(self) -> None:
        data = _read(self._fds[0]) if self._fds is not None else b""
        if not data:
            return
        if self._input is None:
            self._adapter.data_received(data)
            return
        self._input.put(data, self._clock.now())
        if self._input.size >= READ_SIZE:
            self._ignore()

    def _tell(self, then: float, piece: bytes) -> None:
        """Tell the device of bytes. What it answers at once is dated by when they had arrived: it has no timers."""
        self._heard_at = then
        self._adapter.data_received(piece)
        self._loop.call_soon(self._heard, then)
        self._watch()

    def _heard(self, then: float) -> None:
        """Note that what the device sends from now on is no immediate answer: its tasks have had their turn."""
        if self._heard_at == then:
            self._heard_at = None


def _read(fd: int) -> bytes:
    """Return what is there, perhaps nothing."""
    try:
        return os.read(fd, READ_SIZE)
    except BlockingIOError:
        return b""


def _target(link: Path) -> str | None:
    with suppress(OSError):
        return str(link.readlink())
    return None


def _point(link: Path, name: str) -> None:
    """Make the link in one step, so that nobody ever finds it missing or half made.

    Raises FileExistsError for anything but an old link: it is not ours to replace.
    """
    if link.exists() and not link.is_symlink():
        raise FileExistsError(errno.EEXIST, "is there already, and is no link", str(link))
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(name)
    fresh.replace(link)
