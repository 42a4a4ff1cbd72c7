"""The reserve of the disk: what waits is stored when nothing else has room, and it is laid down where it can stay."""

from __future__ import annotations

import asyncio
import math
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from gatewayd.errors import StorageDegraded, StoreUnavailable
from gatewayd.model import Contact, JournalEntry, JournalKind
from gatewayd.store import DataLock, open_store
from gatewayd.store.database import CHECKPOINT_AFTER, running_daemon
from gatewayd.store.reserve import SPARE, Reserve
from gatewayd.store.storage import Disk
from tests.smalldisk import KIBIBYTE, MEBIBYTE, SmallDisk
from tests.store import samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gatewayd.store import Store

SIZE = 2 * MEBIBYTE


@pytest.fixture
def kept(disk: SmallDisk) -> Iterator[Store]:
    opened = open_store(disk.path, SIZE)
    opened.writer.slow_commit = math.inf
    yield opened
    opened.close()


def state(store: Store) -> Disk:
    return store.storage.disk


def room(path: Path) -> int:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def test_the_reserve_has_blocks_behind_it_and_gives_all_of_them_back(disk: SmallDisk) -> None:
    before, reserve = room(disk.path), Reserve(disk.path / "reserve", SIZE)
    reserve.lay()
    assert before - room(disk.path) >= SIZE
    assert reserve.is_laid()
    assert reserve.give_back()
    assert room(disk.path) == before
    assert not reserve.give_back()


def test_a_reserve_is_only_laid_where_as_much_stays_free(disk: SmallDisk) -> None:
    (disk.path / "other").write_bytes(bytes(5 * MEBIBYTE))
    reserve = Reserve(disk.path / "reserve", SIZE)
    with pytest.raises(OSError, match="No space"):
        reserve.lay()
    assert not reserve.is_laid()
    (disk.path / "other").unlink()
    reserve.lay()
    assert reserve.is_laid()


def test_a_reserve_of_another_size_is_laid_anew(tmp_path: Path) -> None:
    Reserve(tmp_path / "reserve", 4096).lay()
    larger = Reserve(tmp_path / "reserve", 8192)
    assert not larger.is_laid()
    larger.lay()
    assert (tmp_path / "reserve").stat().st_size == 8192


def test_a_hole_is_no_reserve(tmp_path: Path) -> None:
    with (tmp_path / "reserve").open("wb") as sparse:
        sparse.truncate(SIZE)
    assert not Reserve(tmp_path / "reserve", SIZE).is_laid()


async def test_what_waits_when_the_disk_is_full_is_stored_and_nobody_notices(kept: Store, disk: SmallDisk) -> None:
    disk.fill()
    await asyncio.gather(*(kept.record(samples.alarm(number)) for number in range(1, 301)))
    assert kept.alarms.get(300) is not None
    assert state(kept) is Disk.SCARCE
    assert "full" in kept.storage.reason


async def test_the_reserve_is_for_rows_and_not_for_the_log(kept: Store, disk: SmallDisk) -> None:
    disk.fill()
    for number in range(1, 1501):  # each of them alone takes four pages of the log, 24 MB in all
        await kept.record(samples.alarm(number))
    assert kept.alarms.get(1500) is not None
    assert state(kept) is Disk.SCARCE
    disk.make_room()
    await kept.look()
    assert kept.writer._connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (CHECKPOINT_AFTER,)


async def test_it_is_the_same_where_commits_run_in_the_thread(kept: Store, disk: SmallDisk) -> None:
    kept.writer.slow_commit, kept.writer.in_thread, kept.writer.mean_commit = 0.005, True, 1.0
    disk.fill()
    await asyncio.gather(*(kept.record(samples.alarm(number)) for number in range(1, 301)))
    assert kept.alarms.get(300) is not None
    assert state(kept) is Disk.SCARCE


def test_writing_at_once_finds_the_reserve_too(kept: Store, disk: SmallDisk) -> None:
    disk.fill()
    for _ in range(300):
        kept.save_site(samples.SITE)
        if state(kept) is Disk.SCARCE:
            break
    assert state(kept) is Disk.SCARCE
    assert len(kept.load_site().users) == 1


