"""Delivery: what a receipt means for a page, for the person's next way, and for the event in the inbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.driver import Outcome, Receipt
from gatewayd.engine.bounds import clean, identity
from gatewayd.model import Event, MsgStatus, Page, PageState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from dataclasses import replace

    from gatewayd.engine.change import Policy
else:
    from gatewayd.values import replace

ENDED: dict[Outcome, PageState] = {
    Outcome.SENT: PageState.SENT,
    Outcome.RECEIVED: PageState.RECEIVED,
    Outcome.READ: PageState.READ,
    Outcome.REFUSED: PageState.FAILED,
}
GOOD_NEWS = frozenset({PageState.RECEIVED, PageState.READ})
LATER: dict[PageState, frozenset[PageState]] = {  # what a device may still say of a page
    PageState.QUEUED: GOOD_NEWS | {PageState.SENT, PageState.FAILED},
    PageState.SENT: GOOD_NEWS | {PageState.FAILED},
    PageState.UNKNOWN: GOOD_NEWS | {PageState.SENT, PageState.FAILED},
    PageState.FAILED: GOOD_NEWS,
    PageState.WITHDRAWN: GOOD_NEWS,
    PageState.RECEIVED: frozenset({PageState.READ}),
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
    reference = identity(receipt.reference) if receipt.reference else page.reference
    state = ENDED.get(receipt.outcome, page.state)
    tried = replace(page, attempts=attempts, detail=clean(receipt.detail), reference=reference, state=state)
    if receipt.outcome in ENDED:
        return tried
    if page.state is not PageState.QUEUED:
        return tried  # taken back meanwhile: it is not sent again
    if receipt.outcome is Outcome.UNKNOWN and attempts >= policy.unknown_attempts:
        return replace(tried, state=PageState.UNKNOWN)
    wait = policy.retry_waits[min(attempts, len(policy.retry_waits)) - 1]
    if now + wait > page.expires:
        return replace(tried, state=PageState.FAILED, detail=f"{tried.detail} (expired)".strip())
    later = now + max(wait, receipt.retry_after or 0.0)
    return replace(tried, due=min(later, page.expires), held=False)  # a device may be back long before it said


def confirm(page: Page, state: PageState, detail: str) -> Page:
    """Return the page after a later word of its device; a page never goes back from delivered to less."""
    return replace(page, state=state, detail=detail or page.detail) if state in LATER.get(page.state, ()) else page


def next_way(page: Page, pages: Iterable[Page]) -> Page | None:
    """Return the page of the same person's next way if it is still held back, or None.

    Only the very next one: when that was taken already, its own failure brings the one after it forward.
    """
    later = [
        other
        for other in pages
        if other.user_id == page.user_id
        and other.message_id == page.message_id
        and other.way > page.way
        and (_is_held(other) or (other.cycle, other.step) == (page.cycle, page.step))
    ]
    following = min(later, key=lambda other: other.way, default=None) if page.user_id is not None else None
    return following if following is not None and _is_held(following) else None


def _is_held(page: Page) -> bool:
    return page.held and page.state is PageState.QUEUED


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
