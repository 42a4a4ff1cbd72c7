"""A clock whose timers ring late, and devices that answer or stop reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from gatewayd.clock import ManualClock
from tests.transport.cores import Talker

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.clock import TimerHandle
    from gatewayd.transport.pty import Pty

ANSWER = b"y" * 12


class LateClock(ManualClock):
    """A clock whose timers ring late, as those of a loop do, and which counts them."""

    def __init__(self, late: float = 0.002) -> None:
        super().__init__()
        self.late = late
        self.timers = 0

    def call_at(self, when: float, callback: Callable[[], None]) -> TimerHandle:
        self.timers += 1
        return super().call_at(max(when, self.now()) + self.late, callback)


class Answering(Talker):
    """A device that answers every line in the same breath."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if b"\n" in data:
            self.say(ANSWER)


class Pausing(Talker):
    """A device that takes one piece and is behind."""

    pausing = True

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.pausing and self.transport is not None:
            cast("Pty", self.transport).pause_reading()


async def answer_next(device: Talker) -> None:
    """Answer the next line, as a device does that has a task for what happens."""
    await device.next_event()
    device.say(ANSWER)
