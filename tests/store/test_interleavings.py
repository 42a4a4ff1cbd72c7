"""The writer's thread and the loop at the same moment: nothing is half written, nobody waits for the other in vain."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

from gatewayd.errors import StoreUnavailable
from gatewayd.store import open_store
from gatewayd.store.faults import DiskFault, NoRoom
from gatewayd.store.reserve import Reserve
from gatewayd.store.storage import Disk, Storage
from tests.store import samples
from tests.store.test_writer import Tap

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayd.store import Store

SOON = 5  # seconds of real time that a thread is waited for
A_MOMENT = 0.05  # seconds in which the loop would do what it must not, if it did


def full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


def in_thread(store: Store) -> None:
    """Have commits in the thread, and stay there."""
    store.writer.in_thread, store.writer.mean_commit = True, 1.0


def state(storage: Storage) -> Disk:
    return storage.disk


class Gate:
    """Where the thread waits in a COMMIT until it is let through, or let through by a clock."""

    def __init__(self) -> None:
        self.entered, self._open = threading.Event(), threading.Event()

    def pass_through(self) -> None:
        self.entered.set()
        assert self._open.wait(SOON)

    def open(self) -> None:
        self._open.set()

    def open_soon(self) -> threading.Timer:
        timer = threading.Timer(A_MOMENT, self._open.set)
        timer.start()
        return timer


async def until(event: threading.Event) -> None:
    async with asyncio.timeout(SOON):
        while not event.is_set():  # noqa: ASYNC110 - it is set in a thread
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("more", [0, 1])
async def test_closing_during_a_commit_of_the_thread_waits_for_it(tmp_path: Path, more: int) -> None:
    store, gate = open_store(tmp_path), Gate()
    in_thread(store)
    Tap(store, gate.pass_through)
    done = store.submit(samples.alarm(1))
    await until(gate.entered)
    later = [store.submit(samples.alarm(2)) for _ in range(more)]
    timer = gate.open_soon()
    store.close()
    timer.join()
    await asyncio.gather(done, *later)
    again = open_store(tmp_path)
    assert [again.alarms.get(number) is not None for number in (1, 2)] == [True, more > 0]
    again.close()


async def test_closing_while_the_disk_is_down_writes_what_is_owed_and_refuses_what_waits(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.writer.slow_commit, store.storage.changed = math.inf, lambda: None
    store.storage.fail(full())
    store.owe([samples.alarm(1)], opens=True)
    waiting = store.submit(samples.alarm(2))
    store.close()
    with pytest.raises(DiskFault):
        await waiting
    again = open_store(tmp_path)
    assert again.alarms.get(1) is not None
    assert again.alarms.get(2) is None
    again.close()


async def test_what_is_owed_waits_for_the_transaction_of_the_thread(store: Store) -> None:
    in_thread(store)
    store.storage.changed = lambda: None
    gate, commits = Gate(), iter(range(1, 10))

    def at_commit() -> None:
        if next(commits) == 1:
            raise full()  # then each decision is tried by itself, in the thread
        gate.pass_through()

    Tap(store, at_commit)
    both = asyncio.gather(store.record(samples.alarm(1), samples.MESSAGE), store.record(samples.alarm(2)))
    await until(gate.entered)
    timer = gate.open_soon()
    store.storage.fail(full())  # as somebody finds out who writes at once
    store.owe([samples.alarm(3)], opens=True)
    assert store.alarms.get(1) is not None
    with pytest.raises(StoreUnavailable):
        await both
    timer.join()
    assert store.inbox.message(1) is not None
    assert store.alarms.get(2) is None
    await store.look()
    assert state(store.storage) is Disk.SOUND
    assert store.alarms.get(3) is not None


async def test_a_look_at_a_scarce_disk_touches_the_connection_in_the_thread_only(store: Store) -> None:
    in_thread(store)
    store.storage.move(Disk.SCARCE, "scarce")
    gate = Gate()
    tap = Tap(store, gate.pass_through)
    done = store.submit(samples.alarm(1))
    await until(gate.entered)
    tap.writers.clear()
    look = asyncio.ensure_future(store.look())
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(done, look)
    assert len(tap.writers) == 1
    assert threading.get_ident() not in tap.writers


async def test_whoever_waits_for_the_disk_hears_at_once_that_nothing_is_owed(store: Store) -> None:
    store.writer.slow_commit, store.storage.changed = math.inf, lambda: None
    store.storage.fail(full())
    store.owe([samples.alarm(1)], opens=True)
    heard: list[tuple[bool, Disk, int]] = []
    await store.look(lambda anew: heard.append((anew, state(store.storage), len(store.owed))))
    assert heard == [(False, Disk.SCARCE, 0)]
    await store.look(lambda anew: heard.append((anew, state(store.storage), -1)))
    assert len(heard) == 1


class Needed(Reserve):
    """A reserve that a commit needs in the moment in which it is laid down."""

    storage: Storage

    def lay(self, *, to_the_last: bool = False) -> None:
        super().lay(to_the_last=to_the_last)
        assert self.storage.make_room(NoRoom("full"))


def test_a_reserve_that_is_given_back_while_it_is_laid_down_leaves_the_disk_scarce(tmp_path: Path) -> None:
    reserve = Needed(tmp_path / "reserve", 4096)
    reserve.storage = storage = Storage(reserve)
    storage.move(Disk.SCARCE, "scarce")
    storage.lay_reserve()
    assert not reserve.is_laid()
    assert state(storage) is Disk.SCARCE


class Lost(Reserve):
    """A reserve whose disk dies in the moment in which it is laid down."""

    storage: Storage

    def lay(self, *, to_the_last: bool = False) -> None:
        super().lay(to_the_last=to_the_last)
        self.storage.fail(full())


def test_a_disk_that_dies_while_its_reserve_is_laid_down_stays_down(tmp_path: Path) -> None:
    reserve = Lost(tmp_path / "reserve", 4096)
    reserve.storage = storage = Storage(reserve)
    storage.changed = lambda: None
    storage.move(Disk.SCARCE, "scarce")
    storage.lay_reserve()
    assert state(storage) is Disk.DOWN
