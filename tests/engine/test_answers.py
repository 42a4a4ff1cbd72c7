"""What people and pagers answer, and what their answers mean."""

from __future__ import annotations

import pytest

from gatewayd.clock import settle
from gatewayd.driver import Outcome, Receipt
from gatewayd.engine.orders import SendOrder
from gatewayd.errors import NotAllowed
from gatewayd.model import AlarmActivated, Answer, PageAnswered, PageConfirmed, PageState, Priority, Recorded
from tests.engine.conftest import ADMIN, NURSE, PHONE_B, WARD_PAGER, Box


async def test_an_answer_never_means_a_page_that_has_not_left(box: Box) -> None:
    await box.activates("3-11", "SEEN")
    box.phones.hold_back()
    await box.activates("3-12", "IN FLIGHT")
    await box.activates("3-13", "STILL WAITING")
    await box.text("2001", "OK")
    assert [box.alarm(number).accepted_by for number in (1, 2, 3)] == [None, NURSE, None]


async def test_an_answered_message_does_not_hide_an_open_alarm(box: Box) -> None:
    await box.activates("3-12")
    for recipient_id in (NURSE, PHONE_B):
        await box.engine.send(box.user(ADMIN), SendOrder("lunch", Priority.NORMAL, (recipient_id,)))
        await settle()
        await box.text("2001", "OK")
        assert box.alarm().accepted_by is None
    await box.text("2001", "OK")
    assert box.alarm().accepted_by == NURSE


async def test_nobody_acts_on_an_event_in_its_owners_name(box: Box) -> None:
    await box.activates("3-12")
    before = box.engine.event(box.user(NURSE), NURSE, box.event_of(NURSE)).event
    for act in (box.engine.read, box.engine.accept, box.engine.cancel, box.engine.escalate, box.engine.delete):
        with pytest.raises(NotAllowed, match="own user"):
            await act(box.user(ADMIN), before.id)
    assert box.engine.event(box.user(NURSE), NURSE, before.id).event == before
    assert box.alarm().accepted_by is None


async def test_a_plain_message_accepted_by_phone_still_reaches_the_others(box: Box) -> None:
    box.pager.unplug()
    await box.passes(0.01)
    await box.engine.send(box.user(ADMIN), SendOrder("lunch", Priority.NORMAL, (NURSE, WARD_PAGER)))
    await settle()
    await box.text("2001", "OK")
    box.pager.plug_in()
    await box.passes(5)
    assert box.pager.texts == ["lunch"]


async def test_a_pager_accepts_by_its_reference(box: Box) -> None:
    box.pager.outcomes = [Receipt(Outcome.SENT, reference="r-1")]
    await box.activates("3-12")
    answered = await box.engine.report("pager", PageAnswered("r-1", Answer.ACCEPT))
    assert answered is Recorded.ANSWERED
    assert box.alarm().accepted_by == WARD_PAGER


async def test_an_answer_to_an_unknown_page_is_noted(box: Box) -> None:
    assert await box.engine.report("pager", PageAnswered("x", Answer.ACCEPT)) is Recorded.NOTED


async def test_a_later_confirmation_raises_the_status_and_never_lowers_it(box: Box) -> None:
    box.phones.outcomes = [Receipt(Outcome.SENT, reference="r-1")]
    await box.activates("3-12")
    for state in (PageState.READ, PageState.RECEIVED, PageState.SENT, PageState.QUEUED):
        await box.engine.report("phones", PageConfirmed("r-1", state))
        assert next(page.state for page in box.pages() if page.line == "phones") is PageState.READ


async def test_hostile_texts_are_bounded_and_kept(box: Box) -> None:
    evil = "\ud800" + "A" * 1_000_000
    await box.engine.report("ward-panel", AlarmActivated(evil, evil, evil, fields={evil: evil}))
    await box.engine.report("ward-panel", AlarmActivated(evil + "B", evil, evil))
    assert (len(box.alarm(1).key), len(box.alarm(1).active_text)) == (200, 2000)
    assert box.alarm(2).key != box.alarm(1).key
    assert await box.resets(evil) is Recorded.CLEARED
    box.phones.outcomes = [Receipt(Outcome.SENT, evil, evil)]
    await box.activates("3-12")
    assert await box.engine.report("phones", PageAnswered(evil, Answer.ACCEPT)) is Recorded.ANSWERED