async def test_what_can_wait_is_refused_while_the_reserve_is_in_use(kept: Store, disk: SmallDisk) -> None:
    disk.fill()
    await asyncio.gather(*(kept.record(samples.alarm(number)) for number in range(1, 301)))
    story = JournalEntry(1, 0.0, JournalKind.SITE, "edited")
    with pytest.raises(StorageDegraded, match="full"):
        await kept.save_person(Contact(9, "new", "pager", "1"), story, new=True)
    with pytest.raises(StorageDegraded, match="full"):
        await kept.delete_contact(9, story)


async def test_the_reserve_is_laid_anew_when_there_is_room_and_not_before(kept: Store, disk: SmallDisk) -> None:
    disk.fill()
    await asyncio.gather(*(kept.record(samples.alarm(number)) for number in range(1, 301)))
    await kept.look()
    assert state(kept) is Disk.SCARCE
    disk.make_room()
    await kept.look()
    assert state(kept) is Disk.SOUND
    assert kept.storage.reason == ""
    assert kept.storage.reserve.is_laid()


async def test_a_start_on_a_full_disk_says_that_the_reserve_is_missing(disk: SmallDisk) -> None:
    first = open_store(disk.path, SIZE)
    first.writer.slow_commit = math.inf
    disk.fill()
    await asyncio.gather(*(first.record(samples.alarm(number)) for number in range(1, 301)))
    disk.fill()
    first.close()
    second = open_store(disk.path, SIZE)
    assert state(second) is Disk.SCARCE
    assert second.alarms.get(300) is not None
    second.close()


def test_a_store_that_finds_no_room_to_open_gets_the_reserve(disk: SmallDisk) -> None:
    open_store(disk.path, SIZE).close()
    (disk.path / SPARE).unlink()
    disk.fill()
    again = open_store(disk.path, SIZE)
    assert again.alarms.get(1) is None
    assert state(again) is Disk.SCARCE
    again.close()


def test_a_lock_on_a_full_disk_still_keeps_others_out_and_names_its_owner(disk: SmallDisk) -> None:
    DataLock(disk.path).release()
    disk.fill()
    lock = DataLock(disk.path)
    assert running_daemon(disk.path) == os.getpid()
    lock.release()
    assert running_daemon(disk.path) is None


def test_a_lock_that_cannot_name_its_owner_is_a_lock_all_the_same(disk: SmallDisk) -> None:
    disk.fill()
    lock = DataLock(disk.path)
    assert running_daemon(disk.path) is None
    lock.release()


async def test_a_start_finds_room_to_open_the_store_although_the_reserve_is_used_up(disk: SmallDisk) -> None:
    first = open_store(disk.path, SIZE)
    first.writer.slow_commit = math.inf
    disk.fill()
    await asyncio.gather(*(first.record(samples.alarm(number)) for number in range(1, 301)))
    assert not first.storage.reserve.is_laid()
    first.close()
    for number in range(301, 304):  # it is kept back for every further start
        disk.fill()
        again = open_store(disk.path, SIZE)
        assert state(again) is Disk.SCARCE
        assert again.alarms.get(300) is not None
        with suppress(StoreUnavailable):
            await again.record(samples.alarm(number))  # with what is left of it
        again.close()


def test_a_store_that_cannot_be_opened_at_all_says_so_after_every_try(tmp_path: Path) -> None:
    open_store(tmp_path, SIZE).close()
    (tmp_path / "gatewayd.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        open_store(tmp_path, SIZE)


def test_what_is_kept_for_a_start_is_as_much_as_there_is(disk: SmallDisk) -> None:
    (disk.path / "other").write_bytes(bytes(8 * MEBIBYTE - 300 * KIBIBYTE))
    spare = Reserve(disk.path / SPARE, MEBIBYTE)
    spare.lay(to_the_last=True)
    assert (disk.path / SPARE).stat().st_blocks * 512 == MEBIBYTE // 4
    (disk.path / "other").unlink()
    spare.lay(to_the_last=True)
    assert spare.is_laid()
