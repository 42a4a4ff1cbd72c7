"""A disk that is full to the last block: every alarm pages, only what is on disk is acknowledged, and it recovers."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.errors import DeliveryFailed, StoreUnavailable
from gatewayd.model import AlarmActivated
from gatewayd.store.database import FILE
from gatewayd.store.storage import Disk
from tests.engine.conftest import Box
from tests.scenarios.house import House
from tests.smalldisk import KIBIBYTE, MEBIBYTE, SmallDisk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from gatewayd.store import Store

ALARMS = 500
AT_ONCE = 25
SOON = 5  # seconds of real time


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    mounted = SmallDisk(tmp_path / "disk", 24 * MEBIBYTE)
    yield mounted
    mounted.remove()


def state(store: Store) -> Disk:
    return store.storage.disk


def stored(data: Path) -> set[str]:
    """Return the conditions that are on disk, as another process reads them."""
    with closing(sqlite3.connect(f"file:{data / FILE}?mode=ro", uri=True)) as connection:
        return {key for (key,) in connection.execute("SELECT key FROM alarms WHERE line = 'ward-panel'")}


def integrity(data: Path) -> str:
    with closing(sqlite3.connect(f"file:{data / FILE}?mode=ro", uri=True)) as connection:
        found: str = connection.execute("PRAGMA integrity_check").fetchone()[0]
        return found


async def is_acknowledged(box: Box, key: str) -> bool:
    """Report an alarm once, as a panel does; what is acknowledged has to be on disk at that moment."""
    try:
        await box.engine.report("ward-panel", AlarmActivated(key, f"ROOM {key}", key))
    except StoreUnavailable:
        return False
    assert key in stored(box.data), f"{key} was acknowledged and is not on disk"
    return True


async def report_all(box: Box, keys: list[str]) -> set[str]:
    """Report alarms, some of them at once; return which were acknowledged."""
    taken: set[str] = set()
    for start in range(0, len(keys), AT_ONCE):
        some = keys[start : start + AT_ONCE]
        answers = await asyncio.gather(*(is_acknowledged(box, key) for key in some))
        taken |= {key for key, answer in zip(some, answers, strict=True) if answer}
        await settle()
    return taken


async def drained(box: Box) -> None:
    """Wait until every page that is due has left; one after the other, as the device of a line takes them."""
    for _ in range(ALARMS):
        if not any(line.depth() for line in box.engine.lines.values()):
            return
        await settle()


@pytest.mark.parametrize("reserve", [0, 512 * KIBIBYTE])
async def test_five_hundred_alarms_go_through_a_full_disk(disk: SmallDisk, reserve: int) -> None:
    box = Box(disk.path, reserve=reserve)
    await settle()
    disk.fill()
    keys = [f"3-{number}" for number in range(ALARMS)]
    taken = await report_all(box, keys)
    disk.fill()  # whatever the store has set free
    taken |= await report_all(box, [key for key in keys if key not in taken])
    assert len(taken) < ALARMS
    assert state(box.store) is Disk.DOWN
    await drained(box)
    assert sorted(text for text in box.pager.texts if text.startswith("ROOM")) == sorted(f"ROOM {key}" for key in keys)
    await box.passes(31)  # nobody accepts: the next step pages the doctor
    await drained(box)
    assert len({page.text for page in box.phones.pages if page.address == "2002"}) == ALARMS
    disk.make_room()
    await box.passes(121)
    assert state(box.store) is Disk.SOUND
    assert await report_all(box, keys) == set(keys)
    assert stored(box.data) == set(keys)
    assert integrity(box.data) == "ok"
    assert len(box.store.owed) == 0
    assert box.engine._core._untold == []
    await box.is_killed()
    assert box.store.alarms.active_with_key("ward-panel", "3-499") is not None
    assert integrity(box.data) == "ok"
    await box.stop()


@pytest.fixture
async def house(disk: SmallDisk) -> AsyncIterator[House]:
    built = await House.build(disk.path)
    yield built
    await built.stack.aclose()


async def test_a_whole_house_on_a_full_disk(house: House, disk: SmallDisk) -> None:
    store, panel = house.daemon.engine.store, house.devices.panel
    store.writer.slow_commit = math.inf
    nurse = await house.login("nurse")
    data = house.settings.gateway.data_dir
    disk.fill()
    async with asyncio.timeout(SOON):
        await panel.activate("4-0", "BED 0")  # the reserve takes it: nobody notices
    assert stored(data) == {"4-0|BED 0"}
    assert state(store) is Disk.SCARCE
    number = 0
    while state(store) is not Disk.DOWN:
        number += 1
        disk.fill()
        call = asyncio.create_task(is_taken(house, number))
        await house.devices.pager.expect("2001", f"BED {number}")
        await house.passes(2)
        assert await call == (f"4-{number}|BED {number}" in stored(data))
    assert [page.text for page in house.devices.pager.pages].count(f"BED {number}") == 1
    alarms = (await nurse.get("alarms/active"))["alarms"]
    assert f"BED {number}" in {alarm["activation-text"] for alarm in alarms}
    disk.make_room()
    await house.passes(61)
    assert await is_taken(house, number)
    assert f"4-{number}|BED {number}" in stored(data)
    assert integrity(data) == "ok"


async def is_taken(house: House, number: int) -> bool:
    """Let the panel call; return whether it got its acknowledgement."""
    try:
        await house.devices.panel.activate(f"4-{number}", f"BED {number}")
    except DeliveryFailed:
        return False
    return True
