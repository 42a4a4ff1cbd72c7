"""The main job: an alarm pages people until somebody accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.driver import Outcome, Receipt
from gatewayd.model import MsgStatus, Recorded, TextReceived
from gatewayd.store import Query
from tests.engine.conftest import ADMIN, DOCTOR, NURSE

if TYPE_CHECKING:
    from tests.engine.conftest import Box


async def test_an_alarm_pages_everybody_of_the_first_step(box: Box) -> None:
    assert await box.activates("3-12") is Recorded.NEW
    assert box.pager.texts == ["ROOM 12"]
    assert box.phones.texts == ["ROOM 12 #1"]


async def test_next_step_is_paged_when_nobody_accepts_in_time(box: Box) -> None:
    await box.activates("3-12")
    await box.passes(29.9)
    assert len(box.phones.pages) == 1
    await box.passes(0.2)
    assert [page.address for page in box.phones.pages] == ["2001", "2002"]


async def test_a_new_cycle_begins_after_the_last_step(box: Box) -> None:
    await box.activates("3-12")
    await box.passes(91)
    assert [page.address for page in box.phones.pages] == ["2001", "2002", "2001"]
    item = box.engine.inbox(box.user(NURSE), NURSE, Query()).items[0]
    assert (item.current_cycle, item.event.cycle) == (2, 2)


async def test_accept_stops_everything(box: Box) -> None:
    await box.activates("3-12")
    assert await box.engine.accept(box.user(NURSE), box.event_of(NURSE)) is MsgStatus.ACKNOWLEDGE
    await box.passes(3600)
    assert len(box.phones.pages) == 1
    assert len(box.pager.pages) == 1


async def test_a_page_that_waits_for_its_line_is_withdrawn_by_accept(box: Box) -> None:
    box.pager.unplug()
    await box.passes(0.01)
    await box.activates("3-12")
    await box.engine.accept(box.user(NURSE), box.event_of(NURSE))
    box.pager.plug_in()
    await box.passes(60)
    assert box.pager.pages == []


async def test_reset_goes_to_those_who_were_paged(box: Box) -> None:
    await box.activates("3-12")
    assert await box.resets("3-12") is Recorded.CLEARED
    assert box.pager.texts == ["ROOM 12", "RESET ROOM 12"]
    assert box.phones.texts == ["ROOM 12 #1", "RESET ROOM 12"]
    await box.passes(3600)
    assert len(box.phones.pages) == 2


async def test_a_repeated_alarm_pages_nobody_again(box: Box) -> None:
    await box.activates("3-12")
    assert await box.activates("3-12") is Recorded.REPEAT
    assert len(box.pager.pages) == 1


async def test_the_phone_accepts_by_text(box: Box) -> None:
    await box.activates("3-12")
    assert await box.engine.report("phones", TextReceived("2001", "OK")) is Recorded.ANSWERED
    await box.passes(3600)
    assert len(box.phones.pages) == 1


async def test_decline_pages_the_next_step_at_once(box: Box) -> None:
    await box.activates("3-12")
    await box.engine.report("phones", TextReceived("2001", "NO #1"))
    await box.passes(0.1)
    assert [page.address for page in box.phones.pages] == ["2001", "2002"]


async def test_escalation_goes_on_after_a_restart(box: Box) -> None:
    await box.activates("3-12")
    await box.restart()
    await box.passes(31)
    assert [page.address for page in box.phones.pages] == ["2002"]


async def test_nobody_in_any_cycle_tells_the_fallback_loudly(box: Box) -> None:
    await box.activates("3-12")
    await box.passes(3 * 90 + 1)
    items = box.engine.inbox(box.user(ADMIN), ADMIN, Query()).items
    assert [item.message.text for item in items] == ["NOT ACCEPTED: ROOM 12"]


async def test_what_no_route_matches_goes_to_the_fallback_as_it_came(box: Box) -> None:
    await box.engine.report("phones", TextReceived("4711", "help me"))
    items = box.engine.inbox(box.user(ADMIN), ADMIN, Query()).items
    assert [item.message.text for item in items] == ["phones 4711: help me"]


async def test_a_failed_attempt_is_repeated(box: Box) -> None:
    box.pager.outcomes = [Receipt(Outcome.FAILED, "busy"), Receipt(Outcome.SENT)]
    await box.activates("3-12")
    await box.passes(3)
    assert len(box.pager.pages) == 2


async def test_a_lost_line_raises_a_fault_that_clears_on_return(box: Box) -> None:
    box.phones.unplug()
    await box.passes(0.01)
    active = box.store.alarms.listing(Query()).items
    assert [alarm.active_text for alarm in active] == ["phones: Line phones is down: unplugged"]
    box.phones.plug_in()
    await box.passes(5)
    assert box.store.alarms.listing(Query()).total == 0


async def test_escalate_pages_the_next_step_at_once(box: Box) -> None:
    await box.activates("3-12")
    assert await box.engine.escalate(box.user(NURSE), box.event_of(NURSE)) is MsgStatus.FORCEESCALATE
    await box.passes(0.1)
    assert box.event_of(DOCTOR)
