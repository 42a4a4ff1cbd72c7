"""Drivers that look ahead: what they may see, what they may begin with, and that nothing urgent waits for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.engine import supervision
from gatewayd.engine.attempts import SEND_LIMIT
from gatewayd.engine.orders import SendOrder
from gatewayd.model import Contact, PageState, Priority
from gatewayd.transport.capture import PAGE, WITHDRAW
from tests.engine import test_pool as pools
from tests.engine.conftest import ADMIN, SITE, Box

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gatewayd.engine.line import RunningLine
    from gatewayd.model import Page

PAGERS = 20  # contacts from this number on are pagers with an address of their own


class Desk(Box):
    """A box with many pagers on its line `pager`, of which the first is being paged; the test is the driver."""

    @property
    def line(self) -> RunningLine:
        return self.engine.lines["pager"]

    async def orders(self, text: str, pager: int, priority: Priority = Priority.NORMAL) -> None:
        await self.engine.send(self.user(ADMIN), SendOrder(text, priority, (PAGERS + pager,)))
        await settle()

    async def begins(self, *texts: str) -> Page:
        """Order pages to one pager after the other; the first of them is in the driver's hand."""
        self.gate = self.pager.hold_back()
        for pager, text in enumerate(texts):
            await self.orders(text, pager)
        return self.pager.started[0]

    def recorded(self, page: Page) -> Page:
        found = self.store.paging.get(page.id)
        assert found is not None
        return found

    def captured(self, what: str) -> list[str]:
        return [piece.channel for piece in self.line.recorder.pieces() if piece.what == what]

    gate: asyncio.Event


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    pagers = tuple(Contact(PAGERS + number, f"p{number}", "pager", f"30{number:02}") for number in range(10))
    made = Desk(tmp_path, replace(SITE, contacts=(*SITE.contacts, *pagers)))
    await settle()
    yield made
    await made.stop()


# --- looking ----------------------------------------------------------------------------------------------------------


async def test_looking_at_the_next_page_changes_nothing(desk: Desk) -> None:
    await desk.begins("one", "two", "three")
    for _ in range(3):
        upcoming = desk.line.peek()
        assert upcoming is not None
        assert upcoming.text == "two"
    assert desk.line.depth() == 3
    desk.gate.set()
    await settle()
    assert desk.pager.texts == ["one", "two", "three"]


async def test_nothing_is_upcoming_for_an_address_that_is_under_way(desk: Desk) -> None:
    await desk.begins("one")
    await desk.orders("two", 0)
    assert desk.line.peek() is None
    await desk.orders("three", 1)
    upcoming = desk.line.peek()
    assert upcoming is not None
    assert upcoming.text == "three"
    desk.gate.set()
    await settle()
    assert sorted(desk.pager.texts) == ["one", "three", "two"]


async def test_a_page_that_waits_for_its_time_is_not_upcoming_before_that(desk: Desk) -> None:
    first = await desk.begins("one", "two")
    later = replace(desk.line._queue.pages()[0], due=desk.clock.now() + 60)
    desk.line.push(later)
    assert (desk.line.peek(), desk.line.take(first.id)) == (None, None)
    await desk.passes(61)
    assert desk.line.peek() is later


# --- taking -----------------------------------------------------------------------------------------------------------


async def test_a_page_that_was_looked_at_waits_for_a_more_urgent_one(desk: Desk) -> None:
    first = await desk.begins("lunch menu", "dinner menu")
    upcoming = desk.line.peek()
    await desk.orders("FIRE", 5, Priority.EMERGENCY)
    taken = desk.line.take(first.id)
    assert taken is not None
    assert upcoming is not None
    assert (upcoming.text, taken.text) == ("dinner menu", "FIRE")
    desk.gate.set()
    await settle()
    assert desk.pager.texts == ["lunch menu", "FIRE", "dinner menu"]


async def test_a_page_that_was_looked_at_and_withdrawn_is_not_taken(desk: Desk) -> None:
    first = await desk.begins("one", "two")
    upcoming = desk.line.peek()
    assert upcoming is not None
    desk.line.drop(upcoming.id)
    assert desk.line.take(first.id) is None
    desk.gate.set()
    await settle()
    assert desk.pager.texts == ["one"]


async def test_a_page_that_is_being_taken_back_is_not_taken(desk: Desk) -> None:
    first = await desk.begins("one", "two")
    upcoming = desk.line.peek()
    assert upcoming is not None
    assert desk.line.hold(upcoming.id)
    assert desk.line.take(first.id) is None


async def test_a_page_that_was_taken_is_sent_once_and_written_down(desk: Desk) -> None:
    first = await desk.begins("one", "two")
    taken = desk.line.take(first.id)
    assert taken is not None
    assert desk.captured(PAGE) == [str(first.id), str(taken.id)]
    assert set(desk.line.in_flight()) == {first.id, taken.id}
    assert [page.text for page in desk.pager.started] == ["one"]
    desk.gate.set()
    await settle()
    assert [page.text for page in desk.pager.started] == ["one", "two"]
    assert desk.captured(PAGE) == [str(first.id), str(taken.id)]
    assert [desk.recorded(page).state for page in (first, taken)] == [PageState.SENT, PageState.SENT]
    assert desk.is_quiet


