"""Reading: the one place where errors of SQLite become errors of ours.

`version` grows with everything that is written.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from gatewayd.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

Row = tuple[Any, ...]
MOST_COUNTS = 512  # numbers that are remembered


class Reader:
    """A connection that only reads. Every method raises StoreUnavailable when the file cannot be read."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        version: Callable[[], int] = lambda: 0,
        failed: Callable[[sqlite3.Error], None] = lambda _: None,
    ) -> None:
        self._connection = self._own = connection
        self._moved: Callable[[sqlite3.Error], bool] = lambda _: False
        self._version = version
        self._failed = failed
        self._counts: dict[tuple[str, Row], int] = {}
        self._counts_version = 0

    def one(self, sql: str, values: Row = ()) -> Row | None:
        """Return the first row, or None."""
        try:
            row: Row | None = self._connection.execute(sql, values).fetchone()
        except sqlite3.Error as error:
            if self._moved(error):
                return self.one(sql, values)
            raise self._unreadable(error) from error
        return row

    def all(self, sql: str, values: Row = ()) -> list[Row]:
        """Return every row."""
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            if self._moved(error):
                return self.all(sql, values)
            raise self._unreadable(error) from error

    def count(self, sql: str, values: Row = ()) -> int:
        """Return the number that a query counts. Nothing is counted twice as long as nothing is written.

        Counting a long inbox takes longer than reading a part of it, and people look far more often than they write.
        """
        version = self._version()
        if version != self._counts_version or len(self._counts) >= MOST_COUNTS:
            self._counts.clear()
            self._counts_version = version
        known = self._counts.get((sql, values))
        if known is None:
            row = self.one(sql, values)
            known = self._counts[sql, values] = row[0] if row else 0
        return known

    @property
    def own(self) -> sqlite3.Connection:
        """The connection that reads what is on disk."""
        return self._own

    def close(self) -> None:
        """Close the connection."""
        self._own.close()

    def see(
        self, connection: sqlite3.Connection | None, moved: Callable[[sqlite3.Error], bool] = lambda _: False
    ) -> None:
        """Read what stands on another connection, or on the own one again.

        `moved` is asked after an error whether it is to be read once more, as everything lies elsewhere now.
        """
        self._connection = connection or self._own
        self._moved = moved

    def _unreadable(self, error: sqlite3.Error) -> StoreUnavailable:
        self._failed(error)
        return StoreUnavailable(f"cannot read the store: {error}")
