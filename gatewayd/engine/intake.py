"""Intake: reports become alarms, answers and forwarded texts. Committed before anything is acknowledged."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from gatewayd.engine import answers, delivery, endings, posting, routing
from gatewayd.engine.bounds import LONGEST_TEXT, bounded
from gatewayd.engine.case import DELIVERED, case_key, load_case
from gatewayd.engine.outcome import page_moved
from gatewayd.model import (
    Alarm,
    AlarmActivated,
    AlarmReset,
    Answer,
    JournalKind,
    Message,
    MessageKind,
    MsgStatus,
    Page,
    PageAnswered,
    PageConfirmed,
    PageState,
    Priority,
    Recorded,
    Report,
    TextReceived,
)

if TYPE_CHECKING:
    from gatewayd.engine.case import Case
    from gatewayd.engine.change import About, Change
    from gatewayd.engine.core import Core

log = logging.getLogger(__name__)


class Intake:
    """Takes reports, one method a kind of report."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def report(self, line: str, report: Report) -> Recorded:
        """Record a report and let it take effect. Raises StoreUnavailable; then it has to come again."""
        report = bounded(report)
        if isinstance(report, AlarmActivated):
            return await self._activated(line, report)
        if isinstance(report, AlarmReset):
            return await self._reset(line, report)
        if isinstance(report, TextReceived):
            return await self._text(line, report)
        if isinstance(report, PageAnswered):
            return await self._page_answered(line, report)
        return await self._page_confirmed(line, report)

    # --- alarms -------------------------------------------------------------------------------------------------------

    async def _activated(self, line: str, report: AlarmActivated) -> Recorded:
        core = self._core
        async with core.locks(("condition", line, report.key)):
            active = core.store.alarms.active_with_key(line, report.key)
            if active is not None and await self._repeated(active, report):
                return Recorded.REPEAT
            await self._recall_reset(line, report.key)
            change = core.change()
            self._open(change, line, report)
            await core.carry_out(change)
            return Recorded.NEW

    async def _recall_reset(self, line: str, key: str) -> None:
        """Take back what still waits of the condition's last reset text: arriving after the new alarm it would lie."""
        core = self._core
        last = core.store.alarms.latest_reset(line, key)
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

    async def _repeated(self, active: Alarm, report: AlarmActivated) -> bool:
        """Count a condition that stands already, and page nobody again; returns False when it has just ended."""
        core = self._core
        async with core.locks(("alarm", active.id)):
            alarm = core.store.alarms.get(active.id)
            if alarm is None or not alarm.is_active:
                return False
            change = core.change()
            change.save(replace(alarm, repeats=alarm.repeats + 1, last_seen_time=change.ctx.wall))
            said = routing.match(alarm.line, report, change.ctx.directory).text
            other = "" if said == alarm.active_text else f", as {said!r}"
            text = f"reported again ({alarm.repeats + 1}){other}: the alarm is active already"
            change.note(JournalKind.ALARM, text, line=alarm.line, alarm_id=alarm.id)
            await core.carry_out(change)
        return True

    @staticmethod
    def _open(change: Change, line: str, report: AlarmActivated) -> None:
        ctx = change.ctx
        matched = routing.match(line, report, ctx.directory)
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
        _page_somebody(change, message, matched.recipient_id)

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
        await self._note(line, f"reset without an active alarm (key {report.key!r}, address {report.address!r})")
        return Recorded.NOTED

    async def _clear(self, line: str, key: str) -> bool:
        """Clear a condition; it is locked, so that an activation comes before or after, never between."""
        core = self._core
        async with core.locks(("condition", line, key)):
            alarm = core.store.alarms.active_with_key(line, key)
            if alarm is None:
                return False
            async with core.locks(("alarm", alarm.id)):
                case = self._case(alarm.message_id)
                if case is None or case.alarm is None or not case.alarm.is_active:
                    return False
                change = core.change()
                endings.clear(change, case)
                ending = await core.carry_out(change)
        await core.ended(ending)
        return True

    # --- people's answers ---------------------------------------------------------------------------------------------

    async def _text(self, line: str, report: TextReceived) -> Recorded:
        answer = answers.parse(report.text)
        if answer is not None:
            paging = self._core.store.paging
            if answer.code is not None:
                page = paging.to_address(line, report.sender, answer.code)
            else:
                page = paging.latest_open(line, report.sender, self._core.in_flight(line))
            if page is not None:
                return await self._answered(page, answer.answer)
            if answer.code is None and paging.ever_sent(line, report.sender):
                await self._note(line, f"answer {report.text.strip()!r} from {report.sender}: nothing is open")
                return Recorded.NOTED
        return await self._forward(line, report)

    async def _page_answered(self, line: str, report: PageAnswered) -> Recorded:
        page = self._core.store.paging.with_reference(line, report.reference)
        if page is None:
            await self._note(line, f"answer to an unknown page (reference {report.reference[:40]!r})")
            return Recorded.NOTED
        return await self._answered(page, report.answer)

    async def _answered(self, page: Page, answer: Answer) -> Recorded:
        core = self._core
        async with core.locks(case_key(page.alarm_id, page.message_id)):
            case = self._case(page.message_id)
            if case is None:
                return Recorded.NOTED
            change = core.change()
            if answer is Answer.ACCEPT:
                self._accept(change, case, page)
            else:
                self._decline(change, case, page)
            _seen(change, case, page)
            ending = await core.carry_out(change)
        await core.ended(ending)
        return Recorded.ANSWERED

    @staticmethod
    def _accept(change: Change, case: Case, page: Page) -> None:
        who = page.user_id or page.contact_id or 0
        for event in case.events:
            if event.user_id == who:
                endings.mark(change, event, MsgStatus.ACKNOWLEDGE)
        endings.accept(change, case, who)

    @staticmethod
    def _decline(change: Change, case: Case, page: Page) -> None:
        """Go on to the next step, unless the escalation has already left the one that this page belongs to."""
        who = page.user_id or page.contact_id or 0
        for event in case.events:
            if event.user_id == who and event.status < MsgStatus.READ:
                endings.mark(change, event, MsgStatus.READ)
        why = f"declined by {change.ctx.directory.recipient_name(who)}"
        about: About = {"alarm_id": page.alarm_id, "message_id": page.message_id, "recipient_id": who}
        change.note(JournalKind.ANSWER, why, **about)
        for run in case.running():
            if (run.message_id, run.cycle, run.step) == (page.message_id, page.cycle, page.step):
                endings.advance(change, case, run, why)

    async def _forward(self, line: str, report: TextReceived) -> Recorded:
        """Text that is no answer goes to a person as it came."""
        core = self._core
        change = core.change()
        ctx = change.ctx
        message_id = ctx.new_id(Message)
        text = f"{line} {report.sender}: {report.text.strip()}"[:LONGEST_TEXT]
        message = Message(
            message_id,
            text,
            Priority.NORMAL,
            ctx.wall,
            MessageKind.USER,
            message_id,
            from_line=line,
            from_address=report.sender,
        )
        change.save(message)
        change.note(JournalKind.ANSWER, "text forwarded to the fallback recipient", line=line, message_id=message_id)
        _page_somebody(change, message, None)
        await core.carry_out(change)
        return Recorded.FORWARDED

    async def _page_confirmed(self, line: str, report: PageConfirmed) -> Recorded:
        core = self._core
        page = core.store.paging.with_reference(line, report.reference)
        if page is None:
            return Recorded.NOTED
        async with core.locks(case_key(page.alarm_id, page.message_id)):
            current = core.store.paging.get(page.id) or page
            case = self._case(page.message_id)
            moved = delivery.confirm(current, report.state, report.detail)
            if case is not None and moved is not current:
                change = core.change()
                page_moved(change, case, moved)
                await core.carry_out(change)
        return Recorded.NOTED

    # --- shared -------------------------------------------------------------------------------------------------------

    def _case(self, message_id: int) -> Case | None:
        message = self._core.store.inbox.message(message_id)
        return load_case(self._core.store, message) if message is not None else None

    async def _note(self, line: str, text: str) -> None:
        change = self._core.change()
        change.note(JournalKind.LINE, text, line=line)
        await self._core.carry_out(change)


def _seen(change: Change, case: Case, answered: Page) -> None:
    """Whoever answers has seen the page: this is all that is known of a bare contact, who has no inbox."""
    for page in case.pages:
        if page.id == answered.id and page.state in DELIVERED and page.user_id is None:
            change.save(replace(page, state=PageState.READ))


def _page_somebody(change: Change, message: Message, recipient_id: int | None) -> None:
    """Page the recipient; when that reaches nobody, the fallback; when that neither, say so as loudly as a log can."""
    fallback = change.ctx.directory.site.fallback_id
    for candidate in dict.fromkeys((recipient_id, fallback)):
        if candidate is not None and posting.post(change, message, [candidate]):
            return
    text = "nobody can be paged: neither the recipient nor the fallback recipient reaches anybody"
    log.critical("message %d: %s", message.id, text)
    change.note(JournalKind.PAGE, text, line=message.from_line, alarm_id=message.alarm_id, message_id=message.id)
