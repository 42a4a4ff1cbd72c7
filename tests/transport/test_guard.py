"""Watching an open port, on a port that is a fake: what leaves, which modem lines are on, what went wrong."""

from __future__ import annotations

import errno
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from gatewayd.transport.guard import GRACE, PortGuard
from gatewayd.transport.settings import SerialSettings
from gatewayd.transport.wiring import PortErrors

if TYPE_CHECKING:
    from gatewayd.clock import ManualClock

ON = frozenset({"dsr", "cts", "dcd"})


class Port:
    """An open port on which everything works, until it is told otherwise."""

    def __init__(self) -> None:
        self.unsent = 0
        self.on: frozenset[str] | None = ON
        self.counted: PortErrors | None = PortErrors(framing_errors=100)
        self.error: OSError | None = None
        self.asked = 0

    def pins(self) -> frozenset[str] | None:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.on

    def errors(self) -> PortErrors | None:
        if self.error is not None:
            raise self.error
        return self.counted


class Watched:
    """A port under guard, and what the guard said."""

    def __init__(self, clock: ManualClock, **settings: object) -> None:
        self.port = Port()
        self.lost: list[str] = []
        self.tallies: Counter[str] = Counter()
        self.settings = SerialSettings.model_validate({"port": "/dev/ttyUSB0", **settings})
        self.guard = PortGuard(self.port, self.settings, clock, self.lost.append, self._tally)

    def _tally(self, what: str, count: int) -> None:
        self.tallies[what] += count


async def test_bytes_that_do_not_leave_are_a_fault_after_the_limit(clock: ManualClock) -> None:
    line = Watched(clock, hold_limit=20)
    line.port.unsent = 10
    line.guard.wrote(10)
    await clock.advance(20)
    assert line.lost == []
    await clock.advance(5)
    assert line.lost == ["the device has taken nothing for 24 s (nothing leaves the port)"]
    assert clock.next_due() is None


async def test_the_default_notices_a_standstill_within_thirty_seconds(clock: ManualClock) -> None:
    line = Watched(clock)
    line.port.unsent = 10
    line.guard.wrote(10)
    await clock.advance(30)
    assert len(line.lost) == 1


async def test_bytes_that_leave_slowly_are_no_fault(clock: ManualClock) -> None:
    line = Watched(clock, hold_limit=20)
    line.port.unsent = 1_000
    line.guard.wrote(1_000)
    for _ in range(100):
        await clock.advance(10)
        line.port.unsent -= 10
    assert (line.lost, line.port.unsent) == ([], 0)


async def test_a_standstill_counts_from_the_last_byte_that_left(clock: ManualClock) -> None:
    line = Watched(clock, hold_limit=20)
    line.port.unsent = 10
    line.guard.wrote(10)
    await clock.advance(15)
    line.port.unsent = 9
    await clock.advance(19)
    assert line.lost == []
    await clock.advance(10)
    assert len(line.lost) == 1


async def test_more_written_meanwhile_is_no_progress(clock: ManualClock) -> None:
    line = Watched(clock, hold_limit=20)
    for seconds in range(1, 30):
        line.port.unsent = seconds
        line.guard.wrote(1)
        await clock.advance(1)
    assert len(line.lost) == 1


async def test_nobody_looks_at_a_port_from_which_everything_has_left(clock: ManualClock) -> None:
    line = Watched(clock)
    line.guard.wrote(10)
    await clock.advance(20)
    assert clock.next_due() is None


@pytest.mark.parametrize(
    ("flow", "on", "reason"),
    [
        ("xonxoff", ON, "it has sent XOFF and no XON"),
        ("rtscts", ON - {"cts"}, "CTS is off"),
        ("rtscts", ON, "nothing leaves the port"),
        ("rtscts", None, "nothing leaves the port"),
    ],
)
async def test_the_fault_names_the_flow_control_that_holds_us_up(
    clock: ManualClock, flow: str, on: frozenset[str] | None, reason: str
) -> None:
    line = Watched(clock, flow=flow)
    line.port.on, line.port.unsent = on, 3
    line.guard.wrote(3)
    await clock.advance(30)
    assert reason in line.lost[0]


