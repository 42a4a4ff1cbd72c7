"""What follows when a page moved: the inbox, the person's next way, the next step, and telling people loudly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.driver import Progress
from gatewayd.engine import delivery, endings, posting
from gatewayd.model import JournalKind, MessageKind, Page, PageState

if TYPE_CHECKING:
    from dataclasses import replace

    from gatewayd.engine.case import Case
    from gatewayd.engine.change import Change
else:
    from gatewayd.values import replace

UNDELIVERED = "NOT DELIVERED: "
NOT_THROUGH = (PageState.QUEUED, PageState.FAILED)
PROGRESS = {
    PageState.SENT: Progress.PAGED,
    PageState.UNKNOWN: Progress.PAGED,
    PageState.RECEIVED: Progress.DELIVERED,
    PageState.READ: Progress.READ,
}


def page_moved(change: Change, case: Case, moved: Page) -> None:
    """Record a page that an attempt, or a later word of its device, has moved, and decide what follows."""
    change.save(moved)
    if (progress := PROGRESS.get(moved.state)) is not None:
        change.tell(case.message, progress, moved.user_id or moved.contact_id)
    pages = [moved if page.id == moved.id else page for page in case.pages]
    raise_events(change, case, pages)
    if moved.state in NOT_THROUGH:
        take_next_way(change, moved, pages)
    if moved.state is PageState.FAILED:
        text = f"page to {moved.line} {moved.address} failed: {moved.detail}"
        change.note(JournalKind.PAGE, text, line=moved.line, alarm_id=moved.alarm_id, message_id=moved.message_id)
        _skip_failed_step(change, case, pages)
        _tell_undelivered(change, case, moved, pages)
        if case.alarm is None and not case.escalations and all(page.state is PageState.FAILED for page in pages):
            change.tell(case.message, Progress.FAILED)


def take_next_way(change: Change, page: Page, pages: list[Page]) -> bool:
    """Bring the page of the person's next way forward; returns whether there was one."""
    held = delivery.next_way(page, pages)
    if held is None or change.ctx.is_in_flight(held.id):
        return False
    change.save(replace(held, held=False, due=change.ctx.now))
    return True


def raise_events(change: Change, case: Case, pages: list[Page]) -> None:
    """Let the events in people's inboxes follow their pages."""
    for event in case.events:
        status = delivery.event_status(event, pages)
        if status is not event.status:
            endings.mark(change, event, status)


def _skip_failed_step(change: Change, case: Case, pages: list[Page]) -> None:
    """When no page of a step got through, waiting for an answer helps nobody: on to the next step of this cycle.

    The last step of a cycle keeps its wait, or a box without any working line would race through its cycles.
    """
    for run in case.running():
        plan = change.ctx.directory.plan(run.plan_id)
        own = [page for page in pages if page.message_id == run.message_id]
        if plan and run.step < len(plan.steps) and delivery.step_failed(own, run.cycle, run.step):
            endings.advance(change, case, run, "no page of this step got through")


def _tell_undelivered(change: Change, case: Case, moved: Page, pages: list[Page]) -> None:
    """Tell the fallback recipient of an alarm without an escalation whose every page failed."""
    if case.alarm is None or not case.is_open or moved.message_id != case.message.id:
        return
    escalated = any(run.message_id == moved.message_id for run in case.escalations)
    own = [page.state for page in pages if page.message_id == moved.message_id]
    told = any(page.message_id != moved.message_id for page in pages)
    if not escalated and not told and case.message.kind is MessageKind.ACTIVATION and set(own) == {PageState.FAILED}:
        why = "no page of this alarm got through"
        posting.tell_fallback(change, case.message, UNDELIVERED, why, Progress.FAILED)
