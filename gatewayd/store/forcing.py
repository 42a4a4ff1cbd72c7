"""Running a decision in a transaction that is open, also against what stands there and nobody could read."""

from __future__ import annotations

import logging
import sqlite3
from typing import TYPE_CHECKING

from gatewayd.store.batches import run_all
from gatewayd.store.rows import ALARMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatewayd.store.rows import Statement

log = logging.getLogger(__name__)

ALARM = "INSERT INTO alarms "
OTHERS = "line = :line AND key = :key AND cleared_time IS NULL AND id <> :id"
END_OTHERS = f"UPDATE alarms SET cleared_time = :active_time WHERE {OTHERS}"  # noqa: S608 - our own words
END_PAGING = "UPDATE escalations SET state = 'cleared' WHERE state = 'running' AND alarm_id IN "
END_OTHERS_PAGING = f"{END_PAGING}(SELECT id FROM alarms WHERE {OTHERS})"  # noqa: S608 - as above


def within(connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    """Run a decision, all of it or nothing. Raises what SQLite raises."""
    connection.execute("SAVEPOINT decision")
    try:
        run_all(connection, statements)
    except Exception:
        if connection.in_transaction:
            connection.execute("ROLLBACK TO decision")
            connection.execute("RELEASE decision")
        raise
    connection.execute("RELEASE decision")


def making_way(connection: sqlite3.Connection, statements: Sequence[Statement]) -> bool:
    """Run a decision; an alarm that stands against it gives way: nobody could read it when this one was taken.

    Returns whether one did. Raises what SQLite raises.
    """
    try:
        within(connection, statements)
    except sqlite3.IntegrityError:
        for sql, values in statements:
            if sql.startswith(ALARM):
                named = dict(zip(ALARMS.columns, values, strict=True))
                connection.execute(END_OTHERS_PAGING, named)
                connection.execute(END_OTHERS, named)
        within(connection, statements)
        return True
    return False


def forced(connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    """Run a decision as `making_way` does; one that contradicts still more is lost, and the log says so."""
    try:
        making_way(connection, statements)
    except sqlite3.IntegrityError as error:
        log.critical("a decision contradicts what the disk holds, and is lost: %s", error)
