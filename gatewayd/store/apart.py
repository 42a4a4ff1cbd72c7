"""A database in memory beside the store, for what has to be read while the disk cannot be used."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING

from gatewayd.store import database
from gatewayd.store.rows import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gatewayd.store.rows import Recordable

MOST_COPIED = 1 << 26  # bytes of a database that are copied page by page
MOST_SALVAGED = 5_000  # rows of each end of a table: what stands is among them, and the loop waits for it


def copied(source: sqlite3.Connection) -> sqlite3.Connection:
    """Return a copy of a database with all its pages. Raises sqlite3.Error: it is large, or cannot be read."""
    pages, size = (source.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    if pages * size > MOST_COPIED:
        raise sqlite3.OperationalError("the store is too large for a copy")
    connection = database.in_memory()
    try:
        source.backup(connection)
        database.migrate(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def salvaged(source: sqlite3.Connection, known: Iterable[Recordable]) -> sqlite3.Connection:
    """Return a new database with the newest rows of one as far as they can be read, and what is `known` of them."""
    connection = database.in_memory()
    database.migrate(connection)
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    for (table,) in tables.fetchall():
        for order in ("DESC", "ASC"):  # from both ends up to what cannot be read
            with suppress(sqlite3.Error):
                _salvage(connection, source, table, order)
    for row in known:
        with suppress(sqlite3.IntegrityError):
            connection.execute(*TABLES[type(row)].save(row))
    return connection


def _salvage(connection: sqlite3.Connection, source: sqlite3.Connection, table: str, order: str) -> None:
    rows = source.execute(f"SELECT * FROM {table} ORDER BY 1 {order} LIMIT {MOST_SALVAGED}")  # noqa: S608 - our own
    places = ", ".join("?" * len(rows.description))
    for row in rows:
        connection.execute(f"INSERT OR IGNORE INTO {table} VALUES ({places})", row)  # noqa: S608
