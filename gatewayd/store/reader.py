"""Reading: the one place where errors of SQLite become errors of ours."""

from __future__ import annotations

import sqlite3
from typing import Any

from gatewayd.errors import StoreUnavailable

Row = tuple[Any, ...]


class Reader:
    """A connection that only reads. Every method raises StoreUnavailable when the file cannot be read."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def one(self, sql: str, values: Row = ()) -> Row | None:
        """Return the first row, or None."""
        try:
            row: Row | None = self._connection.execute(sql, values).fetchone()
        except sqlite3.Error as error:
            raise _unreadable(error) from error
        return row

    def all(self, sql: str, values: Row = ()) -> list[Row]:
        """Return every row."""
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise _unreadable(error) from error

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _unreadable(error: sqlite3.Error) -> StoreUnavailable:
    return StoreUnavailable(f"cannot read the store: {error}")
