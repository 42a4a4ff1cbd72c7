"""Cases in memory are what the disk holds, whatever happened, and no more of them than there is room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.driver import Outcome, Receipt
from gatewayd.engine.case import load_case
from gatewayd.engine.cases import Cases
from gatewayd.engine.orders import SendOrder
from gatewayd.errors import NotDurable
from gatewayd.model import EscalationState, PageConfirmed, PageState, Priority
from tests.engine.conftest import DOCTOR, NURSE, PLAN, WARD_PAGER

if TYPE_CHECKING:
    from gatewayd.engine.case import Case
    from tests.engine.conftest import Box


def expect_sound(box: Box) -> None:
    """Compare every case in memory with a fresh look at the disk."""
    cases = box.engine._core.cases
    for message_id in list(cases._keys):
        message = box.store.inbox.message(message_id)
        assert message is not None
        kept, read = cases.get(message_id), load_case(box.store, message)
        assert kept is not None
        assert ordered(kept) == ordered(read)
    for run_id in cases._runs:
        assert cases.escalation(run_id) == box.store.paging.escalation(run_id)


def ordered(case: Case) -> tuple[object, ...]:
    rows = (case.events, case.pages, case.escalations, case.notices, case.pushes)
    return (case.message, case.alarm, *(sorted(row, key=lambda one: one.id) for row in rows))


async def test_an_alarm_from_its_beginning_to_its_reset_stays_what_the_disk_holds(box: Box) -> None:
    box.phones.outcomes = [Receipt(Outcome.RECEIVED, reference="r1")]
    await box.activates("12")
    expect_sound(box)
    await box.passes(31)
    expect_sound(box)
    await box.accepts(NURSE)
    expect_sound(box)
    await box.resets("12")
    expect_sound(box)
    assert len(box.engine._core.cases) == 2  # the alarm, and the text of its reset


async def test_an_escalation_that_nobody_answers_takes_its_notice_along(box: Box) -> None:
    await box.activates("12")
    for _ in range(6):
        await box.passes(61)
    assert box.store.paging.escalations_of_alarm(1)[0].state is EscalationState.EXHAUSTED
    expect_sound(box)


async def test_a_text_to_a_mere_contact_leaves_the_memory_with_its_page_and_still_takes_a_later_word(box: Box) -> None:
    box.pager.outcomes = [Receipt(Outcome.FAILED, "busy"), Receipt(Outcome.SENT, reference="r9")]
    await box.engine.send(box.user(NURSE), SendOrder("coffee is ready", Priority.NORMAL, (WARD_PAGER,)))
    await settle()
    assert len(box.engine._core.cases) == 1
    await box.passes(3)
    assert len(box.engine._core.cases) == len(box.engine._core.cases._keys) == 0
    (page,) = box.store.paging.all_of_message(1)
    assert page.state is PageState.SENT
    await box.engine.report(page.line, PageConfirmed("r9", PageState.READ, "the display says so"))
    assert box.store.paging.get(page.id).state is PageState.READ  # type: ignore[union-attr]
    expect_sound(box)


async def test_a_message_of_a_person_and_its_answer_stay_what_the_disk_holds(box: Box) -> None:
    sent = await box.engine.send(box.user(NURSE), SendOrder("call me", Priority.NORMAL, (DOCTOR, PLAN, WARD_PAGER)))
    await settle()
    await box.engine.read(box.user(DOCTOR), box.event_of(DOCTOR))
    await box.engine.send(box.user(DOCTOR), SendOrder("coming", Priority.NORMAL, reply_to=sent.id))
    await settle()
    expect_sound(box)


async def test_a_decision_that_may_wait_and_is_not_on_disk_changes_no_case(box: Box) -> None:
    await box.activates("12")
    box.disk.full = True
    with pytest.raises(Exception, match="full"):
        await box.engine.read(box.user(NURSE), box.event_of(NURSE))
    expect_sound(box)
    box.disk.full = False
    await box.passes(2)
    await box.accepts(NURSE)
    expect_sound(box)


async def test_the_case_of_a_decision_that_is_owed_to_the_disk_is_what_is_read_there(box: Box) -> None:
    await box.activates("12")
    box.disk.full = True
    with pytest.raises(NotDurable):
        await box.accepts(NURSE)
    expect_sound(box)
    box.disk.full = False
    await box.passes(2)
    expect_sound(box)
    assert box.alarm().accepted_by == NURSE


async def test_after_a_restart_a_case_is_read_once_and_kept(box: Box) -> None:
    await box.activates("12")
    await box.restart()
    cases = box.engine._core.cases
    assert len(cases) == 0
    await box.passes(31)
    assert len(cases) == 1
    expect_sound(box)


async def test_no_more_cases_are_kept_than_there_is_room_for_and_none_is_lost(box: Box) -> None:
    cases = box.engine._core.cases = Cases(box.store, most=3)
    for key in "abcdef":
        await box.activates(key)
    assert len(cases) == 3
    assert len(cases._keys) == len(cases._messages) == len(cases._runs) == 3
    await box.passes(31)  # all of them escalate, in memory or not
    assert [run.step for number in range(1, 7) for run in box.store.paging.escalations_of_alarm(number)] == [2] * 6
    assert len(cases) == 3
    expect_sound(box)


async def test_a_case_in_memory_needs_no_look_at_the_disk(box: Box) -> None:
    await box.activates("12")
    asked: list[str] = []
    box.store._reader._connection.set_trace_callback(lambda sql: asked.append(sql) if "FROM pages" in sql else None)
    await box.passes(31)
    await box.accepts(DOCTOR)
    assert asked == []
