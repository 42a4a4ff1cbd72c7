"""The n-th-write loop: every statement of a story fails, alone or with what follows, and it ends the same."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, cast

import pytest

from gatewayd.clock import settle
from gatewayd.errors import StoreUnavailable
from gatewayd.store.storage import Disk
from tests.engine.conftest import Box
from tests.engine.test_disk_faults import check, story

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from gatewayd.store import Store

STRIDE = 3  # every third statement: each kind of statement comes often enough


class FlakyDisk:
    """Fails `many` statements from number `first` on; as with SQLite, the transaction is gone then."""

    def __init__(self, store: Store, first: int, many: int) -> None:
        self._connection = store.writer._connection
        store.writer._connection = cast("sqlite3.Connection", self)
        self._failing = range(first, first + many)
        self.count = 0
        self.fired = False

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def rollback(self) -> None:
        self._connection.rollback()

    def execute(self, sql: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        self._work(sql)
        return self._connection.execute(sql, values)

    def executemany(self, sql: str, rows: list[tuple[object, ...]]) -> sqlite3.Cursor:
        self._work(sql)
        return self._connection.executemany(sql, rows)

    def _work(self, sql: str) -> None:
        if sql.startswith("SELECT"):
            return
        self.count += 1
        if self.count not in self._failing:
            return
        self.fired = True
        if self._connection.in_transaction:
            self._connection.rollback()
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
        raise error


async def until_taken(work: Callable[[], Awaitable[object]], box: Box) -> None:
    """Do as a patient device does: repeat until it is acknowledged."""
    for _ in range(60):
        try:
            await work()
        except StoreUnavailable:
            await box.passes(5)
        else:
            await settle()
            return
    raise AssertionError("never taken")


@pytest.mark.parametrize("many", [1, 2, 8])
async def test_every_write_may_fail_and_the_story_ends_the_same(tmp_path: Path, many: int) -> None:
    for first in range(1, 3000, STRIDE):
        box = Box(tmp_path / str(first))
        await settle()
        disk = FlakyDisk(box.store, first, many)
        for step in story(box):
            await until_taken(step, box)
        for _ in range(20):
            if box.store.storage.disk is Disk.SOUND:
                break
            await box.passes(60)
        await box.passes(60)
        check(box)
        assert len(box.store.owed) == 0
        if many <= 2:  # over again before the next step is due
            assert box.pager.texts.count("ROOM 3-11") == 1
        assert box.on_disk("SELECT COUNT(*) FROM alarms WHERE line = 'ward-panel'") == 3
        assert box.on_disk("SELECT COUNT(*) FROM pages WHERE state = 'queued'") == 0
        await box.stop()
        if not disk.fired:
            assert first > 100
            return
    raise AssertionError("the story never ended")