async def test_pages_may_follow_one_another_before_the_end_of_the_first_is_told(desk: Desk) -> None:
    last = await desk.begins("one", "two", "three", "four")
    while (following := desk.line.take(last.id)) is not None:
        last = following
    assert last.text == "four"
    assert len(desk.line._attempts) == 1
    desk.gate.set()
    await settle()
    assert desk.pager.texts == ["one", "two", "three", "four"]
    assert desk.is_quiet


async def test_nothing_is_taken_while_the_driver_still_has_another_page(desk: Desk) -> None:
    first = await desk.begins("one", "two", "three")
    assert desk.line.take(first.id + 1_000) is None
    second = desk.line.take(first.id)
    assert second is not None
    assert desk.line.take(first.id) is None
    assert len(desk.line._attempts) == 1


async def test_nothing_is_taken_while_the_device_may_not_send(desk: Desk) -> None:
    first = await desk.begins("one", "two")
    desk.pager.held_back = lambda: 5.0  # type: ignore[method-assign]
    assert desk.line.take(first.id) is None


async def test_nothing_is_taken_on_a_line_that_is_down(desk: Desk) -> None:
    first = await desk.begins("one", "two")
    desk.pager.unplug()
    await settle()
    assert desk.line.take(first.id) is None


async def test_nothing_is_taken_once_the_gateway_ends(desk: Desk) -> None:
    first = await desk.begins("one", "two")
    desk.line.close()
    assert desk.line.take(first.id) is None


async def test_a_page_that_has_expired_is_refused_and_not_taken(desk: Desk) -> None:
    first = await desk.begins("one", "two")
    stale = replace(desk.line._queue.pages()[0], expires=desk.clock.now() - 1)
    desk.line.push(stale)
    assert desk.line.take(first.id) is None
    await settle()
    assert desk.recorded(stale).state is PageState.FAILED
    assert "expired" in desk.recorded(stale).detail


async def test_a_taken_page_does_not_go_to_an_address_that_is_under_way(desk: Desk) -> None:
    first = await desk.begins("one")
    await desk.orders("two", 0)
    assert desk.line.take(first.id) is None
    desk.gate.set()
    await settle()
    assert desk.pager.texts == ["one", "two"]


async def test_what_a_pool_hands_out_is_chosen_by_the_pool(tmp_path: Path) -> None:
    box = pools.Box(tmp_path)
    await settle()
    member, gate = box.engine.lines["sms1"], box.one.hold_back()
    box.two.unplug()
    await settle()
    await box.sends("one", recipient=1)
    for text, recipient in (("own", 3), ("two", 20)):
        await box.sends(text, recipient)
    upcoming = member.peek()
    assert upcoming is not None
    assert upcoming.line == "sms"
    assert member.take(box.one.started[0].id) is None
    gate.set()
    await settle()
    assert len(box.one.pages) == 3
    await box.engine.stop()
    box.store.close()


# --- the ends of what was taken ---------------------------------------------------------------------------------------


async def test_the_driver_hears_that_a_taken_page_is_withdrawn_although_send_was_not_called_yet(desk: Desk) -> None:
    first = await desk.begins("one", "two")
    taken = desk.line.take(first.id)
    assert taken is not None
    ending = desk.line.drop(taken.id)
    assert ending is not None
    await settle()
    assert ending.done()
    assert [page.text for page in desk.pager.started] == ["one", "two"]  # send was called, so that it can be cancelled
    assert desk.captured(WITHDRAW) == [str(taken.id)]
    desk.gate.set()
    await settle()
    assert desk.pager.texts == ["one"]
    assert desk.is_quiet


async def test_a_page_that_made_room_is_not_withdrawn_any_more(desk: Desk) -> None:
    first = await desk.begins("one", "two")
    desk.line.take(first.id)
    assert desk.line.drop(first.id) is None
    desk.gate.set()
    await settle()
    assert desk.pager.texts == ["one", "two"]
    assert desk.recorded(first).state is PageState.SENT


async def test_a_driver_that_never_comes_back_from_a_page_that_made_room_does_not_hold_its_line(desk: Desk) -> None:
    first = await desk.begins("one", "two", "three")
    desk.line.take(first.id)
    desk.pager.gate = None
    await desk.passes(SEND_LIMIT + 10)
    assert "three" in desk.pager.texts
    assert desk.is_quiet


async def test_what_was_taken_and_not_written_down_is_sent_again_after_a_kill(desk: Desk) -> None:
    first = await desk.begins("one", "two", "three")
    desk.line.take(first.id)
    await desk.is_killed()
    assert desk.pager.texts == ["one", "two", "three"]


async def test_the_tasks_of_a_line_count_what_was_taken(desk: Desk) -> None:
    first = await desk.begins("one", "two")
    desk.line.take(first.id)
    assert len(set(desk.line.tasks())) == 2


async def test_what_a_driver_took_and_hangs_with_is_cut_with_its_line(desk: Desk) -> None:
    first = await desk.begins("one", "two")
    taken = desk.line.take(first.id)
    assert taken is not None
    desk.pager.unplug()
    await desk.passes(supervision.back_off(1) + 0.01)
    assert len(desk.line._attempts) == 0
    assert [desk.recorded(page).detail for page in (first, taken)] == ["the line was lost while it was being sent"] * 2
