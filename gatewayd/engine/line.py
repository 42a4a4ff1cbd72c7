"""One line: its driver under supervision, and its queue, from which pages go to the driver."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

from gatewayd.clock import sleep
from gatewayd.driver import Outcome, Receipt
from gatewayd.engine import supervision
from gatewayd.engine.attempts import Attempts
from gatewayd.engine.linefault import STORE_RETRY, LineFault
from gatewayd.engine.linememory import Memory
from gatewayd.engine.linequeue import LineQueue
from gatewayd.errors import LineDown, StoreUnavailable
from gatewayd.transport.capture import CURRENT, Recorder

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from gatewayd.clock import Clock
    from gatewayd.driver import Driver, News
    from gatewayd.engine.poolline import PoolLine
    from gatewayd.model import Page, Recorded, Report
    from gatewayd.store import Store

TROUBLE_EVERY = 10.0  # seconds between two log lines about the same kind of bad input


class LineHost(Protocol):
    """What a line needs of the engine."""

    @property
    def clock(self) -> Clock:
        """The one clock."""

    @property
    def store(self) -> Store:
        """The store."""

    def report(self, line: str, report: Report) -> Coroutine[Any, Any, Recorded]:
        """Record a report."""

    async def settle(self, page: Page, receipt: Receipt) -> None:
        """Record the end of a delivery attempt and decide what follows."""

    async def hasten(self, page: Page) -> None:
        """Bring the next way of a page forward: this one cannot be delivered now. Raises StoreUnavailable."""

    def wake_at(self, when: float | None) -> None:
        """Have the queues looked at again at `when`."""


class RunningLine:
    """A configured line. To its driver it is the gateway (`gatewayd.driver.ForwardingLine`)."""

    def __init__(self, name: str, host: LineHost) -> None:
        self.name = name
        self.clock = host.clock
        self.log = logging.LoggerAdapter(logging.getLogger("gatewayd.line"), {"line": name})
        self.memory = Memory(host.store, name)
        self.counters: Counter[str] = Counter()
        self.recorder = Recorder(self.clock)
        self._troubles: dict[str, tuple[float, int]] = {}
        self.is_up = False
        self.down_reason = "not opened yet"
        self.degraded_reason = ""
        self.first_attempt = asyncio.Event()
        self.driver: Driver | None = None
        self.pool: PoolLine | None = None
        self._host = host
        self._queue = LineQueue(self.clock)
        self._attempts = Attempts(self, host, self._moved)
        self._failures = 0
        self._fault = LineFault(self, host)
        self._up_since = 0.0
        self._closed = False
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
        """Take note that the device answers and is initialised."""
        if self.is_up or self._closed:
            return
        self.is_up, self._up_since = True, self.clock.now()
        self.first_attempt.set()
        self.log.info("line %s is up", self.name)
        self._want_fault(wanted=False)
        for page_id in self._attempts.interrupted:
            self._queue.resume(page_id)
        self._attempts.interrupted.clear()
        self._moved()

    def count(self, what: str, amount: int = 1) -> None:
        """Add to one of the line's counters."""
        self.counters[what] += amount

    def trouble(self, what: str, amount: int = 1) -> None:
        """Count bad input and log it, each kind at most every `TROUBLE_EVERY` seconds with what came in between."""
        self.counters[what] += amount
        now = self.clock.now()
        since, silent = self._troubles.get(what, (-TROUBLE_EVERY, 0))
        if now - since < TROUBLE_EVERY:
            self._troubles[what] = (since, silent + amount)
            return
        self._troubles[what] = (now, 0)
        self.log.warning("bad input: %s +%d, %d in all", what, silent + amount, self.counters[what])

    def reachable(self, address: str) -> None:
        """Try the pages to an address again that failed: its device is back."""
        self._queue.hurry(address)
        self.pump()
        if self.pool is not None:
            self.pool.reachable(address)

    def degraded(self, reason: str) -> None:
        """Take note that the line works badly, or well again."""
        if reason != self.degraded_reason:
            self.degraded_reason = reason
            self.log.warning("line %s works badly: %s", self.name, reason) if reason else self.log.info(
                "line %s works well again", self.name
            )
            self._moved()

    def report(self, report: Report) -> Coroutine[Any, Any, Recorded]:
        """Record what the device reported; on disk once this was awaited. Raises StoreUnavailable."""
        return self._host.report(self.name, report)

    def tell(self, news: News) -> None:
        """Pass on to the driver what became of something that this line reported, if it wants to know."""
        driver = self.driver
        if driver is None or not driver.capabilities.follows:
            return
        self.recorder.told(news)
        try:
            driver.tell(news)
        except Exception:
            self.log.exception("the driver of line %s could not be told", self.name)

    # --- supervision --------------------------------------------------------------------------------------------------

    async def supervise(self) -> None:
        """Run the driver for ever: when the device is lost, say so and reconnect with back-off."""
        CURRENT.set(self.recorder)
        while True:
            reason = await self._run_once()
            self._fell(reason)
            await sleep(self.clock, supervision.back_off(self._failures))
            self._attempts.cut_all("the line was lost while it was being sent")

    def _moved(self) -> None:
        """Go on with the queue, and have the pool look again: this line came, went, or has room."""
        self.pump()
        if self.pool is not None:
            self.pool.moved()

    async def _run_once(self) -> str:
        if self.driver is None:
            return "it has no driver"
        self.recorder.opening()
        self.driver.look_ahead(self)
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
        news = self.is_up or self._failures == 1
        self.is_up, self.down_reason = False, reason
        self.first_attempt.set()
        self._want_fault(wanted=True)
        self._fault.log(reason, news=news)
        if news:
            for page in self._queue.pages():
                self._hasten(page)
        self._moved()

    def _want_fault(self, *, wanted: bool) -> None:
        if self._fault.want(wanted=wanted):
            self._aside(self._fault.tell())

    def _hasten(self, page: Page) -> None:
        if not page.held and page.user_id is not None:
            self._aside(self._take_next_way(page))

    async def _take_next_way(self, page: Page) -> None:
        while not self.is_up and page.id in self._queue:
            try:
                await self._host.hasten(page)
            except StoreUnavailable as error:
                self.log.error("the next way of page %d could not be taken yet: %s", page.id, error)  # noqa: TRY400 - once a second is enough without a trace
                await sleep(self.clock, STORE_RETRY)
            else:
                return

    # --- the queue ----------------------------------------------------------------------------------------------------

    def push(self, page: Page) -> None:
        """Queue a page, or queue its newest version anew. Call `pump` afterwards."""
        if page.id in self._attempts:
            return
        self._queue.push(page)
        if not self.is_up and self.first_attempt.is_set():
            self._hasten(page)

    def hold(self, page_id: int) -> bool:
        """Take a page out of the queue for now; return whether it was there."""
        return self._queue.hold(page_id)

    def release(self, page_id: int) -> None:
        """Put a held page back: it is not withdrawn after all. Call `pump` afterwards."""
        if page_id not in self._attempts.pages():
            self._queue.release(page_id)

    def drop(self, page_id: int) -> asyncio.Task[None] | None:
        """Forget a page for good; when it is on its way, stop that and return the task that is ending."""
        self._queue.drop(page_id)
        return self._attempts.withdraw(page_id)

    def in_flight(self) -> Iterable[int]:
        """Return the ids of the pages that the driver has in hand, or that left and are not written down yet."""
        return self._attempts.pages()

    def depth(self) -> int:
        """Return how many pages wait or are under way."""
        return len(self._queue) + len(self._attempts)

    def pump(self) -> None:
        """Hand ready pages to the driver, as many as it takes at once, one at a time to each address."""
        driver = self.driver
        if not self.is_up or self._closed or driver is None:
            return  # `up` pumps again; a timer for what is due meanwhile would ring without end
        if not self._queue:
            return
        if (wait := driver.held_back()) > 0:  # what is more urgent by then must still come first
            self._host.wake_at(self.clock.now() + wait)
            return
        parallel = driver.capabilities.parallel
        while len(self._attempts) < parallel:
            page = self._queue.pop()
            if page is None:
                self._host.wake_at(self._queue.next_due())
                return
            self._attempts.deliver(driver, page, self._sent)

    # --- what the driver may look at (`gatewayd.driver.Upcoming`) -----------------------------------------------------

    def peek(self) -> Page | None:
        """Return the page that would be next as things stand."""
        return self._queue.peek() if self.pool is None else self.pool.peek()

    def take(self, after: int) -> Page | None:
        """Take the page that is next, now that the driver is done with page `after`."""
        driver, attempts = self.driver, self._attempts
        if driver is None or not self.is_up or self._closed or after not in attempts:
            return None
        if len(attempts) > driver.capabilities.parallel or driver.held_back() > 0:
            return None
        if self.pool is not None:
            return self.pool.take_for(self, after) if not self._queue else None
        page = self._queue.pop()
        if page is None:
            return None
        if page.expires < self.clock.now():
            attempts.deliver(driver, page, self._sent)  # where it is refused for that
            return None
        attempts.take(driver, page, self._sent, after)
        return page

    def _sent(self, page: Page) -> None:
        """Free the address: an attempt ended and is written down, or it was cut short."""
        self._queue.free(page.address)
        self._moved()

    # --- for a pool ---------------------------------------------------------------------------------------------------

    def room(self) -> int:
        """Return how many pages more the driver takes."""
        free = self.driver.capabilities.parallel - len(self._attempts) if self.driver is not None else 0
        return free if self.is_up and not self._closed else 0

    def held_back(self) -> float:
        """Return for how many seconds the driver would hold the next page back."""
        return self.driver.held_back() if self.driver is not None else 0.0

    def hand_over(self, page: Page, after: int) -> None:
        """Take note of a page of the pool that the driver begins with after page `after`; `relay` follows."""
        self._attempts.hand_over(page, after)

    async def relay(self, page: Page) -> Receipt:
        """Make one attempt to deliver a page of the pool, which writes down what becomes of it."""
        driver = self.driver
        if driver is None:
            return Receipt(Outcome.FAILED, "it has no driver")
        return await self._attempts.relay(driver, page, self._sent)

    # --- the end ------------------------------------------------------------------------------------------------------

    def close(self) -> list[asyncio.Task[None]]:
        """Send nothing more and cut what is being sent; returns the tasks that still write receipts down."""
        self._closed = True
        self.is_up = False
        return self._attempts.close()

    def tasks(self) -> list[asyncio.Task[Any]]:
        """Return what runs for this line at the moment, beside its supervision."""
        return [*self._attempts.tasks(), *self._side_tasks]

    def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._side_tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._side_tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.log.error("a task of line %s failed", self.name, exc_info=error)
