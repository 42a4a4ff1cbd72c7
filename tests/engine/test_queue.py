"""The queue and the agenda against naive models, and what they keep of what was withdrawn."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewayd.clock import ManualClock, settle
from gatewayd.engine.locks import KeyedLocks
from gatewayd.engine.queue import SMALL, Agenda, PriorityQueue
from gatewayd.engine.wakeup import WakeUp

ITEM = st.integers(0, 12)
PUSH = st.tuples(st.just("push"), ITEM, st.integers(1, 4), st.integers(0, 3), st.integers(0, 20))
OTHER = st.tuples(st.sampled_from(["withdraw", "pop", "pass"]), ITEM, st.just(0), st.just(0), st.integers(0, 6))


@settings(max_examples=150, deadline=None)
@given(st.lists(PUSH | OTHER, min_size=20, max_size=80))
def test_the_queue_does_what_a_sorted_list_does(steps: list[tuple[str, int, int, int, int]]) -> None:
    queue: PriorityQueue[int] = PriorityQueue()
    model: dict[int, tuple[int, int, int, int]] = {}  # item → rank, age, order of arrival, due
    now = 0
    for order, (what, item, rank, age, number) in enumerate(steps):
        if what == "push":
            queue.push(item, rank, age, number, now)
            model[item] = (rank, age, order, number)
        elif what == "withdraw":
            assert queue.withdraw(item) == (model.pop(item, None) is not None)
        elif what == "pass":
            now += number
        else:
            ready = sorted((entry[:3], one) for one, entry in model.items() if entry[3] <= now)
            popped = queue.pop(now)
            assert popped == (ready[0][1] if ready else None)
            model.pop(-1 if popped is None else popped, None)
        assert len(queue) == len(model)
        assert (item in queue) == (item in model)
        future = [entry[3] for entry in model.values() if entry[3] > now]
        assert queue.next_due() is None or queue.next_due() <= min(future, default=now)  # type: ignore[operator]


def test_a_due_page_is_not_hidden_behind_a_more_urgent_one_of_the_future() -> None:
    queue: PriorityQueue[str] = PriorityQueue()
    queue.push("fire at noon", 1, 0.0, due=100.0, now=0.0)
    queue.push("lunch", 4, 0.0, due=1.0, now=0.0)
    assert queue.next_due() == 1.0
    assert queue.pop(2.0) == "lunch"
    assert queue.pop(2.0) is None
    assert queue.pop(100.0) == "fire at noon"


def test_what_is_withdrawn_or_queued_anew_is_not_kept() -> None:
    queue: PriorityQueue[int] = PriorityQueue()
    for turn in range(50):
        for item in range(SMALL):
            queue.push(item, 1, turn, due=turn % 2 * 1000.0)
    assert len(queue._ready) + len(queue._waiting) <= 3 * SMALL
    for item in range(SMALL):
        queue.withdraw(item)
    assert len(queue._ready) + len(queue._waiting) <= SMALL
    assert queue.pop(5000.0) is None


AGENDA_STEP = st.tuples(st.sampled_from(["set", "forget", "take", "pass"]), ITEM, st.integers(0, 20), st.integers(1, 4))


@settings(max_examples=150, deadline=None)
@given(st.lists(AGENDA_STEP, min_size=20, max_size=80))
def test_the_agenda_does_what_a_dictionary_does(steps: list[tuple[str, int, int, int]]) -> None:
    agenda: Agenda[int] = Agenda()
    model: dict[int, int] = {}
    now = 0
    for what, item, number, most in steps:
        if what == "set":
            agenda.set(item, number, most)
            model[item] = number
        elif what == "forget":
            agenda.forget(item)
            model.pop(item, None)
        elif what == "pass":
            now += number // 4
        else:
            due = {one for one, when in model.items() if when <= now}
            taken = agenda.take_due(now, most)
            assert set(taken) <= due
            assert len(taken) == len(set(taken)) == min(most, len(due))
            for one in taken:
                del model[one]
        assert len(agenda) == len(model)
        soonest = agenda.next_due()
        assert (soonest is None) == (not model)
        assert soonest is None or soonest <= now or soonest == min(model.values())


def test_after_an_outage_the_most_urgent_deadline_is_taken_first() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.load([("low", 1.0, 4), ("fire", 3.0, 1), ("call", 2.0, 3), ("future", 99.0, 1)])
    assert agenda.take_due(10.0, 2) == ["fire", "call"]
    assert agenda.take_due(10.0, 2) == ["low"]


def test_tidying_up_loses_nothing_that_is_still_queued() -> None:
    queue: PriorityQueue[int] = PriorityQueue()
    for item in range(4 * SMALL):
        queue.push(item, 1, item, due=item % 2 * 1000.0)
    for item in range(4 * SMALL):
        if item % 8 > 1:
            queue.withdraw(item)
    kept = [item for item in range(4 * SMALL) if item % 8 <= 1]
    assert len(queue._ready) + len(queue._waiting) < 4 * SMALL
    assert [queue.pop(1000.0) for _ in kept] == kept
    assert queue.pop(1000.0) is None


def test_tidying_up_loses_no_deadline() -> None:
    agenda: Agenda[int] = Agenda()
    for item in range(4 * SMALL):
        agenda.set(item, float(item))
    assert agenda.take_due(SMALL - 1.0, 1) == [0]
    for item in range(4 * SMALL):
        if item % 8:
            agenda.forget(item)
    kept = list(range(8, 4 * SMALL, 8))
    assert len(agenda._heap) + len(agenda._ripe) < 4 * SMALL
    assert agenda.take_due(4.0 * SMALL, 4 * SMALL) == kept


def test_the_agenda_keeps_nothing_of_deadlines_that_were_dropped() -> None:
    agenda: Agenda[int] = Agenda()
    for item in range(4 * SMALL):
        agenda.set(item, 1000.0)
    for item in range(4 * SMALL):
        agenda.forget(item)
    assert len(agenda._heap) <= SMALL


def test_the_agenda_keeps_nothing_of_deadlines_that_move() -> None:
    agenda: Agenda[int] = Agenda()
    for turn in range(1000):
        agenda.set(turn % 4, float(turn))
        if turn % 100 == 0:
            agenda.take_due(turn - 50.0, 0)
    assert len(agenda._heap) + len(agenda._ripe) <= 2 * SMALL


async def test_the_wake_up_rings_at_the_earliest_wanted_time_and_once() -> None:
    clock, rung = ManualClock(), list[float]()
    start = clock.now()
    wake_up = WakeUp(clock, lambda: rung.append(clock.now() - start))
    for wanted in (50.0, 10.0, None, 20.0):
        wake_up.at(None if wanted is None else start + wanted)
    await clock.advance(100)
    assert rung == [10.0]
    wake_up.at(start + 150)
    wake_up.stop()
    wake_up.at(start + 160)
    await clock.advance(100)
    assert rung == [10.0]


async def test_a_lock_exists_only_while_somebody_wants_it() -> None:
    locks, order = KeyedLocks(), list[str]()

    async def work(name: str, key: str) -> None:
        async with locks(key):
            order.append(name)
            await settle(2)
            order.append(name)

    tasks = [asyncio.ensure_future(work(name, "x")) for name in "abc"]
    other = asyncio.ensure_future(work("other", "y"))
    await asyncio.sleep(0)
    assert len(locks) == 2
    tasks[1].cancel()
    await asyncio.gather(*tasks, other, return_exceptions=True)
    assert [name for name in order if name != "other"] == ["a", "a", "c", "c"]
    assert order.index("other") < order.index("c")
    assert len(locks) == 0


async def test_who_gives_up_waiting_is_passed_over_also_when_his_turn_has_just_come() -> None:
    locks, order = KeyedLocks(), list[str]()
    release = asyncio.Event()

    async def hold(name: str) -> None:
        async with locks("a"):
            order.append(name)
            await release.wait()

    first, second, third, fourth = (asyncio.create_task(hold(name)) for name in ("1", "2", "3", "4"))
    await asyncio.sleep(0)
    second.cancel()  # while it waits
    await asyncio.sleep(0)
    release.set()
    await first
    third.cancel()  # its turn has come, or it has it already
    await asyncio.gather(second, third, fourth, return_exceptions=True)
    assert order[0] == "1"
    assert order[-1] == "4"
    assert "2" not in order
    assert len(locks) == 0


@pytest.mark.parametrize("heard", [True, False])
async def test_a_turn_that_comes_together_with_its_cancellation_is_passed_on(*, heard: bool) -> None:
    locks = KeyedLocks()
    mine = locks("a")
    await mine.__aenter__()

    async def wait() -> None:
        async with locks("a"):
            raise AssertionError("the one who was cancelled went on")

    cancelled = asyncio.create_task(wait())
    await asyncio.sleep(0)
    if heard:
        await mine.__aexit__()
        cancelled.cancel()
    else:
        cancelled.cancel()
        await mine.__aexit__()  # it has not heard yet
    await asyncio.gather(cancelled, return_exceptions=True)
    assert cancelled.cancelled()
    assert len(locks) == 0
