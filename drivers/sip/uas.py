"""What phones ask of us: REGISTER, MESSAGE, OPTIONS, and the refusal of everything else (RFC 3261 8.2, 10.3, 3428)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from drivers.sip.authenticator import Authenticator, Verdict
from drivers.sip.brake import Brake
from drivers.sip.content import ACCEPT, Content, Kind, read_content
from drivers.sip.encoding import ACCEPT_ENCODING, unpack
from drivers.sip.events import CallDeclined, CallReceived, Event, MessageReceived, Notified
from drivers.sip.grammar import Malformed
from drivers.sip.message import printable
from drivers.sip.registrar import Refusal
from drivers.sip.registrations import RETRY_AFTER, Admitted, Registrations
from drivers.sip.texts import lifetime_of, priority_of, reference_of
from drivers.sip.uri import Uri

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.sip.flow import Flow
    from drivers.sip.layer import TransactionLayer
    from drivers.sip.message import Request
    from drivers.sip.registrar import Registrar

ALLOW = "MESSAGE, OPTIONS, REGISTER, INVITE, ACK, CANCEL"
SERVED_METHODS = frozenset({"MESSAGE", "REGISTER", "OPTIONS", "INVITE"})
# Methods that exist but that nobody needs to ask of us; anything else is unheard of (501).
OTHER_METHODS = frozenset({"BYE", "INFO", "NOTIFY", "PRACK", "PUBLISH", "REFER", "SUBSCRIBE", "UPDATE"})
_RIGHT, _TEXT = Verdict.RIGHT, Kind.TEXT  # to look a member up costs as much as a call, on Python 3.11
# No user is called by a longer name.
MAX_USER = 256
# A name that holds one of these could pass for the address of somebody else.
_IN_ADDRESSES = frozenset(":@")
# What a registration may require: that the proxies on its way are remembered (RFC 3327).
EXTENSIONS = frozenset({"path"})


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom we serve. `is_ours` judges the host of a URI; no `users` means that every user name is known.

    Phones may write to `sender`, who is the gateway, and to `recipients` (`*`: anybody). `pbx_user` is who we are at
    the PBX. `calls_accept`: a call is how a person accepts. `meet` hears of hosts that know a password.
    """

    is_ours: Callable[[Uri], bool]
    users: frozenset[str]
    recipients: frozenset[str]
    authenticate: bool
    count: Callable[[str], None]
    wall: Callable[[], float]
    sender: str = ""
    pbx_user: str = ""
    calls_accept: bool = False
    meet: Callable[[str], None] = lambda _host: None
    is_from_pbx: Callable[[Request, Flow], bool] = lambda _request, _flow: False


