"""A disk that runs full under a box at work: alarms go their way, people are told, and it recovers by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.engine.orders import SendOrder
from gatewayd.errors import StorageDegraded
from gatewayd.model import Priority
from gatewayd.store.storage import Disk
from tests.engine.conftest import ADMIN, NURSE, Box
from tests.smalldisk import MEBIBYTE, SmallDisk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SIZE = 2 * MEBIBYTE


@pytest.fixture
async def full(disk: SmallDisk) -> AsyncIterator[Box]:
    """Return a box whose disk is full, and whose reserve is in use since an alarm."""
    box = Box(disk.path, reserve=SIZE)
    await settle()
    disk.fill()
    for number in range(200):
        await box.activates(f"first-{number}")
        if box.store.storage.disk is Disk.SCARCE:
            break
    yield box
    await box.stop()


def told(box: Box, text: str) -> int:
    """Return how often the admin's inbox, which is long, says something that begins so."""
    sql = "SELECT COUNT(*) FROM events e JOIN messages m ON m.id = e.message_id WHERE e.user_id = ? AND m.text LIKE ?"
    found: int = box.store._connection.execute(sql, (ADMIN, f"{text}%")).fetchone()[0]
    return found


async def test_alarms_are_recorded_and_paged_when_the_disk_is_full(full: Box) -> None:
    before = len(full.pager.pages)
    await full.activates("3-12")
    assert full.pager.texts[before:] == ["ROOM 12"]
    assert full.store.alarms.active_with_key("ward-panel", "3-12") is not None
    await full.passes(31)
    assert [page.address for page in full.phones.pages].count("2002") >= 1


async def test_people_are_told_once_that_the_disk_is_full_and_once_that_it_is_not(full: Box, disk: SmallDisk) -> None:
    await full.passes(130)
    assert told(full, "gatewayd: Storage degraded: the disk is full") == 1
    disk.make_room()
    await full.passes(61)
    assert full.store.storage.disk is Disk.SOUND
    assert full.store.alarms.active_with_key("gatewayd", "storage") is None
    assert told(full, "RESET gatewayd: Storage degraded") == 1


async def test_people_who_send_are_refused_and_told_why(full: Box, disk: SmallDisk) -> None:
    order = SendOrder("lunch is ready", Priority.NORMAL, (NURSE,))
    with pytest.raises(StorageDegraded, match="disk is full"):
        await full.engine.send(full.user(ADMIN), order)
    disk.make_room()
    await full.passes(61)
    await full.engine.send(full.user(ADMIN), order)
    assert "lunch is ready" in full.texts_of(NURSE)


async def test_a_restart_on_a_full_disk_goes_on_and_tells_nobody_twice(full: Box, disk: SmallDisk) -> None:
    disk.fill()
    await full.is_killed()
    await full.passes(5)
    assert full.store.storage.disk is Disk.SCARCE
    await full.activates("3-12")
    assert full.pager.texts[-1] == "ROOM 12"
    assert told(full, "gatewayd: Storage degraded") == 1


async def test_a_fault_of_a_disk_that_was_replaced_is_cleared_at_the_start(full: Box, disk: SmallDisk) -> None:
    await full.stop()
    disk.make_room()
    full._open()
    await settle()
    assert full.store.storage.disk is Disk.SOUND
    assert full.store.alarms.active_with_key("gatewayd", "storage") is None
