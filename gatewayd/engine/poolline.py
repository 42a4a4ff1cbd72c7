"""A pool as a line: its queue is the members' common one, its driver hands each page to one of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from gatewayd.driver import Capabilities, Driver, Outcome, Receipt
from gatewayd.engine import pool
from gatewayd.engine.line import RunningLine
from gatewayd.errors import LineDown

if TYPE_CHECKING:
    from collections.abc import Collection
    from dataclasses import replace

    from gatewayd.driver import News
    from gatewayd.engine.line import LineHost
    from gatewayd.engine.pool import Standing
    from gatewayd.model import Page
else:
    from gatewayd.values import replace

MOST_DOUBTS = 1_024  # pages of which it is remembered who left them unknown


class PoolDriver(Driver):
    """Serves while any member does; a page that one member cannot deliver goes to the next at once."""

    kind: ClassVar[str] = "pool"

    def __init__(self, line: PoolLine) -> None:
        super().__init__(line)
        self._line = line
        self._moved = asyncio.Event()
        self._carried: set[int] = set()  # pages that keep a member busy
        self._begun: dict[int, RunningLine] = {}  # by page: the member that has begun with it already
        self._doubts: dict[int, set[str]] = {}  # by page: the members of which nobody knows whether they delivered it
        self._told_down = False

    @property
    def capabilities(self) -> Capabilities:
        """What the members can do together, as many pages at once as they take at this moment."""
        drivers = [member.driver for member in self._line.members]
        parallel = len(self._carried) + pool.room(self._line.standings())
        return pool.combined([driver.capabilities for driver in drivers if driver is not None], parallel)

    @property
    def port(self) -> str:
        """The names of the members."""
        return ", ".join(member.name for member in self._line.members)

    def moved(self) -> None:
        """Have everybody who waits look at the members again."""
        self._moved.set()
        self._moved = asyncio.Event()

    def tell(self, news: News) -> None:
        """Tell every member that wants to know: the report came from one of them."""
        for member in self._line.members:
            member.tell(news)

    async def run(self) -> None:
        """Be up while any member is; raise LineDown when none is any more."""
        while not self._any_up() and (self._told_down or self._starting()):
            await self._moved.wait()
        if self._any_up():
            self._told_down = False
            self.line.up()
            while self._any_up():
                await self._moved.wait()
        self._told_down = True
        raise LineDown("; ".join(f"{member.name}: {member.down_reason}" for member in self._line.members))

    def may_begin(self, member: RunningLine, page: Page) -> bool:
        """Return whether a member that is just done with a page is the one to carry the next."""
        standings = [
            replace(one, room=one.room + 1) if one.name == member.name else one for one in self._line.standings()
        ]
        avoided = pool.avoiding(standings, (), self._doubts.get(page.id, ()))
        return pool.choose(standings, avoided) == member.name

    def begin(self, member: RunningLine, page: Page, after: int) -> None:
        """Take note of a page that a member begins with by itself, being done with page `after`; `send` follows."""
        self._begun[page.id] = member
        self._carried.discard(after)
        self._carried.add(page.id)
        member.hand_over(page, after)

    async def send(self, page: Page) -> Receipt:
        """Make one attempt, with as many members as it takes. Raises LineDown when there is none."""
        receipts: dict[str, Receipt] = {}
        doubtful = self._doubts.pop(page.id, set())
        member: RunningLine | None = self._begun.get(page.id)
        while member is not None or (member := await self._free_member(receipts.keys(), doubtful)) is not None:
            receipt = await self._carry(member, page)
            if receipt.outcome is Outcome.UNKNOWN:
                self._doubt(page.id, doubtful | {member.name})
            if receipt.outcome not in pool.ANOTHER_MAY_HELP:
                return pool.carried(member.name, receipt)
            receipts[member.name] = receipt
            member = None
        if not receipts:
            raise LineDown("no line of the pool is up")
        return pool.summary(receipts)

    async def _carry(self, member: RunningLine, page: Page) -> Receipt:
        if self._begun.pop(page.id, None) is None:
            self._carried.add(page.id)
        try:
            return await member.relay(page)
        finally:
            self._carried.discard(page.id)

    def _doubt(self, page_id: int, members: set[str]) -> None:
        while len(self._doubts) >= MOST_DOUBTS:
            del self._doubts[next(iter(self._doubts))]
        self._doubts[page_id] = members

    async def _free_member(self, tried: Collection[str], doubtful: Collection[str]) -> RunningLine | None:
        """Wait for a member that takes a page; None when none is left that could."""
        while pool.eligible(standings := self._line.standings(), tried):
            name = pool.choose(standings, pool.avoiding(standings, tried, doubtful))
            if name is not None:
                return next(member for member in self._line.members if member.name == name)
            await self._moved.wait()
        return None

    def _any_up(self) -> bool:
        return any(member.is_up for member in self._line.members)

    def _starting(self) -> bool:
        return not all(member.first_attempt.is_set() for member in self._line.members)


class PoolLine(RunningLine):
    """A pool of lines, to the engine a line like any other."""

    def __init__(self, name: str, host: LineHost) -> None:
        super().__init__(name, host)
        self.members: list[RunningLine] = []
        self._pool_driver = self.driver = PoolDriver(self)

    def join(self, member: RunningLine) -> None:
        """Take a line in; the first that joined is preferred."""
        self.members.append(member)
        member.pool = self

    def standings(self) -> list[Standing]:
        """Return how the members stand at this moment, in the order of preference."""
        return [
            pool.Standing(one.name, one.is_up, one.room(), bool(one.degraded_reason), one.held_back())
            for one in self.members
        ]

    def take_for(self, member: RunningLine, after: int) -> Page | None:
        """Take the page that is next for a member, now that it is done with page `after` of the pool."""
        page = self._queue.peek()
        if page is None or page.expires < self.clock.now() or not self.is_up or self._closed:
            return None
        if after not in self._attempts or not self._pool_driver.may_begin(member, page):
            return None
        self._queue.pop()
        self._attempts.take(self._pool_driver, page, self._sent, after)
        self._pool_driver.begin(member, page, after)
        return page

    def moved(self) -> None:
        """Take note that a member came, went, got worse or better, or has room."""
        up = [member for member in self.members if member.is_up]
        bad = up and all(member.degraded_reason for member in up)
        self.degraded("; ".join(f"{member.name}: {member.degraded_reason}" for member in up) if bad else "")
        self.pump()

    def pump(self) -> None:
        """Hand over what the members have room for; what a throttle holds back is looked at when that is over."""
        self._pool_driver.moved()
        super().pump()
        wait = pool.next_turn(self.standings()) if self.depth() else None
        if wait is not None:
            self._host.wake_at(self.clock.now() + wait)
