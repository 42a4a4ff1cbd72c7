"""The gateway as a client of the site's PBX: registered at one of its addresses, the next one when that is lost."""

from __future__ import annotations

import itertools
import re
from enum import Enum
from typing import TYPE_CHECKING

from drivers.sip.asking import Asker
from drivers.sip.attempt import Target
from drivers.sip.digest import Account
from drivers.sip.events import Event, PbxLost, PbxState
from drivers.sip.grammar import Malformed, NameAddr, parse_delta, quote
from drivers.sip.mailroom import flow_to
from drivers.sip.message import Headers, Request, Response
from drivers.sip.pulse import PATIENCE, Pulse
from drivers.sip.uri import Uri, address_of_record, host_of_uri

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.sip.flow import Flow
    from drivers.sip.outbound import Pager
    from drivers.sip.settings import Pbx
    from drivers.sip.timing import Deadline
    from drivers.sip.transactions import Failure

# Seconds until the first address is tried again after none would have us, doubled up to the longest.
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 60.0
# Seconds of quiet that a PBX may ask for (Retry-After); one that is back sooner is found again by then.
LONGEST_WISH = 300.0
_INTERVAL_TOO_BRIEF = 423
# Seconds for which no PBX has to insist that we register.
LONGEST = 86_400


class State(Enum):
    """Where the registration stands."""

    IDLE = "idle"
    ASKING = "asking"
    REGISTERED = "registered"


