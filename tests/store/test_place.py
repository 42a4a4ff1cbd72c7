"""Files that are taken away below an open store: what goes to them is not stored, and nobody hears that it were."""

from __future__ import annotations

import math
import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from gatewayd.errors import StoreUnavailable
from gatewayd.store import open_store
from gatewayd.store.database import FILE
from gatewayd.store.faults import DiskFault
from gatewayd.store.place import LOOK_EVERY, Place
from gatewayd.store.storage import Disk
from tests.store import samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gatewayd.store import Store

FILES = (FILE, f"{FILE}-wal", f"{FILE}-shm")


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def kept(house: Path) -> Iterator[Store]:
    opened = open_store(house)
    opened.writer.slow_commit = math.inf
    opened.storage.changed = lambda: None
    yield opened
    opened.close()


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("in_thread", [False, True])
async def test_nothing_is_acknowledged_that_goes_to_a_removed_file(
    kept: Store, house: Path, file: str, *, in_thread: bool
) -> None:
    kept.writer.in_thread, kept.writer.mean_commit = in_thread, 1.0 * in_thread
    kept.writer.slow_commit = 0.005 if in_thread else math.inf
    await kept.record(samples.alarm(1))
    (house / file).rename(house / "away")
    with pytest.raises(StoreUnavailable, match="removed while it was in use"):
        await kept.record(samples.alarm(2))
    assert kept.storage.disk is Disk.DOWN
    assert file in kept.storage.reason
    assert kept.alarms.get(1) is not None


@pytest.mark.parametrize("file", FILES)
async def test_nothing_is_acknowledged_that_goes_to_a_replaced_file(
    kept: Store, house: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept.record(samples.alarm(2))
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + LOOK_EVERY)
    shutil.copy(house / file, house / "other")
    (house / "other").replace(house / file)
    with pytest.raises(StoreUnavailable, match="replaced while it was in use"):
        await kept.record(samples.alarm(1))
    with pytest.raises(StoreUnavailable):
        kept.save_site(samples.SITE)


def elsewhere(house: Path) -> Path:
    """Move a folder away; return where it is now."""
    return house.rename(house.with_name("elsewhere"))


async def test_nothing_is_acknowledged_when_the_whole_folder_is_gone(kept: Store, house: Path) -> None:
    elsewhere(house)
    with pytest.raises(StoreUnavailable, match="removed while it was in use"):
        await kept.record(samples.alarm(1))
    await kept.look()


async def test_what_was_decided_meanwhile_is_written_when_the_files_are_back(kept: Store, house: Path) -> None:
    away = elsewhere(house)
    with pytest.raises(StoreUnavailable):
        await kept.record(samples.alarm(1))
    kept.owe([samples.alarm(1)], opens=True)
    await kept.look()
    assert len(kept.owed) == 1
    away.rename(house)
    await kept.look()
    assert kept.storage.disk is Disk.SOUND
    assert kept.alarms.get(1) is not None
    assert len(kept.owed) == 0


def test_a_file_that_may_not_be_looked_at_is_taken_to_be_there(
    kept: Store, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, asked = Place(house / FILE), list[str]()

    def refuse(file: str) -> os.stat_result:
        asked.append(file)
        raise PermissionError

    assert kept.alarms.get(1) is None
    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", refuse)
        place.check()
    assert len(asked) == len(FILES)


def test_a_store_without_a_place_looks_at_nothing() -> None:
    Place().check()


def test_a_removed_file_is_a_fault_of_the_disk(kept: Store, house: Path) -> None:
    (house / FILE).rename(house / "away")
    with pytest.raises(DiskFault):
        kept.storage.place.check()
