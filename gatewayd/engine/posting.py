"""Posting: a message becomes inbox events and pages, and escalations where a plan is addressed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from gatewayd.driver import Progress
from gatewayd.engine import escalation as rule
from gatewayd.engine.bounds import LONGEST_TEXT
from gatewayd.model import (
    Contact,
    Escalation,
    Event,
    JournalKind,
    Message,
    MessageKind,
    MsgStatus,
    Page,
    PageState,
    Step,
    User,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from dataclasses import dataclass, replace

    from gatewayd.driver import Capabilities
    from gatewayd.engine.case import Case
    from gatewayd.engine.change import About, Change, Context
    from gatewayd.engine.directory import Targets
else:
    from gatewayd.values import dataclass, replace

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why pages of a message go out now: the step and cycle of an escalation, or (0, 0) outside of one."""

    message: Message
    cycle: int = 0
    step: int = 0


def page_text(message: Message, capabilities: Capabilities | None) -> str:
    """Return the text for one line: with the code to answer by where answers can come back, cut to what fits."""
    carries_code = capabilities is not None and capabilities.answers_in_text and message.kind is not MessageKind.RESET
    code = f" #{message.id}" if carries_code else ""
    longest = capabilities.longest_text if capabilities is not None else None
    if longest is None:
        return message.text + code
    return message.text[: longest - len(code)] + code if longest > len(code) else message.text[:longest]


def post(change: Change, message: Message, recipient_ids: Iterable[int]) -> bool:
    """Send a new message to recipients: pages now, plans started. Returns whether anybody is reached at all."""
    targets = change.ctx.directory.expand(recipient_ids)
    page_targets(change, Occasion(message), targets, case=None)
    started = [start_plan(change, message, plan.id) for plan in targets.plans]
    return _anybody(change.ctx, targets) or any(started)


def start_plan(change: Change, message: Message, plan_id: int) -> bool:
    """Start a plan for a message; returns False when no step of it reaches anybody."""
    ctx = change.ctx
    plan = ctx.directory.plan(plan_id)
    if plan is None:
        return False
    fresh = Escalation(
        ctx.new_id(Escalation), message.id, plan_id, 0, 1, ctx.now, message.priority, alarm_id=message.alarm_id
    )
    advanced = rule.start(fresh, plan, ctx.now, lambda step: reaches(ctx, step))
    change.save(advanced.escalation)
    if advanced.step is not None:
        page_step(change, message, advanced.escalation, advanced.step, case=None)
    return advanced.step is not None


def reaches(ctx: Context, step: Step) -> bool:
    """Return whether a step pages anybody."""
    return _anybody(ctx, ctx.directory.expand(step.recipients))


def _anybody(ctx: Context, targets: Targets) -> bool:
    """Return whether there is an inbox, or an address on a line that exists."""
    if targets.users:
        return True
    for contact in targets.contacts:  # noqa: SIM110 - a generator takes twice the time for the one there mostly is
        if ctx.capabilities(contact.line) is not None:
            return True
    return False


def page_step(change: Change, message: Message, run: Escalation, step: Step, case: Case | None) -> None:
    """Page the recipients of one step of an escalation."""
    occasion = Occasion(message, run.cycle, run.step)
    page_targets(change, occasion, change.ctx.directory.expand(step.recipients), case)
    text = f"step {run.step} of cycle {run.cycle}: next one in {step.wait:g} s unless accepted"
    change.note(JournalKind.ESCALATION, text, alarm_id=message.alarm_id, message_id=message.id)


def page_targets(change: Change, occasion: Occasion, targets: Targets, case: Case | None) -> None:
    """Put the message into people's inboxes and page their ways, and page bare contacts."""
    waiting = _waiting(change, occasion.message.id, case) if case or change.pages else set()
    for user in targets.users:
        _notify(change, occasion, user, case)
        for index, way in enumerate(user.ways):
            contact = change.ctx.directory.contact(way.contact_id)
            if contact is not None:
                _page(change, occasion, _Target(contact, user, index), waiting)
    for contact in targets.contacts:
        _page(change, occasion, _Target(contact), waiting)


def _waiting(change: Change, message_id: int, case: Case | None) -> set[tuple[str, str]]:
    """Return line and address of the pages of a message that have not left yet."""
    return {
        (page.line, page.address)
        for page in (*(case.queued() if case else ()), *change.pages.values())
        if page.message_id == message_id and page.state is PageState.QUEUED
    }


