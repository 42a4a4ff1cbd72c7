"""Many statements in as few calls as possible: the rows of one table are handed to SQLite together."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from gatewayd.store.rows import Statement

INSERT = "INSERT "
TOGETHER = 16  # rows of one statement: it costs two thirds of what sixteen cost (the counter of ids, the call)

Values = tuple[Any, ...] | dict[str, Any]


def run_all(connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    """Execute statements inside the transaction that is open. Raises what SQLite raises."""
    for sql, rows in batches(statements):
        done = 0
        if len(rows) >= TOGETHER and (wide := _widened(sql)):
            done = len(rows) - len(rows) % TOGETHER
            for start in range(0, done, TOGETHER):
                connection.execute(wide, tuple(chain.from_iterable(rows[start : start + TOGETHER])))
        if len(rows) - done == 1:
            connection.execute(sql, rows[done])
        elif len(rows) > done:
            connection.executemany(sql, rows[done:])


def batches(statements: Sequence[Statement]) -> list[tuple[str, list[Values]]]:
    """Put the rows of one table together: inserts of different tables may change places, nothing else may."""
    found: list[tuple[str, list[Values]]] = []
    open_ones: dict[str, list[Values]] = {}
    for sql, values in statements:
        rows = open_ones.get(sql)
        if rows is not None:
            rows.append(values)
            continue
        rows = [values]
        found.append((sql, rows))
        if sql.startswith(INSERT):
            open_ones[sql] = rows
        else:
            open_ones.clear()
    return found


@lru_cache(maxsize=64)
def _widened(sql: str) -> str:
    """Return an insert of one row as one of `TOGETHER` rows; empty where its values are named or no plain places."""
    before, found, rest = sql.partition(" VALUES (")
    places, _, after = rest.partition(")")
    if not sql.startswith(INSERT) or not found or set(places) != {"?", ",", " "}:
        return ""
    return f"{before} VALUES {', '.join([f'({places})'] * TOGETHER)}{after}"
