"""Looking into a store from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatewayd.errors import NotFound
from gatewayd.model import NotificationKind, Site, User
from gatewayd.records import Notification
from gatewayd.store import open_store
from gatewayd.store.database import FILE, migrations
from gatewayd.store.inspection import inspect

if TYPE_CHECKING:
    from pathlib import Path


def test_a_store_tells_its_tables_while_it_is_open(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.save_site(Site(users=(User(1, "anna"),)))
    found = inspect(tmp_path)
    store.close()
    assert (found.tables["users"], found.tables["alarms"]) == (1, 0)
    assert found.schema == found.known_schema == migrations()[-1][0]
    assert found.problems == ()


async def test_a_store_with_every_kind_of_row_is_sound(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await store.record(Notification(1, 2, NotificationKind.USER_EVENT, 3))
    store.close()
    assert inspect(tmp_path).problems == ()


def test_a_damaged_file_is_noticed(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.save_site(Site(users=tuple(User(number, f"user-{number}", "x" * 900) for number in range(1, 60))))
    store.close()
    content = bytearray((tmp_path / FILE).read_bytes())
    for page in range(2 * 4096, len(content), 4096):
        if b"xxxxxxxx" in content[page : page + 4096]:
            content[page + 8 : page + 40] = b"\xff" * 32
    (tmp_path / FILE).write_bytes(content)
    assert inspect(tmp_path).problems


def test_a_directory_without_a_store_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no store"):
        inspect(tmp_path)
