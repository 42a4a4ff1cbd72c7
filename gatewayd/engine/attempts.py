"""The pages of one line that its driver has in hand, and those that have left and are not written down yet."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from gatewayd.clock import sleep
from gatewayd.driver import Outcome, Receipt
from gatewayd.engine import supervision
from gatewayd.engine.linefault import STORE_RETRY
from gatewayd.errors import LineDown, StoreUnavailable
from gatewayd.transport.capture import CURRENT, WITHDRAW

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from gatewayd.clock import TimerHandle
    from gatewayd.driver import Driver
    from gatewayd.engine.line import LineHost, RunningLine
    from gatewayd.model import Page

SEND_LIMIT = 180.0  # seconds; above the limits of every protocol: a driver that hangs must not hold its line
POISON = 3  # failures after which a receipt that cannot be decided on is set aside, so that it never stops the others


class Attempts:
    """Delivery attempts, each a task of its own. `moved` is called when one ends or its driver has room again."""

    def __init__(self, line: RunningLine, host: LineHost, moved: Callable[[], None]) -> None:
        self._line = line
        self._host = host
        self._moved = moved
        self._tasks: dict[int, asyncio.Task[Any]] = {}  # by page, until the receipt is on disk
        self._in_hand: set[int] = set()  # pages that the driver has
        self._cut_reasons: dict[int, str] = {}
        self._limits: dict[int, float] = {}  # until when `send` may take for a page, the oldest first
        self._guard: TimerHandle | None = None  # rings at the first of these limits
        self._taken: dict[int, Callable[[], None]] = {}  # begins the attempt of a page that the driver took itself
        self._unheard: set[int] = set()  # those pages until `send` is called for them
        self.interrupted: set[int] = set()  # pages that were the first time on their way when the line was lost

    def __len__(self) -> int:
        """Return how many pages the driver has in hand."""
        return len(self._in_hand)

    def __contains__(self, page_id: int) -> bool:
        """Return whether the driver has a page in hand."""
        return page_id in self._in_hand

    def pages(self) -> Iterable[int]:
        """Return the ids of the pages that the driver has in hand, or that left and are not written down yet."""
        return self._tasks.keys()

    def tasks(self) -> list[asyncio.Task[Any]]:
        """Return the attempts, and what writes down how they ended."""
        self._begin_taken()
        return list(self._tasks.values())

    # --- beginning ----------------------------------------------------------------------------------------------------

    def deliver(self, driver: Driver, page: Page, ended: Callable[[Page], None]) -> None:
        """Begin an attempt and write down how it ended; then `ended` is called."""
        self._in_hand.add(page.id)
        self._see_through(driver, page, ended)

    def take(self, driver: Driver, page: Page, ended: Callable[[Page], None], after: int) -> None:
        """Take note of a page that the driver begins with by itself, because it is done with the page `after`.

        Its attempt begins when that of the other one ends, which is said a little later: now there is no time.
        """
        self._unheard.add(page.id)
        self._in_hand.discard(after)
        self._in_hand.add(page.id)
        self._tasks[page.id] = self._tasks[after]
        self._taken[page.id] = partial(self._see_through, driver, page, ended)
        self._line.recorder.ordered(page)

    def _see_through(self, driver: Driver, page: Page, ended: Callable[[Page], None]) -> None:
        self._begin(page, self._deliver(driver, page), ended)

    def _begin_taken(self) -> None:
        while self._taken:
            self._taken.pop(next(iter(self._taken)))()

    def hand_over(self, page: Page, after: int) -> None:
        """Take note of a page that the driver begins with by itself, for somebody who will have it relayed."""
        self._unheard.add(page.id)
        self._in_hand.discard(after)
        self._in_hand.add(page.id)
        self._line.recorder.ordered(page)

    async def relay(self, driver: Driver, page: Page, ended: Callable[[Page], None]) -> Receipt:
        """Make an attempt, as a part of the present task, for somebody who writes down himself how it ended."""
        if page.id not in self._unheard:
            self._in_hand.add(page.id)
        task = self._tasks[page.id] = cast("asyncio.Task[Any]", asyncio.current_task())
        try:
            return await self._relay(driver, page)
        finally:
            self._ended(page, ended, task)

    def _begin(self, page: Page, work: Coroutine[Any, Any, Any], ended: Callable[[Page], None]) -> None:
        task = self._tasks[page.id] = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(partial(self._ended, page, ended))

    def _ended(self, page: Page, ended: Callable[[Page], None], _: asyncio.Task[Any]) -> None:
        self._tasks.pop(page.id, None)
        self._in_hand.discard(page.id)
        self._cut_reasons.pop(page.id, None)
        self._begin_taken()
        ended(page)

    # --- the attempt --------------------------------------------------------------------------------------------------

    async def _deliver(self, driver: Driver, page: Page) -> None:
        receipt = await self._relay(driver, page)
        self._in_hand.discard(page.id)
        self._begin_taken()
        self._moved()
        if receipt.outcome is not Outcome.FAILED:
            await asyncio.sleep(0)  # the next page leaves first: a commit may hold up the loop, the device would idle
        await self._write_down(page, receipt)

    async def _relay(self, driver: Driver, page: Page) -> Receipt:
        CURRENT.set(self._line.recorder)
        receipt = await self._attempt(driver, page)
        self._line.count(f"pages_{receipt.outcome.value}")
        return receipt

    async def _attempt(self, driver: Driver, page: Page) -> Receipt:
        line, now = self._line, self._line.clock.now()
        if page.id in self._unheard:
            self._unheard.discard(page.id)
        elif now > page.expires:
            return Receipt(Outcome.REFUSED, "expired before it could be sent")
        else:
            line.recorder.ordered(page)
        self._limit(page.id, now + SEND_LIMIT)
        try:
            return await driver.send(page)
        except LineDown as error:
            if not page.attempts:  # what takes the line down again and again has to let the others go first
                self.interrupted.add(page.id)
            return Receipt(Outcome.FAILED, str(error))
        except asyncio.CancelledError:
            line.recorder.record(WITHDRAW, str(page.id), b"")
            reason = self._cut_reasons.pop(page.id, None)
            if reason is None:
                raise
            return Receipt(Outcome.UNKNOWN, reason)
        except Exception as error:
            line.log.exception("sending page %d on line %s failed", page.id, line.name)
            return Receipt(Outcome.FAILED, f"internal error: {type(error).__name__}")
        finally:
            self._limits.pop(page.id, None)

    def _limit(self, page_id: int, until: float) -> None:
        """Have an attempt cut that is not over by then; one timer does for all of them, for they all last as long."""
        self._limits[page_id] = until
        if self._guard is None:
            self._guard = self._line.clock.call_at(until, self._cut_late)

    def _cut_late(self) -> None:
        self._guard, now = None, self._line.clock.now()
        for page_id, until in tuple(self._limits.items()):
            if until > now:
                self._guard = self._line.clock.call_at(until, self._cut_late)
                return
            self.cut(page_id, "the driver did not come back")

    async def _write_down(self, page: Page, receipt: Receipt) -> None:
        """Record a receipt; a page that has left must not be forgotten, so this is tried until the store takes it."""
        line, failures = self._line, 0
        while failures < POISON:
            try:
                await self._host.settle(page, receipt)
            except StoreUnavailable as error:
                line.log.error("the receipt of page %d could not be recorded yet: %s", page.id, error)  # noqa: TRY400 - once a second is enough without a trace
            except Exception:
                failures += 1
                line.log.exception("the receipt of page %d cannot be decided on", page.id)
            else:
                return
            await sleep(line.clock, STORE_RETRY)
        text = f"Page {page.id} to {line.name} {page.address} cannot go on: look after it by hand"
        await self._host.report(line.name, supervision.poison(f"page-{page.id}", text))

    # --- ending -------------------------------------------------------------------------------------------------------

    def withdraw(self, page_id: int) -> asyncio.Task[None] | None:
        """Stop a page that is on its way, and return the task that is ending; None when the driver has it no more."""
        if page_id not in self._in_hand:
            return None
        self._cancel(page_id)
        return self._tasks[page_id]

    def cut(self, page_id: int, reason: str) -> None:
        """End an attempt that nothing can come of any more; whether the page arrived is honestly unknown."""
        if page_id in self._in_hand or page_id in self._limits:
            self._line.log.error("page %d on line %s: %s", page_id, self._line.name, reason)
            self._cut_reasons[page_id] = reason
            self._cancel(page_id)

    def cut_all(self, reason: str) -> None:
        """End every attempt of a device that is gone."""
        for page_id in self._in_hand | self._limits.keys():
            self.cut(page_id, reason)

    def close(self) -> list[asyncio.Task[None]]:
        """Cut what is being sent; returns the tasks that still write receipts down."""
        if self._guard is not None:
            self._guard.cancel()
        for page_id in self._in_hand:
            self._cancel(page_id)
        return [task for page_id, task in self._tasks.items() if page_id not in self._in_hand]

    def _cancel(self, page_id: int) -> None:
        """Cancel an attempt. One that the driver has begun must have its turn first, or the driver would not hear."""
        if page_id in self._unheard:
            self._begin_taken()
            if page_id in self._tasks:  # or a pool has not had it relayed yet, and cancels it itself
                asyncio.get_running_loop().call_soon(self._tasks[page_id].cancel)
        else:
            self._tasks[page_id].cancel()
