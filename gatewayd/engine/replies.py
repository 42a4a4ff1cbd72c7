"""What comes back from people and devices: texts, answers to pages, later words on pages."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from gatewayd.driver import Progress
from gatewayd.engine import answers, delivery, endings, routing
from gatewayd.engine.bounds import LONGEST_TEXT
from gatewayd.engine.case import DELIVERED, case_key
from gatewayd.engine.outcome import page_moved
from gatewayd.engine.posting import page_somebody
from gatewayd.engine.references import MOST, References
from gatewayd.errors import StoreUnavailable
from gatewayd.model import (
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
    TextReceived,
)
from gatewayd.records import TakenOnce, TakenOnceExpired

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from dataclasses import replace

    from gatewayd.engine.case import Case
    from gatewayd.engine.change import About, Change
    from gatewayd.engine.core import Core
    from gatewayd.model import AlarmActivated

    Activate = Callable[[str, AlarmActivated, TextReceived | None], Awaitable[Recorded]]
else:
    from gatewayd.values import replace

REFERENCE_LIFETIME = 86_400.0  # seconds for which a text is known again by its device's reference
LONGEST_DECISION = 60.0  # seconds from the look at a text to the time that is written with it
SHORTEST_LIFETIME = 1.0  # seconds; a text that is to be delivered at once or never still takes a moment
SAID_AGAIN = 60.0  # seconds for which a text is not paged again that its device repeats for want of an acknowledgement
MOST_SAID = 1000  # such texts
FORGET_EVERY = 300.0  # seconds between two looks at references that are too old


class Replies:
    """Takes what people write and what devices say of pages, one method a kind of report."""

    def __init__(self, core: Core, activate: Activate) -> None:
        self._core = core
        self._activate = activate
        self._forget_at = 0.0
        self._said: dict[tuple[str, str, str, str], float] = {}  # texts that were paged while nothing can be stored
        self._references = References(core.store.changes.newest_taken(MOST), REFERENCE_LIFETIME, core.clock.now())

    # --- texts --------------------------------------------------------------------------------------------------------

    async def text(self, line: str, report: TextReceived) -> Recorded:
        """Take a text once: as an answer, as the alarm that a route makes of it, or for a person to read."""
        if not report.reference:
            return await self._taken(line, report)
        async with self._core.locks(("text", line, report.sender, report.reference)):
            if self._core.clock.now() >= self._forget_at:
                await self._forget_old()
            return Recorded.REPEAT if self._is_known(line, report) else await self._taken(line, report)

    def _is_known(self, line: str, report: TextReceived) -> bool:
        """Return whether a text was taken before; from now on it is known."""
        name, now = (line, report.sender, report.reference), self._core.clock.now()
        before = self._references.taken(name, now, report.known_for)
        if before is not None and self._core.store.changes.was_taken(name, before, before + LONGEST_DECISION):
            return True
        self._references.add(name, now)
        return False

    async def _forget_old(self) -> None:
        """Forget references that are too old."""
        now = self._core.clock.now()
        self._forget_at = now + FORGET_EVERY
        with suppress(StoreUnavailable):  # an answer is worth more than the room that this would make
            await self._core.store.record(TakenOnceExpired(now - REFERENCE_LIFETIME))

    async def _taken(self, line: str, report: TextReceived) -> Recorded:
        recipient_id = self._core.directory.addressed(report.recipient)
        answer = answers.parse(report.text, self._core.policy.words) if recipient_id is None else None
        if answer is not None:
            page = self._meant(line, report.sender, answer.code)
            if page is not None:
                return await self._answered(page, answer.answer, line, report)
            if answer.code is None and self._core.store.paging.ever_sent(line, report.sender):
                text = f"answer {report.text.strip()!r} from {report.sender}: nothing is open"
                await self._note(line, text, report)
                return Recorded.NOTED
        if self._core.directory.has_text_routes:
            alarm = routing.as_alarm(report)
            if routing.match(line, alarm, self._core.directory, routing.TEXT).definition is not None:
                return await self._activate(line, alarm, report)
        return await self._forward(line, report, recipient_id)

    def _meant(self, line: str, sender: str, code: int | None) -> Page | None:
        """Return the page that an answer is for: the one with its code, or the newest open one."""
        paging = self._core.store.paging
        if code is not None:
            return paging.to_address(line, sender, code)
        return paging.latest_open(line, sender, self._core.in_flight(line))

    async def _forward(self, line: str, report: TextReceived, recipient_id: int | None) -> Recorded:
        """Hand text to the person whom it is for, as it came; to the fallback recipient where that is nobody."""
        self._refuse_at_once_again(line, report)
        change = self._core.change()
        ctx = change.ctx
        message_id = ctx.new_id(Message)
        text = f"{f'{line} {report.sender}'.rstrip()}: {report.text.strip()}"[:LONGEST_TEXT]
        message = Message(
            message_id,
            text,
            report.priority or Priority.NORMAL,
            ctx.wall,
            MessageKind.USER,
            message_id,
            from_line=line,
            from_address=report.sender,
            reference=report.reference,
        )
        change.save(message)
        remember(change, line, report)
        change.note(
            JournalKind.ANSWER,
            _whom(report, recipient_id, ctx.directory.recipient_name),
            line=line,
            message_id=message_id,
        )
        page_somebody(change, message, recipient_id)
        if report.lifetime is not None:
            _expire(change, report.lifetime)
        await self._core.carry_out(change)
        self._keep_in_mind(line, report)
        return Recorded.FORWARDED

    def _refuse_at_once_again(self, line: str, report: TextReceived) -> None:
        """Refuse what a device repeats because nothing can be stored; only for a moment: it may be another call.

        Raises NotDurable.
        """
        if self._core.clock.now() < self._said.get((line, report.sender, report.recipient, report.text), 0.0):
            self._core.refuse_repeat()

    def _keep_in_mind(self, line: str, report: TextReceived) -> None:
        """Note that a text was paged which its device will repeat, as nothing acknowledges it."""
        if not self._core.store.owed or len(self._said) >= MOST_SAID:
            self._said.clear()
        if self._core.store.owed:
            name = (line, report.sender, report.recipient, report.text)
            self._said[name] = self._core.clock.now() + SAID_AGAIN

    # --- answers ------------------------------------------------------------------------------------------------------

    async def page_answered(self, line: str, report: PageAnswered) -> Recorded:
        """Take a person's answer to the page with a reference."""
        page = self._core.store.paging.with_reference(line, report.reference)
        if page is None:
            await self._note(line, f"answer to an unknown page (reference {report.reference[:40]!r})")
            return Recorded.NOTED
        return await self._answered(page, report.answer, line)

    async def _answered(self, page: Page, answer: Answer, line: str, report: TextReceived | None = None) -> Recorded:
        core = self._core
        async with core.locks(case_key(page.alarm_id, page.message_id)):
            case = core.case(page.message_id)
            if case is None:
                return Recorded.NOTED
            change = core.change()
            if answer is Answer.ACCEPT:
                _accept(change, case, page)
            else:
                _decline(change, case, page)
            _seen(change, case, page)
            if report is not None:
                remember(change, line, report)
            ending = await core.carry_out(change)
        await core.ended(ending)
        return Recorded.ANSWERED

    # --- later words on pages -----------------------------------------------------------------------------------------

    async def page_confirmed(self, line: str, report: PageConfirmed) -> Recorded:
        """Take a device's later word on the page with a reference."""
        core = self._core
        page = core.store.paging.with_reference(line, report.reference)
        if page is None:
            return Recorded.NOTED
        async with core.locks(case_key(page.alarm_id, page.message_id)):
            case = core.case(page.message_id)
            own = case.pages if case is not None else ()
            current = next((one for one in own if one.id == page.id), page)
            moved = delivery.confirm(current, report.state, report.detail)
            if case is not None and moved is not current:
                change = core.change()
                page_moved(change, case, moved)
                await core.carry_out(change)
        return Recorded.NOTED

    async def _note(self, line: str, text: str, report: TextReceived | None = None) -> None:
        change = self._core.change()
        change.note(JournalKind.LINE, text, line=line)
        if report is not None:
            remember(change, line, report)
        await self._core.carry_out(change)


