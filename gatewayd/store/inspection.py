"""Looking into a store from outside: what it holds, and whether its file is sound."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatewayd.errors import NotFound, StoreUnavailable
from gatewayd.store.database import FILE, migrations

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found: rows by table (none in a damaged file), bytes with the log, what the integrity check says."""

    file: str
    schema: int
    known_schema: int
    size: int
    tables: dict[str, int]
    problems: tuple[str, ...]


def inspect(data_dir: Path) -> Inspection:
    """Inspect a store without changing it, also that of a running gateway. Raises StoreUnavailable, NotFound."""
    from sqlite_utils import Database

    path = data_dir / FILE
    if not path.exists():
        raise NotFound(f"there is no store in {data_dir}")
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            database = Database(connection)
            verdict = [row[0] for row in database.execute("PRAGMA integrity_check")]
            tables = [table for table in database.tables if not table.name.startswith("sqlite_")]
            sound = verdict == ["ok"]
            return Inspection(
                str(path),
                database.execute("PRAGMA user_version").fetchone()[0],
                migrations()[-1][0],
                sum(file.stat().st_size for file in data_dir.glob(f"{FILE}*")),
                {table.name: table.count for table in tables} if sound else {},
                () if sound else tuple(verdict),
            )
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"cannot read {path}: {error}") from error
