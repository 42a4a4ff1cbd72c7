"""Anything may happen in any order: a state machine over a whole engine, and a checker of its history."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gatewayd.clock import settle
from gatewayd.driver import Outcome, Receipt
from gatewayd.errors import Conflict, StoreUnavailable
from gatewayd.model import AlarmActivated, AlarmReset, JournalKind, MessageKind, Recorded, TextReceived
from gatewayd.store import Query
from tests.engine.conftest import ADMIN, DOCTOR, NURSE, PLAN, Box
from tests.engine.test_cases import expect_sound

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from gatewayd.model import Alarm, Page
    from tests.engine.conftest import DeskDevice

ResultT = TypeVar("ResultT")
KEYS = st.sampled_from(["a", "b", "c"])
LINES = st.sampled_from(["pager", "phones"])
PHONES = st.sampled_from(["2001", "2002"])
HURRIED = ("declined by", "escalated by", "no page of this step got through")


class Ward(RuleBasedStateMachine):
    """A ward with its panel, its people and its faults."""

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.activated = 0
        self.answered: dict[int, int] = {}  # alarm → pages that had left when its accept was answered
        self.do(self._open())

    async def _open(self) -> None:
        self.box = Box(Path(self.folder.name))
        await settle()

    def do(self, work: Coroutine[object, object, ResultT]) -> ResultT | None:
        """Run something to its end; None when the disk refused it, or there was nothing to do it to."""

        async def run() -> ResultT | None:
            result = None
            with suppress(StoreUnavailable, Conflict):
                result = await work
            await settle()
            return result

        return self.loop.run_until_complete(run())

    def device(self, name: str) -> DeskDevice:
        return {"pager": self.box.pager, "phones": self.box.phones}[name]

    def left(self, alarm_id: int) -> list[Page]:
        """Return the pages of an alarm that left, without those of its reset."""
        resets = {alarm.reset_message_id for alarm in self.alarms()}
        return [page for page in self.box.history if page.alarm_id == alarm_id and page.message_id not in resets]

    def alarms(self) -> list[Alarm]:
        newest = self.box.store._last_id("alarms")
        found = [self.box.store.alarms.get(number) for number in range(1, newest + 1)]
        return [alarm for alarm in found if alarm is not None]

    # --- what happens -----------------------------------------------------------------------------------------------

    @rule(key=KEYS)
    def activate(self, key: str) -> None:
        recorded = self.do(self.box.engine.report("ward-panel", AlarmActivated(key, f"ROOM {key}", key)))
        self.activated += recorded is Recorded.NEW

    @rule(key=KEYS)
    def reset(self, key: str) -> None:
        self.do(self.box.engine.report("ward-panel", AlarmReset(key)))

    @rule(
        who=st.sampled_from([NURSE, DOCTOR, ADMIN]),
        which=st.integers(0, 3),
        what=st.sampled_from(["accept", "escalate"]),
    )
    def act(self, who: int, which: int, what: str) -> None:
        user = self.box.user(who)
        items = self.box.engine.inbox(user, who, Query()).items
        if which >= len(items):
            return
        item = items[which]
        work = self.box.engine.accept if what == "accept" else self.box.engine.escalate
        if self.do(work(user, item.event.id)) is not None and what == "accept":
            self._answered(item.message.alarm_id if item.message.kind is not MessageKind.RESET else None)

    @rule(sender=PHONES, word=st.sampled_from(["OK", "NO"]), code=st.none() | st.integers(1, 6))
    def answer(self, sender: str, word: str, code: int | None) -> None:
        before = {alarm.id for alarm in self.alarms() if alarm.accepted_time is not None}
        text = word if code is None else f"{word} #{code}"
        self.do(self.box.engine.report("phones", TextReceived(sender, text)))
        for alarm in self.alarms():
            if alarm.accepted_time is not None and alarm.id not in before:
                self._answered(alarm.id)

    @rule(which=st.integers(1, 6))
    def cancel(self, which: int) -> None:
        if self.box.store.alarms.get(which) is not None:
            self.do(self.box.engine.cancel_alarm(self.box.user(ADMIN), which))

    @rule(seconds=st.sampled_from([0.3, 2.0, 31.0, 61.0, 300.0, 2000.0]))
    def wait(self, seconds: float) -> None:
        self.do(self.box.passes(seconds))

    @rule(line=LINES)
    def unplug(self, line: str) -> None:
        self.device(line).unplug()
        self.do(settle())

    @rule(line=LINES)
    def plug_in(self, line: str) -> None:
        self.device(line).plug_in()
        self.do(self.box.passes(3.1))

    @rule(line=LINES, outcome=st.sampled_from(Outcome), times=st.integers(1, 3))
    def answer_pages(self, line: str, outcome: Outcome, times: int) -> None:
        self.device(line).outcomes += [Receipt(outcome)] * times

    @rule(line=LINES)
    def hold_back(self, line: str) -> None:
        self.device(line).hold_back()

    @rule(line=LINES)
    def let_go(self, line: str) -> None:
        gate = self.device(line).gate
        if gate is not None:
            gate.set()
        self.device(line).gate = None
        self.do(settle())

    @rule()
    def fail_next_commit(self) -> None:
        self.box.disk.fail_at = self.box.disk.commits + 1

    @rule(killed=st.booleans())
    def restart(self, *, killed: bool) -> None:
        self.do(self.box.is_killed() if killed else self.box.restart())

    def _answered(self, alarm_id: int | None) -> None:
        if alarm_id is not None:
            self.answered.setdefault(alarm_id, len(self.left(alarm_id)))

    # --- what has to be so ------------------------------------------------------------------------------------------

    @invariant()
    def no_page_leaves_after_its_accept_was_answered(self) -> None:
        for alarm_id, pages in self.answered.items():
            assert len(self.left(alarm_id)) == pages

    @invariant()
    def what_was_acknowledged_is_stored(self) -> None:
        assert sum(alarm.line == "ward-panel" for alarm in self.alarms()) >= self.activated

    @invariant()
    def every_case_in_memory_is_what_the_disk_holds(self) -> None:
        expect_sound(self.box)

    @invariant()
    def every_alarm_was_brought_to_somebody(self) -> None:
        for alarm in self.alarms():
            assert self.box.pages(alarm.id) or self.box.store.inbox.of_alarm(alarm.id)

    @invariant()
    def only_what_was_planned_leaves(self) -> None:
        for page in self.box.history:
            stored = self.box.store.paging.get(page.id)
            assert stored is not None
            assert (stored.address, stored.text, stored.message_id) == (page.address, page.text, page.message_id)

    @invariant()
    def a_step_waits_its_time_unless_somebody_asks(self) -> None:
        for alarm in self.alarms():
            journal = [
                entry for entry in self.box.store.journal.of_alarm(alarm.id) if entry.kind is not JournalKind.PAGE
            ]
            if any(entry.text.startswith(HURRIED) for entry in journal):
                continue
            begun: dict[tuple[int, int], float] = {}
            for page in self.box.pages(alarm.id):
                if page.step and page.message_id == alarm.message_id:
                    begun.setdefault((page.cycle, page.step), page.created)
            times = sorted(begun.items())
            for ((_, step), earlier), (_, later) in pairwise(times):
                plan = self.box.engine.directory.plan(PLAN)
                assert plan is not None
                assert later - earlier >= plan.steps[step - 1].wait - 1e-3

    @invariant()
    def memory_and_disk_agree(self) -> None:
        waiting = Counter(page.line for page in self.box.store.paging.queued())
        for name, line in self.box.engine.lines.items():
            written = sum(page_id not in line._attempts for page_id in line.in_flight())
            assert line.depth() + written >= waiting[name] >= line.depth()
        assert len(self.box.engine._core.locks) == 0
        assert len(self.box.engine._core.agenda) == len(self.box.store.paging.deadlines())

    def teardown(self) -> None:
        """Repair everything: then every alarm finds its end, and nothing is kept of it."""
        if not hasattr(self, "box"):
            return
        try:
            self.box.disk.fail_at = None
            for line in ("pager", "phones"):
                self.device(line).outcomes.clear()
                self.let_go(line)
                self.plug_in(line)
            self.do(self.box.passes(4000))
            self.no_page_leaves_after_its_accept_was_answered()
            assert self.box.is_quiet
            assert list(self.box.store.paging.queued()) == []
            assert self.box.store.paging.deadlines() == []
        finally:
            self.do(self.box.stop())
            self.loop.close()
            self.folder.cleanup()


TestWard = Ward.TestCase
TestWard.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
