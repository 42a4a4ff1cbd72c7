"""Users' changes and pushes: who hears of what, where it waits, and that no push counts as a page."""

# ruff: noqa: N802 - the tests are named after the ids of the reading of the specification

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gatewayd.clock import settle
from gatewayd.driver import Outcome, Receipt
from gatewayd.engine.changes import KEPT, TRIM_EVERY
from gatewayd.engine.orders import SendOrder
from gatewayd.engine.subscriptions import MOST_DEVICES, Wish
from gatewayd.model import MsgStatus, NotificationKind, PageState, Priority, Role
from gatewayd.records import Notification
from tests.engine.conftest import ADMIN, DOCTOR, NURSE, SITE, Box
from tests.engine.push import NURSE_PHONE, PushDevice, add_push_line

if TYPE_CHECKING:
    from pathlib import Path

EVENT, ALARM = NotificationKind.USER_EVENT, NotificationKind.ACTIVE_ALARM


@pytest.fixture
async def push(box: Box) -> PushDevice:
    return await add_push_line(box.engine)


def waiting(box: Box, user_id: int) -> list[tuple[NotificationKind, int]]:
    return [(one.kind, one.object_id) for one in box.engine.changes.look(user_id)]


def bodies(box: Box, user_id: int) -> list[dict[str, Any]]:
    feed = box.engine.changes
    return [body for _, body in feed.describe(feed.look(user_id), box.engine.directory)]


async def subscribe(box: Box, user_id: int, endpoint: str = NURSE_PHONE) -> str:
    subscriptions = box.engine.changes.subscriptions
    return await subscriptions.subscribe(box.user(user_id), Wish(endpoint, "k", "a"), box.clock.wall())


async def sends(box: Box, recipient: int, text: str = "hello") -> None:
    await box.engine.send(box.user(ADMIN), SendOrder(text, Priority.NORMAL, (recipient,)))
    await settle()


def pushes(box: Box) -> list[PageState]:
    return [page.state for page in box.store.paging.all_of_alarm(1) if page.push is not None]


# --- who hears of what ------------------------------------------------------------------------------------------------


async def test_E09_an_activation_tells_the_paged_user_of_event_and_alarm_and_overseers_of_the_alarm(box: Box) -> None:
    await box.activates("12")
    assert waiting(box, NURSE) == [(EVENT, 1), (ALARM, 1)]
    assert waiting(box, ADMIN) == [(ALARM, 1)]
    assert waiting(box, DOCTOR) == []


async def test_E09_operators_oversee_too(tmp_path: Path) -> None:
    users = tuple(replace(user, role=Role.OPERATOR) if user.id == DOCTOR else user for user in SITE.users)
    box = Box(tmp_path, replace(SITE, users=users))
    await settle()
    await box.activates("12")
    assert waiting(box, DOCTOR) == [(ALARM, 1)]
    await box.stop()


async def test_E09_the_next_step_tells_whom_it_pages_and_the_next_cycle_tells_again(box: Box) -> None:
    await box.activates("12")
    await box.passes(30)
    assert waiting(box, DOCTOR) == [(EVENT, 2)]
    await box.engine.changes.take(NURSE, box.engine.changes.look(NURSE)[-1].id)
    await box.passes(60)
    assert waiting(box, NURSE) == [(EVENT, 1)]
    assert bodies(box, NURSE)[0]["escalation_cycle"] == 2


async def test_E09_the_end_tells_everybody_who_was_concerned_once(box: Box) -> None:
    await box.activates("12")
    await box.resets("12")
    assert waiting(box, NURSE) == [(EVENT, 1), (EVENT, 2), (ALARM, 1)]
    assert waiting(box, ADMIN) == [(ALARM, 1)]
    assert bodies(box, ADMIN)[0]["cleared"] is True


