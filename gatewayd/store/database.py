"""Opening the database file: pragmas, migrations, and the lock that keeps a second process out."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import time
from contextlib import suppress
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from gatewayd.errors import GatewayError
from gatewayd.store.collation import compare, folded

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

FILE = "gatewayd.db"
LOCK = "gatewayd.lock"
OWNER_LENGTH = 16  # bytes of the lock file: a process id and blanks
LOCK_ATTEMPTS, LOCK_PAUSE = 20, 0.01  # seconds
APPLICATION_ID = 0x67777964  # "gwyd": says whose file it is
CHECKPOINT_AFTER = 4000  # pages (16 MB): under load the same ones are written again and again, and copied only then
BUSY_TIMEOUT = 5000  # ms that an import waits for the daemon's commit and the other way round
CACHED_STATEMENTS = 256  # every statement of the hot path stays compiled


class DataDirectoryBusy(GatewayError):
    """Another gatewayd works on this data directory."""


class NewerDatabase(GatewayError):
    """The database was written by a newer gatewayd than this one."""


class DataLock:
    """The lock of one data directory; holds the process id for whoever wants to signal the daemon.

    `was_killed`: the one who held it before did not end by itself.
    """

    def __init__(self, data_dir: Path) -> None:
        self._file = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _locked(self._file):
            os.close(self._file)
            owner = running_daemon(data_dir)
            raise DataDirectoryBusy(f"another gatewayd (process {owner or 'unknown'}) already works on {data_dir}")
        self.was_killed = False
        try:
            self.was_killed = bool(os.pread(self._file, OWNER_LENGTH, 0).strip())
            os.pwrite(self._file, str(os.getpid()).encode().ljust(OWNER_LENGTH), 0)
        except OSError as error:  # commands will find nobody to signal, but alarms go their way
            log.error("the process id cannot be written to %s: %s", data_dir / LOCK, error)  # noqa: TRY400 - the error says it all

    def release(self) -> None:
        """Let another process in; the file keeps its block, as the next start may find a disk that is full."""
        with suppress(OSError):
            os.pwrite(self._file, b" " * OWNER_LENGTH, 0)
        os.close(self._file)


def _locked(handle: int) -> bool:
    """Try to lock a file; `running_daemon` in another process holds the lock for microseconds, so try again."""
    for _ in range(LOCK_ATTEMPTS):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(LOCK_PAUSE)
        else:
            return True
    return False


def running_daemon(data_dir: Path) -> int | None:
    """Return the process id of the daemon that holds the data directory, or None."""
    try:
        handle = os.open(data_dir / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        content = os.read(handle, 32).decode("ascii", "replace").strip()
        return int(content) if content.isdigit() else None
    finally:
        os.close(handle)
    return None


# What sqlite3 has no adapter for it asks for methods, and each that is missing is an error thrown inside: the eleven
# NULLs of a text that a phone sends took 2 % of the time that it costs.
_NOTHING: dict[None, None] = {}
sqlite3.register_adapter(type(None), _NOTHING.get)
sqlite3.register_adapter(bool, int)


def connect(data_dir: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """Open the database in autocommit mode, with WAL and full durability."""
    data_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
    path = data_dir / FILE
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=CACHED_STATEMENTS
    )
    try:
        if not readonly:
            path.chmod(0o600)  # password hashes and messages about people
        _set_up(connection, readonly=readonly)
    except BaseException:
        connection.close()  # whoever tries again has to be the first to open the file
        raise
    return _with_our_words(connection)


def _set_up(connection: sqlite3.Connection, *, readonly: bool) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_AFTER}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -16384")
    if readonly:
        connection.execute("PRAGMA query_only = ON")


def in_memory() -> sqlite3.Connection:
    """Open an empty database in memory, without a schema."""
    connection = sqlite3.connect(
        ":memory:", isolation_level=None, check_same_thread=False, cached_statements=CACHED_STATEMENTS
    )
    return _with_our_words(connection)


def _with_our_words(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.create_function("folded", 1, folded, deterministic=True)
    connection.create_collation("PEOPLE", compare)
    return connection


@cache  # they are needed once more when no disk can be read
def migrations() -> list[tuple[int, str]]:
    """Return the numbered migrations that come with the code, oldest first."""
    folder = resources.files("gatewayd.store") / "migrations"
    scripts = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return sorted((int(entry.name[:4]), entry.read_text("utf-8")) for entry in scripts)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date, each migration in a transaction of its own. Raises NewerDatabase."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    known = migrations()
    if version > known[-1][0]:
        raise NewerDatabase(
            f"the database has schema version {version}, this gatewayd knows {known[-1][0]}: install the newer one"
        )
    for number, script in known:
        if number > version:
            apply(connection, number, script)


def apply(connection: sqlite3.Connection, number: int, script: str) -> None:
    """Run one migration and note its number, all or nothing; another process may have been quicker."""
    statements = split_statements(script)
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("PRAGMA user_version").fetchone()[0] < number:
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite rolls back by itself when the disk is full
            connection.execute("ROLLBACK")
        raise


def split_statements(script: str) -> list[str]:
    """Split a script at the ends of its statements (`executescript` would commit behind our back)."""
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current.strip())
            current = ""
    if current.strip():
        raise ValueError(f"the last statement has no end: {current.strip()[:60]!r}")
    return statements
