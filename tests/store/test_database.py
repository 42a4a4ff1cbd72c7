"""Opening: migrations, locks, a database from the future, a folder that cannot be used."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from gatewayd.errors import StoreUnavailable
from gatewayd.model import Event, Message
from gatewayd.store import DataDirectoryBusy, DataLock, NewerDatabase, database, open_store, running_daemon
from gatewayd.store.owed import MOST_NEW
from tests.store import samples

if TYPE_CHECKING:
    from pathlib import Path


def schema(path: Path) -> list[tuple[str]]:
    with sqlite3.connect(path / database.FILE) as connection:
        found = connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    return found


def test_a_fresh_database_has_the_newest_schema_and_our_name(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    connection = database.connect(tmp_path)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == database.migrations()[-1][0]
    assert connection.execute("PRAGMA application_id").fetchone()[0] == database.APPLICATION_ID
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    connection.close()
    assert (tmp_path / database.FILE).stat().st_mode & 0o777 == 0o600


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.save_site(samples.SITE)
    store.close()
    before = schema(tmp_path)
    again = open_store(tmp_path)
    assert len(again.load_site().users) == 1
    again.close()
    assert schema(tmp_path) == before


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    connection = database.connect(tmp_path)
    connection.execute("PRAGMA user_version = 9999")
    with pytest.raises(NewerDatabase, match="9999"):
        open_store(tmp_path)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == 9999
    connection.close()


def test_a_migration_that_fails_leaves_the_old_state(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    before = schema(tmp_path)
    connection = database.connect(tmp_path)
    for script in ("CREATE TABLE extra (a);\nCREATE TABLE alarms (a);", "CREATE TABLE extra (a);\nDROP TABLE events"):
        with pytest.raises((sqlite3.Error, ValueError)):
            database.apply(connection, 77, script)
        assert not connection.in_transaction
    assert connection.execute("PRAGMA user_version").fetchone()[0] == database.migrations()[-1][0]
    connection.close()
    assert schema(tmp_path) == before


def test_a_migration_that_another_process_did_meanwhile_is_not_done_twice(tmp_path: Path) -> None:
    connection = database.connect(tmp_path)
    for _ in range(2):
        database.apply(connection, 1, "CREATE TABLE t (a);")
    connection.close()


def test_a_statement_ends_where_sqlite_says_so() -> None:
    script = "CREATE TABLE t (a TEXT DEFAULT ';\n');\n-- why\nINSERT INTO t\nVALUES (1);\n"
    assert [text.split()[0] for text in database.split_statements(script)] == ["CREATE", "--"]


def test_a_folder_that_cannot_be_used_is_our_error(tmp_path: Path) -> None:
    (tmp_path / database.FILE).mkdir()
    with pytest.raises(StoreUnavailable):
        open_store(tmp_path)


def test_a_second_process_is_refused_and_told_whose_folder_it_is(tmp_path: Path) -> None:
    lock = DataLock(tmp_path)
    code = (
        "import sys, pathlib\nfrom gatewayd.store import DataLock, DataDirectoryBusy, running_daemon\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "try:\n    DataLock(path)\nexcept DataDirectoryBusy as error:\n    print(running_daemon(path), error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{os.getpid()} another gatewayd (process {os.getpid()})")
    lock.release()


def test_the_lock_is_free_after_its_release(tmp_path: Path) -> None:
    assert running_daemon(tmp_path) is None
    lock = DataLock(tmp_path)
    assert running_daemon(tmp_path) == os.getpid()
    with pytest.raises(DataDirectoryBusy):
        DataLock(tmp_path)
    lock.release()
    assert running_daemon(tmp_path) is None
    DataLock(tmp_path).release()


def test_whoever_asks_for_the_daemon_does_not_keep_it_from_starting(tmp_path: Path) -> None:
    DataLock(tmp_path).release()
    handle = os.open(tmp_path / database.LOCK, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_SH)
    timer = threading.Timer(0.02, os.close, (handle,))
    timer.start()
    DataLock(tmp_path).release()
    timer.join()


def test_a_lock_knows_whether_its_last_owner_ended_by_itself(tmp_path: Path) -> None:
    first = DataLock(tmp_path)
    assert not first.was_killed
    os.close(first._file)  # as a kill does
    second = DataLock(tmp_path)
    assert second.was_killed
    second.release()
    third = DataLock(tmp_path)
    assert not third.was_killed
    third.release()


async def test_a_number_that_may_have_been_told_before_a_kill_is_not_given_again(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert store.next_id(Message) == samples.MESSAGE.id
    await store.record(samples.MESSAGE, samples.EVENT)
    told = store.next_id(Message)
    store.close()
    after_a_kill = open_store(tmp_path, was_killed=True)
    assert after_a_kill.next_id(Message) == told + MOST_NEW
    assert after_a_kill.next_id(Event) == samples.EVENT.id + 1 + MOST_NEW
    after_a_kill.close()
    again = open_store(tmp_path)
    assert again.next_id(Message) == told
    again.close()