def source_of(written: TextReceived | None) -> str:
    """Return the source of a report for routes: a person's text, or else what the report itself says."""
    return "" if written is None else routing.TEXT


def remember(change: Change, line: str, report: TextReceived) -> None:
    """Have a text known again in case its device sends it once more."""
    if report.reference:
        change.others.append(TakenOnce(line, report.sender, report.reference, change.ctx.now))


def _expire(change: Change, lifetime: float) -> None:
    """Let pages end when their sender does not want them delivered any more."""
    end = change.ctx.now + max(lifetime, SHORTEST_LIFETIME)
    for page in tuple(change.pages.values()):
        change.save(replace(page, expires=min(page.expires, end)))


def _whom(report: TextReceived, recipient_id: int | None, name: Callable[[int], str]) -> str:
    if recipient_id is not None:
        return f"text forwarded to {name(recipient_id)}"
    unknown = f"; there is no recipient {report.recipient!r}" if report.recipient else ""
    return f"text forwarded to the fallback recipient{unknown}"


def _accept(change: Change, case: Case, page: Page) -> None:
    who = page.user_id or page.contact_id or 0
    for event in case.events:
        if event.user_id == who:
            endings.mark(change, event, MsgStatus.ACKNOWLEDGE)
    endings.accept(change, case, who)


def _decline(change: Change, case: Case, page: Page) -> None:
    """Go on to the next step, unless the escalation has already left the one that this page belongs to."""
    who = page.user_id or page.contact_id or 0
    for event in case.events:
        if event.user_id == who and event.status < MsgStatus.READ:
            endings.mark(change, event, MsgStatus.READ)
    why = f"declined by {change.ctx.directory.recipient_name(who)}"
    about: About = {"alarm_id": page.alarm_id, "message_id": page.message_id, "recipient_id": who}
    change.note(JournalKind.ANSWER, why, **about)
    change.tell(case.message, Progress.DECLINED, who)
    for run in case.running():
        if (run.message_id, run.cycle, run.step) == (page.message_id, page.cycle, page.step):
            endings.advance(change, case, run, why)


def _seen(change: Change, case: Case, answered: Page) -> None:
    """Whoever answers has seen the page: this is all that is known of a bare contact, who has no inbox."""
    for page in case.pages:
        if page.id == answered.id and page.state in DELIVERED and page.user_id is None:
            change.save(replace(page, state=PageState.READ))
