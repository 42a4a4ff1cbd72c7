"""Races: accept against what is in flight, reset against activation, cancellation against the disk, and the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.driver import Outcome, Receipt
from gatewayd.engine.attempts import SEND_LIMIT
from gatewayd.engine.orders import SendOrder
from gatewayd.errors import NotDurable
from gatewayd.model import AlarmActivated, AlarmReset, EscalationState, MsgStatus, PageState, Priority, Recorded
from gatewayd.store import Query
from tests.engine.conftest import ADMIN, NURSE, PHONE_B, PHONE_C

if TYPE_CHECKING:
    from tests.engine.conftest import Box

CALL = AlarmActivated("3-12", "ROOM 12", "3-12")


async def test_accept_cuts_a_page_that_is_in_flight(box: Box) -> None:
    gate = box.pager.hold_back()
    await box.activates("3-12")
    await box.accepts(NURSE)
    gate.set()
    await box.passes(3600)
    assert box.pager.pages == []
    assert [page.state for page in box.pages() if page.line == "pager"] == [PageState.UNKNOWN]


async def test_a_receipt_that_comes_while_accept_is_being_written_stays_honest(box: Box) -> None:
    gate = box.pager.hold_back()
    await box.activates("3-12")
    accepting = asyncio.ensure_future(box.accepts(NURSE))
    gate.set()
    await accepting
    await settle()
    sent = len(box.pager.pages)
    states = [page.state for page in box.pages() if page.line == "pager"]
    assert states == [PageState.SENT if sent else PageState.UNKNOWN]


async def test_a_failed_attempt_is_not_repeated_after_accept(box: Box) -> None:
    gate = box.pager.hold_back()
    box.pager.outcomes = [Receipt(Outcome.FAILED)]
    await box.activates("3-12")
    gate.set()
    await asyncio.sleep(0)
    await box.accepts(NURSE)
    started = len(box.pager.started)
    await box.passes(3600)
    assert len(box.pager.started) == started == 1


async def test_a_page_that_an_accept_takes_back_does_not_leave_while_that_is_being_written(box: Box) -> None:
    box.pager.unplug()
    await box.passes(0.01)
    await box.activates("3-12")
    box.store.writer._scheduled = True  # a disk that takes its time
    accepting = asyncio.ensure_future(box.accepts(NURSE))
    await settle()
    box.pager.plug_in()
    await box.passes(10)
    was_up, before = box.engine.lines["pager"].is_up, len(box.pager.started)
    box.store.writer._flush()
    await accepting
    await box.passes(3600)
    assert (was_up, before, len(box.pager.started)) == (True, 0, 0)


async def test_accept_and_the_end_of_the_wait_at_the_same_moment_page_nobody_more(box: Box) -> None:
    await box.activates("3-12")
    box.clock.time += 30.0
    await asyncio.gather(box.accepts(NURSE), box.clock.advance(0.1))
    pages = len(box.phones.pages)
    await box.passes(3600)
    assert len(box.phones.pages) == pages == 1


async def test_a_reset_right_behind_its_activation_clears_it(box: Box) -> None:
    for key, address in (("3-12", ""), (None, "3-12")):
        results = await asyncio.gather(
            box.engine.report("ward-panel", CALL), box.engine.report("ward-panel", AlarmReset(key, address))
        )
        assert list(results) == [Recorded.NEW, Recorded.CLEARED]
        await settle()
    assert not box.alarm(1).is_active
    assert not box.alarm(2).is_active


async def test_two_activations_at_once_make_one_alarm(box: Box) -> None:
    results = await asyncio.gather(*(box.engine.report("ward-panel", CALL) for _ in range(3)))
    assert sorted(result.value for result in results) == ["new", "repeat", "repeat"]
    assert box.alarm().repeats == 2


async def test_a_repeat_that_meets_an_accept_does_not_undo_it(box: Box) -> None:
    await box.activates("3-12")
    await asyncio.gather(box.accepts(NURSE), box.engine.report("ward-panel", CALL))
    assert (box.alarm().accepted_by, box.alarm().repeats) == (NURSE, 1)


async def test_a_repeat_that_meets_a_cancel_becomes_a_new_alarm_that_pages(box: Box) -> None:
    await box.activates("3-12")
    event = box.event_of(NURSE)
    _, recorded = await asyncio.gather(box.engine.cancel(box.user(NURSE), event), box.engine.report("ward-panel", CALL))
    await settle()
    assert recorded is Recorded.NEW
    assert not box.alarm(1).is_active
    assert [run.state for run in box.store.paging.escalations_of_alarm(2)] == [EscalationState.RUNNING]


async def test_a_reply_that_meets_a_receipt_keeps_its_status(box: Box) -> None:
    gate = box.phones.hold_back()
    message = await box.engine.send(box.user(ADMIN), SendOrder("call me", Priority.NORMAL, (NURSE,)))
    await settle()
    gate.set()
    order = SendOrder("yes", Priority.NORMAL, reply_to=message.id)
    await asyncio.gather(box.engine.send(box.user(NURSE), order), asyncio.sleep(0))
    await settle()
    event = box.store.inbox.of_user(NURSE, message.id)
    assert event is not None
    assert event.status is MsgStatus.REPLIED


async def test_a_reporter_that_is_cancelled_leaves_no_alarm_that_nobody_hears_of(box: Box) -> None:
    for delay in range(6):
        report = asyncio.ensure_future(
            box.engine.report("ward-panel", replace(CALL, key=f"k{delay}", text=f"TEXT {delay}"))
        )
        for _ in range(delay):
            await asyncio.sleep(0)
        report.cancel()
        await asyncio.gather(report, return_exceptions=True)
    await settle()
    stored = [alarm.active_text for alarm in box.store.alarms.listing(Query()).items]
    assert stored
    assert sorted(box.pager.texts) == sorted(stored)
    assert len(box.engine._core.agenda) == len(stored)


async def test_locks_are_held_until_a_cancelled_decision_is_on_disk(box: Box) -> None:
    await box.activates("3-12")
    repeat = asyncio.ensure_future(box.engine.report("ward-panel", CALL))
    await asyncio.sleep(0)
    repeat.cancel()
    await box.accepts(NURSE)
    await asyncio.gather(repeat, return_exceptions=True)
    assert box.alarm().accepted_by == NURSE


async def test_an_accept_that_the_disk_refuses_counts_and_is_not_acknowledged(box: Box) -> None:
    box.phones.hold_back()
    await box.engine.send(box.user(ADMIN), SendOrder("first", Priority.NORMAL, (PHONE_B,)))
    await box.activates("3-12")
    box.disk.full = True
    with pytest.raises(NotDurable):
        await box.accepts(NURSE)
    assert box.phones.gate is not None
    box.phones.gate.set()
    await settle()
    assert box.phones.texts == ["first #1"]
    await box.is_killed()
    await settle()
    assert box.alarm().accepted_by is None
    assert "ROOM 12 #2" in box.phones.texts


async def test_a_receipt_that_the_disk_refuses_is_written_down_later(box: Box) -> None:
    gate = box.pager.hold_back()
    await box.activates("3-12")
    box.disk.full = True
    gate.set()
    await box.passes(5)
    assert len(box.pager.pages) == 1
    box.disk.full = False
    await box.passes(2)
    assert [page.state for page in box.pages() if page.line == "pager"] == [PageState.SENT]
    assert len(box.pager.pages) == 1


async def test_an_escalation_that_cannot_be_decided_is_set_aside_and_told(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    await box.activates("3-12")

    def broken(*_: object) -> None:
        message = "a defect"
        raise ValueError(message)

    monkeypatch.setattr("gatewayd.engine.endings.rule.advance", broken)
    await box.passes(40)
    assert "gatewayd: Escalation 1 cannot go on: look after its alarm by hand" in box.texts_of(ADMIN)


async def test_a_receipt_that_cannot_be_decided_on_is_set_aside_and_told(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        message = "a defect"
        raise ValueError(message)

    with monkeypatch.context() as patched:
        patched.setattr("gatewayd.engine.delivery.settle", broken)
        await box.activates("3-12")
        await box.passes(2)
    await box.passes(1)
    assert "pager: Page 2 to pager 2001 cannot go on: look after it by hand" in box.texts_of(ADMIN)
    await box.activates("3-13", "NEXT")
    assert "NEXT" in box.pager.texts


async def test_each_attempt_that_hangs_is_cut_in_its_own_time(box: Box) -> None:
    box.phones.hold_back()
    sender = box.user(ADMIN)
    await box.engine.send(sender, SendOrder("first", Priority.NORMAL, (PHONE_B,)))
    await box.passes(100)
    await box.engine.send(sender, SendOrder("second", Priority.NORMAL, (PHONE_C,)))

    def attempts() -> list[int]:
        return [page.attempts for number in (1, 2) for page in box.store.paging.all_of_message(number)]

    await box.passes(SEND_LIMIT - 100.01)
    assert attempts() == [0, 0]
    await box.passes(0.02)
    assert attempts() == [1, 0]
    await box.passes(99.97)
    assert attempts() == [1, 0]
    await box.passes(0.02)
    assert attempts() == [1, 1]


async def test_stopping_lets_no_further_page_out(box: Box) -> None:
    box.pager.hold_back()
    await box.activates("3-12")
    await box.activates("3-13")
    started = len(box.pager.started)
    await box.engine.stop()
    await settle()
    assert len(box.pager.started) == started
    assert box.clock.next_due() is None


async def test_a_receipt_that_arrived_before_the_stop_is_not_sent_again(box: Box) -> None:
    box.store.writer.submit([])  # a commit is under way
    gate = box.phones.hold_back()
    await box.engine.send(box.user(ADMIN), SendOrder("once", Priority.NORMAL, (PHONE_C,)))
    await settle()
    gate.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(box.phones.pages) == 1
    await box.restart()
    assert box.phones.pages == []


async def test_nothing_is_kept_when_all_is_done(box: Box) -> None:
    for key in ("a", "b", "c"):
        await box.activates(key)
    for number in (1, 2, 3):
        await box.accepts(NURSE, number)
    await box.passes(10)
    assert box.is_quiet
    assert len(box.engine._core.agenda) == 0


async def test_a_reset_text_that_still_waits_is_withdrawn_when_the_condition_comes_back(box: Box) -> None:
    await box.activates("3-12")
    box.pager.outcomes = [Receipt(Outcome.FAILED, "busy")]
    await box.resets("3-12")
    await box.activates("3-12")
    await box.passes(25)
    assert box.pager.texts == ["ROOM 12", "RESET ROOM 12", "ROOM 12"]
