"""Rows that go to SQLite together leave what they leave one after the other."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.store.batches import TOGETHER, batches, run_all

if TYPE_CHECKING:
    from gatewayd.store.rows import Statement

TABLES = ("a", "b")
INSERT = "INSERT INTO {} (k, v) VALUES (?, ?) ON CONFLICT (k) DO UPDATE SET v = excluded.v"
STATEMENTS = st.tuples(
    st.sampled_from(["insert"] * 12 + ["delete", "clear"]),
    st.sampled_from(TABLES),
    st.integers(1, 40),
    st.integers(0, 9),
)


@given(st.lists(STATEMENTS, max_size=6 * TOGETHER))
def test_rows_written_together_leave_what_they_leave_one_after_the_other(
    orders: list[tuple[str, str, int, int]],
) -> None:
    statements: list[Statement] = []
    for what, table, key, value in orders:
        if what == "insert":
            statements.append((INSERT.format(table), (key, value)))
        elif what == "delete":
            statements.append((f"DELETE FROM {table} WHERE k = :key", {"key": key}))
        else:
            statements.append((f"DELETE FROM {table} WHERE v < ?", (value,)))
    with closing(_opened()) as together, closing(_opened()) as one_by_one:
        run_all(together, statements)
        for sql, values in statements:
            one_by_one.execute(sql, values)
        assert _left(together) == _left(one_by_one)


@pytest.mark.parametrize("count", [1, TOGETHER - 1, TOGETHER, TOGETHER + 1, 3 * TOGETHER + 2])
def test_many_rows_take_few_calls(count: int) -> None:
    seen: list[str] = []
    with closing(_opened()) as connection:
        connection.set_trace_callback(seen.append)
        run_all(connection, [(INSERT.format("a"), (key, 1)) for key in range(count)])
        connection.set_trace_callback(None)
        assert [key for key, _ in _left(connection)[0]] == list(range(count))
    assert len([sql for sql in seen if sql.startswith("INSERT")]) == count // TOGETHER + count % TOGETHER


def test_ids_are_never_given_twice_also_when_many_rows_came_at_once() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE a (k INTEGER PRIMARY KEY AUTOINCREMENT, v INTEGER)")
        run_all(connection, [(INSERT.format("a"), (key, 1)) for key in range(1, TOGETHER + 1)])
        connection.execute("DELETE FROM a")
        connection.execute("INSERT INTO a (v) VALUES (1)")
        assert connection.execute("SELECT k FROM a").fetchall() == [(TOGETHER + 1,)]


def test_an_insert_that_is_written_in_another_way_is_run_row_by_row() -> None:
    named: Statement = ("INSERT INTO a VALUES (:k, 5)", {"k": 1})
    chosen: list[Statement] = [("INSERT INTO b SELECT ?, max(?, 3)", (key, key)) for key in range(2 * TOGETHER)]
    fixed: list[Statement] = [("INSERT INTO a VALUES (?, 'VALUES (?')", (key,)) for key in range(10, 10 + TOGETHER)]
    with closing(_opened()) as connection:
        run_all(connection, [named, *chosen, *fixed])
        found = _left(connection)
    assert found[0] == [(1, 5), *((key, "VALUES (?") for key in range(10, 10 + TOGETHER))]
    assert len(found[1]) == 2 * TOGETHER


def test_rows_of_one_table_go_out_together() -> None:
    insert_a, insert_b = "INSERT INTO a VALUES (?)", "INSERT INTO b VALUES (?)"
    statements: list[Statement] = [
        (insert_a, (1,)),
        (insert_b, (1,)),
        (insert_a, (2,)),
        ("DELETE FROM a", ()),
        (insert_a, (3,)),
    ]
    assert batches(statements) == [
        (insert_a, [(1,), (2,)]),
        (insert_b, [(1,)]),
        ("DELETE FROM a", [()]),
        (insert_a, [(3,)]),
    ]


def _opened() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    for table in TABLES:
        connection.execute(f"CREATE TABLE {table} (k INTEGER PRIMARY KEY, v)")
    return connection


def _left(connection: sqlite3.Connection) -> list[list[tuple[int, object]]]:
    return [connection.execute(f"SELECT * FROM {table} ORDER BY k").fetchall() for table in TABLES]
