"""What is owed to the disk: decisions that took effect while it takes nothing, in order, bounded, and to be read.

As long as the disk can be read they lie in a transaction of the store's own connection that stays open: every query
sees them beside what is on disk. Where that cannot be they lie in a database apart, in memory, which begins as a copy
of the other if that can be read, and where that copy is as damaged, as the rows that are left of it.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING

from gatewayd.errors import GatewayError, StoreUnavailable
from gatewayd.store import database
from gatewayd.store.batches import run_all
from gatewayd.store.faults import DiskFault, as_ours
from gatewayd.store.rows import ALARMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gatewayd.store.reader import Reader
    from gatewayd.store.rows import Statement
    from gatewayd.store.writer import Writer

log = logging.getLogger(__name__)

MEBIBYTE = 1 << 20
MOST, MOST_BYTES = 20_000, 24 * MEBIBYTE  # of all decisions
MOST_NEW, MOST_BYTES_FOR_NEW = 1_000, 8 * MEBIBYTE  # alarms and texts; the rest is there for what stands to go on
MOST_SIDE = 2_000  # keys that lines want remembered; of each only the newest value
PER_VALUE = 8  # bytes that a value counts beside its text
LOOKED = ("INSERT INTO meta (key, value) VALUES ('looked', '1') ON CONFLICT (key) DO UPDATE SET value = value + 1", ())
ALARM = "INSERT INTO alarms "
OTHERS = "line = :line AND key = :key AND cleared_time IS NULL AND id <> :id"
END_OTHERS = f"UPDATE alarms SET cleared_time = :active_time WHERE {OTHERS}"  # noqa: S608 - our own words
END_PAGING = "UPDATE escalations SET state = 'cleared' WHERE state = 'running' AND alarm_id IN "
END_OTHERS_PAGING = f"{END_PAGING}(SELECT id FROM alarms WHERE {OTHERS})"  # noqa: S608 - as above


class Sort(Enum):
    """What is owed: something new (an alarm, a text), or what follows from it."""

    NEW = "new"
    FOLLOWING = "following"


class Stage(Enum):
    """Where decisions are to be read; whichever fails, the next one is tried.

    STORE: in the store itself. COPY: in a copy of its pages in memory. REST: in a new database in memory, with those
    rows of the store that can be read, because damage was copied too.
    """

    STORE = "store"
    COPY = "copy"
    REST = "rest"


class Owed:
    """Decisions that are not on disk. Everything here happens on the loop, and only while the writer stands still."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader
        self._decisions: list[Sequence[Statement]] = []
        self._bytes = 0
        self._counts: Counter[Sort] = Counter()
        self._side: dict[tuple[str, str], Statement] = {}  # what lines want remembered, by line and key
        self._connection: sqlite3.Connection | None = None  # on which the decisions are to be read
        self._stage = Stage.STORE

    def __len__(self) -> int:
        """Return how many decisions are not on disk."""
        return len(self._decisions) + len(self._side)

    def take(self, statements: Sequence[Statement], sort: Sort) -> None:
        """Take a decision over. Raises StoreUnavailable, Conflict, Invalid."""
        size = _size(statements)
        is_new = sort is Sort.NEW
        many = len(self._decisions) >= MOST or (is_new and self._counts[sort] >= MOST_NEW)
        if many or self._bytes + size > (MOST_BYTES_FOR_NEW if is_new else MOST_BYTES):
            raise self._too_many()
        self._show_ours(statements)
        self._decisions.append(statements)
        self._bytes += size
        self._counts[sort] += 1

    def remember(self, rows: dict[tuple[str, str], Statement]) -> None:
        """Take over what lines want remembered, by line and key: what was before is remembered no more.

        Raises StoreUnavailable, Invalid.
        """
        statements = list(rows.values())
        growth = _size(statements) - _size([self._side[name] for name in rows if name in self._side])
        if len(self._side.keys() | rows.keys()) > MOST_SIDE or self._bytes + growth > MOST_BYTES_FOR_NEW:
            raise self._too_many()
        self._show_ours(statements)
        self._side.update(rows)
        self._bytes += growth

    def _too_many(self) -> StoreUnavailable:
        return StoreUnavailable(f"nothing can be stored, and {len(self)} decisions wait in memory already")

    def settle(self) -> bool:
        """Write everything that is owed, and prove that the disk takes it. Raises StoreUnavailable: then it waits on.

        Returns whether the disk may hold what contradicts what was decided, as it could not be read meanwhile.
        """
        try:
            error = self._committed()
        except sqlite3.Error as failed:
            error = as_ours(failed)
        if error is not None:
            if self._connection is not None and not self._is_apart:
                self._begin_again()
            raise error
        if len(self):
            log.warning("%d decisions that were taken meanwhile are on disk now", len(self))
        was_apart = self._is_apart
        self._forget()
        return was_apart

    def close(self) -> None:
        """Write what is owed if that is possible at last."""
        if self._connection is None:
            return
        try:
            self.settle()
        except GatewayError as error:
            log.critical("%d decisions were never stored and are lost: %s", len(self), error)
            self._forget()

    # --- where decisions are to be read -------------------------------------------------------------------------------

    @property
    def _is_apart(self) -> bool:
        return self._stage is not Stage.STORE

    @property
    def _lost_its_transaction(self) -> bool:
        return self._connection is None or not (self._is_apart or self._connection.in_transaction)

    def _all(self) -> Iterator[Sequence[Statement]]:
        yield from self._decisions
        if self._side:
            yield list(self._side.values())

    def _show_ours(self, statements: Sequence[Statement]) -> None:
        """Have statements seen by every query, and what was counted before count no more. Raises errors of ours."""
        try:
            self._show(statements)
        except Exception as error:
            raise as_ours(error) from error
        self._writer.commits += 1

    def _show(self, statements: Sequence[Statement]) -> None:
        if self._lost_its_transaction:
            self._begin_again()
        while True:
            try:
                return self._run(statements)
            except sqlite3.Error as error:
                if self._stage is Stage.REST or not isinstance(as_ours(error), DiskFault):
                    raise
                self._begin_apart()

    def _run(self, statements: Sequence[Statement]) -> None:
        if self._connection is not None:
            _within(self._connection, statements)

    def _lost_its_place(self) -> bool:
        """Return whether reading failed because the transaction is gone, and everything is to be read elsewhere now."""
        if self._connection is None or not self._lost_its_transaction:
            return False
        self._begin_again()
        return True

    def _begin_again(self) -> None:
        """Have every decision to be read: in the store itself, else in a database in memory."""
        connection = self._writer.connection
        try:
            self._writer.roll_back()
            connection.execute("PRAGMA cache_spill = OFF")  # or a large transaction would write before its end
            self._writer.begin()
            for statements in self._all():
                _within(connection, statements)
        except sqlite3.Error as error:
            log.critical("what is owed goes to a database in memory: %s", error)
            self._begin_apart()
        else:
            self._put(connection, Stage.STORE)

    def _begin_apart(self) -> None:
        """Have every decision to be read in memory: in a copy of the store, or in what is left of it."""
        self._writer.roll_back()
        if self._stage is Stage.STORE:
            apart = database.copied(self._reader.own)
            try:
                self._put_all(apart, Stage.COPY, _within)
            except sqlite3.Error as error:
                apart.close()
                log.critical("what is owed goes to a new database, the store is damaged: %s", error)
            else:
                return
        self._put_all(database.salvaged(self._reader.own), Stage.REST, _forced)

    def _put_all(
        self, apart: sqlite3.Connection, stage: Stage, run: Callable[[sqlite3.Connection, Sequence[Statement]], None]
    ) -> None:
        apart.execute("BEGIN")
        for statements in self._all():
            run(apart, statements)
        self._put(apart, stage)

    def _put(self, connection: sqlite3.Connection, stage: Stage) -> None:
        if self._is_apart and self._connection is not None:
            self._connection.close()
        self._connection, self._stage = connection, stage
        self._reader.see(connection, self._lost_its_place)

    # --- writing ------------------------------------------------------------------------------------------------------

    def _committed(self) -> GatewayError | None:
        """Commit; returns what went wrong. Raises sqlite3.Error."""
        connection = self._writer.connection
        if self._connection is not connection or not connection.in_transaction:
            self._writer.roll_back()  # of the transaction that could not be ended when the disk was lost
            self._writer.begin()
            for statements in self._all():
                _forced(connection, statements)
        connection.execute(*LOOKED)
        return self._writer.commit_now()

    def _forget(self) -> None:
        self._reader.see(None)
        if self._is_apart and self._connection is not None:
            self._connection.close()
        with suppress(sqlite3.Error):
            self._writer.connection.execute("PRAGMA cache_spill = ON")
        self._connection, self._stage = None, Stage.STORE
        self._decisions, self._bytes = [], 0
        self._side.clear()
        self._counts.clear()
        self._writer.commits += 1


def _within(connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    """Run a decision inside the transaction that is open, all of it or nothing. Raises what SQLite raises."""
    connection.execute("SAVEPOINT decision")
    try:
        run_all(connection, statements)
    except Exception:
        if connection.in_transaction:
            connection.execute("ROLLBACK TO decision")
            connection.execute("RELEASE decision")
        raise
    connection.execute("RELEASE decision")


def _forced(connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    """Run a decision; an alarm that stands against it gives way: nobody could read it when this one was taken."""
    try:
        _within(connection, statements)
    except sqlite3.IntegrityError:
        for sql, values in statements:
            if sql.startswith(ALARM):
                named = dict(zip(ALARMS.columns, values, strict=True))
                connection.execute(END_OTHERS_PAGING, named)
                connection.execute(END_OTHERS, named)
        try:
            _within(connection, statements)
        except sqlite3.IntegrityError as error:
            log.critical("a decision contradicts what the disk holds, and is lost: %s", error)


def _size(statements: Sequence[Statement]) -> int:
    """Return about how many bytes of memory a decision holds."""
    rows = (values.values() if isinstance(values, dict) else values for _, values in statements)
    return sum(PER_VALUE + (len(value) if isinstance(value, str) else 0) for row in rows for value in row)
