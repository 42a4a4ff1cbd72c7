"""A quota that is used up: the disk has room, but not for us, and SQLite does not say that it is full."""

from __future__ import annotations

import asyncio
import errno
import math
import os
import sqlite3
from typing import TYPE_CHECKING

import pytest

from gatewayd.errors import StoreUnavailable
from gatewayd.store import open_store
from gatewayd.store.reserve import CRAMPED, Reserve
from gatewayd.store.storage import Disk
from tests.smalldisk import MEBIBYTE
from tests.store import samples
from tests.store.test_writer import Tap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gatewayd.store import Store

SIZE = MEBIBYTE


class Quota:
    """Lets a store have `allowed` bytes beside its database, and rows only while a MiB of them is left."""

    def __init__(self, data: Path, patch: pytest.MonkeyPatch, failure: int = errno.EDQUOT) -> None:
        self.allowed = 4 * MEBIBYTE
        self._data = data
        self._failure = failure
        self._allocate = os.posix_fallocate
        patch.setattr(os, "posix_fallocate", self._posix_fallocate)

    def _used(self) -> int:
        return sum(file.stat().st_blocks * 512 for file in self._data.glob("gatewayd.[rps]*"))

    def _posix_fallocate(self, handle: int, offset: int, size: int) -> None:
        if self._used() + size > self.allowed:
            raise OSError(self._failure, os.strerror(self._failure))
        self._allocate(handle, offset, size)

    def refuse(self) -> None:
        """Refuse a COMMIT as SQLite 3.40 does: seen with a write that fails with EDQUOT."""
        if self._used() + MEBIBYTE > self.allowed:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
            raise error


@pytest.fixture
def quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Quota:
    return Quota(tmp_path, monkeypatch)


@pytest.fixture
def kept(tmp_path: Path, quota: Quota) -> Iterator[Store]:
    opened = open_store(tmp_path, SIZE)
    opened.writer.slow_commit = math.inf
    opened.storage.changed = lambda: None
    Tap(opened, quota.refuse)
    yield opened
    quota.allowed = 4 * MEBIBYTE
    opened.close()


def state(store: Store) -> Disk:
    return store.storage.disk


async def test_a_quota_that_is_used_up_gives_the_reserve_back(kept: Store, quota: Quota) -> None:
    assert kept.storage.reserve.is_laid()
    quota.allowed = SIZE + MEBIBYTE // 2
    await kept.record(samples.alarm(1))
    assert state(kept) is Disk.SCARCE
    assert not kept.storage.reserve.is_laid()
    assert kept.alarms.get(1) is not None


async def test_a_group_that_finds_room_in_the_reserve_is_written_once(kept: Store, quota: Quota) -> None:
    quota.allowed = SIZE + MEBIBYTE // 2
    before = kept.writer._connection.commits  # type: ignore[attr-defined]
    await asyncio.gather(*(kept.record(samples.alarm(number)) for number in (1, 2, 3)))
    assert kept.writer._connection.commits == before + 1  # type: ignore[attr-defined]
    assert kept.alarms.get(3) is not None


async def test_a_reserve_is_only_laid_where_as_much_stays_free_of_the_quota(kept: Store, quota: Quota) -> None:
    quota.allowed = SIZE + MEBIBYTE // 2
    await kept.record(samples.alarm(1))
    quota.allowed = 2 * SIZE
    await kept.look()
    assert state(kept) is Disk.SCARCE
    quota.allowed = 4 * MEBIBYTE
    await kept.look()
    assert state(kept) is Disk.SOUND
    assert kept.storage.reserve.is_laid()


async def test_a_quota_without_any_room_is_down_until_there_is_some(kept: Store, quota: Quota) -> None:
    quota.allowed = 0
    with pytest.raises(StoreUnavailable):
        await kept.record(samples.alarm(1))
    assert state(kept) is Disk.DOWN
    kept.owe([samples.alarm(1)], opens=True)
    await kept.look()
    quota.allowed = 4 * MEBIBYTE
    await kept.look()
    assert state(kept) is Disk.SOUND
    assert kept.alarms.get(1) is not None


def test_a_disk_that_is_broken_is_not_taken_for_a_full_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quota = Quota(tmp_path, monkeypatch, errno.EIO)
    reserve = Reserve(tmp_path / "gatewayd.reserve", SIZE)
    assert not reserve.is_cramped()
    quota.allowed = CRAMPED - 1
    assert not reserve.is_cramped()
    assert [file.name for file in tmp_path.iterdir()] == []


@pytest.mark.parametrize("failure", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("name", ["open", "write", "fsync"])
def test_a_probe_of_a_full_disk_lets_sqlite_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, failure: int
) -> None:
    reserve = Reserve(tmp_path / "gatewayd.reserve", SIZE)
    calls = []

    def fail(*given: object) -> int:
        calls.append(given)
        raise OSError(failure, os.strerror(failure))

    with monkeypatch.context() as patched:
        patched.setattr(os, name, fail)
        reserve.probe()
    assert len(calls) == 1


def test_a_probe_of_a_broken_disk_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="Input/output"):
            Reserve(tmp_path / "gatewayd.reserve", SIZE).probe()
    assert [file.name for file in tmp_path.iterdir()] == []
