"""A disk that takes nothing: alarms go on from memory, nobody hears that they are safe, all of it is written later."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.driver import Progress
from gatewayd.engine.orders import SendOrder
from gatewayd.errors import NotDurable, StoreUnavailable
from gatewayd.model import PageState, Priority, Recorded, TextReceived
from gatewayd.store import Query, owed
from gatewayd.store.storage import Disk
from tests.engine.conftest import ADMIN, NURSE, Box
from tests.engine.owing import back, refused

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

HICCUPS = (
    "gatewayd: Storage degraded: the disk has failed 3 times within an hour."
    " Make room on the disk of the gateway, or replace it"
)
TABLES = ("alarms", "messages", "events", "pages", "escalations", "journal", "notifications", "taken_once")


def everything(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}


def told(box: Box, text: str) -> int:
    return box.texts_of(ADMIN).count(text)


async def test_an_alarm_pages_although_nothing_can_be_stored_and_is_not_acknowledged(box: Box) -> None:
    box.disk.full = True
    await refused(lambda: box.activates("3-12"))
    assert box.pager.texts == ["ROOM 12"]
    assert box.phones.texts == ["ROOM 12 #1"]
    assert box.on_disk("SELECT COUNT(*) FROM alarms") == 0


async def test_repeats_page_nobody_twice_fill_no_memory_and_are_acknowledged_when_the_disk_is_back(box: Box) -> None:
    box.disk.full = True
    await refused(lambda: box.activates("3-12"))
    before = len(box.store.owed)
    for _ in range(20):
        with pytest.raises(StoreUnavailable):
            await box.activates("3-12")
    assert len(box.store.owed) == before
    await back(box, 2)
    assert await box.activates("3-12") is Recorded.REPEAT
    assert box.pager.texts == ["ROOM 12"]
    assert box.on_disk("SELECT COUNT(*) FROM alarms WHERE key = '3-12'") == 1


async def test_escalations_go_on_from_memory_until_somebody_accepts_by_phone(box: Box) -> None:
    box.disk.full = True
    await refused(lambda: box.activates("3-12"))
    await box.passes(31)
    assert [page.address for page in box.phones.pages] == ["2001", "2002"]
    await refused(lambda: box.text("2002", "OK #1"))
    await box.passes(300)
    assert len(box.phones.pages) == 2
    await back(box)
    assert box.on_disk("SELECT COUNT(*) FROM alarms WHERE accepted_by IS NOT NULL") == 1
    assert box.on_disk("SELECT COUNT(*) FROM escalations WHERE state = 'running' AND alarm_id = 1") == 0


async def test_an_accept_in_the_console_counts_and_is_confirmed_only_when_it_is_on_disk(box: Box) -> None:
    box.disk.full = True
    await refused(lambda: box.activates("3-12"))
    await refused(lambda: box.accepts(NURSE, 1))
    await refused(lambda: box.accepts(NURSE, 1))
    await box.passes(100)
    assert [page.address for page in box.phones.pages] == ["2001"]
    await back(box)
    await box.accepts(NURSE, 1)
    assert box.alarm().accepted_by == NURSE


async def test_a_reset_ends_the_alarm_and_tells_who_was_paged(box: Box) -> None:
    box.disk.full = True
    await refused(lambda: box.activates("3-12"))
    await refused(lambda: box.resets("3-12"))
    assert box.pager.texts == ["ROOM 12", "RESET ROOM 12"]
    with pytest.raises(StoreUnavailable):
        await box.resets("3-12")
    await box.passes(100)
    assert len(box.pager.texts) == 2
    await back(box)
    assert await box.resets("3-12") is Recorded.NOTED
    assert box.on_disk("SELECT COUNT(*) FROM alarms WHERE key = '3-12' AND cleared_time IS NULL") == 0


async def test_an_alarm_that_is_cancelled_ends_and_that_is_confirmed_only_when_it_is_on_disk(box: Box) -> None:
    box.disk.full = True
    await refused(lambda: box.activates("3-12"))
    await refused(lambda: box.engine.cancel_alarm(box.user(ADMIN), 1))
    assert not box.alarm().is_active
    assert box.pager.texts == ["ROOM 12", "RESET ROOM 12"]
    await back(box)
    assert box.on_disk(f"SELECT COUNT(*) FROM alarms WHERE id = 1 AND cancelled_by = {ADMIN}") == 1


async def test_a_line_that_follows_its_reports_hears_only_what_is_on_disk(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Progress] = []
    monkeypatch.setattr(box.engine.lines["ward-panel"], "tell", lambda news: heard.append(news.progress))
    box.disk.full = True
    await refused(lambda: box.activates("3-12"))
    await refused(lambda: box.accepts(NURSE, 1))
    assert heard == []
    box.disk.full = False
    await box.store.look(lambda anew: box.engine._core.settled(contradicted=anew))
    assert (heard[0], heard[-1]) == (Progress.PAGED, Progress.ACCEPTED)


async def test_a_reset_by_address_finds_what_is_owed(box: Box) -> None:
    box.disk.full = True
    await refused(lambda: box.activates("3-12"))
    await refused(lambda: box.resets(None, "3-12"))
    assert not box.alarm().is_active


async def test_the_answer_of_a_phone_counts_once_however_often_it_comes(box: Box) -> None:
    box.disk.full = True
    await refused(lambda: box.activates("3-12"))
    answer = TextReceived("2001", "OK #1", reference="sip-1")
    for _ in range(3):
        await refused(lambda: box.engine.report("phones", answer))
    assert box.journal().count("accepted by nurse") == 1
    await back(box)
    assert await box.engine.report("phones", answer) is Recorded.REPEAT


async def test_messages_of_people_are_not_taken_over(box: Box) -> None:
    box.disk.full = True
    await refused(lambda: box.activates("3-12"))
    before = len(box.store.owed)
    with pytest.raises(StoreUnavailable):
        await box.engine.send(box.user(ADMIN), SendOrder("lunch", Priority.NORMAL, (NURSE,)))
    assert len(box.store.owed) == before


async def test_a_text_from_a_line_is_taken_over_as_it_may_be_a_call(box: Box) -> None:
    await box.text("4711", "HELP")
    box.disk.full = True
    await refused(lambda: box.text("4711", "HELP"))
    for _ in range(10):
        with pytest.raises(StoreUnavailable):
            await box.text("4711", "HELP")
        await box.passes(5)
    assert told(box, "phones 4711: HELP") == 2
    await box.passes(11)
    await refused(lambda: box.text("4711", "HELP"))  # by now it may be another call
    assert told(box, "phones 4711: HELP") == 3
    await back(box)
    assert box.on_disk("SELECT COUNT(*) FROM messages WHERE text LIKE '%HELP'") == 3


async def test_what_is_owed_is_read_as_if_it_were_on_disk_and_is_there_when_the_disk_is_back(box: Box) -> None:
    await box.activates("3-11")
    box.disk.full = True
    await refused(lambda: box.activates("3-12"))
    await refused(lambda: box.text("2001", "OK #1"))
    await box.passes(31)
    assert box.store.alarms.listing(Query()).total == 3  # and the fault of the disk
    seen = everything(box.store._reader._connection)
    assert len(seen["alarms"]) == 3
    await back(box)
    found = everything(box.store._reader._own)
    for table, rows in seen.items():
        assert {row[0] for row in rows} <= {row[0] for row in found[table]}, table
    assert len(box.store.owed) == 0


async def test_a_kill_loses_only_what_was_never_acknowledged(box: Box) -> None:
    await box.activates("3-11")
    box.disk.full = True
    await refused(lambda: box.activates("3-12"))
    await refused(lambda: box.text("2001", "OK #1"))
    await box.is_killed()
    assert box.store.alarms.active_with_key("ward-panel", "3-12") is None
    assert box.alarm(1).accepted_time is None
    assert await box.activates("3-12") is Recorded.NEW
    await box.passes(31)
    assert {page.alarm_id for page in box.phones.pages if page.address == "2002"} == {1, 2}


async def test_a_stop_writes_what_is_owed_when_the_disk_takes_it_at_last(box: Box) -> None:
    box.disk.full = True
    await refused(lambda: box.activates("3-12"))
    box.disk.full = False
    await box.restart()
    assert box.store.alarms.active_with_key("ward-panel", "3-12") is not None


async def test_memory_is_bounded_and_what_stands_goes_on(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owed, "MOST_NEW", 4)
    box.disk.full = True
    await refused(lambda: box.activates("1"))  # the second one is the fault of the disk
    await refused(lambda: box.activates("2"))
    await refused(lambda: box.activates("3"))
    with pytest.raises(StoreUnavailable, match="wait in memory already"):
        await box.activates("4")
    assert box.store.alarms.active_with_key("ward-panel", "4") is None
    await box.passes(31)
    assert [page.address for page in box.phones.pages].count("2002") == 3
    await back(box)
    assert await box.activates("4") is Recorded.NEW


async def test_memory_is_bounded_in_bytes_too(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owed, "MOST_BYTES_FOR_NEW", 10_000)
    box.disk.full = True
    await refused(lambda: box.activates("1"))
    with pytest.raises(StoreUnavailable, match="wait in memory already"):
        await box.activates("2", "x" * 9_000)


async def test_people_are_told_once_that_nothing_can_be_stored_and_once_that_it_can(box: Box) -> None:
    box.disk.full = True
    await refused(lambda: box.activates("3-12"))
    await box.passes(300)
    told = [text for text in box.texts_of(ADMIN) if text.startswith("gatewayd: Storage degraded")]
    assert len(told) == 1
    assert "forgotten by a restart" in told[0]
    await back(box)
    assert box.store.alarms.active_with_key("gatewayd", "storage-down") is None
    assert len([text for text in box.texts_of(ADMIN) if text.startswith("RESET gatewayd")]) == 1


async def test_a_hiccup_of_the_disk_is_over_before_anybody_is_told(box: Box) -> None:
    box.disk.commits, box.disk.fail_at = 0, 1
    await refused(lambda: box.activates("3-12"))
    assert box.store.storage.disk is Disk.SOUND
    assert box.on_disk("SELECT COUNT(*) FROM alarms WHERE key = '3-12'") == 1
    assert await box.activates("3-12") is Recorded.REPEAT
    assert box.on_disk("SELECT COUNT(*) FROM alarms WHERE line = 'gatewayd'") == 0


async def test_a_receipt_is_counted_once_while_the_disk_is_down(box: Box) -> None:
    gate = box.pager.hold_back()
    await box.activates("3-12")
    box.disk.full = True
    gate.set()
    await box.passes(5)
    page = next(page for page in box.pages() if page.line == "pager")
    assert (page.state, page.attempts) == (PageState.SENT, 1)
    await back(box)
    page = next(page for page in box.pages() if page.line == "pager")
    assert (page.state, page.attempts) == (PageState.SENT, 1)


async def test_the_first_start_after_a_full_disk_finds_everything(tmp_path: Path) -> None:
    box = Box(tmp_path)
    await settle()
    box.disk.full = True
    await refused(lambda: box.activates("3-12"))
    await back(box)
    await box.is_killed()
    assert box.store.alarms.active_with_key("ward-panel", "3-12") is not None
    assert box.store.alarms.active_with_key("gatewayd", "storage-down") is None
    await box.stop()


async def test_a_disk_that_is_down_every_other_moment_is_told_of_once(box: Box) -> None:
    for number in range(5):
        box.disk.full = True
        with pytest.raises(StoreUnavailable):
            await box.activates(f"3-{number}")
        await settle()
        box.disk.full = False
        box.store.storage.reserve.size = 1 << 60  # too much for any disk: it stays scarce
        await box.passes(3)
        assert box.store.storage.disk is Disk.SCARCE
    assert len([text for text in box.texts_of(ADMIN) if "forgotten by a restart" in text]) == 1
    box.store.storage.reserve.size = 0
    await box.passes(61)
    assert len([text for text in box.texts_of(ADMIN) if text.startswith("RESET gatewayd")]) == 2


async def test_a_line_that_fails_and_returns_while_the_disk_is_down_leaves_no_fault(box: Box) -> None:
    box.disk.full = True
    box.phones.unplug()
    await box.passes(1)
    fault = box.store.alarms.active_with_key("phones", "line-down")
    assert fault is not None
    box.phones.plug_in()
    await box.passes(10)
    assert not box.alarm(fault.id).is_active
    await back(box)
    assert box.on_disk("SELECT COUNT(*) FROM alarms WHERE line = 'phones' AND cleared_time IS NULL") == 0
    assert box.alarm(fault.id).repeats == 0


async def test_a_disk_that_fails_for_a_moment_again_and_again_is_a_fault(box: Box) -> None:
    for number in range(3):
        assert told(box, HICCUPS) == 0
        box.disk.commits, box.disk.fail_at = 0, 1
        await refused(lambda number=number: box.activates(f"3-{number}"))  # type: ignore[misc]
        await box.passes(60)
    assert told(box, HICCUPS) == 1
    await box.passes(3500)
    assert told(box, f"RESET {HICCUPS}") == 1
    await box.passes(60)


async def test_everything_goes_on_where_commits_run_in_the_thread(box: Box) -> None:
    writer = box.store.writer
    writer.slow_commit, writer.in_thread, writer.mean_commit = 0.005, True, 1.0
    box.disk.full = True
    results = await asyncio.gather(*(box.activates(f"3-{number}") for number in range(40)), return_exceptions=True)
    assert {type(result) for result in results} == {NotDurable}
    while box.engine.lines["phones"].depth():
        await settle()
    assert len({page.alarm_id for page in box.phones.pages}) == 40
    box.disk.full = False
    while box.store.storage.disk is not Disk.SOUND:
        await box.passes(1)
        await asyncio.sleep(0.002)
    assert box.on_disk("SELECT COUNT(*) FROM alarms WHERE line = 'ward-panel'") == 40
    writer.slow_commit, writer.in_thread = math.inf, False


async def test_an_alarm_in_a_hiccup_of_a_slow_disk_pages_once_and_is_stored(box: Box) -> None:
    writer = box.store.writer
    writer.slow_commit, writer.in_thread, writer.mean_commit = 0.005, True, 1.0
    box.disk.commits, box.disk.fail_at = 0, 1
    with pytest.raises(StoreUnavailable):
        await box.activates("3-12")
    while box.store.storage.disk is not Disk.SOUND or box.store.owed:
        await settle()
    for _ in range(100):
        if box.pager.texts:
            break
        await asyncio.sleep(0.002)
    assert box.pager.texts == ["ROOM 12"]
    assert box.on_disk("SELECT COUNT(*) FROM alarms WHERE key = '3-12'") == 1
    writer.slow_commit, writer.in_thread = math.inf, False
