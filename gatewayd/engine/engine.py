"""The one async shell around the rules: it wakes up when something is due, and carries decisions out."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from gatewayd.clock import sleep
from gatewayd.driver import Outcome, Receipt
from gatewayd.engine import delivery, endings, supervision
from gatewayd.engine.case import case_key
from gatewayd.engine.change import Policy
from gatewayd.engine.core import Core
from gatewayd.engine.desk import Desk
from gatewayd.engine.directory import Directory
from gatewayd.engine.intake import Intake
from gatewayd.engine.line import RunningLine
from gatewayd.engine.outcome import page_moved, take_next_way
from gatewayd.engine.people import People
from gatewayd.engine.pool import attributed
from gatewayd.engine.poolline import PoolLine
from gatewayd.engine.storagewatch import StorageWatch
from gatewayd.engine.wakeup import WakeUp
from gatewayd.errors import GatewayError, StoreUnavailable
from gatewayd.model import EscalationState, JournalKind, Page, PageState

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from gatewayd.clock import Clock
    from gatewayd.driver import Driver
    from gatewayd.engine.changes import Changes
    from gatewayd.model import Recorded, Report
    from gatewayd.store import Store

log = logging.getLogger(__name__)

RowT = TypeVar("RowT")

MOST_AT_ONCE = 256  # escalations that are decided side by side: bounds the burst after an outage
OWN_LINE = "gatewayd"  # where faults of the box itself come from
STOP_TIMEOUT = 1.0  # seconds that receipts get to be written down at the end
RETRY = 1.0  # seconds until a step that could not be recorded is tried again
POISON = 3  # failures after which one escalation is set aside, so that it never stops the others


class Engine(Desk):
    """Everything between the drivers and the APIs. To its lines it is the `LineHost`."""

    def __init__(self, store: Store, clock: Clock, policy: Policy | None = None) -> None:
        core = Core(store, clock, Directory(store.load_site()), policy or Policy())
        super().__init__(core)
        core.wake_up = WakeUp(clock, self._ring)
        self._intake = Intake(core)
        self.people = People(core)
        self._running: set[asyncio.Task[None]] = set()
        self._failures: Counter[int] = Counter()
        self._beat: tuple[float, Callable[[], None]] | None = None
        self._next_beat = 0.0
        self._advancing = 0

    @property
    def store(self) -> Store:
        """The store."""
        return self._core.store

    @property
    def clock(self) -> Clock:
        """The one clock."""
        return self._core.clock

    @property
    def directory(self) -> Directory:
        """The index over the present site."""
        return self._core.directory

    @property
    def changes(self) -> Changes:
        """What users have to be told."""
        return self._core.changes

    @property
    def lines(self) -> dict[str, RunningLine]:
        """The lines by name."""
        return self._core.lines

    # --- life ---------------------------------------------------------------------------------------------------------

    def add_line(self, name: str, make_driver: Callable[[RunningLine], Driver], pool: str = "") -> RunningLine:
        """Add a line before `start`, as a member of a pool where it belongs to one."""
        line = RunningLine(name, self)
        line.driver = make_driver(line)
        self._core.lines[name] = line
        if pool:
            self._pool(pool).join(line)
        return line

    def _pool(self, name: str) -> PoolLine:
        found = self._core.lines.get(name)
        if not isinstance(found, PoolLine):
            found = self._core.lines[name] = PoolLine(name, self)
        return found

    def start(self) -> None:
        """Take up everything that the store holds, and open the lines."""
        self.reload_site()
        for page in self._taken_up("pages that wait", self.store.paging.queued):
            line = self.lines.get(page.line)
            if line is None:
                self._spawn(self._settle_orphan(page))
            else:
                line.push(page)
        self._core.agenda.load(self._taken_up("escalations that go on", self.store.paging.deadlines))
        for line in self.lines.values():
            self._spawn(line.supervise())
        self.wake_at(self._core.agenda.next_due())
        self._watch_storage()

    @staticmethod
    def _taken_up(what: str, read: Callable[[], Iterable[RowT]]) -> list[RowT]:
        """Return what `read` returns; where it is damaged nobody misses new alarms, and people are told."""
        try:
            return list(read())
        except StoreUnavailable as error:
            log.critical("%s are not taken up: %s", what, error)
            return []

    def _watch_storage(self) -> None:
        keys = (supervision.STORAGE, supervision.STORAGE_DOWN)
        stands = [key for key in keys if self.store.alarms.active_with_key(OWN_LINE, key) is not None]
        watch = StorageWatch(self.store, self.clock, partial(self.report, OWN_LINE), self._core.settled)
        self._spawn(watch.run(stands))

    def reload_site(self) -> None:
        """Read what people edited: from now on every decision uses it. Raises StoreUnavailable: the last one stays."""
        self._core.refuse_while_down()  # the disk may not be readable, and nobody can have written to it
        self.people.reload()

    def beat(self, interval: float, callback: Callable[[], None]) -> None:
        """Call back every `interval` seconds out of the scheduler: the proof that it still works (watchdog)."""
        self._beat = (interval, callback)
        self._next_beat = self.clock.now()
        self.wake_at(self._next_beat)

    async def stop(self) -> None:
        """Stop at once; what is under way stays in the store and goes on at the next start."""
        if self._core.wake_up is not None:
            self._core.wake_up.stop()
        writing = [task for line in self.lines.values() for task in line.close()]
        for task in self._running:
            task.cancel()
        if writing:
            await asyncio.wait(writing, timeout=STOP_TIMEOUT)
        tasks = [*self._running, *(task for line in self.lines.values() for task in line.tasks())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- what lines call ----------------------------------------------------------------------------------------------

    def report(self, line: str, report: Report) -> Coroutine[Any, Any, Recorded]:
        """Record what a device reported; it is on disk once this was awaited.

        Raises StoreUnavailable; NotDurable where it took effect all the same.
        """
        running = self.lines.get(line)
        if running is not None and running.pool is not None:
            line, report = attributed(line, running.pool.name, report, self.store.paging)
        return self._intake.report(line, report)

    async def settle(self, page: Page, receipt: Receipt) -> None:
        """Record how an attempt ended, and go on to the next way or the next step where that is called for."""
        core = self._core
        async with core.locks(case_key(page.alarm_id, page.message_id)):
            case = self._case(page.message_id)
            current = case.page(page.id)
            if current is None:
                current = core.store.paging.get(page.id) or page
            change = core.change()
            moved = delivery.settle(current, receipt, change.ctx.now, core.policy)
            if moved.push is None:
                page_moved(change, case, moved)
            else:
                core.changes.push_moved(change, case, moved)
            await core.carry_out(change)

    async def hasten(self, page: Page) -> None:
        """Bring the next way of a page forward: its own line is down. Raises StoreUnavailable."""
        core = self._core
        async with core.locks(case_key(page.alarm_id, page.message_id)):
            case = self._case(page.message_id)
            current = case.page(page.id)
            if current is None or current.state is not PageState.QUEUED:
                return
            change = core.change()
            if current.push is not None:
                if not current.attempts:  # after an attempt that failed it fell back already
                    core.changes.fall_back(change, case, current)
                await core.carry_out(change)
                return
            if take_next_way(change, current, list(case.pages)):
                text = f"line {page.line} is down: the next way is taken now"
                change.note(JournalKind.PAGE, text, line=page.line, alarm_id=page.alarm_id, message_id=page.message_id)
                await core.carry_out(change)

    async def _settle_orphan(self, page: Page) -> None:
        """Fail a page whose line is not configured any more, so that other ways and other people are tried."""
        log.error("page %d waits for line %r, which is not configured", page.id, page.line)
        receipt = Receipt(Outcome.REFUSED, f"there is no line {page.line!r}")
        while True:  # what stays queued would not be looked at again before the next start
            try:
                return await self.settle(page, receipt)
            except StoreUnavailable as error:
                log.error("page %d could not be taken from its missing line yet: %s", page.id, error)  # noqa: TRY400 - once a second is enough without a trace
            except GatewayError:
                return log.exception("page %d could not be taken from its missing line", page.id)
            await sleep(self.clock, RETRY)

    def wake_at(self, when: float | None) -> None:
        """Have deadlines and queues looked at again at `when` at the latest."""
        self._core.wake_at(when)

    # --- the scheduler ------------------------------------------------------------------------------------------------

    def _ring(self) -> None:
        """Something is due: deadlines first, then queues, then the watchdog; sleep until the next."""
        core, now = self._core, self.clock.now()
        for escalation_id in core.agenda.take_due(now, MOST_AT_ONCE - self._advancing):
            self._advancing += 1
            self._spawn(self._advance(escalation_id))
        for line in self.lines.values():
            line.pump()
        if self._beat is not None:
            interval, callback = self._beat
            if now >= self._next_beat:
                callback()
                self._next_beat = now + interval
            self.wake_at(self._next_beat)
        if self._advancing < MOST_AT_ONCE:
            self.wake_at(core.agenda.next_due())

    async def _advance(self, escalation_id: int) -> None:
        """Decide, as its wait is over, on the state as it is now; one that cannot be never stops the others."""
        core = self._core
        try:
            await self._next_step(escalation_id)
            self._failures.pop(escalation_id, None)
        except StoreUnavailable as error:
            log.error("escalation %d could not be recorded; trying again: %s", escalation_id, error)  # noqa: TRY400 - once a second is enough without a trace
            core.agenda.set(escalation_id, core.clock.now() + RETRY)
        except Exception:
            log.exception("escalation %d failed", escalation_id)
            await self._quarantine(escalation_id)
        finally:
            self._advancing -= 1
            self.wake_at(core.agenda.next_due())

    async def _next_step(self, escalation_id: int) -> None:
        core = self._core
        run = core.cases.escalation(escalation_id)
        if run is None:
            core.refuse_while_down()  # it may be on a disk that cannot be read
            return
        async with core.locks(case_key(run.alarm_id, run.message_id)):
            run = core.cases.escalation(escalation_id) or run
            if run.state is not EscalationState.RUNNING:
                return
            if run.due > core.clock.now():
                core.agenda.set(run.id, run.due, run.priority)
                return
            change = core.change()
            endings.advance(change, self._case(run.message_id), run, "nobody accepted in time")
            await core.carry_out(change)

    async def _quarantine(self, escalation_id: int) -> None:
        """Try an escalation that fails a few times more, then set it aside and tell people."""
        self._failures[escalation_id] += 1
        if self._failures[escalation_id] < POISON:
            self._core.agenda.set(escalation_id, self.clock.now() + RETRY)
            return
        text = f"Escalation {escalation_id} cannot go on: look after its alarm by hand"
        log.critical("%s (it failed %d times)", text, POISON)
        del self._failures[escalation_id]
        try:
            await self.report(OWN_LINE, supervision.poison(f"escalation-{escalation_id}", text))
        except Exception:
            log.exception("the fault of escalation %d could not be recorded", escalation_id)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
