"""A disk of which not even a byte can be read: what is known and what is decided meanwhile is read from memory."""

from __future__ import annotations

import sqlite3
from typing import cast

import pytest

from gatewayd.clock import settle
from gatewayd.errors import StoreUnavailable
from gatewayd.model import AlarmReset, PageState, Recorded
from gatewayd.store import Query
from tests.engine.conftest import ADMIN, NURSE, Box
from tests.engine.owing import back, refused


class DeadDisk:
    """A disk of which not even a byte can be read any more."""

    in_transaction = False

    def execute(self, *_: object) -> sqlite3.Cursor:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    executemany = backup = execute

    def rollback(self) -> None:
        self.execute()


class Unreadable(DeadDisk):
    """A disk that fails while a transaction on it is still open."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.in_transaction = connection.in_transaction

    def rollback(self) -> None:
        self.in_transaction = False


class Unplugged:
    """Takes the disk of a box away, and brings it back."""

    def __init__(self, box: Box) -> None:
        self._store = box.store
        self._kept = box.store.writer._connection, box.store._reader._own
        dead = cast("sqlite3.Connection", DeadDisk())
        self._store.writer._connection = self._store._reader._connection = self._store._reader._own = dead

    @property
    def writer(self) -> sqlite3.Connection:
        """The connection that wrote."""
        return self._kept[0]

    def plug_in(self) -> None:
        self._store.writer._connection, self._store._reader._own = self._kept


async def test_a_disk_that_cannot_even_be_read_keeps_nobody_from_being_paged(box: Box) -> None:
    disk = Unplugged(box)
    await refused(lambda: box.activates("3-12"))
    assert box.pager.texts == ["ROOM 12"]
    with pytest.raises(StoreUnavailable):
        await box.activates("3-12")
    await box.passes(31)
    assert [page.address for page in box.phones.pages] == ["2001", "2002"]
    await refused(lambda: box.text("2002", "OK #1"))
    disk.plug_in()
    await back(box)
    assert box.alarm().accepted_by is not None
    assert box.on_disk("SELECT COUNT(*) FROM alarms WHERE key = '3-12'") == 1
    assert await box.activates("3-12") is Recorded.REPEAT


async def test_a_disk_that_dies_while_it_is_down_already_loses_nothing_from_memory(box: Box) -> None:
    box.disk.full = True
    await refused(lambda: box.activates("3-11"))
    disk = Unplugged(box)
    box.store._reader._connection = box.store.writer._connection
    await refused(lambda: box.activates("3-12"))
    assert len(box.pager.pages) == 2
    disk.plug_in()
    await back(box)
    assert box.on_disk("SELECT COUNT(*) FROM alarms WHERE line = 'ward-panel'") == 2


async def test_an_alarm_that_nobody_could_read_gives_way_to_the_one_that_was_paged_meanwhile(box: Box) -> None:
    await box.activates("3-12")
    disk = Unplugged(box)
    await refused(lambda: box.activates("3-12"))
    assert len(box.pager.pages) == 2  # paged once more: better than not at all
    disk.plug_in()
    await back(box)
    assert not box.alarm(1).is_active
    standing = box.store.alarms.active_with_key("ward-panel", "3-12")
    assert standing is not None
    assert standing.id != 1
    await box.engine.report("ward-panel", AlarmReset("3-12"))
    assert box.store.alarms.active_with_key("ward-panel", "3-12") is None


async def test_an_alarm_that_stood_when_the_disk_died_can_be_seen_accepted_and_reset(box: Box) -> None:
    await box.activates("3-11", "ROOM 11")
    await box.activates("3-12")
    disk = Unplugged(box)
    await box.passes(31)  # the next step is what finds out
    assert [page.address for page in box.phones.pages].count("2002") == 2
    assert {item.message.text for item in box.engine.inbox(box.user(NURSE), NURSE, Query()).items} == {
        "ROOM 11",
        "ROOM 12",
    }
    await refused(lambda: box.accepts(NURSE, box.event_of(NURSE)))
    await refused(lambda: box.resets("3-11"))
    before = len(box.phones.pages)
    await box.passes(300)
    assert len(box.phones.pages) == before
    assert box.pager.texts[-1] == "RESET ROOM 11"
    disk.plug_in()
    await back(box)
    assert not box.alarm(1).is_active
    assert box.alarm(2).accepted_by == NURSE


async def test_an_alarm_that_gave_way_is_not_escalated_any_more(box: Box) -> None:
    await box.activates("3-12")
    disk = Unplugged(box)
    await refused(lambda: box.activates("3-12"))  # nobody knows that it stands already
    await refused(lambda: box.resets("3-12"))
    await box.passes(300)
    assert [page.address for page in box.phones.pages].count("2002") == 0
    disk.plug_in()
    await back(box)
    assert box.on_disk("SELECT COUNT(*) FROM alarms WHERE line = 'ward-panel' AND cleared_time IS NULL") == 0
    assert {
        text for text in box.texts_of(ADMIN) if text.startswith("gatewayd: Storage") and "nothing can" not in text
    } == set()


async def test_a_disk_that_cannot_be_read_any_more_while_it_is_down_is_read_from_memory(box: Box) -> None:
    await box.activates("3-11")
    box.disk.full = True
    await refused(lambda: box.activates("3-12"))
    store, dead = box.store, Unplugged(box)
    store.writer._connection = Unreadable(dead.writer)  # type: ignore[assignment]
    store._reader._connection = store.owed._connection = store.writer._connection
    assert {alarm.key for alarm in store.alarms.listing(Query()).items} == {"3-11", "3-12", "storage-down"}
    dead.plug_in()
    await back(box)


async def test_an_escalation_that_cannot_be_read_goes_on_when_it_can(box: Box) -> None:
    await box.activates("3-12")
    await box.restart()  # nothing of it is in memory
    disk = Unplugged(box)
    await refused(lambda: box.activates("3-13"))
    await box.passes(40)
    disk.plug_in()
    await back(box)
    assert 1 in {page.alarm_id for page in box.phones.pages if page.address == "2002"}


async def test_a_site_is_not_read_from_a_disk_that_is_down(box: Box) -> None:
    disk = Unplugged(box)
    await refused(lambda: box.activates("3-12"))
    with pytest.raises(StoreUnavailable):
        box.engine.reload_site()
    assert box.engine.directory.user(NURSE) is not None
    disk.plug_in()
    await back(box)
    box.engine.reload_site()


async def test_what_is_owed_is_still_read_when_the_disk_dies_for_good(box: Box) -> None:
    box.disk.full = True
    await refused(lambda: box.activates("3-12"))
    disk = Unplugged(box)
    box.store._reader._connection = box.store.owed._connection = box.store.writer._connection
    assert box.alarm().key == "3-12"
    assert box.store.alarms.listing(Query()).total == 2
    disk.plug_in()
    await back(box)


async def test_a_page_of_a_missing_line_is_failed_as_soon_as_it_can_be_read(box: Box) -> None:
    box.pager.hold_back()
    await box.activates("3-12")
    box.without = {"pager"}
    await box.stop()
    box._open()
    disk = Unplugged(box)
    await settle()
    disk.plug_in()
    box.store._reader._connection = box.store._reader.own
    await box.passes(3)
    assert {page.state for page in box.pages() if page.line == "pager"} == {PageState.FAILED}