async def test_E09_accepting_and_repeating_are_no_news(box: Box) -> None:
    await box.activates("12")
    for user in (NURSE, ADMIN):
        await box.engine.changes.take(user, box.engine.changes.look(user)[-1].id)
    await box.activates("12")
    await box.accepts(NURSE)
    assert waiting(box, NURSE) == waiting(box, ADMIN) == []


async def test_E09_a_message_tells_its_recipient(box: Box) -> None:
    await sends(box, NURSE)
    assert bodies(box, NURSE) == [
        {
            "id": 1,
            "message_id": 1,
            "queue_time": int(box.clock.wall()),
            "message": "hello",
            "escalation_cycle": 0,
            "escalation_step": 0,
            "priority": False,
        }
    ]


async def test_E09_a_deleted_event_has_nothing_to_say(box: Box) -> None:
    await sends(box, NURSE)
    await box.engine.delete(box.user(NURSE), 1)
    assert bodies(box, NURSE) == []


# --- durable, bounded -------------------------------------------------------------------------------------------------


async def test_E09_A24_changes_survive_a_kill_until_they_were_taken(box: Box) -> None:
    await box.activates("12")
    await box.is_killed()
    assert waiting(box, NURSE) == [(EVENT, 1), (ALARM, 1)]
    await box.engine.changes.take(NURSE, box.engine.changes.look(NURSE)[0].id)
    await box.is_killed()
    assert waiting(box, NURSE) == [(ALARM, 1)]


async def test_E09_A24_what_changes_while_it_is_handed_over_is_told_again(box: Box) -> None:
    await box.activates("12")
    claimed = box.engine.changes.claim(ADMIN)
    await box.resets("12")
    await box.engine.changes.take(ADMIN, claimed[-1].id)
    assert waiting(box, ADMIN) == [(ALARM, 1)]


async def test_E09_A24_two_at_once_never_get_the_same(box: Box) -> None:
    await box.activates("12")
    feed = box.engine.changes
    assert len(feed.claim(NURSE)) == 2
    assert feed.claim(NURSE) == []
    await box.passes(61)  # the first one never said that it was written
    assert len(feed.claim(NURSE)) == 2


async def test_E09_ids_go_on_after_a_restart(box: Box) -> None:
    """A newer row may hold the highest id; the next start must not give it again."""
    for _ in range(3):
        await box.activates("12")
        await box.resets("12")
    await box.restart()
    await box.activates("13")
    newest = box.engine.changes.look(ADMIN)[-1]
    assert (newest.kind, newest.object_id) == (ALARM, 4)


async def test_E09_only_the_newest_changes_are_kept_and_the_journal_says_so_once(box: Box) -> None:
    old = [Notification(box.store.next_id(Notification), NURSE, ALARM, 1000 + n) for n in range(KEPT + TRIM_EVERY)]
    await box.store.record(*old)
    for _ in range(2):
        box.engine.changes._fresh[NURSE] = TRIM_EVERY - 1
        await sends(box, NURSE)
        assert box.store.changes.count(NURSE) == KEPT
    assert waiting(box, NURSE)[-2:] == [(EVENT, 1), (EVENT, 2)]
    assert waiting(box, NURSE)[0] == (ALARM, 1000 + TRIM_EVERY + 2)
    told = [entry for entry in box.store.journal.latest(100) if "never fetched" in entry.text]
    assert len(told) == 1


async def test_E09_a_user_who_never_asks_has_a_bounded_number_of_changes(box: Box) -> None:
    box.engine.changes._fresh[NURSE] = TRIM_EVERY - 3
    for number in range(5):
        await sends(box, NURSE, f"call {number}")
    assert box.engine.changes._fresh[NURSE] == 2


async def test_a_message_that_cannot_be_written_tells_nobody(box: Box, push: PushDevice) -> None:
    from gatewayd.errors import StoreUnavailable

    await subscribe(box, NURSE)
    box.disk.full = True
    with pytest.raises(StoreUnavailable):
        await sends(box, NURSE, "lunch")
    box.disk.full = False
    await box.passes(2)
    assert push.pages == []
    assert waiting(box, NURSE) == waiting(box, ADMIN) == []


