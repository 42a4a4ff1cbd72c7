"""A throttled PTY is as slow as its wire: no byte early, and no thread left behind."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import ManualClock, SystemClock, settle
from gatewayd.transport.pace import TICK, Pace
from gatewayd.transport.pty import READ_SIZE, open_pty
from tests.transport.cores import Talker
from tests.transport.ptys import opened, passed_through, read

if TYPE_CHECKING:
    from pathlib import Path


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
