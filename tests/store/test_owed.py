"""What is owed to the disk: read as if it were there, kept in order, never written before its time."""

from __future__ import annotations

import math
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from gatewayd.errors import Conflict, Invalid, NotDurable, StoreUnavailable
from gatewayd.store import Query, open_store
from gatewayd.store.owed import MOST_SIDE, Sort
from gatewayd.store.storage import Disk
from tests.smalldisk import MEBIBYTE, SmallDisk
from tests.store import samples
from tests.store.test_writer import Tap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gatewayd.store import Store


@pytest.fixture
def down(store: Store) -> Store:
    """Return a store whose disk takes nothing."""
    store.writer.slow_commit = math.inf
    store.storage.changed = lambda: None
    Tap(store, _fail)
    with pytest.raises(StoreUnavailable):
        store.save_site(samples.SITE)
    assert state(store) is Disk.DOWN
    return store


@pytest.fixture
def full(tmp_path: Path) -> Iterator[tuple[Store, SmallDisk]]:
    disk = SmallDisk(tmp_path / "disk", 8 * MEBIBYTE)
    opened = open_store(disk.path)
    opened.writer.slow_commit = math.inf
    yield opened, disk
    opened.close()
    disk.remove()


def state(store: Store) -> Disk:
    return store.storage.disk


def _fail() -> None:
    raise sqlite3.OperationalError("disk I/O error")


async def test_a_disk_that_nobody_watches_is_tried_again_by_the_next_one(store: Store) -> None:
    tap = Tap(store, _fail)
    with pytest.raises(StoreUnavailable):
        await store.record(samples.ALARM)
    tap.at_commit = lambda: None
    await store.record(samples.ALARM)
    assert state(store) is Disk.SOUND


async def test_a_disk_that_is_down_is_not_tried_by_every_commit(down: Store) -> None:
    tap = Tap(down, _fail)
    with pytest.raises(StoreUnavailable):
        await down.record(samples.ALARM)
    with pytest.raises(StoreUnavailable):
        down.save_site(samples.SITE)
    assert tap.writers == set()


async def test_what_is_owed_is_read_and_counted(down: Store) -> None:
    down.owe([samples.alarm(1)], opens=True)
    assert down.alarms.listing(Query()).total == 1
    down.owe([samples.alarm(2)], opens=True)
    assert down.alarms.get(2) is not None
    assert down.alarms.listing(Query()).total == 2
    assert len(down.owed) == 2


async def test_a_decision_that_contradicts_another_is_refused_alone(down: Store) -> None:
    down.owe([samples.alarm(1)], opens=True)
    with pytest.raises(Conflict):
        down.owe([samples.alarm(7), samples.alarm(2, key="k1")], opens=True)
    with pytest.raises(Invalid):
        down.owed.take([("INSERT INTO meta (key, value) VALUES (?, ?)", ("a", object()))], Sort.FOLLOWING)
    assert down.alarms.get(7) is None
    assert down.alarms.get(1) is not None
    assert len(down.owed) == 1


async def test_a_try_that_fails_leaves_everything_to_be_read_and_the_next_one_writes_it(down: Store) -> None:
    down.owe([samples.alarm(1)], opens=True)
    for _ in range(3):
        await down.look()
        assert state(down) is Disk.DOWN
        assert down.alarms.get(1) is not None
    down.writer._connection.at_commit = lambda: None  # type: ignore[attr-defined]
    await down.look()
    assert state(down) is Disk.SOUND
    assert down.alarms.get(1) is not None
    assert len(down.owed) == 0


async def test_what_a_line_wants_remembered_is_owed_and_bounded(down: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatewayd.store.owed.MOST_SIDE", 2)
    assert MOST_SIDE > 2
    for key in ("silent", "lost"):
        with pytest.raises(NotDurable):
            await down.save_line_memory("panel", {key: 1})
    with pytest.raises(StoreUnavailable) as refused:
        await down.save_line_memory("panel", {"third": 3})
    assert not isinstance(refused.value, NotDurable)
    assert down.line_memory("panel") == {"silent": 1, "lost": 1}


async def test_a_phone_may_register_again_and_again_however_long_the_disk_is_down(
    down: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatewayd.store.owed.MOST_SIDE", 2)
    monkeypatch.setattr("gatewayd.store.owed.MOST_BYTES_FOR_NEW", 200)
    for number in range(50):
        for phone in ("2001", "2002"):
            with pytest.raises(NotDurable):
                await down.save_line_memory("phones", {phone: number})
    with pytest.raises(NotDurable):
        await down.save_line_memory("phones", {"2001": None})
    assert len(down.owed) == 2
    await down.look()
    assert down.line_memory("phones") == {"2002": 49}
    down.writer._connection.at_commit = lambda: None  # type: ignore[attr-defined]
    await down.look()
    assert state(down) is Disk.SOUND
    assert down.line_memory("phones") == {"2002": 49}
    assert len(down.owed) == 0


async def test_what_lines_want_remembered_is_bounded_in_bytes(down: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatewayd.store.owed.MOST_BYTES_FOR_NEW", 200)
    with pytest.raises(StoreUnavailable, match="wait in memory already"):
        await down.save_line_memory("phones", {"2001": "x" * 200})


async def test_nothing_of_it_is_written_before_its_time_however_much_it_is(full: tuple[Store, SmallDisk]) -> None:
    store, disk = full
    store.storage.changed = lambda: None
    store.writer.connection.execute("PRAGMA cache_size = 10")
    disk.fill()
    while state(store) is Disk.SOUND:
        with suppress(StoreUnavailable):
            store.save_site(samples.SITE)
    for number in range(1, 1001):
        store.owe([samples.alarm(number)], opens=False)
    assert store._reader._connection is store.writer.connection  # in the store's own transaction, not apart
    assert store.alarms.get(1000) is not None
    disk.make_room()
    await store.look()
    assert state(store) is Disk.SOUND
    assert store._reader._connection is store._reader.own
    assert store.alarms.get(1000) is not None
