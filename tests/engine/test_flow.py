"""The flow of one alarm: steps, resets, and who is told when nobody can be reached."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gatewayd.clock import settle
from gatewayd.driver import Outcome, Receipt
from gatewayd.errors import Conflict
from gatewayd.model import (
    AlarmActivated,
    AlarmDefinition,
    EscalationState,
    Group,
    MsgStatus,
    PageState,
    Plan,
    Recorded,
    Step,
    TextReceived,
)
from tests.engine.conftest import ADMIN, DOCTOR, NIGHT, NURSE, PHONE_B, PHONE_C, PLAN, SITE, WARD_PAGER, Box
from tests.engine.sites import changed, recipient, resite

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


async def test_who_takes_an_alarm_without_a_plan_takes_it_for_all(box: Box) -> None:
    both = Group(NIGHT, "both", (NURSE, WARD_PAGER))
    await resite(box, changed(groups=(both,), definitions=recipient(NIGHT)))
    box.pager.unplug()
    await box.passes(0.01)
    await box.activates("3-12")
    await box.accepts(NURSE)
    box.pager.plug_in()
    await box.passes(60)
    assert "ROOM 12" not in box.pager.texts


async def test_who_takes_a_text_to_a_plan_takes_it_for_all(box: Box) -> None:
    await box.engine.report("phones", TextReceived("2002", "COME", "ward-calls"))
    await settle()
    await box.accepts(NURSE)
    await box.passes(3600)
    assert [page.address for page in box.phones.pages] == ["2001"]


# --- when nobody is reached -------------------------------------------------------------------------------------------


async def test_an_alarm_whose_only_page_fails_is_told_to_the_fallback(box: Box) -> None:
    await resite(box, changed(definitions=recipient(WARD_PAGER)))
    box.pager.outcomes = [Receipt(Outcome.REFUSED, "no such pager")]
    await box.activates("3-12")
    assert box.texts_of(ADMIN) == ["NOT DELIVERED: ROOM 12"]


async def test_an_alarm_that_escalates_is_told_to_the_fallback_once_and_at_the_end(box: Box) -> None:
    await resite(box, changed(plans=(Plan(PLAN, "p", (Step((WARD_PAGER,), 30.0),)),)))
    box.pager.outcomes = [Receipt(Outcome.REFUSED, "no such pager")]
    await box.activates("3-12")
    assert box.texts_of(ADMIN) == []
    await box.passes(31)
    assert box.texts_of(ADMIN) == ["NOT ACCEPTED: ROOM 12"]


async def test_a_step_adds_no_page_to_an_address_that_one_still_waits_for(box: Box) -> None:
    await resite(box, changed(plans=(Plan(PLAN, "p", (Step((WARD_PAGER,), 30.0), Step((WARD_PAGER, NURSE), 60.0))),)))
    box.pager.unplug()
    await box.passes(0.01)
    await box.activates("3-12")
    await box.passes(31)
    assert [page.line for page in box.pages(2)] == ["pager", "phones"]


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
    assert "cancelled by nurse" in box.journal()
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
