"""Wires that are as slow as their baud rate: never faster than a real one, and no slower for timers that ring late."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.clock import Clock, TimerHandle
    from gatewayd.transport.exact import ExactTimers

BITS_PER_BYTE = 10  # start, eight (or seven and parity), stop
TICK = 0.005  # seconds; a throttled wire hands over at most this much of its time at once


class Pace:
    """How fast a wire is: when a piece that is put on it has arrived completely."""

    def __init__(self, baudrate: int) -> None:
        self.byte_time = BITS_PER_BYTE / baudrate
        self.piece = max(1, int(TICK / self.byte_time))
        self._free = 0.0

    def book(self, count: int, since: float) -> float:
        """Put `count` bytes, there `since` then, on the wire behind what is on it; return when the last one arrives."""
        self._free = max(since, self._free) + count * self.byte_time
        return self._free

    def clear(self) -> None:
        """Take everything off the wire."""
        self._free = 0.0


class Direction:
    """One direction of a wire. What is put on it arrives in pieces, each when its last byte has: `arrive(then, piece)`.

    When a piece arrives is decided when it is put there. Timers ring late, exact ones too; then all arrives whose time
    has passed, and what comes behind it is not later for that.
    """

    def __init__(
        self, baudrate: int, clock: Clock, timers: ExactTimers, arrive: Callable[[float, bytes], None]
    ) -> None:
        self._pace = Pace(baudrate)
        self._clock = clock
        self._timers = timers
        self._arrive = arrive
        self._coming: deque[tuple[float, bytes]] = deque()
        self._timer: TimerHandle | None = None
        self._held = False
        self.size = 0  # bytes that have not arrived

    def put(self, data: bytes | bytearray | memoryview, since: float) -> None:
        """Put bytes that were there `since` then behind what is on the wire."""
        for start in range(0, len(data), self._pace.piece):
            piece = bytes(data[start : start + self._pace.piece])
            self._coming.append((self._pace.book(len(piece), since), piece))
        self.size += len(data)
        self._set_timer()

    def hold(self) -> None:
        """Let nothing arrive until `go`."""
        self._held = True

    def go(self) -> None:
        """Let arrive what waits, and go on."""
        self._held = False
        self._set_timer()

    def clear(self) -> None:
        """Lose what is on the wire."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._coming.clear()
        self._pace.clear()
        self.size = 0

    def _set_timer(self) -> None:
        if self._timer is None and self._coming and not self._held:
            self._timer = self._timers.call_at(self._coming[0][0], self._ring)

    def _ring(self) -> None:
        self._timer = None
        while self._coming and not self._held and self._coming[0][0] <= self._clock.now():
            then, piece = self._coming.popleft()
            self.size -= len(piece)
            self._arrive(then, piece)
        self._set_timer()
