"""A copy of a store: of one moment, while it is in use, whole or not at all."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections import namedtuple
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from gatewayd.errors import NotFound, StoreUnavailable
from gatewayd.model import Site, User
from gatewayd.store import open_store
from gatewayd.store.backup import back_up
from gatewayd.store.database import FILE
from gatewayd.store.inspection import inspect

if TYPE_CHECKING:
    from pathlib import Path

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - as shutil has it


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "copies" / "copy.db"


@pytest.fixture
def data(tmp_path: Path, target: Path) -> Path:
    target.parent.mkdir()
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def names(folder: Path) -> list[str]:
    store = open_store(folder)
    found = [user.name for user in store.load_site().users]
    store.close()
    return found


def test_a_copy_of_a_store_in_use_has_what_is_still_in_its_log(data: Path, target: Path, tmp_path: Path) -> None:
    store = open_store(data)
    store.save_site(Site(users=(User(1, "anna"),)))
    assert (data / f"{FILE}-wal").stat().st_size > 0
    assert back_up(data, target) == target.stat().st_size
    store.save_site(Site(users=(User(1, "anna"), User(2, "bert"))))
    store.close()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [file.name for file in target.parent.iterdir()] == ["copy.db"]
    (tmp_path / "new").mkdir()
    shutil.copy(target, tmp_path / "new" / FILE)
    assert inspect(tmp_path / "new").problems == ()
    assert (names(tmp_path / "new"), names(data)) == (["anna"], ["anna", "bert"])


def test_a_copy_replaces_nothing(data: Path, target: Path) -> None:
    open_store(data).close()
    target.write_text("precious", "utf-8")
    with pytest.raises(StoreUnavailable, match="File exists"):
        back_up(data, target)
    assert target.read_text("utf-8") == "precious"


def test_a_damaged_store_gives_no_copy(data: Path, target: Path) -> None:
    store = open_store(data)
    store.save_site(Site(users=tuple(User(number, f"user-{number}", "x" * 900) for number in range(1, 60))))
    store.close()
    content = bytearray((data / FILE).read_bytes())
    content[4096 : len(content) : 64] = b"\xff" * len(content[4096 : len(content) : 64])
    (data / FILE).write_bytes(content)
    with pytest.raises(StoreUnavailable):
        back_up(data, target)
    assert list(target.parent.iterdir()) == []


def test_a_copy_that_is_not_sound_is_none(data: Path, target: Path) -> None:
    open_store(data).close()
    with closing(sqlite3.connect(data / FILE)) as connection:
        connection.execute("CREATE TABLE odd (value)")
        connection.execute("INSERT INTO odd VALUES (NULL)")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE odd (value NOT NULL)' WHERE name = 'odd'")
        connection.commit()
    with pytest.raises(StoreUnavailable, match="is damaged: NULL value in odd"):
        back_up(data, target)
    assert list(target.parent.iterdir()) == []


def test_a_copy_that_would_fill_the_disk_is_refused(data: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_store(data).close()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 0, 64 << 20))
    with pytest.raises(StoreUnavailable, match="there is less"):
        back_up(data, target)
    assert list(target.parent.iterdir()) == []


def test_what_is_not_there_is_told_apart(data: Path, target: Path) -> None:
    with pytest.raises(NotFound, match="there is no store"):
        back_up(data, target)
    open_store(data).close()
    with pytest.raises(StoreUnavailable, match="No such file or directory"):
        back_up(data, target.parent / "nowhere" / "copy.db")
