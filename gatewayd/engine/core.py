"""The ground that every service of the engine stands on: store, clock, lines, locks, and carrying decisions out."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from gatewayd.engine.cases import Cases
from gatewayd.engine.change import Change, Context, Policy
from gatewayd.engine.changes import Changes
from gatewayd.engine.locks import KeyedLocks
from gatewayd.engine.queue import Agenda
from gatewayd.errors import NotDurable, StoreUnavailable
from gatewayd.model import JournalKind, PageState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gatewayd.clock import Clock
    from gatewayd.driver import Capabilities, News
    from gatewayd.engine.case import Case
    from gatewayd.engine.directory import Directory
    from gatewayd.engine.line import RunningLine
    from gatewayd.engine.wakeup import WakeUp
    from gatewayd.model import Page
    from gatewayd.store import Store
    from gatewayd.store.rows import Recordable
    from gatewayd.store.writer import Commit

log = logging.getLogger(__name__)

_QUEUED = PageState.QUEUED  # on Python 3.11 the member of an Enum costs as much to look up as a call
CUT_TIMEOUT = 2.0  # seconds that a driver gets to stop a page that was taken back

ONLY_IN_MEMORY = (
    "the disk of the gateway takes nothing at the moment, and a restart would forget it:"
    " repeat it when the disk is back"
)


class Core:
    """Shared by the services; owns no rule of its own."""

    def __init__(self, store: Store, clock: Clock, directory: Directory, policy: Policy) -> None:
        self.store = store
        self.clock = clock
        self.directory = directory
        self.policy = policy
        self.lines: dict[str, RunningLine] = {}
        self.cases = Cases(store)
        store.owed.known = self.cases.rows
        self.changes = Changes(store, clock, self.lines, self.cases)
        self.locks = KeyedLocks()
        self.agenda: Agenda[int] = Agenda()
        self.wake_up: WakeUp | None = None
        self._untold: list[tuple[str, News]] = []  # until it is on disk

    def capabilities(self, line: str) -> Capabilities | None:
        """Return what a line can do; None when there is no such line."""
        running = self.lines.get(line)
        return running.driver.capabilities if running is not None and running.driver is not None else None

    def in_flight(self, line: str) -> frozenset[int]:
        """Return the ids of the pages that a line is sending, or has sent and not written down yet."""
        running = self.lines.get(line)
        return frozenset(running.in_flight()) if running is not None else frozenset()

    def _is_in_flight(self, page_id: int) -> bool:
        return any(page_id in line.in_flight() for line in self.lines.values())

    def change(self) -> Change:
        """Begin a decision, at this moment."""
        return Change(
            Context(
                self.directory,
                self.capabilities,
                self.store.next_id,
                self.clock.now(),
                self.clock.wall(),
                self.policy,
                self._is_in_flight,
            )
        )

    def case(self, message_id: int) -> Case | None:
        """Return the case that a message belongs to; None when there is no such message."""
        return self.cases.get(message_id)

    async def note(self, line: str, text: str) -> None:
        """Record a line of the journal alone. Raises StoreUnavailable."""
        change = self.change()
        change.note(JournalKind.LINE, text, line=line)
        await self.carry_out(change)

    async def carry_out(self, change: Change) -> list[asyncio.Task[None]]:
        """Record a decision, then let it take effect; returns the attempts that were cut short and are ending.

        Pages that the decision takes back are held while it is being written: none of them leaves meanwhile.
        While the disk is down what cannot wait takes effect at once and is written later; nothing of that may be
        acknowledged (`acknowledge`).
        Raises StoreUnavailable; then nothing has changed. Whoever is cancelled meanwhile is cancelled afterwards: what
        is on disk has to take effect, or an alarm would lie there that nobody is paged for.
        """
        if change.announced or change.alarms:
            self.changes.spread(change)
        rows = change.rows()
        if not rows:
            return []
        held = self._hold(change) if change.pages else ()
        try:
            written = self.store.submit(*rows)
            cancelled = await _finished(written)
            if (error := written.exception()) is not None:
                self._take_over(change, rows, asyncio.CancelledError() if cancelled else error)
        except BaseException:
            for page in held:
                self.lines[page.line].release(page.id)
                self.lines[page.line].pump()
            raise
        ending = self._apply(change)
        if cancelled:
            raise asyncio.CancelledError
        return ending

    def _take_over(self, change: Change, rows: list[Recordable], error: BaseException) -> None:
        """Go on from memory with a decision that the disk did not take. Raises `error` where that may not be."""
        if not self.store.writer.is_down:
            raise error
        if change.can_wait:
            note = change.is_a_note and isinstance(error, StoreUnavailable)
            raise NotDurable("nothing can be stored, and it would only stand in the journal") if note else error
        if self.store.owe(rows, opens=change.opens):
            self.cases.forget()  # an alarm gave way that they hold as it was

    def acknowledge(self) -> None:
        """Make sure that everything which has taken effect is on disk. Raises NotDurable."""
        if self.store.owed:
            raise NotDurable(f"it has taken effect, but {ONLY_IN_MEMORY}")

    def refuse_while_down(self) -> None:
        """Refuse what cannot be known while nothing can be stored. Raises StoreUnavailable."""
        if self.store.writer.is_down:
            raise StoreUnavailable(self.store.storage.reason)

    def refuse_repeat(self) -> None:
        """Refuse what has taken effect already and would only fill the memory. Raises NotDurable."""
        if self.store.writer.is_down:
            raise NotDurable(f"it has taken effect already, but {ONLY_IN_MEMORY}")

    def _hold(self, change: Change) -> list[Page]:
        """Hold the pages that a decision takes out of their queues; returns those that were there."""
        held = []
        for page in change.pages.values():
            if page.state is not _QUEUED and page.line in self.lines and self.lines[page.line].hold(page.id):
                held.append(page)  # noqa: PERF401 - hardly ever
        return held

    def _apply(self, change: Change) -> list[asyncio.Task[None]]:
        self.cases.apply(change)
        if change.escalations:
            self._set_deadlines(change)
            self.wake_at(self.agenda.next_due())
        ending = self._move_pages(change) if change.pages else []
        if change.news:
            self._tell(change)
        return ending

    def _set_deadlines(self, change: Change) -> None:
        for run in change.ended():
            self.agenda.forget(run.id)
        for run in change.running():
            self.agenda.set(run.id, run.due, run.priority)

    def _move_pages(self, change: Change) -> list[asyncio.Task[None]]:
        """Take pages out of their queues and put others in; returns the attempts that end by that."""
        ending = []
        touched: dict[str, RunningLine] = {}  # in the order of the pages
        for page in change.pages.values():
            line = self.lines.get(page.line)
            if line is None:
                continue
            touched[page.line] = line
            if page.state is _QUEUED:
                line.push(page)
            elif (task := line.drop(page.id)) is not None:
                ending.append(task)
        for line in touched.values():
            line.pump()
        return ending

    def _tell(self, change: Change) -> None:
        self._untold += change.news
        if not self.store.owed:  # what is not on disk is not acknowledged to anybody
            self.tell_lines()

    def tell_lines(self) -> None:
        """Let lines know what became of what they reported."""
        told, self._untold = self._untold, []
        for name, news in told:
            if name in self.lines:
                self.lines[name].tell(news)

    def settled(self, *, contradicted: bool) -> None:
        """Go on after what was owed is on disk; `contradicted`: the disk may hold what nobody could read meanwhile."""
        if contradicted:
            self.cases.forget()
        self.tell_lines()

    def wake_at(self, when: float | None) -> None:
        """Have everything looked at again at `when` at the latest."""
        if self.wake_up is not None:
            self.wake_up.at(when)

    @staticmethod
    async def ended(attempts: Iterable[asyncio.Task[None]]) -> None:
        """Wait until attempts that were cut short have really ended: nothing more of those pages leaves."""
        waiting = list(attempts)
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=CUT_TIMEOUT)
            if late:
                log.error("%d withdrawn pages could not be stopped within %g s", len(late), CUT_TIMEOUT)


async def _finished(written: Commit) -> bool:
    """Wait for a commit, however it ends; returns whether somebody wanted to cancel the wait."""
    try:
        await written
    except asyncio.CancelledError:
        return True
    except Exception:  # noqa: BLE001 - whoever waits asks for it
        return False
    return False
