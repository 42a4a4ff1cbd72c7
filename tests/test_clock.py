"""The timeline across reboots and wrong wall clocks, and the clock that tests move by hand."""

from __future__ import annotations

import asyncio

import pytest

from gatewayd.clock import Anchor, ManualClock, SystemClock, anchor_timeline, read_boot_id, sleep

BOOTED = 1_700_000_000.0  # wall clock at the first start
HOUR, YEARS = 3600.0, 10 * 365 * 86400.0
FIRST = anchor_timeline(None, "boot-1", 50.0, BOOTED, 0.0)


def timeline(anchor: Anchor, monotonic: float) -> float:
    return anchor.offset + monotonic


def test_a_first_start_lies_on_the_wall_clock() -> None:
    assert timeline(FIRST, 50.0) == BOOTED


@pytest.mark.parametrize("jump", [0.0, HOUR, -HOUR, YEARS, -YEARS])
def test_a_restart_in_the_same_boot_does_not_look_at_the_wall_clock(jump: float) -> None:
    assert anchor_timeline(FIRST, "boot-1", 90.0, BOOTED + 40 + jump, BOOTED + 30) == FIRST


def test_after_a_reboot_the_wall_clock_says_how_long_the_box_was_off() -> None:
    again = anchor_timeline(FIRST, "boot-2", 5.0, BOOTED + 600, BOOTED + 30)
    assert timeline(again, 5.0) == BOOTED + 600


@pytest.mark.parametrize("wall", [0.0, BOOTED - HOUR, BOOTED - YEARS])
def test_a_dead_battery_does_not_freeze_escalations(wall: float) -> None:
    again = anchor_timeline(FIRST, "boot-2", 5.0, wall, BOOTED + 30)
    assert timeline(again, 5.0) == BOOTED + 30


def test_a_boot_id_that_never_changes_does_not_turn_time_back() -> None:
    first = anchor_timeline(None, "unknown", 5000.0, BOOTED, 0.0)
    again = anchor_timeline(first, "unknown", 5.0, BOOTED + 600, BOOTED + 30)
    assert timeline(again, 5.0) == BOOTED + 600


def test_the_system_clock_never_goes_back() -> None:
    clock = SystemClock()
    seen = [clock.now() for _ in range(100)]
    assert seen == sorted(seen)
    assert abs(clock.now() - clock.wall()) < 5
    assert read_boot_id()


async def test_the_system_clock_calls_back() -> None:
    clock, done = SystemClock(1000.0), asyncio.Event()
    clock.call_at(clock.now() - 5, done.set)
    await asyncio.wait_for(done.wait(), 5)


async def test_a_manual_clock_rings_in_order_and_only_when_it_is_moved() -> None:
    clock, rung = ManualClock(), list[tuple[str, float]]()
    start = clock.now()
    for name, after in (("b", 2.0), ("a", 1.0), ("never", 3.0), ("late", 9.0)):
        handle = clock.call_at(start + after, lambda name=name: rung.append((name, clock.now() - start)))  # type: ignore[misc]
        if name == "never":
            handle.cancel()
    await clock.advance(0.5)
    assert rung == []
    await clock.advance(4.5)
    assert rung == [("a", 1.0), ("b", 2.0)]
    assert clock.next_due() == start + 9.0


async def test_a_sleeper_that_is_cancelled_leaves_no_timer() -> None:
    clock = ManualClock(wall_offset=-YEARS)
    task = asyncio.ensure_future(sleep(clock, 10))
    await clock.advance(1)
    assert clock.next_due() is not None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert clock.next_due() is None
    assert clock.wall() == clock.now() - YEARS