class UserAgentServer:
    """Answers requests. What has to be on disk first becomes an event."""

    def __init__(
        self,
        layer: TransactionLayer,
        registrar: Registrar,
        authenticator: Authenticator,
        policy: Policy,
        emit: Callable[[Event], None],
    ) -> None:
        self._layer = layer
        self._authenticator = authenticator
        self._policy = policy
        self._emit = emit
        self.registrations = Registrations(layer, registrar, policy.wall, emit)
        self._brake = Brake()

    def handle(self, request: Request, flow: Flow, now: float) -> None:
        """Take a new request."""
        try:
            self._dispatch(request, flow, now)
        except Malformed as error:
            self._policy.count("malformed")
            self._layer.reply(request, flow, error.status)

    def _dispatch(self, request: Request, flow: Flow, now: float) -> None:
        method = request.method
        if method in SERVED_METHODS:
            if not self._refused_by_head(request, flow):
                self._serve(request, flow, now)
        elif method == "CANCEL":
            self._layer.reply(request, flow, 200 if self._layer.invite_is_known(request) else 481)
        elif method == "BYE":
            self._layer.reply(request, flow, 481)
        elif method in OTHER_METHODS:
            self._layer.reply(request, flow, 405, {"allow": [ALLOW]})
        else:
            self._layer.reply(request, flow, 501)

    def _refused_by_head(self, request: Request, flow: Flow) -> bool:
        """Whose domain, and which extensions: these need no password."""
        uri = Uri.parse(request.uri)
        if uri.scheme == "tel":
            raise Malformed("a tel URI names nobody here", 416)
        if not self._policy.is_ours(uri):
            self._layer.reply(request, flow, 404)
            return True
        if "require" not in request.headers:
            return False
        known = EXTENSIONS if request.method == "REGISTER" else frozenset()
        unsupported = [name for name in request.every("require") if name.lower() not in known]
        if unsupported:
            self._layer.reply(request, flow, 420, {"unsupported": unsupported})
        return bool(unsupported)

    def _serve(self, request: Request, flow: Flow, now: float) -> None:
        if request.method == "OPTIONS":
            self._layer.reply(request, flow, 200, {"allow": [ALLOW], "accept": [ACCEPT]})
            return
        admitted = self._admit(request, flow, now)
        if admitted is None:
            return
        try:
            if request.method == "MESSAGE":
                self._handle_message(admitted, now)
            elif request.method == "REGISTER":
                self._handle_register(admitted, now)
            else:
                self._handle_invite(admitted, now)
        except Malformed as error:
            self._layer.respond(admitted.server, error.status, now)
        except Refusal as refusal:
            self._layer.respond(admitted.server, refusal.status, now, refusal.headers)
        except Exception:  # a defect of ours: its place among those that wait would never be free again
            self._layer.respond(admitted.server, 500, now)
            raise

    def _admit(self, request: Request, flow: Flow, now: float) -> Admitted | None:
        """Check who it is; only then is anything kept of the request."""
        user = self._authenticated_user(request, flow, now)
        if user is None:
            return None
        server = self._layer.begin(request, flow, now)
        if server is None:
            self._policy.count("overloaded")
            self._layer.reply(request, flow, 503, {"retry-after": [RETRY_AFTER]})
            return None
        return Admitted(server, user)

    def _authenticated_user(self, request: Request, flow: Flow, now: float) -> str | None:
        """Return the sender's user name; None when the request was challenged.

        The PBX vouches for its own users, never for ours: neither under their names nor under whole addresses.
        """
        if self._policy.is_from_pbx(request, flow):
            user = Uri.parse(request.from_.uri).user
            if user not in self._policy.users and _IN_ADDRESSES.isdisjoint(user):
                return user
        if not self._policy.authenticate:
            address = request.to if request.method == "REGISTER" else request.from_
            return Uri.parse(address.uri).user
        values, source = request.headers.get("authorization", []), flow.peer[0]
        if values and (wait := self._brake.wait(source, now)):
            self._policy.count("braked")
            self._layer.reply(request, flow, 503, {"retry-after": [str(ceil(wait))]})
            return None
        verdict, credentials = self._authenticator.check(values, request.method, now, request.body, source)
        if verdict is _RIGHT and self._policy.is_ours(Uri.parse(credentials.get("uri", ""))):
            self._brake.right(source)
            self._policy.meet(source)
            return credentials["username"]
        if verdict is Verdict.WRONG:
            self._policy.count("wrong_passwords")
            self._brake.wrong(source, now)
        challenges = self._authenticator.challenges(now, source, stale=verdict is Verdict.STALE)
        self._layer.reply(request, flow, 401, {"www-authenticate": challenges})
        return None

    # --- REGISTER ---------------------------------------------------------------------------------------------------

    def _handle_register(self, admitted: Admitted, now: float) -> None:
        """Refuse in the order of 10.3: nobody learns which other names there are."""
        to = Uri.parse(admitted.request.to.uri)
        if to.user != admitted.user:
            raise Refusal(403)
        if not self._policy.is_ours(to) or (self._policy.users and to.user not in self._policy.users) or not to.user:
            raise Refusal(404)
        if not to.user.isprintable() or len(to.user) > MAX_USER:
            raise Refusal(404)  # where everybody may register: nothing that the store could not hold
        self.registrations.take(admitted, now)

    # --- MESSAGE and INVITE -----------------------------------------------------------------------------------------

    def _check_sender(self, admitted: Admitted) -> None:
        if Uri.parse(admitted.request.from_.uri).user != admitted.user:
            raise Refusal(403)

    def _handle_message(self, admitted: Admitted, now: float) -> None:
        self._check_sender(admitted)
        request = admitted.request
        recipient = self._recipient(request, admitted)
        body = unpack(request.body, request.first("content-encoding"))
        if body is None:
            raise Refusal(415, {"accept-encoding": [ACCEPT_ENCODING]})
        content = read_content(request.first("content-type"), body)
        self._take_content(content, admitted, recipient, now)

    def _recipient(self, request: Request, admitted: Admitted) -> str:
        """Return whom a text is for: empty for the gateway. A text of ours that comes back would do so for ever."""
        policy = self._policy
        if policy.is_from_pbx(request, admitted.server.flow):
            if admitted.user == policy.pbx_user:
                raise Refusal(482)
            return ""
        user = Uri.parse(request.uri).user
        if user == policy.sender:
            return ""
        if user not in policy.recipients and "*" not in policy.recipients:
            raise Refusal(404)
        return printable(user)

    def _take_content(self, content: Content, admitted: Admitted, recipient: str, now: float) -> None:
        """Hand on what the body says; only the phone that got a page may say what became of it."""
        number, request = admitted.server.number, admitted.request
        if content.kind is _TEXT:
            sender = printable(admitted.user)
            reference, priority, lifetime = reference_of(request, sender), priority_of(request), lifetime_of(request)
            self._emit(MessageReceived(number, sender, recipient, content.text, reference, priority, lifetime))
        elif content.state is not None and content.reference.partition(".")[2] == admitted.user:
            self._emit(Notified(number, content.reference, content.state))
        elif content.kind is Kind.UNKNOWN:
            raise Refusal(415, {"accept": [ACCEPT]})
        else:
            self._layer.respond(admitted.server, 200, now)

    def _handle_invite(self, admitted: Admitted, now: float) -> None:
        self._check_sender(admitted)
        if self._policy.calls_accept and Uri.parse(admitted.request.uri).user == self._policy.sender:
            user = printable(admitted.user)
            self._emit(CallReceived(admitted.server.number, user, reference_of(admitted.request, user)))
            return
        self._layer.respond(admitted.server, 603, now)
        self._emit(CallDeclined(printable(admitted.user)))
