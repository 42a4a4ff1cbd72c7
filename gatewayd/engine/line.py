"""One line: its driver under supervision, its queue, and the worker that hands pages to the driver."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

from gatewayd.clock import sleep
from gatewayd.driver import Outcome, Receipt
from gatewayd.engine import supervision
from gatewayd.engine.queue import PriorityQueue
from gatewayd.errors import LineDown, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gatewayd.clock import Clock
    from gatewayd.driver import Driver
    from gatewayd.model import Page, Recorded, Report
    from gatewayd.store import Store

STORE_RETRY = 1.0  # seconds between attempts to write down what happened to a page that has already left


class LineHost(Protocol):
    """What a line needs of the engine."""

    @property
    def clock(self) -> Clock:
        """The one clock."""

    @property
    def store(self) -> Store:
        """The store."""

    async def report(self, line: str, report: Report) -> Recorded:
        """Record a report."""

    async def settle(self, page: Page, receipt: Receipt) -> None:
        """Record the end of a delivery attempt and decide what follows."""

    async def hasten(self, page: Page) -> None:
        """Bring the next way of a page forward: this one cannot be delivered now."""

    def wake_at(self, when: float | None) -> None:
        """Have the queues looked at again at `when`."""


class _Memory:
    """What a line remembers, in the store."""

    def __init__(self, store: Store, line: str) -> None:
        self._store = store
        self._line = line
        self._items = store.line_memory(line)

    def items(self) -> dict[str, Any]:
        return dict(self._items)

    async def save(self, changes: dict[str, Any]) -> None:
        await self._store.save_line_memory(self._line, changes)
        for key, value in changes.items():
            if value is None:
                self._items.pop(key, None)
            else:
                self._items[key] = value


class RunningLine:
    """A configured line. To its driver it is the gateway (`gatewayd.driver.Line`)."""

    def __init__(self, name: str, host: LineHost) -> None:
        self.name = name
        self.clock = host.clock
        self.log = logging.LoggerAdapter(logging.getLogger("gatewayd.line"), {"line": name})
        self.memory = _Memory(host.store, name)
        self.counters: Counter[str] = Counter()
        self.is_up = False
        self.down_reason = "not opened yet"
        self.first_attempt = asyncio.Event()
        self.driver: Driver | None = None
        self._host = host
        self._queue: PriorityQueue[int] = PriorityQueue()
        self._pages: dict[int, Page] = {}
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._attempts: set[int] = set()
        self._busy: dict[str, list[Page]] = {}
        self._failures = 0
        self._fault_stands = host.store.alarms.active_with_key(name, supervision.LINE_DOWN) is not None
        self._up_since = 0.0
        self._side_tasks: set[asyncio.Task[Any]] = set()

    @property
    def kind(self) -> str:
        """The kind of the line's driver."""
        return self.driver.kind if self.driver is not None else ""

    @property
    def port(self) -> str:
        """Where the line is connected."""
        return self.driver.port if self.driver is not None else ""

    # --- what the driver calls ----------------------------------------------------------------------------------------

    def up(self) -> None:
        """The device answers and is initialised."""
        if self.is_up:
            return
        self.is_up, self._up_since, self.down_reason = True, self.clock.now(), ""
        self.first_attempt.set()
        self.log.info("line %s is up", self.name)
        if self._fault_stands:
            self._aside(self._tell_fault(supervision.fault_over(self.name), stands=False))
        self.pump()

    def count(self, what: str, amount: int = 1) -> None:
        """Add to one of the line's counters."""
        self.counters[what] += amount

    async def report(self, report: Report) -> Recorded:
        """Record what the device reported."""
        return await self._host.report(self.name, report)

    # --- supervision --------------------------------------------------------------------------------------------------

    async def supervise(self) -> None:
        """Run the driver for ever: when the device is lost, say so and reconnect with back-off."""
        while True:
            reason = await self._run_once()
            self._fell(reason)
            await sleep(self.clock, supervision.back_off(self._failures))

    async def _run_once(self) -> str:
        assert self.driver is not None
        try:
            await self.driver.run()
        except LineDown as error:
            return str(error)
        except Exception as error:
            self.log.exception("the driver of line %s failed", self.name)
            return f"internal error: {type(error).__name__}"
        return "the driver ended"

    def _fell(self, reason: str) -> None:
        steady = self.is_up and self.clock.now() - self._up_since >= supervision.STEADY
        self._failures = 1 if steady else self._failures + 1
        if self.is_up or self._failures == 1:
            self.log.error("line %s is down: %s", self.name, reason)
        self.is_up, self.down_reason = False, reason
        self.first_attempt.set()
        if not self._fault_stands:
            self._aside(self._tell_fault(supervision.fault(self.name, reason), stands=True))
        for page in list(self._pages.values()):
            if not page.held:
                self._aside(self._host.hasten(page))

    async def _tell_fault(self, report: Report, *, stands: bool) -> None:
        """Raise or clear the line's fault; when the store does not take it, the next loss or return tries again."""
        before, self._fault_stands = self._fault_stands, stands
        try:
            await self._host.report(self.name, report)
        except StoreUnavailable:
            self._fault_stands = before
            self.log.exception("the state of line %s could not be recorded", self.name)

    # --- the queue ----------------------------------------------------------------------------------------------------

    def push(self, page: Page) -> None:
        """Queue a page, or queue its newest version anew. Call `pump` afterwards."""
        if page.id in self._attempts:
            return
        self._pages[page.id] = page
        self._queue.push(page.id, page.priority, page.created, page.due, self.clock.now())
        if not self.is_up and not page.held and page.user_id is not None:
            self._aside(self._host.hasten(page))

    def hold(self, page_id: int) -> bool:
        """Take a page out of the queue for now; return whether it was there."""
        for waiting in self._busy.values():
            for page in waiting:
                if page.id == page_id:
                    waiting.remove(page)
                    return True
        return self._queue.withdraw(page_id)

    def release(self, page_id: int) -> None:
        """Put a held page back: it is not withdrawn after all."""
        page = self._pages.get(page_id)
        if page is not None and page_id not in self._sending:
            self.push(page)

    def drop(self, page_id: int) -> asyncio.Task[None] | None:
        """Forget a page for good; when it is on its way, stop that and return the task that is ending."""
        self.hold(page_id)
        self._pages.pop(page_id, None)
        if page_id not in self._attempts:
            return None
        task = self._sending[page_id]
        task.cancel()
        return task

    def in_flight(self) -> Iterable[int]:
        """Return the ids of the pages that the driver has in hand, or that left and are not written down yet."""
        return self._sending.keys()

    def tasks(self) -> list[asyncio.Task[Any]]:
        """Return what runs for this line at the moment, beside its supervision."""
        return [*self._sending.values(), *self._side_tasks]

    def depth(self) -> int:
        """Return how many pages wait or are under way."""
        return len(self._pages)

    def pump(self) -> None:
        """Hand ready pages to the driver, as many as it takes at once, one at a time to each address."""
        while self.is_up and self.driver is not None and len(self._attempts) < self.driver.capabilities.parallel:
            page_id = self._queue.pop(self.clock.now())
            if page_id is None:
                break
            page = self._pages[page_id]
            if page.address in self._busy:
                self._busy[page.address].append(page)
            else:
                self._send(page)
        self._host.wake_at(self._queue.next_due())

    def _send(self, page: Page) -> None:
        self._busy[page.address] = []
        task = asyncio.get_running_loop().create_task(self._deliver(page))
        self._sending[page.id] = task
        self._attempts.add(page.id)
        task.add_done_callback(lambda _: self._sent(page))

    def _sent(self, page: Page) -> None:
        """An attempt ended, or was cut short: the address is free again."""
        self._sending.pop(page.id, None)
        self._attempts.discard(page.id)
        for waiting in self._busy.pop(page.address, []):
            self._queue.push(waiting.id, waiting.priority, waiting.created)
        self.pump()

    async def _deliver(self, page: Page) -> None:
        receipt = await self._attempt(page)
        self._attempts.discard(page.id)
        self._pages.pop(page.id, None)
        self.count(f"pages_{receipt.outcome.value}")
        self.pump()
        await self._write_down(page, receipt)

    async def _attempt(self, page: Page) -> Receipt:
        assert self.driver is not None
        if self.clock.now() > page.expires:
            return Receipt(Outcome.REFUSED, "expired before it could be sent")
        try:
            return await self.driver.send(page)
        except LineDown as error:
            return Receipt(Outcome.FAILED, str(error))
        except Exception as error:
            self.log.exception("sending page %d on line %s failed", page.id, self.name)
            return Receipt(Outcome.FAILED, f"internal error: {type(error).__name__}")

    async def _write_down(self, page: Page, receipt: Receipt) -> None:
        """Record a receipt; a page that has left must not be forgotten, so this is tried until the store takes it."""
        while True:
            try:
                await self._host.settle(page, receipt)
            except StoreUnavailable:
                self.log.exception("the receipt of page %d could not be recorded yet", page.id)
                await sleep(self.clock, STORE_RETRY)
            else:
                return

    def _aside(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._side_tasks.add(task)
        task.add_done_callback(self._side_tasks.discard)
