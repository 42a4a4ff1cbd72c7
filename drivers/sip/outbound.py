"""Pages on their way to phones: every device of a user at once, one page per user at a time (RFC 3428 section 8)."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from drivers.sip.attempt import Attempt, DeviceNews, Identity, Target
from drivers.sip.events import ConnectionWanted, Event, HabitsLearned, PageConfirmedLate, PageDone
from drivers.sip.habits import Habits
from gatewayd.driver import Outcome, Receipt

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.sip.flow import Flow
    from drivers.sip.layer import TransactionLayer
    from drivers.sip.render import Outgoing
    from drivers.sip.timing import Deadline
    from gatewayd.driver import Address

# Once one device has the page the user's others get two retransmissions (0.5 s, 1.5 s); then the next page may start.
GRACE = 2.0
# The better one counts when several devices of a user answer.
_RANK = (Outcome.RECEIVED, Outcome.SENT, Outcome.UNKNOWN, Outcome.FAILED, Outcome.REFUSED)
_ARRIVED = (Outcome.RECEIVED, Outcome.SENT)


class Pager:
    """Sends pages. `emit` takes PageDone and the like; `news` hears which devices answer."""

    def __init__(self, layer: TransactionLayer, tokens: Callable[[int], str], emit: Callable[[Event], None]) -> None:
        self.layer = layer
        self.tokens = tokens
        self.emit = emit
        self.identity = Identity("<sip:alarm@localhost>")
        self.news: DeviceNews | None = None
        self.habits = Habits(lambda changes: emit(HabitsLearned(changes)))
        self._handles = 0
        self._deliveries: dict[int, _Delivery] = {}
        self._lanes: dict[str, list[_Delivery]] = {}  # by user; the first is under way
        self._waiting: dict[tuple[str, Address], list[Callable[[Flow | None, float], None]]] = {}

    def send(self, outgoing: Outgoing, targets: list[Target], now: float) -> int:
        """Start a delivery, or queue it behind the one that is under way to the same user; returns its handle."""
        self._handles += 1
        delivery = _Delivery(self, self._handles, outgoing, self.habits.willing(targets, now))
        self._deliveries[self._handles] = delivery
        lane = self._lanes.setdefault(outgoing.user, [])
        _queue(lane, delivery)
        if len(lane) == 1:
            delivery.start(now)
        return self._handles

    def cancel(self, handle: int, now: float) -> None:
        """Withdraw a page: nothing more of it goes out."""
        delivery = self._deliveries.pop(handle, None)
        if delivery is not None:
            delivery.stop()
            self._leave_lane(delivery, now)

    def finished(self, delivery: _Delivery, receipt: Receipt, now: float) -> None:
        """Take the end of a delivery."""
        if self._deliveries.pop(delivery.handle, None) is not None:
            self.emit(PageDone(delivery.handle, receipt))
            self._leave_lane(delivery, now)

    def _leave_lane(self, delivery: _Delivery, now: float) -> None:
        user = delivery.outgoing.user
        lane = self._lanes[user]
        was_first = lane[0] is delivery
        lane.remove(delivery)
        if not lane:
            del self._lanes[user]
        elif was_first:
            lane[0].start(now)

    def connect(self, transport: str, peer: Address, then: Callable[[Flow | None, float], None]) -> None:
        """Ask for a connection; `then(flow or None, now)` hears what came of it."""
        waiting = self._waiting.setdefault((transport, peer), [])
        waiting.append(then)
        if len(waiting) == 1:
            self.emit(ConnectionWanted(peer, transport))

    def connected(self, wanted: ConnectionWanted, flow: Flow | None, now: float) -> None:
        """Take the connection that was asked for, or None when it could not be made."""
        for then in self._waiting.pop((wanted.transport, wanted.peer), []):
            then(flow, now)


def _queue(lane: list[_Delivery], delivery: _Delivery) -> None:
    """Put a delivery behind the one that is under way and behind whatever is as urgent as it is."""
    place = len(lane)
    while place > 1 and lane[place - 1].outgoing.priority > delivery.outgoing.priority:
        place -= 1
    lane.insert(place, delivery)


def _by_rank(targets: list[Target]) -> deque[list[Target]]:
    """Return the devices of a user in groups of equal rank, the best first; most people have one device."""
    if len(targets) == 1:
        return deque((targets,))
    return deque([list(group) for _, group in groupby(targets, key=lambda target: target.q)])


def _best(receipts: list[Receipt]) -> Receipt:
    return receipts[0] if len(receipts) == 1 else min(receipts, key=lambda receipt: _RANK.index(receipt.outcome))


class _Delivery:
    """One page to all devices of one user: groups of equal rank one after the other, within a group all at once.

    That nobody answered is UNKNOWN, because the page may be on a display. When none of the devices had answered before
    either it is FAILED: they are gone, and the page has to go out again when one of them is back.
    """

    def __init__(self, pager: Pager, handle: int, outgoing: Outgoing, targets: list[Target]) -> None:
        self.pager = pager
        self.handle = handle
        self.outgoing = outgoing
        self.over = False
        self._groups = _by_rank(targets)
        self._attempts: list[Attempt] = []
        self._timers: list[Deadline] = []
        self._outcome: Outcome | None = None

    def start(self, now: float) -> None:
        """Begin with the best group; who has not answered after half the time must not keep the others waiting."""
        agenda, patience = self.pager.layer.agenda, self.pager.identity.patience
        self._timers.append(agenda.at(now + patience, self._give_up))
        if len(self._groups) > 1:
            self._timers.append(agenda.at(now + patience / 2, self._next_group))
        self._next_group(now)

    def _next_group(self, now: float) -> None:
        """Page the next group, and the one after it too when nothing can be expected of this one."""
        targets = self._groups.popleft() if self._groups else ()
        attempts = [Attempt(self.pager, self, target) for target in targets]
        self._attempts += attempts
        for attempt in attempts:
            attempt.start(now)
        if attempts and all(attempt.target.silent for attempt in attempts):
            self._next_group(now)
        elif not attempts and all(attempt.receipt is not None for attempt in self._attempts):
            self._finish(now)

    def settled(self, attempt: Attempt, now: float) -> None:
        """Take the result of one device."""
        if self.over:
            self._tell_late(attempt)
            return
        arrived = is_waited_for = False
        unsettled = 0
        for each in self._attempts:
            if each.receipt is None:
                unsettled += 1
                is_waited_for |= not each.target.silent
            elif each.receipt.outcome in _ARRIVED:
                arrived = True
        if arrived and not is_waited_for:
            self._finish(now)
        elif arrived:
            self._timers.append(self.pager.layer.agenda.at(now + GRACE, self._finish))
        elif not unsettled:
            self._next_group(now)

    def _give_up(self, now: float) -> None:
        for attempt in self._attempts:
            attempt.out_of_patience()
        self._finish(now)

    def _finish(self, now: float) -> None:
        if self.over:
            return
        attempts = self._attempts
        self.stop()
        best = _best([attempt.verdict() for attempt in attempts])
        self._outcome = best.outcome
        receipt = Receipt(best.outcome, best.detail, self.outgoing.reference, best.retry_after)
        if best.outcome is Outcome.UNKNOWN and all(attempt.target.silent for attempt in attempts):
            receipt = replace(receipt, outcome=Outcome.FAILED, detail="no answer, like before")
        self.pager.finished(self, receipt, now)

    def stop(self) -> None:
        """Send nothing more of this page, and let go of what refers to it: no circle is left for the collector."""
        self.over = True
        for timer in self._timers:
            timer.cancel()
        for attempt in self._attempts:
            attempt.silence()
        self._timers, self._attempts = [], []

    def _tell_late(self, attempt: Attempt) -> None:
        outcome = attempt.receipt.outcome if attempt.receipt is not None else None
        if outcome is None or outcome not in _ARRIVED or self._outcome is not Outcome.UNKNOWN:
            return
        self._outcome = outcome
        self.pager.emit(PageConfirmedLate(self.outgoing.reference, outcome))
