"""How paging for a case ends: somebody accepts, somebody cancels, the condition clears, nobody comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.driver import Progress
from gatewayd.engine import escalation as rule
from gatewayd.engine import posting
from gatewayd.engine.case import DELIVERED, Case
from gatewayd.model import (
    Alarm,
    Escalation,
    EscalationState,
    Event,
    JournalKind,
    Message,
    MessageKind,
    MsgStatus,
    Page,
    PageState,
)

if TYPE_CHECKING:
    from dataclasses import replace

    from gatewayd.engine.change import Change, Context
else:
    from gatewayd.values import replace

UNANSWERED = "NOT ACCEPTED: "
CUT_SHORT = "taken back while it was being sent"


def accept(change: Change, case: Case, who: int) -> None:
    """Stop paging, because somebody took it; the first one to accept stays on record.

    A message to several people that is neither an alarm nor escalates is taken by each of them alone.
    """
    ctx, alarm = change.ctx, case.alarm
    name = ctx.directory.recipient_name(who)
    if alarm is not None and alarm.is_active and alarm.accepted_time is None:
        change.save(replace(alarm, accepted_by=who, accepted_time=ctx.wall))
    if alarm is not None or case.escalations:
        _stop(change, case, EscalationState.ACCEPTED)
    else:
        for page in case.queued():
            if who in (page.user_id, page.contact_id):
                withdraw(change, page)
    change.tell(case.message, Progress.ACCEPTED, who)
    change.note(
        JournalKind.ANSWER,
        f"accepted by {name}",
        alarm_id=case.message.alarm_id,
        message_id=case.message.id,
        recipient_id=who,
    )


def clear(change: Change, case: Case, *, cancelled_by: int | None = None) -> None:
    """End an alarm, by the device or by a person: whoever was paged gets the reset text."""
    ctx, alarm = change.ctx, case.alarm
    if alarm is None or not alarm.is_active:
        return
    _stop(change, case, EscalationState.CLEARED if cancelled_by is None else EscalationState.CANCELLED)
    for push in case.stale_pushes():
        withdraw(change, push)
    change.concerned[alarm.id] = tuple(dict.fromkeys(event.user_id for event in case.events))
    cleared = replace(alarm, cleared_time=ctx.wall, cancelled_by=cancelled_by)
    if alarm.send_resets and (case.events or _paged(case, ctx)):
        cleared = replace(cleared, reset_message_id=_post_reset(change, case, alarm))
    change.save(cleared)
    change.tell(case.message, Progress.CLEARED, cancelled_by)
    how = (
        "cleared by the device"
        if cancelled_by is None
        else f"cancelled by {ctx.directory.recipient_name(cancelled_by)}"
    )
    change.note(JournalKind.ALARM, how, line=alarm.line, alarm_id=alarm.id, recipient_id=cancelled_by)


def supersede(change: Change, case: Case) -> None:
    """End an alarm in silence, because the same call comes anew: a reset text would only contradict it."""
    alarm = case.alarm
    if alarm is None or not alarm.is_active:
        return
    _stop(change, case, EscalationState.CLEARED)
    for push in case.stale_pushes():
        withdraw(change, push)
    change.concerned[alarm.id] = tuple(dict.fromkeys(event.user_id for event in case.events))
    change.save(replace(alarm, cleared_time=change.ctx.wall))
    text = "ended: the same call came again after paging for this one was over"
    change.note(JournalKind.ALARM, text, line=alarm.line, alarm_id=alarm.id)


def advance(change: Change, case: Case, run: Escalation, why: str) -> None:
    """Go on to the next step, because the wait is over or somebody asked for it; or give up loudly."""
    ctx = change.ctx
    plan = ctx.directory.plan(run.plan_id)
    message = case.message_of(run)
    if plan is None:
        change.save(replace(run, state=EscalationState.EXHAUSTED))
        posting.tell_fallback(
            change, message, UNANSWERED, "nobody accepted, and the plan was removed", Progress.UNREACHED
        )
        return
    advanced = rule.advance(run, plan, ctx.now, lambda step: posting.reaches(ctx, step))
    change.save(advanced.escalation)
    if advanced.step is None:
        own = [page.state for page in case.pages if page.message_id == message.id]
        progress = Progress.FAILED if own and set(own) == {PageState.FAILED} else Progress.UNREACHED
        posting.tell_fallback(change, message, UNANSWERED, f"nobody accepted in {run.cycle} cycles", progress)
        return
    change.note(JournalKind.ESCALATION, why, alarm_id=run.alarm_id, message_id=run.message_id)
    posting.page_step(change, message, advanced.escalation, advanced.step, case)


def withdraw(change: Change, page: Page) -> None:
    """Take back a page that waits; one that is on its way right now is noted as honestly unknown."""
    if change.ctx.is_in_flight(page.id):
        change.save(replace(page, state=PageState.UNKNOWN, detail=CUT_SHORT))
    else:
        change.save(replace(page, state=PageState.WITHDRAWN))


def mark(change: Change, event: Event, status: MsgStatus) -> None:
    """Set the status that a person gave to an event."""
    change.save(replace(event, status=status, status_time=change.ctx.wall))


def _stop(change: Change, case: Case, state: EscalationState) -> None:
    for run in case.running():
        change.save(replace(run, state=state))
    for page in case.queued():
        withdraw(change, page)


def _paged(case: Case, ctx: Context) -> list[Page]:
    """Return one page for every address that the alarm may have reached."""
    reached: dict[tuple[str, str], Page] = {}
    for page in case.pages:
        if page.state in DELIVERED or ctx.is_in_flight(page.id) or (page.attempts and page.state is PageState.QUEUED):
            reached.setdefault((page.line, page.address), page)
    return list(reached.values())


def _post_reset(change: Change, case: Case, alarm: Alarm) -> int:
    """Send the reset text to every inbox and every address that had the alarm; returns the message's id."""
    ctx = change.ctx
    message = Message(
        ctx.new_id(Message),
        alarm.reset_text,
        alarm.priority,
        ctx.wall,
        MessageKind.RESET,
        case.message.thread_id,
        alarm_id=alarm.id,
        from_line=alarm.line,
        from_address=alarm.address,
    )
    change.save(message)
    for user_id in dict.fromkeys(event.user_id for event in case.events):
        change.announce(Event(ctx.new_id(Event), user_id, message.id, MsgStatus.QUEUED, ctx.wall))
    for page in _paged(case, ctx):
        change.save(_reset_page(change, message, page))
    return message.id


def _reset_page(change: Change, message: Message, page: Page) -> Page:
    ctx = change.ctx
    return Page(
        id=ctx.new_id(Page),
        message_id=message.id,
        line=page.line,
        address=page.address,
        text=posting.page_text(message, ctx.capabilities(page.line)),
        priority=message.priority,
        created=ctx.now,
        due=ctx.now,
        expires=ctx.now + ctx.policy.page_lifetime,
        queue_time=ctx.wall,
        alarm_id=message.alarm_id,
        user_id=page.user_id,
        contact_id=page.contact_id,
        way=page.way,
        tone=page.tone,
    )
