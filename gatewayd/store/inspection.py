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
    path = data_dir / FILE
    if not path.exists():
        raise NotFound(f"there is no store in {data_dir}")
    size = sum(file.stat().st_size for file in data_dir.glob(f"{FILE}*"))
    known = migrations()[-1][0]
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            schema, tables, problems = _look_into(connection)
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        raise StoreUnavailable(f"cannot read {path}: {error}") from error
    except sqlite3.DatabaseError as error:  # so damaged that not even the check gets through
        return Inspection(str(path), 0, known, size, {}, (str(error),))
    return Inspection(str(path), schema, known, size, tables, problems)


def _look_into(connection: sqlite3.Connection) -> tuple[int, dict[str, int], tuple[str, ...]]:
    """Return the schema's version, the rows by table, and the findings of the integrity check."""
    from sqlite_utils import Database

    database = Database(connection)
    schema = database.execute("PRAGMA user_version").fetchone()[0]
    verdict = tuple(row[0] for row in database.execute("PRAGMA integrity_check"))
    if verdict != ("ok",):
        return schema, {}, verdict
    return schema, {table.name: table.count for table in database.tables if not table.name.startswith("sqlite_")}, ()
