"""The flow of one alarm: ways, failures, steps, resets, and who is told when nobody can be reached."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.driver import Outcome, Receipt
from gatewayd.engine.orders import SendOrder
from gatewayd.errors import Conflict, NotAllowed
from gatewayd.model import (
    AlarmActivated,
    AlarmDefinition,
    AlarmReset,
    Answer,
    EscalationState,
    Group,
    MsgStatus,
    PageAnswered,
    PageConfirmed,
    PageState,
    Plan,
    Priority,
    Recorded,
    Step,
    User,
    Way,
)
from tests.engine.conftest import ADMIN, DOCTOR, NIGHT, NURSE, PHONE_B, PHONE_C, PLAN, SITE, WARD_PAGER, Box

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gatewayd.model import Site

THREE_WAYS = User(NURSE, "nurse", ways=(Way(WARD_PAGER), Way(PHONE_B, 120.0), Way(PHONE_C, 600.0)))


def changed(**parts: object) -> Site:
    """Return the site of every test with some parts exchanged."""
    return replace(SITE, **parts)  # type: ignore[arg-type]


def recipient(recipient_id: int) -> tuple[AlarmDefinition, ...]:
    return (AlarmDefinition(1, "nurse-call", recipient_id),)


def nurse_only() -> Site:
    return changed(users=(THREE_WAYS, *SITE.users[1:]), definitions=recipient(NURSE))


async def resite(box: Box, site: Site) -> None:
    box.site = site
    await box.restart()
    await settle()


@pytest.fixture
async def nurse_box(tmp_path: Path) -> AsyncIterator[Box]:
    started = Box(tmp_path, nurse_only())
    await settle()
    yield started
    await started.stop()


# --- ways -------------------------------------------------------------------------------------------------------------


async def test_later_ways_wait_for_their_delay(nurse_box: Box) -> None:
    await nurse_box.activates("3-12")
    await nurse_box.passes(119)
    assert nurse_box.phones.pages == []
    await nurse_box.passes(2)
    assert [page.address for page in nurse_box.phones.pages] == ["2001"]


async def test_next_way_is_taken_at_once_when_one_fails(nurse_box: Box) -> None:
    nurse_box.pager.outcomes = [Receipt(Outcome.REFUSED, "unknown number")]
    await nurse_box.activates("3-12")
    assert [page.address for page in nurse_box.phones.pages] == ["2001"]


async def test_only_the_very_next_way_is_taken_however_often_one_fails(nurse_box: Box) -> None:
    nurse_box.pager.outcomes = [Receipt(Outcome.FAILED, "busy")] * 4
    await nurse_box.activates("3-12")
    await nurse_box.passes(30)
    assert [page.address for page in nurse_box.phones.pages] == ["2001"]


async def test_next_way_is_taken_at_once_when_the_line_is_dead(nurse_box: Box) -> None:
    nurse_box.pager.unplug()
    await nurse_box.passes(0.01)
    await nurse_box.activates("3-12")
    assert [page.address for page in nurse_box.phones.pages] == ["2001"]


async def test_next_way_is_taken_when_the_line_dies_with_a_page_in_its_queue(nurse_box: Box) -> None:
    nurse_box.pager.outcomes = [Receipt(Outcome.SENT)]
    await nurse_box.activates("3-11")
    nurse_box.pager.outcomes = [Receipt(Outcome.UNKNOWN, retry_after=60.0)]
    nurse_box.pager.unplug()
    await nurse_box.activates("3-12")
    await nurse_box.passes(0.1)
    assert "2001" in [page.address for page in nurse_box.phones.pages]


async def test_a_restart_does_not_bring_ways_forward(nurse_box: Box) -> None:
    await nurse_box.activates("3-12")
    await nurse_box.restart()
    await nurse_box.passes(60)
    assert nurse_box.phones.pages == []


# --- queues -----------------------------------------------------------------------------------------------------------


async def test_a_dead_line_never_blocks_another(box: Box) -> None:
    box.pager.unplug()
    await box.passes(0.01)
    await box.activates("3-12")
    assert box.phones.texts == ["ROOM 12 #2"]  # 1 is the message of the line's fault


async def test_a_retry_that_comes_due_on_a_dead_line_does_not_keep_the_box_busy(box: Box) -> None:
    box.pager.outcomes = [Receipt(Outcome.FAILED, "busy")]
    await box.activates("3-12")
    box.pager.unplug()
    await box.passes(3)
    await box.engine.report("ward-panel", AlarmReset("3-12"))
    assert box.clock.next_due() is None or box.clock.next_due() > box.clock.now()  # type: ignore[operator]


async def test_the_most_urgent_page_leaves_first(box: Box) -> None:
    box.pager.unplug()
    await box.passes(0.01)
    for key, priority in (
        ("low", Priority.LOW),
        ("fire", Priority.EMERGENCY),
        ("normal", None),
        ("high", Priority.HIGH),
    ):
        await box.activates(key, key, priority)
    box.pager.plug_in()
    await box.passes(5)
    assert box.pager.texts == ["fire", "high", "normal", "low"]


async def test_pages_to_a_busy_address_wait_while_others_leave(box: Box) -> None:
    hold = box.phones.hold_back()
    for name, contact in (("a", PHONE_B), ("b", PHONE_B), ("c", PHONE_C)):
        await box.engine.send(box.user(ADMIN), SendOrder(name, Priority.NORMAL, (contact,)))
    await settle()
    assert [page.text[:1] for page in box.phones.started] == ["a", "c"]
    hold.set()
    await settle()
    assert [page.text[:1] for page in box.phones.started] == ["a", "c", "b"]


async def test_a_page_behind_a_busy_address_can_be_withdrawn(box: Box) -> None:
    hold = box.phones.hold_back()
    await box.activates("3-11", "FIRST")
    await box.activates("3-12", "SECOND")
    await box.activates("3-13", "THIRD")
    await box.accepts(NURSE, 2)
    hold.set()
    await settle()
    assert [page.text for page in box.phones.pages] == ["FIRST #1", "THIRD #3"]


async def test_an_expired_page_is_not_sent(nurse_box: Box) -> None:
    nurse_box.pager.unplug()
    nurse_box.phones.unplug()
    await nurse_box.passes(0.01)
    await nurse_box.activates("3-12")
    await nurse_box.passes(1801)
    nurse_box.pager.plug_in()
    await nurse_box.passes(5)
    assert "ROOM 12" not in nurse_box.pager.texts


async def test_a_driver_that_hangs_does_not_hold_its_line_for_ever(box: Box) -> None:
    box.pager.hold_back()
    await box.activates("3-12")
    box.pager.gate = None
    await box.passes(200)
    assert len(box.pager.pages) > 0


async def test_a_driver_that_hangs_when_its_device_is_lost_sends_again_after_the_return(box: Box) -> None:
    box.pager.hold_back()
    await box.activates("3-12")
    box.pager.gate = None
    box.pager.unplug()
    await box.passes(1)
    box.pager.plug_in()
    await box.passes(10)
    assert box.pager.texts == ["ROOM 12"]
    assert [page.attempts for page in box.pages() if page.line == "pager"] == [2]


# --- steps ------------------------------------------------------------------------------------------------------------


async def test_an_empty_step_is_passed_over_at_once(box: Box) -> None:
    await resite(box, changed(plans=(Plan(PLAN, "p", (Step((NIGHT,), 30.0), Step((DOCTOR,), 60.0))),)))
    await box.activates("3-12")
    assert [page.address for page in box.phones.pages] == ["2002"]


async def test_a_step_on_a_line_that_does_not_exist_is_passed_over_at_once(box: Box) -> None:
    ghost = replace(SITE.contacts[0], line="ghost")
    plans = (Plan(PLAN, "p", (Step((WARD_PAGER,), 30.0), Step((DOCTOR,), 60.0))),)
    await resite(box, changed(contacts=(ghost, *SITE.contacts[1:]), plans=plans))
    await box.activates("3-12")
    assert [page.address for page in box.phones.pages] == ["2002"]


async def test_a_step_that_fails_entirely_gives_way_to_the_next(box: Box) -> None:
    box.pager.outcomes = [Receipt(Outcome.REFUSED)]
    box.phones.outcomes = [Receipt(Outcome.REFUSED)]
    await box.activates("3-12")
    assert [page.address for page in box.phones.pages] == ["2001", "2002"]


async def test_a_plan_that_was_removed_ends_loudly(box: Box) -> None:
    await box.activates("3-12")
    box.store.save_site(changed(plans=()))
    box.engine.reload_site()
    await box.passes(31)
    assert box.texts_of(ADMIN) == ["NOT ACCEPTED: ROOM 12"]


async def test_two_plans_run_side_by_side_and_one_accept_stops_both(box: Box) -> None:
    other = Plan(9, "q", (Step((ADMIN,), 10.0), Step((DOCTOR,), 10.0)), cycles=2)
    both = Group(NIGHT, "both", (PLAN, 9))
    await resite(box, changed(groups=(both,), plans=(*SITE.plans, other), definitions=recipient(NIGHT)))
    await box.activates("3-12")
    await box.passes(11)
    assert [page.address for page in box.phones.pages] == ["2001", "2002"]
    await box.accepts(DOCTOR)
    await box.passes(3600)
    assert len(box.phones.pages) == 2
    states = {run.state for run in box.store.paging.escalations_of_alarm(1)}
    assert states == {EscalationState.ACCEPTED}


async def test_every_member_of_a_group_is_paged_once(box: Box) -> None:
    group = Group(NIGHT, "night", (NURSE, PHONE_B, DOCTOR, NIGHT))
    await resite(box, changed(groups=(group,), definitions=recipient(NIGHT)))
    await box.activates("3-12")
    assert sorted(page.address for page in box.phones.pages) == ["2001", "2002"]


async def test_a_notice_on_a_plan_says_its_own_words_in_every_step_and_ends(box: Box) -> None:
    night = Plan(9, "q", (Step((PHONE_B,), 10.0), Step((PHONE_C,), 10.0)))
    await resite(box, changed(plans=(Plan(PLAN, "p", (Step((WARD_PAGER,), 30.0),)), night), fallback_id=9))
    await box.activates("3-12")
    await box.passes(7200)
    assert [page.text for page in box.phones.pages] == ["NOT ACCEPTED: ROOM 12 #2"] * 2


async def test_a_user_who_escalates_and_is_paged_again_keeps_the_status(box: Box) -> None:
    await resite(box, changed(plans=(Plan(PLAN, "p", (Step((NURSE,), 30.0),), cycles=3),)))
    await box.activates("3-12")
    event = box.event_of(NURSE)
    await box.engine.escalate(box.user(NURSE), event)
    found = box.store.inbox.item(event)
    assert found is not None
    assert (found.event.status, found.event.cycle) == (MsgStatus.FORCEESCALATE, 2)


async def test_a_late_decline_of_an_earlier_step_hurries_nobody(box: Box) -> None:
    three = Plan(PLAN, "p", (Step((NURSE,), 30.0), Step((DOCTOR,), 60.0), Step((WARD_PAGER,), 60.0)))
    await resite(box, changed(plans=(three,)))
    await box.activates("3-12")
    await box.passes(31)
    await box.text("2001", "NO")
    await box.passes(10)
    assert box.pager.pages == []
    assert "declined by nurse" in box.journal()


# --- when nobody is reached -------------------------------------------------------------------------------------------


async def test_an_alarm_whose_only_page_fails_is_told_to_the_fallback(box: Box) -> None:
    await resite(box, changed(definitions=recipient(WARD_PAGER)))
    box.pager.outcomes = [Receipt(Outcome.REFUSED, "no such pager")]
    await box.activates("3-12")
    assert box.texts_of(ADMIN) == ["NOT DELIVERED: ROOM 12"]


async def test_an_alarm_for_a_line_that_does_not_exist_goes_to_the_fallback(box: Box) -> None:
    ghost = replace(SITE.contacts[0], line="ghost")
    await resite(box, changed(contacts=(ghost, *SITE.contacts[1:]), definitions=recipient(WARD_PAGER)))
    await box.activates("3-12")
    assert box.texts_of(ADMIN) == ["ROOM 12"]


async def test_nobody_at_all_is_written_down(box: Box) -> None:
    await resite(box, changed(definitions=recipient(NIGHT), fallback_id=None))
    await box.activates("3-12")
    assert any("nobody can be paged" in text for text in box.journal())


async def test_a_page_whose_line_was_removed_gives_way_to_the_next_step(box: Box) -> None:
    plans = (Plan(PLAN, "p", (Step((WARD_PAGER,), 300.0), Step((DOCTOR,), 60.0))),)
    await resite(box, changed(plans=plans))
    box.pager.unplug()
    await box.activates("3-12")
    box.without = {"pager"}
    await box.restart()
    assert [page.address for page in box.phones.pages] == ["2002"]


async def test_a_text_that_is_cut_says_so_in_the_journal(box: Box) -> None:
    await box.activates("3-12", "X" * 100)
    assert box.pager.texts == ["X" * 80]
    assert "the text was cut to what pager can carry: 80 of 100 characters" in box.journal()


# --- the end of an alarm ----------------------------------------------------------------------------------------------


async def test_cancel_sends_the_reset_text(box: Box) -> None:
    await box.activates("3-12")
    await box.engine.cancel(box.user(NURSE), box.event_of(NURSE))
    await box.passes(3600)
    assert box.phones.texts == ["ROOM 12 #1", "RESET ROOM 12"]
    assert box.alarm().cancelled_by == NURSE
    with pytest.raises(Conflict):
        await box.engine.cancel_alarm(box.user(ADMIN), 1)


async def test_no_reset_text_where_none_is_wanted(box: Box) -> None:
    await resite(box, changed(definitions=(AlarmDefinition(1, "n", PLAN, send_resets=False),)))
    await box.activates("3-12")
    await box.resets("3-12")
    assert box.pager.texts == ["ROOM 12"]


async def test_a_reset_while_a_page_is_in_flight_follows_it(box: Box) -> None:
    hold = box.phones.hold_back()
    await box.activates("3-12")
    await box.resets("3-12")
    hold.set()
    await settle()
    assert box.phones.texts == ["RESET ROOM 12"]
    assert [page.state for page in box.pages() if page.line == "phones"] == [PageState.UNKNOWN]


async def test_a_page_that_never_left_gets_no_reset_text(box: Box) -> None:
    box.pager.unplug()
    await box.passes(0.01)
    await box.activates("3-12")
    await box.resets("3-12")
    box.pager.plug_in()
    await box.passes(60)
    assert box.pager.pages == []


async def test_a_reset_by_address_clears_every_condition_of_it_but_no_fault(box: Box) -> None:
    for key in ("a", "b"):
        await box.engine.report("ward-panel", AlarmActivated(key, key, "wing-3"))
    await box.engine.report("ward-panel", AlarmActivated("f", "f", "wing-3", fault=True))
    assert await box.resets(None, "wing-3") is Recorded.CLEARED
    assert [box.alarm(number).is_active for number in (1, 2, 3)] == [False, False, True]


async def test_a_repeat_after_accept_pages_nobody_and_keeps_the_accept(box: Box) -> None:
    await box.activates("3-12")
    await box.accepts(NURSE)
    assert await box.activates("3-12", "ROOM 12 AGAIN") is Recorded.REPEAT
    await box.passes(3600)
    assert len(box.phones.pages) == 1
    assert box.alarm().accepted_by == NURSE
    assert "reported again (1), as 'ROOM 12 AGAIN': the alarm is active already" in box.journal()


# --- answers ----------------------------------------------------------------------------------------------------------


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


async def test_a_page_that_fails_after_all_takes_the_next_way(nurse_box: Box) -> None:
    nurse_box.pager.outcomes = [Receipt(Outcome.SENT, reference="r-1")]
    await nurse_box.activates("3-12")
    await nurse_box.engine.report("pager", PageConfirmed("r-1", PageState.FAILED, "out of range"))
    await settle()
    assert [page.address for page in nurse_box.phones.pages] == ["2001"]


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


# --- faults -----------------------------------------------------------------------------------------------------------


async def test_a_fault_is_raised_once_per_outage_and_cleared(box: Box) -> None:
    for outage in (1, 2):
        box.phones.unplug()
        await box.passes(60)
        box.phones.plug_in()
        await box.passes(5)
        assert box.texts_of(ADMIN).count("phones: Line phones is down: unplugged") == outage
    assert not any(box.alarm(number).is_active for number in (1, 2))


async def test_a_fault_is_cleared_although_the_disk_was_full_when_the_line_returned(box: Box) -> None:
    box.phones.unplug()
    await box.passes(1)
    box.disk.full = True
    box.phones.plug_in()
    await box.passes(10)
    assert box.alarm().is_active
    box.disk.full = False
    await box.passes(2)
    assert not box.alarm().is_active


async def test_what_is_more_urgent_goes_first_when_a_device_may_send_again(box: Box) -> None:
    until = box.clock.now() + 60.0
    box.pager.held_back = lambda: max(0.0, until - box.clock.now())  # type: ignore[method-assign]
    for text, priority in (("lunch menu", Priority.LOW), ("FIRE", Priority.EMERGENCY)):
        await box.engine.send(box.user(ADMIN), SendOrder(text, priority, (WARD_PAGER,)))
    await box.passes(59)
    assert box.pager.started == []
    await box.passes(2)
    assert box.pager.texts == ["FIRE", "lunch menu"]
