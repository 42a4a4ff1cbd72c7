"""Pages on their way to phones: every device of a user at once, one page per user at a time (RFC 3428 section 8)."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

from drivers.sip.digest import Account, answer_challenge
from drivers.sip.events import ConnectionWanted, Event, PageConfirmedLate, PageDone
from drivers.sip.flow import MAX_DATAGRAM_REQUEST, UDP, Flow
from drivers.sip.grammar import DEFAULT_PORT, Malformed
from drivers.sip.message import Request, Response, printable
from drivers.sip.transactions import ClientTransaction, Failure
from drivers.sip.uri import Uri
from gatewayd.driver import Outcome, Receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from drivers.sip.layer import TransactionLayer
    from drivers.sip.timing import Deadline
    from gatewayd.driver import Address

# Once one device has the page the user's others get two retransmissions (0.5 s, 1.5 s); then the next page may start.
GRACE = 2.0
# What head and digest of our MESSAGE take at most: below this no need to measure the datagram.
_HEAD_ALLOWANCE = 900
TYPED = "text/plain;charset=UTF-8"
PLAIN = "text/plain"
# Answers after which this address will not take this page at another time either (RFC 3261 21.4 to 21.6).
_FOR_GOOD = frozenset(
    {400, 401, 402, 403, 404, 405, 406, 407, 410, 413, 414, 415, 416, 420, 421, 484, 485, 488, 493, 501, 505, 513}
)
# The better one counts when several devices of a user answer.
_RANK = (Outcome.RECEIVED, Outcome.SENT, Outcome.UNKNOWN, Outcome.FAILED, Outcome.REFUSED)
_ARRIVED = frozenset({Outcome.RECEIVED, Outcome.SENT})


@dataclass(frozen=True, slots=True)
class Target:
    """One device: its request URI, the way to it, its rank, and whether it was silent lately."""

    user: str
    uri: str
    flow: Flow
    q: float = 1.0
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One page: `to` is the address of record, `headers` those of the page itself (priority, date, expires)."""

    user: str
    to: str
    text: str
    reference: str
    headers: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are when we send; `account` answers challenges, `patience` is how long an answer is waited for."""

    from_: str
    patience: float = 8.0
    account: Account | None = None


class DeviceNews(Protocol):
    """Takes what a page shows about a device."""

    def heard(self, device: tuple[str, str]) -> None:
        """Note that it answered."""

    def missed(self, device: tuple[str, str]) -> None:
        """Note that it did not."""


def judge(response: Response) -> Receipt:
    """Translate a final response into the outcome of an attempt."""
    status = response.status
    detail = f"{status} {printable(response.reason, 60)}".strip()
    if status < 300:  # noqa: PLR2004 - the class of success
        return Receipt(Outcome.SENT if status == 202 else Outcome.RECEIVED, detail)  # noqa: PLR2004 - Accepted
    if status < 400 or status >= 600 or status in _FOR_GOOD:  # noqa: PLR2004 - moved away, or refused everywhere
        return Receipt(Outcome.REFUSED, detail)
    match = re.match(r"[0-9]{1,6}", response.first("retry-after"))
    return Receipt(Outcome.FAILED, detail, retry_after=float(match[0]) if match else None)


class Pager:
    """Sends pages. `emit` takes PageDone and the like; `news` hears which devices answer."""

    def __init__(self, layer: TransactionLayer, tokens: Callable[[int], str], emit: Callable[[Event], None]) -> None:
        self.layer = layer
        self.tokens = tokens
        self.emit = emit
        self.identity = Identity("<sip:alarm@localhost>")
        self.news: DeviceNews | None = None
        self._handles = 0
        self._deliveries: dict[int, _Delivery] = {}
        self._lanes: dict[str, deque[_Delivery]] = {}
        self._waiting: dict[Address, list[Callable[[Flow | None, float], None]]] = {}

    def send(self, outgoing: Outgoing, targets: list[Target], now: float) -> int:
        """Start a delivery, or queue it behind the one that is under way to the same user; returns its handle."""
        self._handles += 1
        delivery = _Delivery(self, self._handles, outgoing, targets)
        self._deliveries[self._handles] = delivery
        lane = self._lanes.setdefault(outgoing.user, deque())
        lane.append(delivery)
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

    def connect(self, peer: Address, then: Callable[[Flow | None, float], None]) -> None:
        """Ask for a connection; `then(flow or None, now)` hears what came of it."""
        waiting = self._waiting.setdefault(peer, [])
        waiting.append(then)
        if len(waiting) == 1:
            self.emit(ConnectionWanted(peer))

    def connected(self, peer: Address, flow: Flow | None, now: float) -> None:
        """Take the connection that was asked for, or None when it could not be made."""
        for then in self._waiting.pop(peer, []):
            then(flow, now)


class _Delivery:
    """One page to all devices of one user: groups of equal rank one after the other, within a group all at once."""

    def __init__(self, pager: Pager, handle: int, outgoing: Outgoing, targets: list[Target]) -> None:
        self.pager = pager
        self.handle = handle
        self.outgoing = outgoing
        self.over = False
        self._groups: Iterator[list[Target]] = iter(
            [list(group) for _, group in groupby(targets, key=lambda target: target.q)]
        )
        self._attempts: list[_Attempt] = []
        self._timers: list[Deadline] = []
        self._outcome: Outcome | None = None

    def start(self, now: float) -> None:
        """Begin with the best group; who has not answered after half the time must not keep the others waiting."""
        agenda, patience = self.pager.layer.agenda, self.pager.identity.patience
        self._timers.append(agenda.at(now + patience, self._give_up))
        self._timers.append(agenda.at(now + patience / 2, self._next_group))
        self._next_group(now)

    def _next_group(self, now: float) -> None:
        """Page the next group, and the one after it too when nothing can be expected of this one."""
        attempts = [_Attempt(self, target) for target in next(self._groups, [])]
        self._attempts += attempts
        for attempt in attempts:
            attempt.start(now)
        if attempts and all(attempt.target.silent for attempt in attempts):
            self._next_group(now)
        elif not attempts and all(attempt.receipt is not None for attempt in self._attempts):
            self._finish(now)

    def settled(self, attempt: _Attempt, now: float) -> None:
        """Take the result of one device."""
        if self.over:
            self._tell_late(attempt)
            return
        waiting_for = [each for each in self._attempts if each.receipt is None and not each.target.silent]
        arrived = any(each.receipt is not None and each.receipt.outcome in _ARRIVED for each in self._attempts)
        if arrived and not waiting_for:
            self._finish(now)
        elif arrived:
            self._timers.append(self.pager.layer.agenda.at(now + GRACE, self._finish))
        elif all(each.receipt is not None for each in self._attempts):
            self._next_group(now)

    def _give_up(self, now: float) -> None:
        for attempt in self._attempts:
            attempt.out_of_patience()
        self._finish(now)

    def _finish(self, now: float) -> None:
        if self.over:
            return
        self.stop()
        receipts = [attempt.verdict() for attempt in self._attempts]
        best = min(receipts, key=lambda receipt: _RANK.index(receipt.outcome))
        self._outcome = best.outcome
        receipt = Receipt(best.outcome, best.detail, self.outgoing.reference, best.retry_after)
        self.pager.finished(self, receipt, now)

    def stop(self) -> None:
        """Send nothing more of this page."""
        self.over = True
        for timer in self._timers:
            timer.cancel()
        for attempt in self._attempts:
            attempt.silence()

    def _tell_late(self, attempt: _Attempt) -> None:
        outcome = attempt.receipt.outcome if attempt.receipt is not None else None
        if outcome is None or outcome not in _ARRIVED or self._outcome is not Outcome.UNKNOWN:
            return
        self._outcome = outcome
        self.pager.emit(PageConfirmedLate(self.outgoing.reference, outcome))


class _Attempt:
    """One page to one device."""

    def __init__(self, delivery: _Delivery, target: Target) -> None:
        self.target = target
        self.receipt: Receipt | None = None
        self._delivery = delivery
        self._pager = delivery.pager
        self._transaction: ClientTransaction | None = None
        self._flow = target.flow
        self._cseq = 0
        self._content_type = TYPED
        self._credentials: dict[str, list[str]] = {}
        tokens = self._pager.tokens
        self._call_id, self._tag = tokens(12), tokens(6)

    def start(self, now: float) -> None:
        """Find the way, then send."""
        wires = self._pager.layer.wires
        if self.target.flow.is_stream and not wires.alive(self.target.flow):
            self._connect(now, fall_back=None)
        elif not self.target.flow.is_stream and self._is_large():
            self._connect(now, fall_back=self.target.flow)
        else:
            self._send(now)

    def _is_large(self) -> bool:
        """RFC 3261 18.1.1: more than 1300 bytes go over TCP."""
        request = self._request()
        if len(request.body) + _HEAD_ALLOWANCE <= MAX_DATAGRAM_REQUEST:
            return False
        return len(self._pager.layer.draw_up(request, UDP, "z9hG4bK" + 20 * "0")) > MAX_DATAGRAM_REQUEST

    def _connect(self, now: float, fall_back: Flow | None) -> None:
        peer = _listening_address(self.target)
        known = self._pager.layer.wires.find("TCP", peer) or self._pager.layer.wires.find("TCP", self.target.flow.peer)

        def then(flow: Flow | None, now: float) -> None:
            if self._delivery.over:
                return
            self._flow = flow or fall_back or self.target.flow
            self._send(now)

        if known is not None:
            then(known, now)
        else:
            self._pager.connect(peer, then)

    def _send(self, now: float) -> None:
        self._cseq += 1
        self._transaction = None
        transaction = self._pager.layer.request(self._request(), self._flow, now, self._on_result)
        if self.receipt is None:
            self._transaction = transaction

    def _request(self) -> Request:
        headers = {
            "max-forwards": ["70"],
            "from": [f"{self._pager.identity.from_};tag={self._tag}"],
            "to": [f"<{self._delivery.outgoing.to}>"],
            "call-id": [self._call_id],
            "cseq": [f"{self._cseq} MESSAGE"],
            **self._delivery.outgoing.headers,
            **self._credentials,
            "content-type": [self._content_type],
        }
        return Request(headers, self._delivery.outgoing.text.encode("utf-8", "replace"), "MESSAGE", self.target.uri)

    def _on_result(self, result: Response | Failure, now: float) -> None:
        device = (self.target.user, self.target.uri)
        if isinstance(result, Response):
            self._hear(device)
            if not self._delivery.over and self._can_try_again(result):
                self._send(now)
                return
            self.receipt = judge(result)
        elif result is Failure.TIMEOUT:
            self.receipt = Receipt(Outcome.UNKNOWN, "no answer")
        else:
            asked = self._transaction is not None
            self.receipt = Receipt(Outcome.UNKNOWN if asked else Outcome.FAILED, "the connection to the phone is lost")
        self._delivery.settled(self, now)

    def _hear(self, device: tuple[str, str]) -> None:
        if self._pager.news is not None:
            self._pager.news.heard(device)

    def _can_try_again(self, response: Response) -> bool:
        """Once with credentials, once without the charset parameter (old phones know only the bare type)."""
        if response.status == 415 and self._content_type == TYPED:  # noqa: PLR2004 - Unsupported Media Type
            self._content_type = PLAIN
            return True
        names = {401: ("www-authenticate", "authorization"), 407: ("proxy-authenticate", "proxy-authorization")}
        account = self._pager.identity.account
        if response.status not in names or account is None or self._credentials:
            return False
        challenge, answer = names[response.status]
        values = response.headers.get(challenge, [])
        credentials = answer_challenge(values, account, "MESSAGE", self.target.uri, self._pager.tokens(8))
        self._credentials = {answer: [credentials]} if credentials else {}
        return credentials is not None

    def silence(self) -> None:
        """Send nothing more; a late answer is still heard."""
        if self._transaction is not None:
            self._transaction.silence()

    def out_of_patience(self) -> None:
        """Note that the device did not answer in time."""
        if self.receipt is None and self._transaction is not None and self._pager.news is not None:
            self._pager.news.missed((self.target.user, self.target.uri))

    def verdict(self) -> Receipt:
        """Return the result, or what its absence means."""
        if self.receipt is not None:
            return self.receipt
        if self._transaction is not None:
            return Receipt(Outcome.UNKNOWN, "no answer")
        return Receipt(Outcome.FAILED, "no connection to the phone")


def _listening_address(target: Target) -> Address:
    """Return where the device listens: the address in its contact, or where it registered from."""
    try:
        uri = Uri.parse(target.uri)
    except Malformed:
        return target.flow.peer
    return (uri.numeric_host or target.flow.peer[0], uri.port or DEFAULT_PORT)
