"""The n-th-fault loop and the restart loop: a story in which every single commit fails once, or the box is killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.clock import settle
from gatewayd.errors import StoreUnavailable
from gatewayd.model import AlarmActivated, AlarmReset, PageState, Recorded, TextReceived
from tests.engine.conftest import Box

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

ROOMS = ("3-11", "3-12", "3-13")


async def until_taken(work: Callable[[], Awaitable[object]], box: Box) -> None:
    """Do as a device does: repeat until it is acknowledged."""
    for _ in range(5):
        try:
            await work()
        except StoreUnavailable:
            await box.passes(1)
        else:
            await settle()
            return
    raise AssertionError("never taken")


def code(box: Box, key: str) -> int:
    """Return the number behind the `#` of an alarm's pages."""
    alarm = box.store.alarms.active_with_key("ward-panel", key)
    return alarm.message_id if alarm is not None else 0


def story(box: Box) -> list[Callable[[], Awaitable[object]]]:
    """Return a story in steps: three calls, one accepted by phone, one reset, one that nobody takes."""
    report = box.engine.report
    return [
        *(lambda key=key: report("ward-panel", AlarmActivated(key, f"ROOM {key}", key)) for key in ROOMS),
        lambda: box.passes(31),
        lambda: report("phones", TextReceived("2001", f"OK #{code(box, '3-11')}")),
        lambda: report("ward-panel", AlarmReset("3-12")),
        lambda: box.passes(300),
    ]


def check(box: Box) -> None:
    """Compare the end of the story with what has to be so, whatever failed on the way."""
    alarms = {alarm.key: alarm for alarm in (box.store.alarms.get(number) for number in range(1, 12)) if alarm}
    assert set(ROOMS) <= set(alarms)
    assert alarms["3-11"].accepted_time is not None
    assert alarms["3-12"].cleared_time is not None
    assert alarms["3-13"].accepted_time is None
    assert any(text == "NOT ACCEPTED: ROOM 3-13" for text in box.texts_of(6))
    assert box.is_quiet
    assert list(box.store.paging.queued()) == []
    assert box.store.paging.deadlines() == []


async def test_every_commit_may_fail_once_and_the_story_ends_the_same(tmp_path: Path) -> None:
    for number in range(1, 200):
        box = Box(tmp_path / str(number))
        await settle()
        box.disk.commits, box.disk.fail_at = 0, number
        for step in story(box):
            await until_taken(step, box)
        await box.passes(10)
        fired = box.disk.fired
        check(box)
        await box.stop()
        if not fired:
            assert number > 10
            return
    raise AssertionError("the story never ended")


async def test_nothing_is_acknowledged_that_is_not_on_disk(tmp_path: Path) -> None:
    box = Box(tmp_path)
    await settle()
    box.disk.full = True
    for work in (AlarmActivated("k", "t"), TextReceived("4711", "help"), AlarmReset("unknown")):
        try:
            await box.engine.report("ward-panel", work)
        except StoreUnavailable:
            continue
        raise AssertionError(f"{work} was acknowledged")
    assert box.on_disk("SELECT COUNT(*) FROM alarms") == 0
    await settle()
    assert box.pager.texts == ["t"]
    box.disk.full = False
    await box.passes(2)
    assert await box.activates("k", "t") is Recorded.REPEAT
    assert box.pager.texts == ["t"]
    await box.stop()


async def test_a_kill_after_any_step_loses_nothing_and_goes_on(tmp_path: Path) -> None:
    for number in range(len(ROOMS) + 4):
        box = Box(tmp_path / str(number))
        await settle()
        for index in range(len(story(box))):
            await until_taken(story(box)[index], box)
            if index == number:
                await box.is_killed()
        await box.passes(10)
        check(box)
        await box.stop()


async def test_a_kill_with_pages_in_flight_sends_each_of_them_at_most_once_more(box: Box) -> None:
    box.pager.hold_back()
    await box.activates("3-11")
    await box.activates("3-12")
    await box.is_killed()
    assert box.pager.texts == ["ROOM 12", "ROOM 12"]
    assert {page.state for page in box.pages(1) + box.pages(2)} == {PageState.SENT}
    assert len(box.phones.pages) == 0
