"""The group commit: one transaction a turn, nobody taken along, nothing acknowledged before it is on disk."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from gatewayd.errors import Conflict, StoreUnavailable
from gatewayd.store import open_store
from gatewayd.store.faults import DiskFault
from gatewayd.store.writer import GROWING_TURNS, LARGEST_GROUP
from tests.store import samples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gatewayd.store import Store


class Tap:
    """Sits between a writer and its connection: sees every statement, and may wait or fail at a COMMIT."""

    def __init__(self, store: Store, at_commit: Callable[[], None] = lambda: None) -> None:
        self._connection = store.writer._connection
        store.writer._connection = cast("sqlite3.Connection", self)
        self.at_commit = at_commit
        self.commits = 0
        self.threads: set[int] = set()
        self.writers: set[int] = set()

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def rollback(self) -> None:
        self._connection.rollback()

    def executemany(self, sql: str, rows: list[tuple[object, ...]]) -> sqlite3.Cursor:
        return self._connection.executemany(sql, rows)

    def execute(self, sql: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        if sql == "COMMIT":
            self.threads.add(threading.get_ident())
            self.at_commit()
            self.commits += 1
        else:
            self.writers.add(threading.get_ident())
        return self._connection.execute(sql, values)


async def test_what_is_submitted_in_one_turn_is_one_transaction(store: Store) -> None:
    tap = Tap(store)
    await asyncio.gather(*(store.record(samples.alarm(number)) for number in range(1, 101)))
    assert tap.commits == 1
    assert store.alarms.get(100) is not None


async def test_a_group_has_an_end(store: Store) -> None:
    tap = Tap(store)
    await asyncio.gather(*(store.record(samples.alarm(number)) for number in range(1, LARGEST_GROUP + 2)))
    assert tap.commits == 2


async def test_what_comes_alone_waits_for_nobody(store: Store) -> None:
    done = store.submit(samples.ALARM)
    await asyncio.sleep(0)
    assert done.done()


async def test_a_group_that_grows_waits_until_a_turn_brings_nothing_more(store: Store) -> None:
    tap = Tap(store)
    await _submit_each_turn(store, [2, 1, 0])
    assert tap.commits == 1
    assert store.alarms.get(3) is not None


async def test_a_group_that_never_stops_growing_is_written_all_the_same(store: Store) -> None:
    tap = Tap(store)
    first = await _submit_each_turn(store, [2] * (GROWING_TURNS + 2))
    assert tap.commits == 1
    assert first.done()


async def _submit_each_turn(store: Store, counts: list[int]) -> asyncio.Future[None]:
    """Submit so many alarms in each of the next turns of the loop; return the first submission."""
    numbers = itertools.count(1)
    submitted: list[asyncio.Future[None]] = []
    for count in counts:
        submitted += [store.submit(samples.alarm(next(numbers))) for _ in range(count)]
        await asyncio.sleep(0)
    return submitted[0]


async def test_a_bad_decision_takes_no_other_along(store: Store) -> None:
    await store.record(samples.alarm(1))
    twin = samples.alarm(2, key="k1")
    results = await asyncio.gather(
        store.record(samples.alarm(3)),
        store.record(twin, samples.alarm(4)),
        store.record(samples.alarm(5)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), Conflict, type(None)]
    assert [store.alarms.get(number) is not None for number in (2, 3, 4, 5)] == [False, True, False, True]


@pytest.mark.parametrize("in_thread", [False, True])
async def test_nothing_is_acknowledged_before_the_commit_returned(store: Store, *, in_thread: bool) -> None:
    store.writer.in_thread = in_thread
    states: list[bool] = []
    Tap(store, lambda: states.append(done.done()))
    done = store.submit(samples.ALARM)
    await done
    assert states == [False]


async def test_a_blocked_disk_blocks_the_acknowledgement_and_not_the_loop(store: Store) -> None:
    released = threading.Event()
    store.writer.in_thread = True
    Tap(store, lambda: cast("None", released.wait(5)))
    record = asyncio.ensure_future(store.record(samples.ALARM))
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert not record.done()
    assert store.alarms.get(1) is None
    released.set()
    await record
    assert store.alarms.get(1) == samples.ALARM


async def test_a_slow_disk_moves_the_commits_to_a_thread_and_a_fast_one_back(store: Store) -> None:
    tap = Tap(store, lambda: time.sleep(0.06))
    await store.record(samples.ALARM)
    assert store.writer.in_thread
    tap.at_commit = lambda: None
    store.writer.mean_commit = 0.003
    for number in range(60):
        await store.record(samples.alarm(number + 2))
    assert len(tap.threads) == 2


async def test_writing_at_once_waits_for_the_transaction_of_the_thread(store: Store) -> None:
    store.writer.in_thread = True
    entered = threading.Event()
    tap = Tap(store, lambda: (entered.set(), time.sleep(0.02))[1])  # type: ignore[func-returns-value]
    record = asyncio.ensure_future(store.record(samples.ALARM, samples.MESSAGE))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert entered.wait(5)
    store.save_site(samples.SITE)
    await record
    assert tap.commits == 2
    assert store.alarms.get(1) == samples.ALARM
    assert len(store.load_site().users) == 1


async def test_closing_writes_everything_that_is_pending(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    waiting = [store.submit(samples.alarm(number)) for number in range(1, 2 * LARGEST_GROUP)]
    store.close()
    assert all(done.done() for done in waiting)
    await asyncio.sleep(0)  # the flush that was scheduled finds nothing to do
    with pytest.raises(StoreUnavailable):
        await store.record(samples.ALARM)
    again = open_store(tmp_path)
    assert again.alarms.get(2 * LARGEST_GROUP - 1) is not None
    again.close()


async def test_a_full_disk_refuses_and_recovers(store: Store) -> None:
    connection = store.writer._connection
    used = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {used + 2}")
    big = replace(samples.MESSAGE, text="x" * 100_000)
    with pytest.raises(StoreUnavailable):
        await store.record(samples.ALARM, big)
    assert store.alarms.get(1) is None
    connection.execute("PRAGMA max_page_count = 1000000")
    await store.record(samples.ALARM, big)
    assert store.inbox.message(1) == big


async def test_a_failing_disk_refuses_each_and_stays_consistent(store: Store) -> None:
    def fail() -> None:
        raise sqlite3.OperationalError("disk I/O error")

    tap = Tap(store, fail)
    results = await asyncio.gather(*(store.record(samples.alarm(number)) for number in (1, 2)), return_exceptions=True)
    assert [type(result) for result in results] == [DiskFault] * 2
    tap.at_commit = lambda: None
    await store.record(samples.alarm(3))
    assert [store.alarms.get(number) is not None for number in (1, 2, 3)] == [False, False, True]


def test_a_file_that_cannot_be_read_is_our_error(store: Store) -> None:
    store._reader.close()
    with pytest.raises(StoreUnavailable):
        store.alarms.get(1)
    with pytest.raises(StoreUnavailable):
        store.load_site()


async def test_waiting_for_what_was_written_comes_after_it(store: Store) -> None:
    first = store.submit(samples.ALARM)
    await store.written()
    assert first.done()


async def test_on_a_slow_disk_only_the_commit_runs_in_the_thread(store: Store) -> None:
    store.writer.in_thread = True
    store.writer.mean_commit = 1.0  # far from coming back
    released, entered = threading.Event(), threading.Event()
    tap = Tap(store, lambda: (entered.set(), released.wait(5))[0])  # type: ignore[func-returns-value]
    done = store.submit(samples.alarm(1))
    await asyncio.sleep(0)
    assert tap.writers == {threading.get_ident()}
    assert entered.wait(5)
    later = store.submit(samples.alarm(2))
    await asyncio.sleep(0)
    assert not done.done()
    released.set()
    await asyncio.gather(done, later)
    assert threading.get_ident() not in tap.threads
    assert store.alarms.get(2) is not None