async def test_an_alarm_that_cannot_be_written_is_pushed_all_the_same(box: Box, push: PushDevice) -> None:
    from gatewayd.errors import NotDurable

    await subscribe(box, NURSE)
    box.disk.full = True
    with pytest.raises(NotDurable):
        await box.activates("12", "ROOM 12", Priority.HIGH)
    await settle()
    assert "user_event" in [one["type"] for one in push.told(NURSE)]
    box.disk.full = False


# --- pushes -----------------------------------------------------------------------------------------------------------


async def test_E17_A24_a_subscribed_user_is_pushed_to_and_nothing_waits(box: Box, push: PushDevice) -> None:
    await subscribe(box, NURSE)
    await box.activates("12", "ROOM 12", Priority.HIGH)
    assert [one["type"] for one in push.told(NURSE)] == ["user_event", "active_alarm"]
    assert push.told()[0]["notification"]["message"] == "ROOM 12"
    assert all(page.priority is Priority.HIGH for page in push.pages)
    assert waiting(box, NURSE) == []
    assert waiting(box, ADMIN) == [(ALARM, 1)]


async def test_E17_A25_every_browser_of_a_user_is_told(box: Box, push: PushDevice) -> None:
    addresses = {await subscribe(box, NURSE), await subscribe(box, NURSE, "https://push.example/tablet")}
    await sends(box, NURSE)
    assert {page.address for page in push.pages} == addresses


async def test_E18_an_unsubscribed_user_asks_again(box: Box, push: PushDevice) -> None:
    await subscribe(box, NURSE)
    assert await box.engine.changes.subscriptions.unsubscribe(box.user(NURSE)) == 1
    await sends(box, NURSE)
    assert push.pages == []
    assert waiting(box, NURSE) == [(EVENT, 1)]


async def test_A24_a_push_that_fails_waits_for_its_user(box: Box, push: PushDevice) -> None:
    await subscribe(box, NURSE)
    push.outcomes = [Receipt(Outcome.REFUSED, "gone (410)")]
    await sends(box, NURSE)
    assert waiting(box, NURSE) == [(EVENT, 1)]


async def test_A24_a_push_that_has_to_be_retried_waits_until_it_gets_through(box: Box, push: PushDevice) -> None:
    await subscribe(box, NURSE)
    push.outcomes = [Receipt(Outcome.FAILED, "503"), Receipt(Outcome.FAILED, "503")]
    await sends(box, NURSE)
    assert waiting(box, NURSE) == [(EVENT, 1)]
    await box.engine.changes.take(NURSE, box.engine.changes.look(NURSE)[-1].id)
    await box.passes(3)
    assert waiting(box, NURSE) == []  # told once is enough
    push.outcomes = [Receipt(Outcome.FAILED, "503")]
    await sends(box, NURSE, "second")
    assert len(waiting(box, NURSE)) == 1
    await box.passes(20)
    assert waiting(box, NURSE) == []


async def test_A24_what_was_fetched_is_not_told_again_when_the_next_browser_or_the_last_attempt_fails(
    box: Box, push: PushDevice
) -> None:
    for endpoint in ("https://push.example/nurse", "https://push.example/tablet"):
        await subscribe(box, NURSE, endpoint)
    push.hold_back()
    await sends(box, NURSE)
    first, second = (page for page in box.store.paging.all_of_message(1) if page.push is EVENT)
    await box.engine.settle(first, Receipt(Outcome.FAILED, "503"))
    assert waiting(box, NURSE) == [(EVENT, 1)]
    await box.engine.changes.take(NURSE, box.engine.changes.look(NURSE)[-1].id)
    for page, outcome in ((second, Outcome.FAILED), (first, Outcome.REFUSED), (second, Outcome.REFUSED)):
        await box.engine.settle(page, Receipt(outcome, "503"))
        assert waiting(box, NURSE) == []


