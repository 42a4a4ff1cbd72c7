"""Timers that ring within a fraction of a millisecond."""

from __future__ import annotations

import asyncio
import os
import threading
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import ManualClock, SystemClock, settle
from gatewayd.transport.exact import ExactTimers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

place = ContextVar("place", default="nowhere")


@pytest.fixture
def real() -> SystemClock:
    return SystemClock()


@pytest.fixture
async def timers(real: SystemClock) -> AsyncIterator[ExactTimers]:
    made = ExactTimers(real)
    yield made
    made.stop()


async def rung(timers: ExactTimers, clock: SystemClock, seconds: float) -> float:
    """Return how late a timer rang."""
    late = asyncio.get_running_loop().create_future()
    due = clock.now() + seconds
    timers.call_at(due, lambda: late.set_result(clock.now() - due))
    return float(await asyncio.wait_for(late, 10))


async def test_timers_never_ring_early_and_are_not_rounded_to_milliseconds(
    timers: ExactTimers, real: SystemClock
) -> None:
    late = [await rung(timers, real, 0.0011) for _ in range(30)]
    assert min(late) >= 0
    assert min(late) < 0.0007  # rounded, the best of them would be 0.0009 s late


async def test_timers_ring_in_order_whatever_the_order_in_which_they_were_set(
    timers: ExactTimers, real: SystemClock
) -> None:
    rang: list[int] = []
    last = asyncio.Event()
    soon = real.now() + 0.05
    timers.call_at(soon + 0.004, last.set)
    for number in (3, 1, 2):
        timers.call_at(soon + number / 1000, partial(rang.append, number))
    await asyncio.wait_for(last.wait(), 10)
    assert rang == [1, 2, 3]


async def test_a_timer_rings_in_the_loop_and_in_the_context_in_which_it_was_set(
    timers: ExactTimers, real: SystemClock
) -> None:
    heard: list[object] = []
    done = asyncio.Event()

    def ring() -> None:
        heard.extend((threading.current_thread() is threading.main_thread(), place.get()))
        done.set()

    place.set("the ward")
    timers.call_at(real.now() + 0.001, ring)
    await asyncio.wait_for(done.wait(), 10)
    assert heard == [True, "the ward"]


async def test_a_cancelled_timer_does_not_ring_even_on_its_way_into_the_loop(
    timers: ExactTimers, real: SystemClock
) -> None:
    rang: list[str] = []
    last = asyncio.Event()
    timer = timers.call_at(real.now(), lambda: rang.append("cancelled too late"))
    while timers._waiting:  # the thread hands it over, while the loop is held up here
        os.sched_yield()
    timer.cancel()
    timers.call_at(real.now(), last.set)
    await asyncio.wait_for(last.wait(), 10)
    assert rang == []


async def test_timers_that_are_stopped_ring_no_more_and_leave_no_thread(real: SystemClock) -> None:
    timers = ExactTimers(real)
    rang: list[str] = []
    timers.call_at(real.now(), lambda: rang.append("stopped on its way into the loop"))
    thread = timers._thread
    assert thread is not None
    while timers._waiting:
        os.sched_yield()
    timers.call_at(real.now() + 0.001, lambda: rang.append("stopped while it waited"))
    timers.stop()
    await asyncio.to_thread(thread.join, 10)
    assert not thread.is_alive()
    timers.call_at(real.now(), lambda: rang.append("set after the end"))
    await settle()
    assert timers._thread is thread
    assert rang == []


async def test_a_clock_that_a_test_moves_rings_them_itself_and_needs_no_thread() -> None:
    clock = ManualClock()
    timers = ExactTimers(clock)
    rang: list[float] = []
    timers.call_at(clock.now() + 5, lambda: rang.append(clock.now()))
    before = clock.now()
    await clock.advance(4.9)
    assert rang == []
    await clock.advance(0.1)
    assert rang == [before + 5]
    assert timers._thread is None


def test_a_loop_that_is_closed_meanwhile_ends_the_thread(real: SystemClock) -> None:
    async def leave() -> threading.Thread | None:
        timers = ExactTimers(real)
        timers.call_at(real.now() + 0.05, lambda: None)
        return timers._thread

    thread = asyncio.run(leave())
    assert thread is not None
    thread.join(10)
    assert not thread.is_alive()
