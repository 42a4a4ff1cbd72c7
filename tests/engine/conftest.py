"""A whole engine on a manual clock, with lines whose devices are lists."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, cast

import pytest

from gatewayd.clock import ManualClock, settle
from gatewayd.driver import Capabilities, Driver, Outcome, Receipt
from gatewayd.engine.engine import Engine
from gatewayd.errors import LineDown
from gatewayd.model import (
    AlarmActivated,
    AlarmDefinition,
    AlarmReset,
    Contact,
    Group,
    Plan,
    Priority,
    Role,
    Route,
    Site,
    Step,
    TextReceived,
    User,
    Way,
)
from gatewayd.store import open_store
from gatewayd.store.database import FILE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gatewayd.driver import Line
    from gatewayd.model import Alarm, MsgStatus, Page, Recorded
    from gatewayd.store import Store


class DeskDevice(Driver):
    """A driver whose device is a list: `pages` arrived, `outcomes` are the next receipts, `gate` makes it slow."""

    kind = "desk"

    def __init__(self, line: Line, capabilities: Capabilities) -> None:
        super().__init__(line)
        self._capabilities = capabilities
        self.pages: list[Page] = []
        self.started: list[Page] = []
        self.history: list[Page] = []  # of every line and every start, where a box wants to know
        self.outcomes: list[Receipt] = []
        self.gate: asyncio.Event | None = None
        self.broken = False
        self._lost = asyncio.Event()

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def port(self) -> str:
        return "desk"

    async def run(self) -> None:
        if self.broken:
            message = "no such device"
            raise LineDown(message)
        self._lost.clear()
        self.line.up()
        await self._lost.wait()
        message = "unplugged"
        raise LineDown(message)

    def hold_back(self) -> asyncio.Event:
        """Let every page from now on wait in the driver until the event is set."""
        self.gate = asyncio.Event()
        return self.gate

    def unplug(self) -> None:
        self.broken = True
        self._lost.set()

    def plug_in(self) -> None:
        self.broken = False

    async def send(self, page: Page) -> Receipt:
        self.started.append(page)
        if self.gate is not None:
            await self.gate.wait()
        if self.broken:
            message = "unplugged"
            raise LineDown(message)
        self.pages.append(page)
        self.history.append(page)
        return self.outcomes.pop(0) if self.outcomes else Receipt(Outcome.SENT)

    @property
    def texts(self) -> list[str]:
        return [page.text for page in self.pages]


WARD_PAGER, PHONE_B, PHONE_C, NURSE, DOCTOR, ADMIN, NIGHT, PLAN = 1, 2, 3, 4, 5, 6, 7, 8
SITE = Site(
    users=(
        User(NURSE, "nurse", ways=(Way(PHONE_B),)),
        User(DOCTOR, "doctor", ways=(Way(PHONE_C),)),
        User(ADMIN, "admin", role=Role.ADMIN),
    ),
    contacts=(
        Contact(WARD_PAGER, "ward-pager", "pager", "2001"),
        Contact(PHONE_B, "phone-b", "phones", "2001"),
        Contact(PHONE_C, "phone-c", "phones", "2002"),
    ),
    groups=(Group(NIGHT, "night", ()),),
    plans=(Plan(PLAN, "ward-calls", (Step((WARD_PAGER, NURSE), 30.0), Step((DOCTOR,), 60.0)), cycles=3),),
    definitions=(AlarmDefinition(1, "nurse-call", PLAN),),
    routes=(Route(1, 1, 1, line="ward-panel", source="device"),),
    fallback_id=ADMIN,
)


class Disk:
    """The disk under the store: `fail_at` makes the n-th commit from now fail, `full` every one."""

    def __init__(self, store: Store) -> None:
        self._connection = store.writer._connection
        store.writer._connection = cast("sqlite3.Connection", self)
        self.commits = 0
        self.fail_at: int | None = None
        self.fired = False
        self.full = False

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def rollback(self) -> None:
        self._connection.rollback()

    def executemany(self, sql: str, rows: list[tuple[object, ...]]) -> sqlite3.Cursor:
        return self._connection.executemany(sql, rows)

    def execute(self, sql: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        if sql == "COMMIT":
            self.commits += 1
            if self.full or self.commits == self.fail_at:
                self.fired = True
                message = "database or disk is full"
                raise sqlite3.OperationalError(message)
        return self._connection.execute(sql, values)


class Box:
    """The engine as a test speaks of it."""

    def __init__(self, data: Path, site: Site = SITE, reserve: int = 0) -> None:
        self.data = data
        self.reserve = reserve
        self.clock = ManualClock()
        self.site = site
        self.history: list[Page] = []
        self.without: set[str] = set()  # lines that are not configured any more
        self._open()

    def _open(self) -> None:
        self.store = open_store(self.data, self.reserve)
        self.disk = Disk(self.store)
        self.store.writer.slow_commit = math.inf  # a busy machine must not move commits out of the manual clock's reach
        self.store.save_site(self.site)
        self.engine = Engine(self.store, self.clock)
        self.panel = self._line("ward-panel", Capabilities(receives=True))
        self.pager = self._line("pager", Capabilities(sends=True, longest_text=80))
        self.phones = self._line("phones", Capabilities(sends=True, answers_in_text=True, parallel=8))
        self.engine.start()

    def _line(self, name: str, capabilities: Capabilities) -> DeskDevice:
        device: list[DeskDevice] = []

        def make(line: Line) -> DeskDevice:
            device.append(DeskDevice(line, capabilities))
            device[0].history = self.history
            return device[0]

        line = self.engine.add_line(name, make)
        if name in self.without:
            del self.engine.lines[line.name]
        return device[0]

    async def activates(self, key: str, text: str = "ROOM 12", priority: Priority | None = None) -> Recorded:
        recorded = await self.engine.report("ward-panel", AlarmActivated(key, text, key, priority))
        await settle()
        return recorded

    async def resets(self, key: str | None, address: str = "") -> Recorded:
        recorded = await self.engine.report("ward-panel", AlarmReset(key, address))
        await settle()
        return recorded

    async def passes(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    def user(self, user_id: int) -> User:
        found = self.engine.directory.user(user_id)
        assert found is not None
        return found

    def event_of(self, user_id: int) -> int:
        """Return the id of a user's newest event."""
        from gatewayd.store import Query

        return self.engine.inbox(self.user(user_id), user_id, Query()).items[0].event.id

    async def text(self, sender: str, text: str) -> Recorded:
        """Let a person answer from a phone."""
        recorded = await self.engine.report("phones", TextReceived(sender, text))
        await settle()
        return recorded

    async def accepts(self, user_id: int, event_id: int | None = None) -> MsgStatus:
        return await self.engine.accept(self.user(user_id), event_id or self.event_of(user_id))

    def texts_of(self, user_id: int) -> list[str]:
        """Return what stands in a user's inbox, newest first."""
        from gatewayd.store import Query

        return [item.message.text for item in self.engine.inbox(self.user(user_id), user_id, Query()).items]

    def alarm(self, alarm_id: int = 1) -> Alarm:
        found = self.store.alarms.get(alarm_id)
        assert found is not None
        return found

    def pages(self, alarm_id: int = 1) -> list[Page]:
        return self.store.paging.of_alarm(alarm_id)

    def on_disk(self, sql: str) -> int:
        """Return the number that another process would read."""
        with closing(sqlite3.connect(f"file:{self.data / FILE}?mode=ro", uri=True)) as connection:
            found: int = connection.execute(sql).fetchone()[0]
            return found

    def journal(self, alarm_id: int = 1) -> list[str]:
        return [entry.text for entry in self.store.journal.of_alarm(alarm_id)]

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is under way or remembered that should be forgotten."""
        return len(self.engine._core.locks) == 0 and all(line.depth() == 0 for line in self.engine.lines.values())

    async def stop(self) -> None:
        await self.engine.stop()
        self.store.close()

    async def is_killed(self) -> None:
        """Lose everything that is not on disk, and start again."""
        self.engine._core.wake_up = None
        for line in self.engine.lines.values():
            line._closed = True
        tasks = [*self.engine._running, *(task for line in self.engine.lines.values() for task in line.tasks())]
        self.disk.full = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.store.close()
        self._open()
        await settle()

    async def restart(self) -> None:
        await self.stop()
        self._open()
        await settle()


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    started = Box(tmp_path)
    await settle()
    yield started
    await started.stop()
