"""Pools: several lines share the pages that are addressed to all of them. Pure rules.

A page of a pool keeps the pool's name, so that its queue, its answers and a restart know nothing of members. What a
member says of a page (`7/701234567`) carries its name (`sms1:7/701234567`): every modem counts for itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gatewayd.driver import Capabilities, Outcome, Receipt
from gatewayd.engine.bounds import identity
from gatewayd.model import PageAnswered, PageConfirmed, TextReceived

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from gatewayd.model import Report
    from gatewayd.store.paging import Paging

SEPARATOR = ":"  # names of lines have none
ANOTHER_MAY_HELP = frozenset({Outcome.FAILED, Outcome.REFUSED})  # one SIM may be barred where another is not


@dataclass(frozen=True, slots=True)
class Standing:
    """How a member stands: `room` for so many pages more, the next of them held back for `wait` seconds."""

    name: str
    up: bool
    room: int
    degraded: bool = False
    wait: float = 0.0


def eligible(standings: Sequence[Standing], tried: Collection[str] = ()) -> list[Standing]:
    """Return the members that may carry a page: those that work well; all, while none of those is allowed to send."""
    left = [one for one in standings if one.up and one.name not in tried]
    good = [one for one in left if not one.degraded]
    return good if any(one.wait <= 0 for one in good) else left


def avoiding(standings: Sequence[Standing], tried: Collection[str], doubtful: Collection[str]) -> Collection[str]:
    """Return the members to pass over: also those that left the page unknown before, as long as another one is up."""
    both = {*tried, *doubtful}
    return both if eligible(standings, both) else tried


def choose(standings: Sequence[Standing], tried: Collection[str] = ()) -> str | None:
    """Return the first member that takes a page at once; None when all of them are busy, or none is left."""
    free = (one.name for one in eligible(standings, tried) if one.room > 0 and one.wait <= 0)
    return next(free, None)


def room(standings: Sequence[Standing]) -> int:
    """Return how many pages more the members take at once."""
    return sum(one.room for one in eligible(standings) if one.wait <= 0)


def next_turn(standings: Sequence[Standing]) -> float | None:
    """Return the seconds until a member that is held back takes a page; None when none is."""
    return min((one.wait for one in standings if one.up and one.room > 0 and one.wait > 0), default=None)


def combined(members: Sequence[Capabilities], parallel: int) -> Capabilities:
    """Return what a pool can do: what all its members deliver, and what any of them brings back."""
    lengths = [one.longest_text for one in members if one.longest_text is not None]
    return Capabilities(
        receives=any(one.receives for one in members),
        sends=any(one.sends for one in members),
        confirms_delivery=all(one.confirms_delivery for one in members),
        carries_answers=any(one.carries_answers for one in members),
        answers_in_text=any(one.answers_in_text for one in members),
        longest_text=min(lengths, default=None),
        parallel=parallel,
        follows=any(one.follows for one in members),
    )


def carried(member: str, receipt: Receipt) -> Receipt:
    """Return a member's receipt as the pool's."""
    reference = f"{member}{SEPARATOR}{receipt.reference}" if receipt.reference else ""
    return replace(receipt, detail=f"{member}: {receipt.detail}".rstrip(": "), reference=reference)


def summary(receipts: Mapping[str, Receipt]) -> Receipt:
    """Return what it means that every member failed: it is refused only when all of them refuse it."""
    detail = "; ".join(carried(member, receipt).detail for member, receipt in receipts.items())
    failed = [receipt for receipt in receipts.values() if receipt.outcome is not Outcome.REFUSED]
    if not failed:
        return Receipt(Outcome.REFUSED, detail)
    soonest = min(receipt.retry_after or 0.0 for receipt in failed)
    return Receipt(Outcome.FAILED, detail, retry_after=soonest or None)


def attributed(member: str, pool: str, report: Report, paging: Paging) -> tuple[str, Report]:
    """Return the line that a member's report belongs to, and the report as that line knows it.

    Words on pages, and people's texts, are the pool's unless the page was the member's own; alarms and faults are its
    own.
    """
    if isinstance(report, TextReceived):
        own = paging.latest_open(member, report.sender) is not None and paging.latest_open(pool, report.sender) is None
        return (member if own else pool), report
    if isinstance(report, PageAnswered | PageConfirmed):
        shared = replace(report, reference=f"{member}{SEPARATOR}{report.reference}")
        own = paging.with_reference(pool, identity(shared.reference)) is None
        return (member, report) if own else (pool, shared)
    return member, report
