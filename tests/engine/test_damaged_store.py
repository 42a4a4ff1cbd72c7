"""A store that is damaged or taken away below a box at work: alarms page, and people are told."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.errors import NotDurable, StoreUnavailable
from gatewayd.store import Query
from gatewayd.store.database import FILE
from gatewayd.store.storage import Disk
from tests.engine.conftest import ADMIN, NURSE, Box

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

GARBAGE = b"\xa5"


def damage(data: Path, name: str, content: bytes = b"") -> bytes:
    """Overwrite the first page of a table or an index, as a card does that dies; return what stood there."""
    with closing(sqlite3.connect(data / FILE)) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0]
    with (data / FILE).open("r+b") as file:
        file.seek((root - 1) * size)
        before = file.read(size)
        file.seek((root - 1) * size)
        file.write(content or GARBAGE * size)
    return before


def forget_pages(box: Box) -> None:
    """Have everything read from the disk again."""
    for connection in (box.store.writer.connection, box.store._reader.own):
        connection.execute("PRAGMA shrink_memory")


@pytest.fixture
async def started(tmp_path: Path) -> AsyncIterator[Box]:
    """Return a box with one alarm that stands, of which nothing is in memory."""
    box = Box(tmp_path)
    await settle()
    await box.activates("3-11")
    await box.restart()
    forget_pages(box)
    yield box
    await box.stop()


@pytest.mark.parametrize(
    "name", ["alarms", "alarms_active", "messages", "pages", "pages_queued", "escalations", "journal", "events"]
)
async def test_alarms_page_and_are_answered_although_the_store_is_damaged(started: Box, name: str) -> None:
    box = started
    before = len(box.pager.pages)
    damage(box.data, name)
    for number in (12, 13):
        with pytest.raises(NotDurable):
            await box.activates(f"3-{number}", f"ROOM {number}")
        await settle()
    assert box.pager.texts[before:] == ["ROOM 12", "ROOM 13"]
    with pytest.raises(NotDurable):
        await box.text("2001", "OK")  # to the newest one
    await box.passes(31)
    called = {page.text.partition(" #")[0] for page in box.phones.pages if page.address == "2002"}
    assert "ROOM 12" in called
    assert "ROOM 13" not in called
    assert box.store.storage.disk is Disk.DOWN
    assert any("malformed" in text and text.startswith("gatewayd: Storage degraded") for text in box.texts_of(ADMIN))


async def test_what_can_still_be_read_of_a_damaged_store_can_be_answered_and_reset(started: Box) -> None:
    box = started
    damage(box.data, "journal")
    with pytest.raises(NotDurable):
        await box.activates("3-12")
    with pytest.raises(NotDurable):
        await box.resets("3-11")
    await box.passes(1)
    assert box.pager.texts[-1] == "RESET ROOM 12"
    assert box.store.alarms.active_with_key("ward-panel", "3-11") is None
    assert box.store.alarms.listing(Query()).total == 2  # the new one, and the fault of the disk


@pytest.mark.parametrize("name", ["pages", "pages_queued", "escalations", "escalations_running"])
async def test_a_start_on_a_damaged_store_pages_what_comes_and_says_so(started: Box, name: str) -> None:
    box = started
    await box.stop()
    damage(box.data, name)
    box._open()
    await settle()
    with suppress(NotDurable):  # where the damage is not hit
        await box.activates("3-12", "ROOM 13")
    await box.passes(5)
    assert box.pager.texts[-1] == "ROOM 13"
    told = [text for text in box.texts_of(ADMIN) if text.startswith("gatewayd: Storage degraded")]
    assert len(told) >= 1
    assert all("malformed" in text for text in told)


async def test_what_cannot_be_read_at_the_start_is_told_although_nothing_comes(started: Box) -> None:
    await started.stop()
    damage(started.data, "escalations")
    started._open()
    await started.passes(5)
    assert started.store.alarms.active_with_key("gatewayd", "storage") is not None


async def test_what_was_read_in_part_is_read_again_when_the_store_is_whole(started: Box) -> None:
    box = started
    whole = damage(box.data, "events")
    with pytest.raises(NotDurable):
        await box.activates("3-12")
    with pytest.raises(NotDurable):
        await box.text("2001", "OK #1")
    damage(box.data, "events", whole)
    forget_pages(box)
    await box.passes(61)
    assert box.store.storage.disk is Disk.SOUND
    case = box.engine._core.case(1)
    assert case is not None
    assert [event.user_id for event in case.events] == [NURSE]


async def test_people_are_told_once_that_an_escalation_cannot_go_on_because_it_cannot_be_read(started: Box) -> None:
    box = started
    damage(box.data, "escalations_message")
    await box.passes(200)
    assert box.phones.texts == []  # nobody can know who comes next
    text = "gatewayd: Storage degraded: the store cannot be read: database disk image is malformed"
    fault = box.store.alarms.active_with_key("gatewayd", "storage")
    assert fault is not None
    assert fault.active_text.startswith(text)
    assert fault.repeats == 0
    assert box.store.storage.disk is Disk.SOUND


async def test_an_escalation_that_cannot_be_read_goes_on_with_what_is_left_once_that_is_told(started: Box) -> None:
    damage(started.data, "events")
    await started.passes(31)
    assert "2002" in {page.address for page in started.phones.pages}


async def test_a_fault_of_reading_ends_an_hour_after_the_last_one(box: Box) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
    box.store.storage.cannot_read(error)
    await box.passes(1800)
    box.store.storage.cannot_read(error)
    await box.passes(3500)
    assert box.store.alarms.active_with_key("gatewayd", "storage") is not None
    await box.passes(200)
    assert box.store.alarms.active_with_key("gatewayd", "storage") is None


async def test_a_query_that_is_wrong_is_no_fault_of_the_disk(box: Box) -> None:
    with pytest.raises(StoreUnavailable):
        box.store._reader.one("SELECT nothing FROM nowhere")
    await box.passes(10)
    assert box.store.alarms.active_with_key("gatewayd", "storage") is None


@pytest.mark.parametrize("name", ["messages", "alarms_active"])
async def test_an_alarm_that_stood_before_the_damage_can_be_accepted_and_reset(box: Box, name: str) -> None:
    await box.activates("3-11", "ROOM 11")
    box.store._reader.own.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    forget_pages(box)
    damage(box.data, name)
    with pytest.raises(NotDurable):
        await box.activates("3-12", "ROOM 12")
    with pytest.raises(NotDurable):
        await box.text("2001", "OK #1")
    await box.passes(31)
    called = {page.text.partition(" #")[0] for page in box.phones.pages if page.address == "2002"}
    assert called == {"ROOM 12"}
    with pytest.raises(NotDurable):
        await box.resets("3-11")
    await box.passes(1)
    assert box.pager.texts[-1] == "RESET ROOM 11"


async def test_alarms_page_and_nobody_is_told_that_they_are_safe_when_the_data_directory_is_deleted(
    tmp_path: Path,
) -> None:
    box = Box(tmp_path / "data")
    await settle()
    await box.activates("3-11")
    shutil.rmtree(box.data)
    with pytest.raises(NotDurable):
        await box.activates("3-12", "ROOM 13")
    await settle()
    assert box.pager.texts == ["ROOM 12", "ROOM 13"]
    await box.passes(61)
    assert any("removed while it was in use" in text for text in box.texts_of(ADMIN))
    await box.stop()
