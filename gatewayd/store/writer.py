"""The one writer: group commit on one SQLite connection, synced on the loop where that is fast, else in a thread.

Everything that is submitted in one turn of the loop goes into one transaction, so the cost of the disk's sync is shared
without any added delay; while turn after turn brings more, the group grows for a few of them. A lone commit on the loop
is quicker than a trip through a thread, as long as the disk's sync takes only milliseconds; on a slow disk the loop
must not stand still. So the writer measures its commits and moves them to the thread, and back, by itself. The rows
themselves are always written on the loop: they go to memory, and two threads would only take the interpreter from each
other (see `docs/decisions/0004-group-commit.md`).
"""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from gatewayd.errors import StoreUnavailable
from gatewayd.store.batches import run_all
from gatewayd.store.database import CHECKPOINT_AFTER
from gatewayd.store.faults import DiskFault, NoRoom, as_ours
from gatewayd.store.reserve import Reserve
from gatewayd.store.storage import Disk, Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gatewayd.errors import GatewayError
    from gatewayd.store.rows import Statement

log = logging.getLogger(__name__)

SLOW_COMMIT = 0.005  # seconds; above this mean a commit may not stand on the loop
FAST_COMMIT = 0.0025  # below this mean it comes back
SMOOTHING = 0.1  # weight of the newest commit in the mean
GROWING_TURNS = 3  # turns of the loop for which a group that grows may wait for more
CHECKPOINT_SOON = 100  # pages of the log, while room is scarce
LARGEST_GROUP = 512  # submissions in one transaction: bounds how long a single commit holds the loop


class Commit(asyncio.Future[None]):
    """A commit under way. Nobody can call it off: whoever waits and is cancelled goes on when it is over."""

    def cancel(self, msg: object = None) -> bool:
        """Refuse: the rows are on their way to the disk."""
        del msg
        return False


Submission = tuple["Sequence[Statement]", Commit]
Results = list[tuple[Submission, Exception | None]]


