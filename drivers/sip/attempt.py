"""One page on its way to one device: the way there, the form of the text, credentials, and what the answer means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from drivers.sip.asking import Answers
from drivers.sip.flow import MAX_DATAGRAM_REQUEST, TLS, UDP, Flow, default_port
from drivers.sip.grammar import Malformed, NameAddr
from drivers.sip.message import Request, Response, printable
from drivers.sip.profiles import Form
from drivers.sip.render import Outgoing, render
from drivers.sip.transactions import ClientTransaction, Failure
from drivers.sip.uri import Uri
from gatewayd.driver import Outcome, Receipt

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass

    from drivers.sip.digest import Account
    from drivers.sip.habits import Habits
    from drivers.sip.layer import TransactionLayer
    from gatewayd.driver import Address
else:
    from gatewayd.values import dataclass

# What the head of our MESSAGE takes beside addresses and credentials: below this no need to measure the datagram.
_HEAD_ALLOWANCE = 640
_SENT, _RECEIVED = Outcome.SENT, Outcome.RECEIVED
_PLAIN_FORMS = (Form.TYPED, Form.PLAIN)
# Answers after which this address will not take this page at another time either (RFC 3261 21.4 to 21.6).
_FOR_GOOD = frozenset(
    {400, 401, 402, 403, 404, 405, 406, 407, 410, 413, 414, 415, 416, 420, 421, 484, 485, 488, 493, 501, 505, 513}
)
_AGAIN_WITHOUT_FORM = frozenset({415, 488, 606})
# RFC 3261 25.1 `word`, of which this much is enough.
_WORD = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,128}")
Device = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """One device: its request URI, the way to it, its rank, and whether it was silent lately.

    `model` is by what it is known again when it registers anew, `path` are the proxies before it. Through a PBX: its
    `route`, who we are there, and with which account.
    """

    user: str
    uri: str
    flow: Flow
    q: float = 1.0
    silent: bool = False
    model: str = ""
    path: tuple[str, ...] = ()
    route: str = ""
    from_: str = ""
    account: Account | None = None

    @property
    def way(self) -> tuple[str, ...]:
        """Every proxy on the way, the nearest first."""
        return (self.route,) if self.route else self.path


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
        return Receipt(_SENT if status == 202 else _RECEIVED, detail)  # noqa: PLR2004 - Accepted
    if status < 400 or status >= 600 or status in _FOR_GOOD:  # noqa: PLR2004 - moved away, or refused everywhere
        return Receipt(Outcome.REFUSED, detail)
    match = re.match(r"[0-9]{1,6}", response.first("retry-after"))
    return Receipt(Outcome.FAILED, detail, retry_after=float(match[0]) if match else None)


class Office(Protocol):
    """What an attempt needs of its pager."""

    layer: TransactionLayer
    tokens: Callable[[int], str]
    identity: Identity
    news: DeviceNews | None
    habits: Habits

    def connect(self, transport: str, peer: Address, then: Callable[[Flow | None, float], None]) -> None:
        """Ask for a connection."""


class Delivery(Protocol):
    """What an attempt needs of the delivery that it belongs to."""

    outgoing: Outgoing
    over: bool

    def settled(self, attempt: Attempt, now: float) -> None:
        """Take the result."""


class Attempt:
    """One page to one device."""

    def __init__(self, pager: Office, delivery: Delivery, target: Target) -> None:
        self.target = target
        self.receipt: Receipt | None = None
        self._delivery = delivery
        self._pager = pager
        self._device: Device = (target.user, target.uri)
        self._uri = target.uri
        self._transaction: ClientTransaction | None = None
        self._flow = target.flow
        self._takes_streams = True
        self._cseq = 0
        self._forms = delivery.outgoing.forms
        self._form = self._first_form = pager.habits.first_form(target, self._forms)
        self._answers = Answers()
        tokens = self._pager.tokens
        self._call_id, self._tag = _call_id(delivery.outgoing.reference) or tokens(12), tokens(6)

    def start(self, now: float) -> None:
        """Find the way, then send."""
        wires = self._pager.layer.wires
        if self.target.flow.is_stream and not wires.alive(self.target.flow):
            self._connect(now, fall_back=None)
        else:
            self._choose(now)

    def _choose(self, now: float) -> None:
        """Send by datagram what fits into one; credentials count too."""
        if not self._flow.is_stream and self._takes_streams and self._is_large():
            self._connect(now, fall_back=self._flow)
        else:
            self._send(now)

    def _is_large(self) -> bool:
        """RFC 3261 18.1.1: more than 1300 bytes go over TCP, where the phone takes connections."""
        outgoing = self._delivery.outgoing
        longest = 4 * len(outgoing.text)  # bytes, whatever the characters are
        if self._forms[self._form] in _PLAIN_FORMS and not self._answers.headers and not self.target.way:
            addresses = len(self._uri) + 4 * len(outgoing.to + self._pager.identity.from_)  # and Via, Reply-To
            if longest + addresses + _HEAD_ALLOWANCE <= MAX_DATAGRAM_REQUEST:
                return False
        return len(self._pager.layer.draw_up(self._request(), UDP, "z9hG4bK" + 20 * "0")) > MAX_DATAGRAM_REQUEST

    def _connect(self, now: float, fall_back: Flow | None) -> None:
        transport = TLS if self.target.flow.transport == TLS else "TCP"
        peer, wires = _listening_address(self.target), self._pager.layer.wires
        known = wires.find(transport, peer) or wires.find(transport, self.target.flow.peer)
        waiting = True

        def then(flow: Flow | None, now: float) -> None:
            nonlocal waiting
            if self._delivery.over or not waiting:
                return
            waiting, self._takes_streams = False, flow is not None
            self._flow = flow or fall_back or self.target.flow
            self._send(now)

        if known is not None:
            then(known, now)
            return
        if fall_back is not None:
            self._pager.layer.agenda.at(now + self._pager.identity.patience / 4, lambda now: then(None, now))
        self._pager.connect(transport, peer, then)

    def _send(self, now: float) -> None:
        self._cseq += 1
        self._transaction = None
        transaction = self._pager.layer.request(self._request(), self._flow, now, self._on_result)
        if self.receipt is None:
            self._transaction = transaction

    def _request(self) -> Request:
        outgoing = self._delivery.outgoing
        form = self._forms[self._form]
        headers = {
            "max-forwards": ["70"],
            **({"route": list(route)} if (route := self.target.way) else {}),
            "from": [f"{self.target.from_ or self._pager.identity.from_};tag={self._tag}"],
            "to": [f"<{outgoing.to}>"],
            "call-id": [self._call_id],
            "cseq": [f"{self._cseq} MESSAGE"],
            **outgoing.headers,
            **self._answers.headers,
            "content-type": [form.value],
        }
        return Request(headers, render(outgoing, form), "MESSAGE", self._uri)

    def _on_result(self, result: Response | Failure, now: float) -> None:
        if isinstance(result, Response):
            self._hear(self._device)
            self._learn(result, now)
            if not self._delivery.over and self._can_try_again(result):
                self._choose(now)
                return
            self.receipt = judge(result)
        elif result is Failure.TIMEOUT:
            self.receipt = Receipt(Outcome.UNKNOWN, "no answer")
        else:
            asked = self._transaction is not None
            self.receipt = Receipt(Outcome.UNKNOWN if asked else Outcome.FAILED, "the connection to the phone is lost")
        self._transaction = None  # it knows us too: a circle would wait for the collector
        self._delivery.settled(self, now)

    def _hear(self, device: tuple[str, str]) -> None:
        if self._pager.news is not None:
            self._pager.news.heard(device)

    def _learn(self, response: Response, now: float) -> None:
        habits = self._pager.habits
        if response.status == 405:  # noqa: PLR2004 - Method Not Allowed
            habits.refuses_messages(self.target, now)
        elif response.status < 300:  # noqa: PLR2004 - the class of success
            fell_back = self._form != self._first_form
            habits.took(self.target, self._forms[self._form] if fell_back else None)

    def _can_try_again(self, response: Response) -> bool:
        """With credentials, and in the next form when the phone does not know this one."""
        status = response.status
        if status in _AGAIN_WITHOUT_FORM and self._form + 1 < len(self._forms):
            self._form += 1
            return True
        if status // 100 == 3 and self.target.route and self._uri == self.target.uri:  # noqa: PLR2004 - moved
            return self._follow(response)
        account = self.target.account or self._pager.identity.account
        return account is not None and self._answers.add(response, account, self._request(), self._pager.tokens(8))

    def _follow(self, response: Response) -> bool:
        """Ask the PBX once for where it says that its user has moved; a phone may send nobody elsewhere."""
        contacts = response.every("contact")
        try:
            self._uri = str(Uri.parse(NameAddr.parse(contacts[0]).uri)) if contacts else self._uri
        except Malformed:
            return False
        self._answers = Answers()
        return self._uri != self.target.uri

    def silence(self) -> None:
        """Send nothing more; a late answer is still heard."""
        if self._transaction is not None:
            self._transaction.silence()

    def out_of_patience(self) -> None:
        """Note that the device did not answer in time."""
        if self.receipt is None and self._transaction is not None and self._pager.news is not None:
            self._pager.news.missed(self._device)

    def verdict(self) -> Receipt:
        """Return the result, or what its absence means."""
        if self.receipt is not None:
            return self.receipt
        if self._transaction is not None:
            return Receipt(Outcome.UNKNOWN, "no answer")
        return Receipt(Outcome.FAILED, "no connection to the phone")


def _call_id(reference: str) -> str:
    """Return the reference of a page if it can be a Call-ID: by that some phones name it when they say it was read."""
    return reference if _WORD.fullmatch(reference) else ""


def _listening_address(target: Target) -> Address:
    """Return where the next hop listens: the address in its URI, or where the registration came from."""
    try:
        uri = Uri.parse(NameAddr.parse(target.way[0]).uri if target.way else target.uri)
    except Malformed:
        return target.flow.peer
    return (uri.numeric_host or target.flow.peer[0], uri.port or default_port(uri.transport))