async def test_a_driver_with_the_same_limit_for_its_page_goes_first(clock: ManualClock) -> None:
    line = Watched(clock, hold_limit=30, baudrate=300)
    line.port.unsent = 60
    line.guard.wrote(60)
    await clock.advance(30 + 60 * 10 / 300 + GRACE)  # what an encoder waits: the wire time, then the limit
    assert line.lost == []


async def test_a_watched_modem_line_that_goes_off_is_a_fault(clock: ManualClock) -> None:
    line = Watched(clock, watch=["dsr", "dcd"])
    await clock.advance(10)
    line.port.on = frozenset({"cts"})
    await clock.advance(2)
    assert line.lost == []
    await clock.advance(2)
    assert line.lost == ["DSR and DCD are off: is the device switched on and plugged in?"]


async def test_a_modem_line_that_is_off_for_a_moment_is_no_fault(clock: ManualClock) -> None:
    line = Watched(clock, watch=["cts"], watch_limit=5)
    for _ in range(10):
        line.port.on = frozenset()
        await clock.advance(4)
        line.port.on = ON
        await clock.advance(2)
    assert line.lost == []


async def test_a_modem_line_that_is_not_watched_may_be_off(clock: ManualClock) -> None:
    line = Watched(clock, watch=["dsr"])
    line.port.on = frozenset({"dsr"})
    await clock.advance(60)
    assert line.lost == []


async def test_without_anything_to_watch_nobody_asks(clock: ManualClock) -> None:
    line = Watched(clock)
    await clock.advance(60)
    assert line.port.asked == 0
    assert clock.next_due() is None


async def test_errors_are_counted_from_the_moment_of_opening(clock: ManualClock) -> None:
    line = Watched(clock)
    line.port.counted = PortErrors(framing_errors=103, overruns=1)
    line.guard.received()
    line.guard.received()
    await clock.advance(1)
    assert line.tallies == {"framing_errors": 3, "overruns": 1}
    line.guard.received()
    await clock.advance(1)
    assert line.tallies == {"framing_errors": 3, "overruns": 1}
    assert clock.next_due() is None


async def test_errors_are_told_in_the_log_once_a_minute(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    line = Watched(clock)
    for number in range(70):
        line.port.counted = PortErrors(framing_errors=101 + number)
        line.guard.received()
        await clock.advance(1)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert told[0].startswith("/dev/ttyUSB0: framing_errors +1; do speed, parity and wiring fit")


async def test_a_port_without_counters_is_not_asked_again(clock: ManualClock) -> None:
    line = Watched(clock)
    line.port.counted = None
    other = PortGuard(line.port, line.settings, clock, line.lost.append, line._tally)
    other.received()
    assert clock.next_due() is None


@pytest.mark.parametrize("what", ["pins", "errors"])
async def test_a_device_that_is_gone_when_it_is_asked_is_lost(clock: ManualClock, what: str) -> None:
    line = Watched(clock, watch=["dsr"] if what == "pins" else [])
    line.port.error = OSError(errno.EIO, "Input/output error")
    line.guard.received()
    await clock.advance(1)
    assert line.lost[0] == "Input/output error"


async def test_nothing_happens_after_the_end(clock: ManualClock) -> None:
    line = Watched(clock, watch=["dsr"])
    line.port.unsent, line.port.on = 10, frozenset()
    line.guard.wrote(10)
    line.guard.received()
    line.guard.stop()
    assert clock.next_due() is None


async def test_how_long_nothing_left_is_known_at_any_time_and_to_the_end(clock: ManualClock) -> None:
    line = Watched(clock, hold_limit=20)
    assert line.guard.held() == 0
    line.port.unsent = 10
    line.guard.wrote(10)
    await clock.advance(1)
    assert line.guard.held() == 1
    await clock.advance(1)
    line.guard.stop()
    line.port.unsent = 0  # what waited was thrown away: that is not to have left
    await clock.advance(5)
    assert line.guard.held() == 2


async def test_bytes_that_move_are_not_held(clock: ManualClock) -> None:
    line = Watched(clock)
    line.port.unsent = 10
    line.guard.wrote(10)
    await clock.advance(3)
    line.port.unsent = 9
    assert line.guard.held() == 0