async def test_A24_what_was_fetched_while_the_line_was_down_is_not_told_again(box: Box, push: PushDevice) -> None:
    await subscribe(box, NURSE)
    push.unplug()
    await settle()
    await sends(box, NURSE)
    assert (EVENT, box.event_of(NURSE)) in waiting(box, NURSE)
    await box.engine.changes.take(NURSE, box.engine.changes.look(NURSE)[-1].id)
    push.outcomes = [Receipt(Outcome.REFUSED, "gone (410)")] * 3
    push.plug_in()
    await box.passes(120)
    assert push.pages
    assert EVENT not in {kind for kind, _ in waiting(box, NURSE)}


async def test_A24_one_browser_that_works_is_enough(box: Box, push: PushDevice) -> None:
    await subscribe(box, NURSE)
    await subscribe(box, NURSE, "https://push.example/tablet")
    push.outcomes = [Receipt(Outcome.SENT), Receipt(Outcome.REFUSED, "gone")]
    await sends(box, NURSE)
    assert waiting(box, NURSE) == []
    push.outcomes = [Receipt(Outcome.REFUSED, "gone"), Receipt(Outcome.SENT)]
    await sends(box, NURSE)
    assert waiting(box, NURSE) == []


async def test_A24_the_end_that_was_not_pushed_waits_although_the_beginning_was(box: Box, push: PushDevice) -> None:
    await subscribe(box, NURSE)
    await box.activates("12")
    push.outcomes = [Receipt(Outcome.REFUSED, "gone")] * 2
    await box.resets("12")
    await box.passes(1)
    assert waiting(box, NURSE) == [(EVENT, 2), (ALARM, 1)]


async def test_A24_a_late_beginning_does_not_hide_an_end_that_failed(box: Box, push: PushDevice) -> None:
    await subscribe(box, ADMIN)
    push.hold_back()
    await box.activates("12")
    await box.resets("12")
    begun, ended = (page for page in box.store.paging.all_of_alarm(1) if page.push is ALARM)
    await box.engine.settle(ended, Receipt(Outcome.REFUSED, "gone"))
    await box.engine.settle(begun, Receipt(Outcome.SENT))
    assert waiting(box, ADMIN) == [(ALARM, 1)]


async def test_A24_while_the_line_is_down_changes_wait(box: Box, push: PushDevice) -> None:
    await subscribe(box, NURSE)
    push.unplug()
    await settle()
    await sends(box, NURSE)
    assert (EVENT, box.event_of(NURSE)) in waiting(box, NURSE)


async def test_A24_pushes_that_wait_when_the_line_falls_are_told_otherwise(box: Box, push: PushDevice) -> None:
    await subscribe(box, NURSE)
    gate = push.hold_back()
    for _ in range(9):  # eight under way, one waits
        await sends(box, NURSE)
    push.unplug()
    gate.set()
    await settle()
    assert (EVENT, 9) in waiting(box, NURSE)


async def test_a_push_is_neither_delivery_nor_failure_of_the_message(box: Box, push: PushDevice) -> None:
    await subscribe(box, NURSE)
    box.phones.outcomes = [Receipt(Outcome.REFUSED, "no such number")]
    await sends(box, NURSE)
    assert len(push.pages) == 1
    item = box.store.inbox.item(1)
    assert item is not None
    assert item.event.status is MsgStatus.ERROR_SEND
    assert [page.line for page in box.store.paging.of_message(1)] == ["phones"]


async def test_a_failed_push_neither_skips_a_step_nor_fails_an_event(box: Box, push: PushDevice) -> None:
    await subscribe(box, NURSE)
    push.outcomes = [Receipt(Outcome.REFUSED, "gone")] * 4
    await box.activates("12")
    item = box.store.inbox.item(1)
    assert item is not None
    assert item.event.status is MsgStatus.SENT
    assert waiting(box, DOCTOR) == []  # the second step is not early
    assert not any("NOT DELIVERED" in text for text in box.texts_of(ADMIN))


