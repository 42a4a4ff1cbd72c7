"""Timers that ring late make a throttled PTY neither slower nor faster."""

from __future__ import annotations

import asyncio
import os

import pytest

from gatewayd.clock import settle
from gatewayd.transport.pty import open_pty
from tests.transport.cores import Talker
from tests.transport.lateness import ANSWER, Answering, LateClock, Pausing, answer_next
from tests.transport.ptys import opened, passed_through, read


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
