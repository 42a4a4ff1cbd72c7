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

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayd.clock import Clock, TimerHandle
    from gatewayd.transport.adapter import StreamAdapter

BITS_PER_BYTE = 10  # start, eight (or seven and parity), stop
TICK = 0.005  # seconds; a throttled wire hands over at most this much of its time at once
READ_SIZE = 4_096  # bytes; what the kernel keeps for one direction of a PTY
UNHEARD_LIMIT = 65_536  # bytes kept for a reader that is slow; beyond that they are lost, as on a real wire
UNHEARD_TIME = 1.0  # seconds without any being taken: nobody has the port open, and they are lost likewise


class Pace:
    """How fast a wire is: when a piece that is put on it has arrived completely.

    Timers ring late, exact ones too. What waited meanwhile goes on where the piece before it ended, not where the timer
    rang: else a wire at 1200 Bd, with a timer for each byte, would be slower than a real one.
    """

    def __init__(self, baudrate: int) -> None:
        self.byte_time = BITS_PER_BYTE / baudrate
        self.piece = max(1, int(TICK / self.byte_time))
        self._free = 0.0

    def book(self, count: int, since: float) -> float:
        """Put `count` bytes, there `since` then, on the wire behind what is on it; return when the last one arrives."""
        self._free = max(since, self._free) + count * self.byte_time
        return self._free

    def go_on(self, count: int) -> float:
        """Put bytes on the wire that waited until it was free; return when the last one arrives."""
        return self.book(count, self._free)


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
        self._input = Pace(baudrate) if baudrate else None
        self._output = Pace(baudrate) if baudrate else None
        self._loop = asyncio.get_running_loop()
        self._fds: tuple[int, int] | None = None
        self._writer: FdWriter | None = None
        self._waiting = bytearray()
        self._waiting_since = 0.0
        self._exact = ExactTimers(adapter.clock)
        self._timers: dict[str, TimerHandle] = {}
        self._heard_at: float | None = None  # when the piece had arrived that the device is just told of
        self._progress = (0, 0.0)  # how many bytes had been taken, and since when no more were
        self._paused = self._closing = False
        self.path = ""

    # --- cable ------------------------------------------------------------------------------------------------------

    def unplug(self) -> None:
        """Pull the plug: the other side sees a hang-up, the link is gone, and what the device sends is lost."""
        if self._fds is None:
            return
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._waiting.clear()
        if self._writer is not None:
            self._writer.stop()
        master, slave = self._fds
        self._fds = self._writer = None
        self._loop.remove_reader(master)
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
        if not self._waiting:
            self._waiting_since = self._clock.now() if self._heard_at is None else self._heard_at
        self._waiting += data
        if "out" not in self._timers:
            self._put_on_wire(self._output)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes have not left."""
        return len(self._waiting) + (self._writer.unsent if self._writer is not None else 0)

    def is_closing(self) -> bool:
        """Return whether the device was switched off for good."""
        return self._closing

    def pause_reading(self) -> None:
        """Stop reading; the other side's writes back up."""
        self._paused = True
        if self._fds is not None:
            self._loop.remove_reader(self._fds[0])

    def resume_reading(self) -> None:
        """Go on reading."""
        self._paused = False
        self._watch()

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
        if self._fds is not None and not self._paused and "in" not in self._timers:
            self._loop.add_reader(self._fds[0], self._readable)

    def _hand_over(self, writer: FdWriter, data: bytes | bytearray | memoryview) -> None:
        now = self._clock.now()
        taken, since = self._progress
        if not writer.unsent or writer.taken != taken:
            self._progress = (writer.taken, now)
        elif now - since > UNHEARD_TIME:
            writer.stop()
            return
        writer.write(data)

    def _put_on_wire(self, pace: Pace) -> None:
        piece = bytes(self._waiting[: pace.piece])
        del self._waiting[: pace.piece]
        due = pace.book(len(piece), self._waiting_since)
        self._timers["out"] = self._exact.call_at(due, lambda: self._leave_wire(pace, piece))

    def _leave_wire(self, pace: Pace, piece: bytes) -> None:
        del self._timers["out"]
        if self._writer is not None:
            self._hand_over(self._writer, piece)
        if self._waiting:
            self._put_on_wire(pace)

    def _readable(self) -> None:
        if self._fds is None:
            return
        data = _read(self._fds[0], self._input.piece if self._input is not None else READ_SIZE)
        if not data:
            return
        if self._input is None:
            self._adapter.data_received(data)
            return
        self._loop.remove_reader(self._fds[0])
        self._expect(self._input.book(len(data), self._clock.now()), self._input, data)

    def _expect(self, due: float, pace: Pace, data: bytes) -> None:
        self._timers["in"] = self._exact.call_at(due, lambda: self._arrive(due, pace, data))

    def _arrive(self, due: float, pace: Pace, data: bytes) -> None:
        """Hand a piece over; what is there behind it has waited for the wire."""
        del self._timers["in"]
        behind = _read(self._fds[0], pace.piece) if self._fds is not None and not self._paused else b""
        if behind:
            self._expect(pace.go_on(len(behind)), pace, behind)
        else:
            self._watch()
        self._heard_at = due
        self._adapter.data_received(data)
        self._loop.call_soon(self._heard)

    def _heard(self) -> None:
        """Note that what the device sends from now on is no immediate answer: its tasks have had their turn."""
        self._heard_at = None


def _read(fd: int, size: int) -> bytes:
    """Return what is there, perhaps nothing."""
    try:
        return os.read(fd, size)
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
