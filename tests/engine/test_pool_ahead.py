"""Modems of a pool that begin with the next page by themselves: the pool chooses it, and whose turn it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.driver import Outcome, Receipt
from gatewayd.model import PageState, Priority
from gatewayd.transport.capture import PAGE, WITHDRAW
from tests.engine.test_pool import Box

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gatewayd.engine.line import RunningLine
    from gatewayd.model import Page


class Pool(Box):
    """Two modems that are busy with a page each, while others wait; the test is what they do when they are done."""

    gates: tuple[asyncio.Event, asyncio.Event]

    @property
    def pool(self) -> RunningLine:
        return self.engine.lines["sms"]

    @property
    def first(self) -> RunningLine:
        return self.engine.lines["sms1"]

    @property
    def second(self) -> RunningLine:
        return self.engine.lines["sms2"]

    async def waits(self, *texts: str, priority: Priority = Priority.NORMAL) -> None:
        for text in texts:
            self.ordered = getattr(self, "ordered", 19) + 1
            await self.sends(text, self.ordered, priority)

    async def begins(self, *texts: str) -> tuple[Page, Page]:
        self.gates = self.one.hold_back(), self.two.hold_back()
        await self.waits("A", "B", *texts)
        return self.one.started[-1], self.two.started[-1]

    async def goes_on(self) -> None:
        for gate in self.gates:
            gate.set()
        await settle()


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Pool]:
    started = Pool(tmp_path)
    await settle()
    yield started
    await started.engine.stop()
    started.store.close()


def words(page: Page | None) -> str:
    return page.text.removeprefix("panel 42: ").split(" #")[0] if page is not None else ""


def captured(line: RunningLine, what: str) -> list[str]:
    return [piece.channel for piece in line.recorder.pieces() if piece.what == what]


async def test_each_modem_takes_what_is_most_urgent_when_it_is_done(box: Pool) -> None:
    a, b = await box.begins("C", "D")
    await box.waits("FIRE", priority=Priority.EMERGENCY)
    assert words(box.second.peek()) == "FIRE"
    assert words(box.second.take(b.id)) == "FIRE"
    assert words(taken := box.first.take(a.id)) == "C"
    assert taken is not None
    assert words(box.first.take(taken.id)) == "D"
    assert box.first.take(taken.id) is None
    assert (len(box.pool._attempts), box.pool.depth()) == (2, 2)
    await box.goes_on()
    assert [words(page) for page in box.one.pages] == ["A", "C", "D"]
    assert [words(page) for page in box.two.pages] == ["B", "FIRE"]
    assert [page.state for page in box.pages()] == [PageState.SENT] * 5
    assert [page.detail for page in box.pages()] == ["sms1", "sms2", "sms1", "sms1", "sms2"]
    assert captured(box.first, PAGE) == [str(page.id) for page in box.one.pages]
    assert box.pool.depth() == 0
    assert [line.room() for line in (box.first, box.second)] == [1, 1]


async def test_no_page_leaves_the_queue_for_a_modem_that_has_begun_with_another(box: Pool) -> None:
    a, _ = await box.begins("C", "D", "E")
    assert words(box.first.take(a.id)) == "C"
    box.pool.pump()
    await settle()
    assert box.pool.depth() == 4
    assert len(box.pool._queue) == 2
    await box.goes_on()
    assert sorted(words(page) for page in (*box.one.pages, *box.two.pages)) == list("ABCDE")


async def test_a_modem_takes_nothing_while_a_better_one_is_free(box: Pool) -> None:
    _, b = await box.begins()
    box.first.degraded("signal 2 of 31 is weak")
    box.second.degraded("")
    await box.waits("C")
    box.first.degraded("")
    box.second.degraded("signal 2 of 31 is weak")
    assert box.second.take(b.id) is None
    await box.goes_on()
    assert sorted(words(page) for page in (*box.one.pages, *box.two.pages)) == list("ABC")


async def test_a_modem_does_not_take_what_it_left_unknown_before(box: Pool) -> None:
    box.two.unplug()
    await settle()
    box.one.outcomes = [Receipt(Outcome.UNKNOWN, "no answer")]
    await box.waits("DOUBT")
    box.two.plug_in()
    await box.clock.advance(1.5)
    a, b = await box.begins()
    await box.clock.advance(2)
    assert box.first.take(a.id) is None
    assert words(box.second.take(b.id)) == "DOUBT"
    await box.goes_on()
    assert [words(page) for page in box.two.pages] == ["B", "DOUBT"]


async def test_a_modem_with_a_page_of_its_own_leaves_the_choice_to_the_gateway(box: Pool) -> None:
    a, _ = await box.begins("C")
    await box.sends("own", 3)
    assert len(box.first._queue) == 1
    assert box.first.take(a.id) is None
    await box.goes_on()
    assert "own" in [words(page) for page in box.one.pages]


async def test_after_a_page_of_its_own_a_modem_leaves_the_choice_to_the_gateway(box: Pool) -> None:
    box.gates = box.one.hold_back(), box.two.hold_back()
    await box.sends("own", 3)
    await box.waits("B", "C")
    assert box.first.take(box.one.started[0].id) is None
    await box.goes_on()
    assert sorted(words(page) for page in (*box.one.pages, *box.two.pages)) == ["B", "C", "own"]


@pytest.mark.parametrize("what", ["throttle", "expired", "member down", "pool closed", "not its page"])
async def test_nothing_is_taken_that_may_not_be(what: str, box: Pool) -> None:
    a, b = await box.begins("C")
    match what:
        case "throttle":
            box.one.wait = box.clock.now() + 60
        case "expired":
            box.pool.push(replace(box.pool._queue.pages()[0], expires=box.clock.now() - 1))
        case "member down":
            box.one.unplug()
            await settle()
        case "pool closed":
            box.pool.close()
    assert box.first.take(b.id if what == "not its page" else a.id) is None


async def test_the_modem_hears_that_a_taken_page_is_withdrawn_although_send_was_not_called_yet(box: Pool) -> None:
    a, _ = await box.begins("C")
    taken = box.first.take(a.id)
    assert taken is not None
    ending = box.pool.drop(taken.id)
    assert ending is not None
    await settle()
    assert ending.done()
    assert [words(page) for page in box.one.started] == ["A", "C"]  # so that its driver can be cancelled
    assert captured(box.first, WITHDRAW) == [str(taken.id)]
    await box.goes_on()
    assert [words(page) for page in box.one.pages] == ["A"]
    assert [line.room() for line in (box.first, box.second)] == [1, 1]


async def test_what_is_told_late_does_not_count_as_in_hand_again(box: Pool) -> None:
    a, _ = await box.begins("C", "D")
    taken = box.first.take(a.id)
    assert taken is not None
    last = box.first.take(taken.id)
    assert last is not None
    box.pool.drop(last.id)
    await settle()
    assert [words(page) for page in box.one.started] == ["A", "C", "D"]
    assert box.first.room() == 1
    await box.goes_on()
    assert [words(page) for page in box.one.pages] == ["A", "C"]


async def test_a_taken_page_goes_to_the_other_modem_when_its_own_is_lost(box: Pool) -> None:
    a, _ = await box.begins("C")
    assert words(box.first.take(a.id)) == "C"
    box.one.unplug()
    await box.goes_on()
    await box.clock.advance(5)
    assert [words(page) for page in box.two.pages][:2] == ["B", "A"]
    assert "C" in [words(page) for page in box.two.pages]
    assert [page.state for page in box.pages() if page.line == "sms" and words(page) in "ABC"] == [PageState.SENT] * 3


async def test_a_gateway_that_ends_cuts_what_was_taken_and_keeps_what_was_sent(box: Pool) -> None:
    a, _ = await box.begins("C")
    taken = box.first.take(a.id)
    assert taken is not None
    for name in ("sms1", "sms2", "sms"):  # whichever is closed first
        box.engine.lines[name].close()
    await settle()
    assert captured(box.first, WITHDRAW) == [str(taken.id)]
    found = box.store.paging.get(taken.id)
    assert found is not None
    assert found.state is PageState.QUEUED