async def test_a_working_push_does_not_keep_a_failed_step_waiting(box: Box, push: PushDevice) -> None:
    await subscribe(box, NURSE)
    box.phones.outcomes = [Receipt(Outcome.REFUSED, "x")]
    box.pager.outcomes = [Receipt(Outcome.REFUSED, "x")]
    await box.activates("12")
    assert push.pages
    assert (EVENT, 2) in waiting(box, DOCTOR)


async def test_accepting_takes_back_pushes_that_call_people(box: Box, push: PushDevice) -> None:
    await subscribe(box, NURSE)
    push.outcomes = [Receipt(Outcome.FAILED, "503")] * 2
    await box.activates("12")
    await box.accepts(NURSE)
    await box.passes(60)
    assert [one["type"] for one in push.told()] == ["user_event", "active_alarm", "active_alarm"]
    assert PageState.WITHDRAWN in pushes(box)


async def test_the_end_of_an_alarm_takes_back_what_still_says_that_it_began(box: Box, push: PushDevice) -> None:
    await subscribe(box, NURSE)
    push.outcomes = [Receipt(Outcome.FAILED, "503")] * 2
    await box.activates("12")
    await box.resets("12")
    await box.passes(60)
    alarms = [one["notification"] for one in push.told() if one["type"] == "active_alarm"]
    assert [alarm["cleared"] for alarm in alarms] == [False, True]


async def test_nobody_gets_the_reset_text_on_the_line_of_pushes_as_a_page(box: Box, push: PushDevice) -> None:
    await subscribe(box, NURSE)
    await box.activates("12")
    await box.resets("12")
    assert all(page.push is not None for page in push.pages)
    assert [one["type"] for one in push.told()].count("user_event") == 2


async def test_a_push_is_worth_sending_while_its_message_escalates(box: Box, push: PushDevice) -> None:
    await subscribe(box, NURSE)
    await box.activates("12")
    event = next(page for page in push.pages if page.push is EVENT)
    assert event.expires - event.created == pytest.approx(3 * 90)
    await sends(box, NURSE)
    assert push.pages[-1].expires - push.pages[-1].created == pytest.approx(1800)


async def test_pushes_under_way_at_a_kill_are_sent_afterwards(tmp_path: Path) -> None:
    box = Box(tmp_path)
    await settle()
    push = await add_push_line(box.engine)
    await subscribe(box, NURSE)
    push.hold_back()
    await sends(box, NURSE)
    await box.is_killed()
    states = [page.state for page in box.store.paging.all_of_message(1) if page.push is not None]
    assert states == [PageState.FAILED]  # its line is not there in this test, so it fell back
    assert waiting(box, NURSE) == [(EVENT, 1)]
    await box.stop()


@pytest.mark.usefixtures("push")
async def test_A25_only_so_many_browsers_and_the_oldest_gives_way(box: Box) -> None:
    first = await subscribe(box, NURSE, "https://push.example/0")
    for number in range(1, MOST_DEVICES + 1):
        await box.passes(1)
        await subscribe(box, NURSE, f"https://push.example/{number}")
    devices = box.engine.changes.subscriptions.of(NURSE)
    assert len(devices) == MOST_DEVICES
    assert first not in {device.id for device in devices}


async def test_A25_a_browser_belongs_to_whoever_subscribed_it_last(box: Box, push: PushDevice) -> None:
    await subscribe(box, NURSE)
    await subscribe(box, DOCTOR)
    assert box.engine.changes.subscriptions.of(NURSE) == ()
    await sends(box, DOCTOR)
    assert [page.user_id for page in push.pages] == [DOCTOR]