class Writer:
    """Commits statements; what `submit` returned is done when they are on disk."""

    def __init__(self, connection: sqlite3.Connection, storage: Storage | None = None) -> None:
        self._connection = connection
        self.storage = storage or Storage(Reserve())
        self._transaction = threading.Lock()  # `write_now` on the loop against a group in the thread
        self._pending: list[Submission] = []
        self._scheduled = False
        self._seen = 1  # submissions that were pending at the last look
        self._turns = 0  # for which the group has waited
        self._thread = ThreadPoolExecutor(1, "store-writer")
        self._closed = False
        self.mean_commit = 0.0
        self.in_thread = False
        self.slow_commit = SLOW_COMMIT
        self.commits = 0

    def submit(self, statements: Sequence[Statement]) -> Commit:
        """Have `statements` written, all or none of them.

        The future fails with StoreUnavailable when the disk does not take them; with Invalid or Conflict when they are
        themselves at fault, so that trying again does not help.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        loop = asyncio.get_running_loop()
        done = Commit(loop=loop)
        self._pending.append((statements, done))
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._flush)
        return done

    async def commit(self, statements: Sequence[Statement]) -> None:
        """Write `statements`; they are on disk when this returns. Raises what `submit` says."""
        await self.submit(statements)

    def write_now(self, statements: Sequence[Statement]) -> None:
        """Write at once, outside the groups: for what happens rarely. Raises what `submit` says."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        error = self._transact(statements)
        if error is not None and self._has_room_now(error):
            error = self._transact(statements)
        if isinstance(error, DiskFault):
            self.storage.fail(error)
        self.commits += 1
        if error is not None:
            raise error

    async def aside(self, work: Callable[[], None]) -> None:
        """Do something with the disk beside the loop, unless commits may not leave the loop either."""
        if math.isinf(self.slow_commit):
            work()
        else:
            await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Write what is pending and stop."""
        self._closed = True
        self._thread.shutdown(wait=True)
        while self._pending:
            self._settle(*self._closing(self._take()))

    def _closing(self, group: list[Submission]) -> tuple[Results, float]:
        """Write a group, unless what is owed has the connection: that is what will be written then."""
        return self._refused(group) if self.is_down else self._write_group(group)

    def _take(self) -> list[Submission]:
        group, self._pending = self._pending[:LARGEST_GROUP], self._pending[LARGEST_GROUP:]
        return group

    def _flush(self) -> None:
        if self._may_grow():
            asyncio.get_running_loop().call_soon(self._flush)
            return
        group = self._take()
        if not group:
            self._scheduled = False
        elif self.is_down:
            self._after(*self._refused(group))
        elif self.in_thread:
            error = self._begin(group)
            work = asyncio.get_running_loop().run_in_executor(self._thread, self._finish, group, error)
            work.add_done_callback(lambda finished: self._after(*finished.result()))
        else:
            self._after(*self._write_group(group))

    def _may_grow(self) -> bool:
        """Return whether the last turn brought more, so that the next one may too: one commit for all is cheaper."""
        pending = len(self._pending)
        if self._seen < pending < LARGEST_GROUP and self._turns < GROWING_TURNS:
            self._seen = pending
            self._turns += 1
            return True
        self._seen, self._turns = 1, 0
        return False

    def _after(self, results: Results, seconds: float) -> None:
        self._settle(results, seconds)
        if self._pending:
            asyncio.get_running_loop().call_soon(self._flush)
        else:
            self._scheduled = False

    def _settle(self, results: Results, seconds: float) -> None:
        self._measure(seconds)
        for (_, done), error in results:
            if done.done():
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)
                done.exception()  # the one who waits may have gone: then nobody else asks for it

    def _measure(self, seconds: float) -> None:
        self.commits += 1
        self.mean_commit += SMOOTHING * (seconds - self.mean_commit)
        if self.in_thread != (self.mean_commit > (FAST_COMMIT if self.in_thread else self.slow_commit)):
            self.in_thread = not self.in_thread
            where = "a thread" if self.in_thread else "the loop"
            log.info("commits take %.1f ms on average: they now run on %s", self.mean_commit * 1000, where)

    def _write_group(self, group: list[Submission]) -> tuple[Results, float]:
        return self._finish(group, self._begin(group))

    def _begin(self, group: list[Submission]) -> Exception | None:
        """Write the rows of a group; the transaction stays open, and locked, until `_finish`."""
        self._transaction.acquire()
        try:
            self._execute([statement for statements, _ in group for statement in statements])
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is a value, or the writer would stand for ever
            return error
        return None

    def _finish(self, group: list[Submission], error: Exception | None) -> tuple[Results, float]:
        """Commit a group; where that fails, `_again`: a bad submission does not take others along."""
        started = time.perf_counter()
        failed = self._end(error)
        seconds = time.perf_counter() - started
        self._transaction.release()
        if failed is None:
            return [(submission, None) for submission in group], seconds
        return self._again(group, failed), seconds

    def _again(self, group: list[Submission], failed: Exception) -> Results:
        """Write a group that failed: as it was where the reserve makes room, else each submission by itself."""
        log.error("a commit of %d decisions failed: %s", len(group), failed)
        if self._has_room_now(failed):
            again = self._transact([statement for statements, _ in group for statement in statements])
            if again is None:
                return [(submission, None) for submission in group]
            failed = again
        results: Results = [(submission, failed) for submission in group]
        if len(group) > 1 and (isinstance(failed, NoRoom) or not isinstance(failed, DiskFault)):
            results = [(submission, self._transact(submission[0])) for submission in group]
        for _, error in results:
            if isinstance(error, DiskFault):
                self.storage.fail(error)
                break
        return results

    def _has_room_now(self, failed: Exception) -> bool:
        found = self.storage.make_room(failed)
        if found:
            self.spare_the_log(sparing=True)
        return found

    def spare_the_log(self, *, sparing: bool) -> None:
        """Copy the log into the file often, so that what little room there is goes to rows, or as usual again."""
        with suppress(sqlite3.Error):
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_SOON if sparing else CHECKPOINT_AFTER}")

    def _transact(self, statements: Sequence[Statement]) -> Exception | None:
        """Run one transaction; whatever goes wrong comes back as a value."""
        with self._transaction:
            if self.is_down:
                return self._refusal()
            try:
                self._execute(statements)
            except Exception as error:  # noqa: BLE001 - a value that SQLite cannot take is a ValueError, OverflowError, …
                return self._end(error)
            return self._end(None)

    def _execute(self, statements: Sequence[Statement]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        run_all(self._connection, statements)

    def _end(self, error: Exception | None) -> GatewayError | None:
        """Commit, or take back what `error` made useless; returns what went wrong, as an error of ours."""
        if error is None:
            try:
                self.storage.place.check()
                self._connection.execute("COMMIT")
            except Exception as failed:  # noqa: BLE001 - as above
                error = failed
            else:
                return None
        self.roll_back()
        return as_ours(error)

    # --- while the disk is down ---------------------------------------------------------------------------------------

    @property
    def is_down(self) -> bool:
        """Whether nothing is written, until `gatewayd.store.owed` finds that the disk takes it again."""
        return self.storage.disk is Disk.DOWN

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection that writes, for whoever keeps a transaction open on it while the disk is down."""
        return self._connection

    def begin(self) -> None:
        """Begin a transaction that stays open, after the last one of the thread. Raises sqlite3.Error."""
        with self._transaction:
            self.roll_back()
            self._connection.execute("PRAGMA cache_spill = OFF")  # or a large one would write before its end
            self._connection.execute("BEGIN IMMEDIATE")

    def commit_now(self) -> GatewayError | None:
        """Commit that transaction; returns what went wrong."""
        return self._end(None)

    def roll_back(self) -> None:
        """Take back what is not committed."""
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.rollback()

    def _refused(self, group: list[Submission]) -> tuple[Results, float]:
        return [(submission, self._refusal()) for submission in group], self.mean_commit

    def _refusal(self) -> DiskFault:
        return DiskFault(self.storage.reason)
