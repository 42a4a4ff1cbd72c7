"""Delivery: what a receipt means for a page, for the person's next way, and for the event in the inbox."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gatewayd.driver import Outcome, Receipt
from gatewayd.model import Event, MsgStatus, Page, PageState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gatewayd.engine.change import Policy

ENDED: dict[Outcome, PageState] = {
    Outcome.SENT: PageState.SENT,
    Outcome.RECEIVED: PageState.RECEIVED,
    Outcome.READ: PageState.READ,
    Outcome.REFUSED: PageState.FAILED,
}
STATUS: dict[PageState, MsgStatus] = {
    PageState.SENT: MsgStatus.SENT,
    PageState.UNKNOWN: MsgStatus.SENT,
    PageState.RECEIVED: MsgStatus.RECEIVED,
    PageState.READ: MsgStatus.READ,
}


def settle(page: Page, receipt: Receipt, now: float, policy: Policy) -> Page:
    """Return the page after one attempt: ended, or queued again with its next due time."""
    attempts = page.attempts + 1
    tried = replace(page, attempts=attempts, detail=receipt.detail, reference=receipt.reference or page.reference)
    if receipt.outcome in ENDED:
        return replace(tried, state=ENDED[receipt.outcome])
    if page.state is not PageState.QUEUED:
        return tried  # taken back meanwhile: it is not sent again
    if receipt.outcome is Outcome.UNKNOWN and attempts >= policy.unknown_attempts:
        return replace(tried, state=PageState.UNKNOWN)
    wait = max(policy.retry_waits[min(attempts, len(policy.retry_waits)) - 1], receipt.retry_after or 0.0)
    if now + wait > page.expires:
        return replace(tried, state=PageState.FAILED, detail=f"{receipt.detail} (expired)".strip())
    return replace(tried, due=now + wait, held=False)


def confirm(page: Page, state: PageState, detail: str) -> Page:
    """Return the page after a later word of its device; a page never goes back from delivered to less."""
    if page.state in (PageState.READ, state) or (state is PageState.SENT and page.state is PageState.RECEIVED):
        return page
    return replace(page, state=state, detail=detail or page.detail)


def next_way(page: Page, pages: Iterable[Page]) -> Page | None:
    """Return the page of the same person's next way that is still held back, or None."""
    held = [
        other
        for other in pages
        if other.held
        and other.state is PageState.QUEUED
        and other.user_id == page.user_id
        and other.message_id == page.message_id
        and other.way > page.way
    ]
    return min(held, key=lambda other: other.way, default=None) if page.user_id is not None else None


def event_status(event: Event, pages: Iterable[Page]) -> MsgStatus:
    """Return the status of an event after its pages moved: it only rises, and never over what a person said."""
    if event.status >= MsgStatus.READ:
        return event.status
    own = [page.state for page in pages if page.user_id == event.user_id and page.message_id == event.message_id]
    reached = max((STATUS[state] for state in own if state in STATUS), default=None)
    if reached is not None:
        return max(event.status, reached)
    if own and all(state is PageState.FAILED for state in own):
        return MsgStatus.ERROR_SEND
    return event.status


def step_failed(pages: Iterable[Page], cycle: int, step: int) -> bool:
    """Return whether every page of one step has failed for good, so that waiting for an answer is pointless."""
    states = [page.state for page in pages if (page.cycle, page.step) == (cycle, step)]
    return bool(states) and all(state is PageState.FAILED for state in states)
