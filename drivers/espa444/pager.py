"""The gateway as a paging system: panels call it, their calls become alarms, and they hear what became of those."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from drivers.espa444.calls import about
from drivers.espa444.mapping import header_of, reports_of, status_of
from drivers.espa444.protocol import BlockEnded, Ending, LinkRestored, LinkSilent
from drivers.espa444.sessions import STORE_RETRY, Session
from gatewayd.driver import News, Progress
from gatewayd.errors import LineDown, StoreUnavailable
from gatewayd.model import AlarmActivated, AlarmReset, TextReceived

if TYPE_CHECKING:
    from drivers.espa444.ledger import Ledger, Standing
    from drivers.espa444.protocol import Block
    from drivers.espa444.settings import EspaSettings
    from gatewayd.clock import TimerHandle
    from gatewayd.driver import Line
    from gatewayd.model import Report
    from gatewayd.transport.passage import Passage

COPY_TIME = 30.0  # seconds before and after our start in which a text that comes again is a block that was not answered


class PagerSession(Session):
    """Calls become alarms. `ledger` outlives the session: it is the driver's."""

    def __init__(self, line: Line, settings: EspaSettings, passage: Passage, ledger: Ledger) -> None:
        super().__init__(line, settings, passage)
        self._ledger = ledger
        self._telling: dict[int, tuple[Block, Standing]] = {}
        self._deaf: set[str] = set()
        self._began = line.clock.now()
        self._numbers = count(1)
        self._repeat_timer: TimerHandle | None = None

    async def serve(self) -> None:
        """Serve until cancelled; the line is up when its port is open if the panel speaks first, else when it answers.

        Calls could not be repeated while there was no connection, so their time begins anew.
        """
        if not self._settings.controls:
            self._up()
        for station in self._settings.stations:
            self._ledger.refresh(self._line.clock.now(), station)
            self._tell_again(station)
        self._set_repeat_timer()
        try:
            await super().serve()
        finally:
            if self._repeat_timer is not None:
                self._repeat_timer.cancel()

    # --- calls --------------------------------------------------------------------------------------------------------

    async def _record(self, block: Block, station: str) -> None:
        now = self._line.clock.now()
        for report in self._reports_of(block, station, now):
            self._enter(report, block, station, now)
            await self._report_and_save(report)
            if isinstance(report, AlarmReset):
                self._end_calls(report)
        self._set_repeat_timer()

    async def _report_and_save(self, report: Report) -> None:
        """Record a report and what it changed in the ledger, on a slow disk with one commit: the panel is waiting."""
        saving = asyncio.ensure_future(self._save())
        try:
            await self._line.report(report)
        finally:
            await saving

    def _reports_of(self, block: Block, station: str, now: float) -> list[Report]:
        """Return the reports; texts for somebody get a reference by which to hear of them."""
        reports = reports_of(block, station, self._settings)
        if not reports:
            self._line.count("not_reported")
        return [
            replace(report, reference=self._reference(block, station, now))
            if isinstance(report, TextReceived) and report.recipient
            else report
            for report in reports
        ]

    def _reference(self, block: Block, station: str, now: float) -> str:
        """Return what a text is known by: every one is a text of its own, unless a kill left its block unanswered.

        Its panel sends that again as soon as we are back.
        """
        if now < self._began + COPY_TIME:
            known = self._ledger.same_call(block, station, self._began - COPY_TIME)
            if known is not None:
                return known
        return f"{now:.3f} {next(self._numbers)}"

    def _enter(self, report: Report, block: Block, station: str, now: float) -> None:
        """Enter the call before it is reported: word of it may come before the report returns."""
        if isinstance(report, AlarmActivated) and not report.fault:
            if self._ledger.is_over(report.key):
                self._withdraw(report.key)
            self._ledger.enter(report.key, report.address, station, block, now)
        elif isinstance(report, TextReceived) and report.reference:
            self._ledger.enter(report.reference, report.sender, station, block, now)

    def _end_calls(self, report: AlarmReset) -> None:
        """Take calls for over that the panel has reset, whether or not the alarm still stood."""
        for key in self._ledger.standing(report.key, report.address):
            self.tell(self._ledger.take(News(key, Progress.CLEARED, "", 0)))

    async def _save(self) -> None:
        """Bring the line's memory up to date. Raises StoreUnavailable."""
        changes = self._ledger.changes()
        if changes:
            await self._line.memory.save(changes)
            self._ledger.saved(changes)

    async def _save_aside(self) -> None:
        try:
            await self._save()
        except StoreUnavailable:
            self._later(STORE_RETRY, self._save_aside)

    def _accepted(self, block: Block, station: str) -> None:
        """Leave the status that the panel asked for, or expects after every call."""
        meaning = header_of(block, self._settings)
        if meaning == "request":
            self._deaf.discard(station)
            self._queue(about(block, self._settings), self._ledger.answer(block, station), station)
        elif meaning == "call" and self._settings.status_after_call:
            self._queue(about(block, self._settings), self._settings.status_after_call, station)

    # --- word of calls ------------------------------------------------------------------------------------------------

    def tell(self, call: Standing | None) -> None:
        """Let a panel know what became of its call, if there is something new to say, and keep what is known of it."""
        if call is not None:
            self._tell(call)
            with suppress(LineDown):  # whoever reads the line notices, and the next session tells it
                self.adapter.flush()
        self._work.put_nowait(self._save_aside)

    def _tell(self, call: Standing) -> None:
        """Queue word of a call, unless its panel has shown that it takes none."""
        if call.station in self._deaf:
            self._lose(call)
            return
        block = self._queue(call.records, call.told, call.station)
        if block is not None:
            self._telling[id(block)] = (block, call)

    def _tell_again(self, station: str) -> None:
        """Queue all that a panel does not know yet: there is a new connection, or it is heard again."""
        self._deaf.discard(station)
        under_way = {call.key for _, call in self._telling.values()}
        for call in self._ledger.untold(station):
            if call.key not in under_way:
                self._tell(call)

    def _withdraw(self, key: str) -> None:
        """Take back what the panel was to hear of a call that was over: it would take it for word of the new one."""
        for number, (block, call) in list(self._telling.items()):
            if call.key == key:
                self._core.withdraw_status(block)
                del self._telling[number]

    def _queue(self, records: dict[str, str], value: str, station: str) -> Block | None:
        """Queue a status block, except where nobody polls: there it could never leave."""
        if self._settings.self_poll == "absent":
            return None
        block = status_of(records, value)
        self._core.queue_status(block, self._line.clock.now(), station)
        return block

    def _handle_end(self, event: BlockEnded) -> None:
        """Note whether a panel knows. One that does not answer either takes no status blocks, or hears it later."""
        _, call = self._telling.pop(id(event.block), (event.block, None))
        if event.ending is Ending.TAKEN:
            self._line.count("statuses")
            if call is not None:
                self._ledger.settle(call.key, call.told)
        elif call is None:
            self._line.count("statuses_lost")
        else:
            self._note_deaf(call.station, event)
            self._lose(call)
        self._work.put_nowait(self._save_aside)

    def _note_deaf(self, station: str, event: BlockEnded) -> None:
        if event.ending is Ending.NOT_READY and station not in self._deaf:
            self._deaf.add(station)
            self._line.log.warning(
                "the panel %s takes no status blocks (%s): told = {} spares it", station, event.detail
            )

    def _lose(self, call: Standing) -> None:
        """Count what a panel was not told; what still stands it hears when it answers again after a silence."""
        if call.station not in self._deaf or self._ledger.is_over(call.key):
            self._ledger.settle(call.key, call.told)
        self._line.count("statuses_lost")

    # --- repeats ------------------------------------------------------------------------------------------------------

    def _note_link(self, event: LinkSilent | LinkRestored) -> None:
        super()._note_link(event)
        if isinstance(event, LinkRestored):
            self._ledger.refresh(self._line.clock.now(), event.station)
            self._tell_again(event.station)
            self.adapter.flush()
        self._set_repeat_timer()

    @property
    def _audible(self) -> set[str]:
        """The stations whose silence about a call means something. Where no link is supervised that is all of them."""
        return set(self._settings.stations) if self._settings.silent_after is None else self._heard

    def _set_repeat_timer(self) -> None:
        if self._repeat_timer is not None:
            self._repeat_timer.cancel()
            self._repeat_timer = None
        due = self._ledger.next_due(self._audible)
        if due is not None:
            self._repeat_timer = self._later(max(0.0, due - self._line.clock.now()), self._end_unrepeated)

    async def _end_unrepeated(self) -> None:
        """End the alarms whose panel, which can be heard, has stopped repeating them: it knows no resets."""
        try:
            for call in self._ledger.unrepeated(self._line.clock.now(), self._audible):
                report = AlarmReset(call.key, call.address)
                await self._line.report(report)
                self._end_calls(report)
            await self._save()
        except StoreUnavailable:
            self._repeat_timer = self._later(STORE_RETRY, self._end_unrepeated)
        else:
            self._set_repeat_timer()