class Trunk:
    """Keeps the gateway registered. Its contact is a random name, so that only the PBX knows how to write to us."""

    def __init__(self, pbx: Pbx, pager: Pager, sent_by: Callable[[], str], emit: Callable[[Event], None]) -> None:
        self.domain = pbx.domain or Uri.parse(pbx.servers[0]).host
        self.account = Account(pbx.login or pbx.user, pbx.password.get_secret_value())
        self.contact_user = pager.tokens(8)
        self.state = State.IDLE
        self._pbx = pbx
        self._servers = [Uri.parse(text) for text in pbx.servers]
        self._pager = pager
        self._sent_by = sent_by
        self._emit = emit
        self._asker = Asker(pager.layer, self.account, pager.tokens)
        self._pulse = Pulse(pbx.check_interval, pager.layer.agenda, self._ask_for_life, self._pulse_is_lost)
        self._current = 0  # the address that is tried, or was tried last
        self._held = 0  # the address at which we are registered, while we are
        self._tried = 0
        self._told_lost: bool | None = False  # None: an alarm may stand from before
        self._pause = FIRST_PAUSE
        self._flow: Flow | None = None
        self._call_id = pager.tokens(12)
        self._cseq = 0
        self._round = 0
        self._seconds = pbx.expires
        self._timer: Deadline | None = None

    @property
    def server(self) -> Uri:
        """The address of the PBX that is in use, or tried next."""
        return self._servers[self._held if self.state is State.REGISTERED else self._current]

    @property
    def own_address(self) -> str:
        """Who we are at the PBX."""
        return address_of_record(self._pbx.user, host_of_uri(self.domain))

    def is_from_pbx(self, request: Request, flow: Flow) -> bool:
        """Return whether the PBX sent this: from one of its addresses, to the contact that only it was told."""
        return (
            self.contact_user == Uri.parse(request.uri).user
            and any(server.numeric_host == flow.peer[0] for server in self._servers)
            and request.method != "REGISTER"
        )

    def target(self, user: str) -> Target | None:
        """Return the way to a user of the PBX; None while we are not registered."""
        if self.state is not State.REGISTERED or self._flow is None:
            return None
        uri = address_of_record(user, host_of_uri(self.domain))
        route = str(Uri(self.server.scheme, "", self.server.host, self.server.port, {**self.server.params, "lr": ""}))
        own = f"{quote(self._pbx.display_name or self._pbx.user)} <{self.own_address}>"
        return Target(user, uri, self._flow, route=f"<{route}>", from_=own, account=self.account)

    # --- registering ------------------------------------------------------------------------------------------------

    def start(self, now: float, *, lost: bool) -> None:
        """Begin; `lost` says that the alarm of a lost PBX may stand from before."""
        self._told_lost = None if lost else False
        self.register(now)

    def register(self, now: float) -> None:
        """Register at the current address, or refresh."""
        self._round += 1
        turn = self._round
        self._plan(now + PATIENCE, lambda now: self._failed(turn, "no answer", now))
        flow = flow_to(self._servers[self._current])
        wires = self._pager.layer.wires
        if not flow.is_stream:
            self._ask(turn, flow, now)
        elif (known := wires.find(flow.transport, flow.peer)) is not None:
            self._ask(turn, known, now)
        else:
            self._pager.connect(flow.transport, flow.peer, lambda made, now: self._connected(turn, made, now))

    def _refresh(self, now: float) -> None:
        """Register again, first at the addresses that the site prefers to the one that serves us."""
        self._current = 0
        self.register(now)

    def _connected(self, turn: int, flow: Flow | None, now: float) -> None:
        if flow is None:
            self._failed(turn, "no connection", now)
        else:
            self._ask(turn, flow, now)

    def _ask(self, turn: int, flow: Flow, now: float) -> None:
        if turn != self._round:
            return
        if self.state is State.IDLE:
            self.state = State.ASKING

        def on_result(result: Response | Failure, now: float) -> None:
            if turn == self._round:
                self._take(turn, flow, result, now)

        self._asker.ask(lambda credentials: self._draw_up(flow, credentials), flow, now, on_result)

    def _draw_up(self, flow: Flow, credentials: Headers) -> Request:
        parameter = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
        self._cseq += 1
        headers = {
            **self._common(self._call_id, f"{self._cseq} REGISTER"),
            "contact": [f"<sip:{self.contact_user}@{self._sent_by()}{parameter}>"],
            "expires": [str(self._seconds)],
            **credentials,
        }
        return Request(headers, b"", "REGISTER", f"sip:{host_of_uri(self.domain)}")

    def _common(self, call_id: str, cseq: str) -> Headers:
        return {
            "max-forwards": ["70"],
            "from": [f"<{self.own_address}>;tag={self._pager.tokens(6)}"],
            "to": [f"<{self.own_address}>"],
            "call-id": [call_id],
            "cseq": [cseq],
        }

    def _take(self, turn: int, flow: Flow, result: Response | Failure, now: float) -> None:
        if not isinstance(result, Response):
            self._failed(turn, result.value, now)
        elif result.status == _INTERVAL_TOO_BRIEF and self._seconds < (shortest := _min_expires(result)) <= LONGEST:
            self._seconds = shortest
            self.register(now)
        elif result.status // 100 == 2:  # noqa: PLR2004 - the class of success
            self._registered(flow, self._granted(result), now)
        else:
            self._failed(turn, f"refused with {result.status}", now, _retry_after(result))

    def _granted(self, response: Response) -> int:
        """Return for how long we are registered: our own contact says so, else the header, else as asked."""
        for contact in response.every("contact"):
            try:
                address = NameAddr.parse(contact)
                own = Uri.parse(address.uri).user == self.contact_user
            except Malformed:
                continue
            if own and (seconds := parse_delta(address.params.get("expires", ""))) is not None:
                return seconds
        granted = parse_delta(response.first("expires"))
        return self._seconds if granted is None else granted

    def _registered(self, flow: Flow, seconds: int, now: float) -> None:
        news = self.state is not State.REGISTERED or self._held != self._current
        self._flow, self._held, self._tried, self._pause = flow, self._current, 0, FIRST_PAUSE
        self.state = State.REGISTERED
        if news:
            self._emit(PbxState(str(self.server), reached=True, preferred=self._held == 0))
        self._tell(lost=False)
        self._plan(now + max(5.0, seconds / 2), self._refresh)
        self._pulse.start(now)

    def _failed(self, turn: int, why: str, now: float, wait: float = 0.0) -> None:
        """Go on to the next address at once; after the last one pause."""
        if turn != self._round:
            return
        self._round += 1
        if self.state is not State.REGISTERED or self._current == self._held:
            self._lose(why)
        self._tried += 1
        self._current = (self._current + 1) % len(self._servers)
        if self._tried < len(self._servers):
            self.register(now)
            return
        self._tried = 0
        self._tell(lost=True, why=why)
        self._plan(now + max(self._pause, wait), self.register)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _lose(self, why: str) -> None:
        if self.state is State.REGISTERED:
            self._emit(PbxState(str(self.server), reached=False, why=why))
        self.state, self._flow = State.IDLE, None
        self._pulse.stop()

    def _tell(self, *, lost: bool, why: str = "") -> None:
        """Tell once that no address serves us, and that one does again."""
        if self._told_lost is not lost:
            self._told_lost = lost
            self._emit(PbxLost(lost, why))

    # --- watching ---------------------------------------------------------------------------------------------------

    def _ask_for_life(self, now: float, then: Callable[[Response | Failure, float], None]) -> None:
        call_id, numbers = self._pager.tokens(12), itertools.count(1)

        def draw_up(credentials: Headers) -> Request:
            headers = self._common(call_id, f"{next(numbers)} OPTIONS")
            return Request({**headers, **credentials}, b"", "OPTIONS", f"sip:{host_of_uri(self.domain)}")

        if self._flow is not None:
            self._asker.ask(draw_up, self._flow, now, then)

    def _pulse_is_lost(self, why: str, now: float) -> None:
        """Take the silence of the address that serves us: it counts as tried, and the next one's turn has come."""
        self._current, self._tried = self._held, 0
        self._failed(self._round, why, now)

    def connection_lost(self, number: int, now: float) -> None:
        """Take the loss of a connection; when it was ours, register anew at once."""
        if self._flow is not None and self._flow.connection == number:
            self._current = self._held
            self.register(now)

    def _plan(self, when: float, action: Callable[[float], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._pager.layer.agenda.at(when, action)


def _min_expires(response: Response) -> int:
    return parse_delta(response.first("min-expires")) or 0


def _retry_after(response: Response) -> float:
    match = re.match(r"[0-9]{1,9}", response.first("retry-after"))
    return min(float(match[0]), LONGEST_WISH) if match else 0.0
