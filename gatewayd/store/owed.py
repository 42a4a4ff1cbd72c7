"""What is owed to the disk: decisions that took effect while it takes nothing, in order, bounded, and to be read.

As long as the disk can be read they lie in a transaction of the store's own connection that stays open: every query
sees them beside what is on disk. Where that cannot be they lie in a database apart, in memory, which begins as a copy
of the other; where that cannot be copied, or is damaged, with the rows that are left of it.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING

from gatewayd.errors import GatewayError, StoreUnavailable
from gatewayd.store import apart
from gatewayd.store.faults import DiskFault, as_ours
from gatewayd.store.forcing import forced, making_way, within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gatewayd.store.reader import Reader
    from gatewayd.store.rows import Recordable, Statement
    from gatewayd.store.writer import Writer

log = logging.getLogger(__name__)

MEBIBYTE = 1 << 20
MOST, MOST_BYTES = 20_000, 24 * MEBIBYTE  # of all decisions
MOST_NEW, MOST_BYTES_FOR_NEW = 1_000, 8 * MEBIBYTE  # alarms and texts; the rest is there for what stands to go on
MOST_SIDE = 2_000  # keys that lines want remembered; of each only the newest value
PER_VALUE = 8  # bytes that a value counts beside its text
LOOKED = ("INSERT INTO meta (key, value) VALUES ('looked', '1') ON CONFLICT (key) DO UPDATE SET value = value + 1", ())


class Sort(Enum):
    """What is owed: something new (an alarm, a text), or what follows from it."""

    NEW = "new"
    FOLLOWING = "following"


class Stage(Enum):
    """Where decisions are to be read; whichever fails, the next one is tried.

    STORE: in the store itself. COPY: in a copy of its pages in memory. REST: in a new database in memory, with those
    rows of the store that can be read, or that the engine knows: the store cannot be copied, or its damage was as well.
    """

    STORE = "store"
    COPY = "copy"
    REST = "rest"


class Owed:
    """Decisions that are not on disk. Everything here happens on the loop, and only while the writer stands still."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader
        self.known: Callable[[], Iterable[Recordable]] = tuple  # what somebody remembers of rows that cannot be read
        self._decisions: list[Sequence[Statement]] = []
        self._bytes = 0
        self._counts: Counter[Sort] = Counter()
        self._side: dict[tuple[str, str], Statement] = {}  # what lines want remembered, by line and key
        self._connection: sqlite3.Connection | None = None  # on which the decisions are to be read
        self._stage = Stage.STORE

    def __len__(self) -> int:
        """Return how many decisions are not on disk."""
        return len(self._decisions) + len(self._side)

    def take(self, statements: Sequence[Statement], sort: Sort) -> bool:
        """Take a decision over. Raises StoreUnavailable, Conflict, Invalid.

        Returns whether something gave way to it that could not be read when it was taken.
        """
        size = _size(statements)
        is_new = sort is Sort.NEW
        many = len(self._decisions) >= MOST or (is_new and self._counts[sort] >= MOST_NEW)
        if many or self._bytes + size > (MOST_BYTES_FOR_NEW if is_new else MOST_BYTES):
            raise self._too_many()
        gave_way = self._show_ours(statements)
        self._decisions.append(statements)
        self._bytes += size
        self._counts[sort] += 1
        return gave_way

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

    def _show_ours(self, statements: Sequence[Statement]) -> bool:
        """Have statements seen by every query, and what was counted before count no more. Raises errors of ours.

        Returns whether something gave way that could not be read before.
        """
        try:
            gave_way = self._show(statements)
        except Exception as error:
            raise as_ours(error) from error
        self._writer.commits += 1
        return gave_way

    def _show(self, statements: Sequence[Statement]) -> bool:
        if self._lost_its_transaction:
            self._begin_again()
        while True:
            try:
                return self._run(statements)
            except sqlite3.Error as error:
                if self._stage is Stage.REST or not isinstance(as_ours(error), DiskFault):
                    raise
                self._begin_apart()

    def _run(self, statements: Sequence[Statement]) -> bool:
        if self._connection is None:
            return False
        if self._is_apart:
            return making_way(self._connection, statements)
        within(self._connection, statements)
        return False

    def _moved(self, error: sqlite3.Error) -> bool:
        """Have everything to be read elsewhere after `error`; return whether that is so now."""
        if self._connection is None or self._stage is Stage.REST or not isinstance(as_ours(error), DiskFault):
            return False
        self._begin_apart()
        return True

    def _begin_again(self) -> None:
        """Have every decision to be read: in the store itself, else in a database in memory."""
        connection = self._writer.connection
        try:
            self._writer.begin()
            for statements in self._all():
                within(connection, statements)
        except sqlite3.Error as error:
            log.critical("what is owed goes to a database in memory: %s", error)
            self._begin_apart()
        else:
            self._put(connection, Stage.STORE)

    def _begin_apart(self) -> None:
        """Have every decision to be read in memory: in a copy of the store, or in what is left of it."""
        self._writer.roll_back()
        own = self._reader.own
        if self._stage is Stage.STORE:
            try:
                self._put_all(apart.copied(own), Stage.COPY)
            except sqlite3.Error as error:
                log.critical("what is owed goes to a new database, the store cannot be copied: %s", error)
            else:
                return
        self._put_all(apart.salvaged(own, self.known()), Stage.REST)

    def _put_all(self, connection: sqlite3.Connection, stage: Stage) -> None:
        try:
            connection.execute("BEGIN")
            for statements in self._all():
                forced(connection, statements)
        except sqlite3.Error:
            connection.close()
            raise
        self._put(connection, stage)

    def _put(self, connection: sqlite3.Connection, stage: Stage) -> None:
        if self._is_apart and self._connection is not None:
            self._connection.close()
        self._connection, self._stage = connection, stage
        self._reader.see(connection, self._moved)

    # --- writing ------------------------------------------------------------------------------------------------------

    def _committed(self) -> GatewayError | None:
        """Commit; returns what went wrong. Raises sqlite3.Error."""
        connection = self._writer.connection
        if self._connection is not connection or not connection.in_transaction:
            self._writer.begin()  # and end the transaction that could not be ended when the disk was lost
            for statements in self._all():
                forced(connection, statements)
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


def _size(statements: Sequence[Statement]) -> int:
    """Return about how many bytes of memory a decision holds."""
    rows = (values.values() if isinstance(values, dict) else values for _, values in statements)
    return sum(PER_VALUE + (len(value) if isinstance(value, str) else 0) for row in rows for value in row)
