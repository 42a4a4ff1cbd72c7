"""Intake: reports become alarms, answers and forwarded texts. Committed before anything is acknowledged."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gatewayd.engine import endings, routing
from gatewayd.engine.bounds import bounded
from gatewayd.engine.posting import page_somebody
from gatewayd.engine.replies import Replies, remember, source_of
from gatewayd.errors import StoreUnavailable
from gatewayd.model import (
    Alarm,
    AlarmActivated,
    AlarmReset,
    JournalKind,
    Message,
    MessageKind,
    PageAnswered,
    PageState,
    Recorded,
    Report,
    TextReceived,
)

if TYPE_CHECKING:
    from dataclasses import replace

    from gatewayd.engine.change import Change
    from gatewayd.engine.core import Core
    from gatewayd.engine.routing import Matched
else:
    from gatewayd.values import replace


log = logging.getLogger(__name__)


class Intake:
    """Takes reports, one method a kind of report."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._replies = Replies(core, self._activated)

    async def report(self, line: str, report: Report) -> Recorded:
        """Record a report and let it take effect. Raises StoreUnavailable; then it has to come again.

        NotDurable: it took effect, but nobody may be told so yet.
        """
        report = bounded(report)
        if isinstance(report, AlarmActivated):
            recorded = await self._activated(line, report)
        elif isinstance(report, AlarmReset):
            recorded = await self._reset(line, report)
        elif isinstance(report, TextReceived):
            recorded = await self._replies.text(line, report)
        elif isinstance(report, PageAnswered):
            recorded = await self._replies.page_answered(line, report)
        else:
            recorded = await self._replies.page_confirmed(line, report)
        if self._core.store.owed:
            self._core.acknowledge()
        return recorded

    # --- alarms -------------------------------------------------------------------------------------------------------

    async def _activated(self, line: str, report: AlarmActivated, written: TextReceived | None = None) -> Recorded:
        """Open an alarm, or count one that stands already; `written` is the person's text that it was made of."""
        core = self._core
        async with core.locks(("condition", line, report.key)):
            active = self._standing(line, report.key)
            if active is not None and written is not None and self._is_settled(active):
                await self._make_room(active)
            elif active is not None and await self._repeated(active, report, written):
                return Recorded.REPEAT
            await self._recall_reset(line, report.key)
            change = core.change()
            matched = routing.match(line, report, core.directory, source_of(written))
            message = self._open(change, line, report, matched)
            if written is not None:
                remember(change, line, written)
                message = replace(message, reference=written.reference)
                change.save(message)
            page_somebody(change, message, matched.recipient_id)
            await core.carry_out(change)
            return Recorded.NEW

    def _standing(self, line: str, key: str) -> Alarm | None:
        """Return the active alarm of a condition; a disk that cannot be read keeps nobody from being paged."""
        try:
            return self._core.store.alarms.active_with_key(line, key)
        except StoreUnavailable as error:
            log.critical("nobody knows whether %s of line %s is active already: %s", key[:80], line, error)
            return None

    def _is_settled(self, alarm: Alarm) -> bool:
        """Return whether paging for an alarm is over: somebody took it, or nobody is left to be asked."""
        case = self._core.case(alarm.message_id)
        return alarm.accepted_time is not None or case is None or not case.running()

    async def _make_room(self, alarm: Alarm) -> None:
        """End an alarm that a person's text had raised: nothing resets it, and whoever writes again calls again."""
        core = self._core
        async with core.locks(("alarm", alarm.id)):
            case = core.case(alarm.message_id)
            if case is None or case.alarm is None or not case.alarm.is_active:
                return
            change = core.change()
            endings.supersede(change, case)
            ending = await core.carry_out(change)
        await core.ended(ending)

    async def _recall_reset(self, line: str, key: str) -> None:
        """Take back what still waits of the condition's last reset text: arriving after the new alarm it would lie."""
        core = self._core
        try:
            last = core.store.alarms.latest_reset(line, key)
        except StoreUnavailable:  # as above
            return
        if last is None:
            return
        async with core.locks(("alarm", last.id)):
            pages = core.store.paging.all_of_message(last.reset_message_id or 0)
            waiting = [page for page in pages if page.state is PageState.QUEUED]
            if not waiting:
                return
            change = core.change()
            for page in waiting:
                endings.withdraw(change, page)
            text = f"{len(waiting)} pages of the reset text withdrawn: the condition is back"
            change.note(JournalKind.PAGE, text, line=line, alarm_id=last.id)
            ending = await core.carry_out(change)
        await core.ended(ending)

    async def _repeated(self, active: Alarm, report: AlarmActivated, written: TextReceived | None) -> bool:
        """Count a condition that stands already, and page nobody again; returns False when it has just ended."""
        core = self._core
        async with core.locks(("alarm", active.id)):
            alarm = core.store.alarms.get(active.id)
            if alarm is None or not alarm.is_active:
                return False
            core.refuse_repeat()
            change = core.change()
            change.save(replace(alarm, repeats=alarm.repeats + 1, last_seen_time=change.ctx.wall))
            said = routing.match(alarm.line, report, core.directory, source_of(written)).text
            other = "" if said == alarm.active_text else f", as {said!r}"
            story = f"reported again ({alarm.repeats + 1}){other}: the alarm is active already"
            change.note(JournalKind.ALARM, story, line=alarm.line, alarm_id=alarm.id)
            if written is not None:
                remember(change, alarm.line, written)
            await core.carry_out(change)
        return True

    @staticmethod
    def _open(change: Change, line: str, report: AlarmActivated, matched: Matched) -> Message:
        ctx = change.ctx
        alarm_id, message_id = ctx.new_id(Alarm), ctx.new_id(Message)
        message = Message(
            message_id,
            matched.text,
            matched.priority,
            ctx.wall,
            MessageKind.ACTIVATION,
            message_id,
            alarm_id=alarm_id,
            from_line=line,
            from_address=report.address,
            reference=report.key,
        )
        alarm = Alarm(
            id=alarm_id,
            line=line,
            key=report.key,
            address=report.address,
            name=matched.name,
            active_text=matched.text,
            reset_text=matched.reset_text,
            priority=matched.priority,
            active_time=ctx.wall,
            message_id=message_id,
            definition_id=matched.definition.id if matched.definition else None,
            recipient_id=matched.recipient_id,
            send_resets=matched.send_resets,
            fault=report.fault,
            last_seen_time=ctx.wall,
        )
        change.save(alarm, message)
        by = "no route: to the fallback recipient" if matched.definition is None else f"routed as {matched.name!r}"
        change.note(JournalKind.ALARM, f"activated; {by}", line=line, alarm_id=alarm_id, message_id=message_id)
        return message

    async def _reset(self, line: str, report: AlarmReset) -> Recorded:
        store = self._core.store
        if report.key is not None:
            keys = [report.key]
        else:
            await store.written()  # an activation that is being written comes first
            keys = [alarm.key for alarm in store.alarms.active_with_address(line, report.address)]
        cleared = [await self._clear(line, key) for key in keys]
        if any(cleared):
            return Recorded.CLEARED
        await self._core.note(line, f"reset without an active alarm (key {report.key!r}, address {report.address!r})")
        return Recorded.NOTED

    async def _clear(self, line: str, key: str) -> bool:
        """Clear a condition; it is locked, so that an activation comes before or after, never between."""
        core = self._core
        async with core.locks(("condition", line, key)):
            alarm = core.store.alarms.active_with_key(line, key)
            if alarm is None:
                return False
            async with core.locks(("alarm", alarm.id)):
                case = core.case(alarm.message_id)
                if case is None or case.alarm is None or not case.alarm.is_active:
                    return False
                change = core.change()
                endings.clear(change, case)
                ending = await core.carry_out(change)
        await core.ended(ending)
        return True
