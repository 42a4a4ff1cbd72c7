"""The serial ports of simulators."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from gatewayd.clock import ManualClock, SystemClock, settle
from gatewayd.transport.pace import TICK, Pace
from gatewayd.transport.pty import READ_SIZE, UNHEARD_TIME, open_pty
from tests.transport.cores import Talker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gatewayd.clock import TimerHandle
    from gatewayd.transport.pty import Pty

ANSWER = b"y" * 12


@contextmanager
def opened(path: str) -> Iterator[int]:
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        yield fd
    finally:
        os.close(fd)


def read(fd: int) -> bytes:
    try:
        return os.read(fd, 100_000)
    except BlockingIOError:
        return b""


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def is_device(path: str | Path) -> bool:
    return Path(path).is_char_device()


def exists(path: str | Path) -> bool:
    return Path(path).is_symlink()


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def passed_through() -> None:
    """Let the kernel carry bytes from one side of a PTY to the other, which it does in a thread of its own."""
    for _ in range(8):
        await asyncio.sleep(0.001)  # a busy machine has other work for that thread
        await settle()


async def test_the_device_survives_that_the_gateway_closes_and_opens_again(clock: ManualClock) -> None:
    device = Talker(clock)
    pty = open_pty(device)
    for _ in range(3):
        with opened(pty.path) as fd:
            os.write(fd, b"hello\n")
            assert await asyncio.wait_for(device.hear(), 5) == [b"hello"]
    assert device.lost is None
    pty.close()
    await device.wait_closed()


async def test_bytes_pass_unchanged_and_are_not_echoed(clock: ManualClock) -> None:
    device = Talker(clock)
    pty = open_pty(device)
    every = bytes(range(256))
    with opened(pty.path) as fd:
        device.say(every)
        got = b""
        async with asyncio.timeout(5):
            while len(got) < 256:
                got += read(fd)
                await asyncio.sleep(0)
        await passed_through()
        assert got == every
        assert device.traffic.bytes_in == 0
    pty.close()


async def test_the_link_replaces_a_stale_one_and_goes_with_the_device(clock: ManualClock, tmp_path: Path) -> None:
    link = tmp_path / "panel"
    link.symlink_to("/dev/pts/99999")
    pty = open_pty(Talker(clock), link)
    assert pty.path == str(link)
    assert is_device(link)
    assert names(tmp_path) == ["panel"]
    pty.close()
    assert not exists(link)


async def test_a_link_that_belongs_to_another_by_now_is_left_alone(clock: ManualClock, tmp_path: Path) -> None:
    old, new = (open_pty(Talker(clock), tmp_path / "panel") for _ in range(2))
    old.close()
    assert is_device(new.path)
    new.close()


async def test_a_link_that_cannot_be_made_leaves_no_pty_behind(clock: ManualClock, tmp_path: Path) -> None:
    before = descriptors()
    with pytest.raises(FileNotFoundError):
        open_pty(Talker(clock), tmp_path / "missing" / "panel")
    assert descriptors() == before


async def test_a_file_is_never_replaced_by_the_link(clock: ManualClock, tmp_path: Path) -> None:
    (tmp_path / "port").write_text("something of somebody")
    before = descriptors()
    with pytest.raises(FileExistsError, match="is there already"):
        open_pty(Talker(clock), tmp_path / "port")
    assert (tmp_path / "port").read_text() == "something of somebody"
    assert descriptors() == before


async def test_pulling_the_plug_hangs_up_and_plugging_in_works_under_the_same_link(
    clock: ManualClock, tmp_path: Path
) -> None:
    device = Talker(clock)
    pty = open_pty(device, tmp_path / "panel")
    with opened(pty.path) as fd:
        pty.unplug()
        assert os.read(fd, 1) == b""
        assert not exists(pty.path)
    device.say(b"lost\n")
    pty.unplug()
    pty.replug()
    with opened(pty.path) as fd:
        os.write(fd, b"back\n")
        assert await asyncio.wait_for(device.hear(), 5) == [b"back"]
        await passed_through()
        assert read(fd) == b""
    pty.close()


async def test_what_nobody_reads_is_lost_instead_of_kept_for_the_next_reader(clock: ManualClock) -> None:
    device = Talker(clock)
    pty = open_pty(device)
    for _ in range(100):
        device.say(b"x" * 1_000)
        await clock.advance(UNHEARD_TIME / 10)
    assert pty.get_write_buffer_size() < 20_000
    pty.close()


async def test_a_slow_reader_loses_nothing_below_the_limit(clock: ManualClock) -> None:
    device = Talker(clock)
    pty = open_pty(device)
    sent, got = b"", b""
    with opened(pty.path) as fd:
        for number in range(60):
            sent += b"%01000d" % number
            device.say(b"%01000d" % number)
        async with asyncio.timeout(5):
            while len(got) < len(sent):
                got += read(fd)
                await asyncio.sleep(0)
    assert got == sent
    pty.close()


def test_a_wire_takes_ten_bit_times_a_byte_and_queues_behind_what_is_on_it() -> None:
    pace = Pace(1_200)
    assert pace.book(12, 100.0) == pytest.approx(100.1)
    assert pace.book(12, 100.0) == pytest.approx(100.2)
    assert pace.book(12, 200.0) == pytest.approx(200.1)


@pytest.mark.parametrize("baudrate", [50, 1_200, 9_600, 115_200, 921_600])
def test_a_piece_is_one_byte_or_as_much_as_a_tick(baudrate: int) -> None:
    pace = Pace(baudrate)
    assert pace.piece == 1 or pace.piece * pace.byte_time <= TICK


async def test_what_the_device_sends_takes_its_time(clock: ManualClock) -> None:
    device = Talker(clock)
    pty = open_pty(device, baudrate=1_200)
    with opened(pty.path) as fd:
        device.say(b"x" * 120)
        await clock.advance(0.5)
        await passed_through()
        half = read(fd)
        assert 58 <= len(half) <= 60
        await clock.advance(0.51)
        await passed_through()
        assert len(half + read(fd)) == 120
    pty.close()


async def test_what_the_device_receives_takes_its_time(clock: ManualClock) -> None:
    device = Talker(clock)
    pty = open_pty(device, baudrate=1_200)
    start = clock.now()
    with opened(pty.path) as fd:
        os.write(fd, b"x" * 119 + b"\n")
        async with asyncio.timeout(5):
            while not device._events:
                await clock.advance(0.01)
    assert clock.now() - start == pytest.approx(1.0, abs=0.2)
    assert await device.hear() == [b"x" * 119]
    pty.close()


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


async def test_timers_that_ring_late_do_not_make_the_wire_slower_towards_the_gateway() -> None:
    clock = LateClock()
    device = Talker(clock)
    pty = open_pty(device, baudrate=1_200)
    with opened(pty.path) as fd:
        device.say(b"x" * 120)
        await clock.advance(1.01)
        await passed_through()
        assert len(read(fd)) == 120
    pty.close()


async def test_timers_that_ring_late_do_not_make_the_wire_slower_towards_the_device() -> None:
    clock = LateClock()
    device = Talker(clock)
    pty = open_pty(device, baudrate=1_200)
    with opened(pty.path) as fd:
        os.write(fd, b"x" * 119 + b"\n")
        await passed_through()
        start = clock.now()
        async with asyncio.timeout(5):
            while not device._events:
                await clock.advance(0.001)
    assert clock.now() - start == pytest.approx(1.0, abs=0.02)
    pty.close()


@pytest.mark.parametrize("baudrate", [300, 9_600, 115_200])
async def test_no_byte_reaches_the_gateway_before_a_wire_of_that_rate_has_carried_it(
    clock: ManualClock, baudrate: int
) -> None:
    device = Talker(clock)
    pty = open_pty(device, baudrate=baudrate)
    byte_time, start, got = 10 / baudrate, clock.now(), 0
    with opened(pty.path) as fd:
        device.say(b"x" * 24)
        while got < 24:
            await clock.advance(byte_time / 2)
            await passed_through()
            got += len(read(fd))
            assert got <= (clock.now() - start) / byte_time + 1e-4
    assert clock.now() - start == pytest.approx(24 * byte_time, rel=0.05)
    pty.close()


@pytest.mark.parametrize("baudrate", [300, 9_600, 115_200])
async def test_no_byte_reaches_the_device_before_a_wire_of_that_rate_has_carried_it(
    clock: ManualClock, baudrate: int
) -> None:
    device = Talker(clock)
    pty = open_pty(device, baudrate=baudrate)
    byte_time, start = 10 / baudrate, clock.now()
    with opened(pty.path) as fd:
        os.write(fd, b"x" * 24)
        async with asyncio.timeout(5):
            while device.traffic.bytes_in < 24:
                await passed_through()
                await clock.advance(byte_time / 2)
                assert device.traffic.bytes_in <= (clock.now() - start) / byte_time + 1e-4
    assert clock.now() - start >= 24 * byte_time - 1e-5
    pty.close()


@pytest.mark.parametrize("answering", ["by itself", "by a task"])
async def test_an_answer_comes_when_a_wire_would_have_carried_question_and_answer(answering: str) -> None:
    clock = LateClock()
    device = Answering(clock) if answering == "by itself" else Talker(clock)
    pty = open_pty(device, baudrate=1_200)
    task = asyncio.create_task(answer_next(device)) if answering == "by a task" else None
    with opened(pty.path) as fd:
        os.write(fd, b"x" * 11 + b"\n")
        await passed_through()
        await clock.advance(24 * 10 / 1_200 - 1e-5)
        await passed_through()
        early = read(fd)
        assert len(early) < 12
        await clock.advance(clock.late + 1e-3)
        await passed_through()
        assert early + read(fd) == ANSWER
    if task is not None:
        await task
    pty.close()


async def test_what_a_device_says_later_is_no_answer_and_begins_when_it_says_it() -> None:
    clock = LateClock()
    device = Talker(clock)
    pty = open_pty(device, baudrate=1_200)
    with opened(pty.path) as fd:
        os.write(fd, b"\n")
        await passed_through()
        await clock.advance(0.5)
        await settle()
        start = clock.now()
        device.say(b"x")
        await clock.advance(10 / 1_200 - 1e-5)
        await passed_through()
        assert read(fd) == b""
        await clock.advance(clock.late + 1e-3)
        await passed_through()
        assert read(fd) == b"x"
        assert clock.now() - start < 2 * 10 / 1_200
    pty.close()


async def test_a_real_wire_takes_ten_bit_times_a_byte_in_each_direction() -> None:
    clock = SystemClock()
    device = Talker(clock)
    pty = open_pty(device, baudrate=9_600)
    with opened(pty.path) as fd:
        began = time.monotonic()
        os.write(fd, b"x" * 29 + b"\n")
        await asyncio.wait_for(device.hear(), 10)
        assert time.monotonic() - began >= 30 * 10 / 9_600
        device.say(b"y" * 30)
        arrived, got = asyncio.Event(), b""
        asyncio.get_running_loop().add_reader(fd, arrived.set)
        while len(got) < 30:
            await asyncio.wait_for(arrived.wait(), 10)
            arrived.clear()
            got += read(fd)
        # The answer is dated from when the question had arrived, not from when we noticed.
        assert time.monotonic() - began >= 60 * 10 / 9_600
        asyncio.get_running_loop().remove_reader(fd)
    pty.close()


async def test_the_thread_of_a_throttled_wire_ends_with_its_pty() -> None:
    device = Talker(SystemClock())
    pty = open_pty(device, baudrate=9_600)
    device.say(b"x")
    thread = pty._exact._thread
    assert thread is not None
    pty.close()
    await asyncio.to_thread(thread.join, 10)
    assert not thread.is_alive()


async def test_a_wire_without_a_rate_has_no_thread() -> None:
    device = Talker(SystemClock())
    pty = open_pty(device)
    device.say(b"x")
    assert pty._exact._thread is None
    pty.close()


@pytest.mark.parametrize("towards", ["gateway", "device"])
async def test_one_timer_makes_up_for_all_that_it_rang_too_late_for(towards: str) -> None:
    clock = LateClock(late=0.05)
    device = Talker(clock)
    pty = open_pty(device, baudrate=1_200)
    got = b""
    with opened(pty.path) as fd:
        if towards == "device":
            os.write(fd, b"x" * 120)
            await passed_through()
        else:
            device.say(b"x" * 120)
        await clock.advance(0.95)
        await passed_through()
        got = read(fd)
        assert len(got) + device.traffic.bytes_in <= 114
        await clock.advance(0.05 + clock.late)
        await passed_through()
        assert len(got + read(fd)) + device.traffic.bytes_in == 120
    assert clock.timers < 40
    pty.close()


async def test_what_came_while_a_timer_was_late_begins_when_it_came() -> None:
    clock = LateClock(late=0.02)
    device = Talker(clock)
    pty = open_pty(device, baudrate=1_200)
    with opened(pty.path) as fd:
        os.write(fd, b"a")
        device.say(b"a")
        await passed_through()
        await clock.advance(0.015)  # both have arrived by now, but the timers ring at 0.0283
        os.write(fd, b"bc")
        device.say(b"bc")
        await passed_through()
        await clock.advance(0.0134)
        await passed_through()
        assert (read(fd), device.traffic.bytes_in) == (b"ab", 2)  # the last byte has arrived at 0.0317
        await clock.advance(0.0233)
        await passed_through()
        assert (read(fd), device.traffic.bytes_in) == (b"c", 3)
    pty.close()


async def test_a_slow_wire_takes_no_more_from_the_kernel_than_it_can_keep(clock: ManualClock) -> None:
    device = Talker(clock)
    pty = open_pty(device, baudrate=115_200)
    with opened(pty.path) as fd:
        unsent = b"x" * (4 * READ_SIZE - 1) + b"\n"
        async with asyncio.timeout(5):
            while device.traffic.bytes_in < 4 * READ_SIZE:
                with suppress(BlockingIOError):
                    unsent = unsent[os.write(fd, unsent) :] if unsent else b""
                await settle()
                assert pty._input is not None
                assert pty._input.size < 2 * READ_SIZE
                await clock.advance(0.02)
    assert len((await device.hear())[0]) == 4 * READ_SIZE - 1
    pty.close()


async def test_a_wire_that_was_unplugged_is_free_again(clock: ManualClock, tmp_path: Path) -> None:
    device = Talker(clock)
    pty = open_pty(device, tmp_path / "port", baudrate=1_200)
    device.say(b"x" * 1_200)
    pty.unplug()
    pty.replug()
    assert pty.get_write_buffer_size() == 0
    with opened(pty.path) as fd:
        device.say(b"y")
        await clock.advance(0.01)
        await passed_through()
        assert read(fd) == b"y"
    pty.close()


async def test_a_wire_that_was_idle_begins_when_there_is_something_to_send() -> None:
    clock = LateClock()
    device = Talker(clock)
    pty = open_pty(device, baudrate=1_200)
    with opened(pty.path) as fd:
        device.say(b"x")
        await clock.advance(10)
        device.say(b"y" * 120)
        await clock.advance(0.9)
        await passed_through()
        assert len(read(fd)) < 120
    pty.close()


async def test_a_device_that_is_behind_stops_reading_and_goes_on(clock: ManualClock) -> None:
    for baudrate in (None, 921_600):
        device = Talker(clock)
        pty = open_pty(device, baudrate=baudrate)
        with opened(pty.path) as fd:
            pty.pause_reading()
            os.write(fd, b"hello\n")
            await clock.advance(1)
            await passed_through()
            assert device.traffic.bytes_in == 0
            pty.resume_reading()
            async with asyncio.timeout(5):
                while not device._events:
                    await clock.advance(0.01)
        pty.close()


async def test_a_device_that_is_behind_is_told_no_more_although_its_time_has_passed() -> None:
    clock = LateClock(late=0.05)
    device = Pausing(clock)
    pty = open_pty(device, baudrate=1_200)
    with opened(pty.path) as fd:
        os.write(fd, b"hello\n")
        await passed_through()
        await clock.advance(0.5)
        assert device.traffic.bytes_in == 1
        device.pausing = False
        pty.resume_reading()
        await clock.advance(0.06)
        assert await asyncio.wait_for(device.hear(), 5) == [b"hello"]
    pty.close()


async def test_closing_ends_the_adapter_and_frees_every_descriptor(clock: ManualClock) -> None:
    before = descriptors()
    device = Talker(clock)
    pty = open_pty(device, baudrate=9_600)
    device.say(b"unsent")
    device.close()
    await asyncio.wait_for(device.wait_closed(), 5)
    assert pty.is_closing()
    assert descriptors() == before
    assert clock.next_due() is None