def _notify(change: Change, occasion: Occasion, user: User, case: Case | None) -> None:
    """Put the message into a user's inbox, or move its event to the present step."""
    ctx, message = change.ctx, occasion.message
    for event in (*change.events.values(), *(case.events if case else ())):  # what was decided just now counts
        if event.user_id == user.id and event.message_id == message.id:
            change.announce(replace(event, cycle=occasion.cycle, step=occasion.step))
            return
    event_id = ctx.new_id(Event)
    change.announce(Event(event_id, user.id, message.id, MsgStatus.QUEUED, ctx.wall, occasion.cycle, occasion.step))


class _Target(NamedTuple):
    """An address, and whose it is: the user's way number `way`."""

    contact: Contact
    user: User | None = None
    way: int = 0


def _page(change: Change, occasion: Occasion, target: _Target, waiting: set[tuple[str, str]]) -> None:
    """Add one page, unless one of this message still waits for the same address."""
    contact, user, way = target
    if (contact.line, contact.address) in waiting:
        return
    waiting.add((contact.line, contact.address))
    ctx, message = change.ctx, occasion.message
    delay = user.ways[way].after if user else 0.0
    capabilities = ctx.capabilities(contact.line)
    page = Page(
        id=ctx.new_id(Page),
        message_id=message.id,
        line=contact.line,
        address=contact.address,
        text=page_text(message, capabilities),
        priority=message.priority,
        created=ctx.now,
        due=ctx.now + delay,
        expires=ctx.now + delay + ctx.policy.page_lifetime,
        queue_time=ctx.wall,
        alarm_id=message.alarm_id,
        user_id=user.id if user else None,
        contact_id=contact.id,
        cycle=occasion.cycle,
        step=occasion.step,
        way=way,
        held=delay > 0,
        tone=message.tone,
    )
    about: About = {"alarm_id": page.alarm_id, "message_id": message.id, "recipient_id": contact.id}
    if capabilities is None:
        page = replace(page, state=PageState.FAILED, detail=f"there is no line {contact.line!r}")
        change.note(JournalKind.PAGE, page.detail, **about)
    elif not page.text.startswith(message.text):
        text = f"the text was cut to what {contact.line} can carry: {len(page.text)} of {len(message.text)} characters"
        change.note(JournalKind.PAGE, text, **about)
    change.save(page)


def tell_fallback(change: Change, message: Message, prefix: str, why: str, progress: Progress) -> None:
    """Say loudly to the site's fallback recipient that a message got no further; a notice itself ends in the log."""
    ctx = change.ctx
    change.note(JournalKind.ESCALATION, why, alarm_id=message.alarm_id, message_id=message.id)
    change.tell(message, progress)
    fallback = ctx.directory.site.fallback_id
    if fallback is None or message.kind is MessageKind.NOTICE:
        log.critical("message %d: %s, and there is nobody left to tell", message.id, why)
        return
    notice_id = ctx.new_id(Message)
    notice = Message(
        notice_id,
        (prefix + message.text)[:LONGEST_TEXT],
        message.priority,
        ctx.wall,
        MessageKind.NOTICE,
        message.thread_id,
        alarm_id=message.alarm_id,
        from_line=message.from_line,
        from_address=message.from_address,
    )
    change.save(notice)
    if not post(change, notice, [fallback]):
        log.critical("message %d: %s, and the fallback recipient reaches nobody", message.id, why)
        change.note(JournalKind.ESCALATION, "the fallback recipient reaches nobody", message_id=notice_id)


def page_somebody(change: Change, message: Message, recipient_id: int | None) -> None:
    """Page the recipient; when that reaches nobody, the fallback; when that neither, say so as loudly as a log can."""
    fallback = change.ctx.directory.site.fallback_id
    for candidate in dict.fromkeys((recipient_id, fallback)):
        if candidate is not None and post(change, message, [candidate]):
            return
    text = "nobody can be paged: neither the recipient nor the fallback recipient reaches anybody"
    log.critical("message %d: %s", message.id, text)
    change.note(JournalKind.PAGE, text, line=message.from_line, alarm_id=message.alarm_id, message_id=message.id)
    change.tell(message, Progress.FAILED)
