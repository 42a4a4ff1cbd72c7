"""The SIP endpoint, sans-IO: one datagram socket, any number of stream connections, one timer, one queue of events."""

from __future__ import annotations

import ipaddress
import itertools
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Any

from drivers.sip.attempt import Identity
from drivers.sip.authenticator import Authenticator
from drivers.sip.core import Core, Outside
from drivers.sip.crowd import Crowd
from drivers.sip.digest import Account
from drivers.sip.events import BindingsChanged, Event, PbxLost, PhonePresence, Reachability
from drivers.sip.grammar import DEFAULT_PORT, quote
from drivers.sip.liveness import Liveness
from drivers.sip.mailroom import Mailroom, direct_target
from drivers.sip.message import Request, printable
from drivers.sip.outbound import Pager
from drivers.sip.presence import Presence
from drivers.sip.registrar import MAX_USERS, Limits, Registrar
from drivers.sip.registrations import RETRY_AFTER
from drivers.sip.trunk import Trunk
from drivers.sip.uas import Policy, UserAgentServer
from drivers.sip.uri import Uri, address_of_record, host_of_uri

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from drivers.sip.connection import Connection
    from drivers.sip.events import ConnectionWanted
    from drivers.sip.flow import Flow
    from drivers.sip.settings import SipSettings
    from gatewayd.driver import Address, Receipt
    from gatewayd.model import Page

_MEMORY_PREFIX = "bindings/"
NONCE_KEY = "nonce_key"
# A PBX may take one contact of ours only: with another name after a restart we would stand before a closed door.
CONTACT_KEY = "pbx_contact"


class Endpoint(Core[Event]):
    """Registrar, message receiver and message sender in one."""

    def __init__(self, settings: SipSettings, outside: Outside) -> None:
        super().__init__(outside, (settings.host, settings.port or DEFAULT_PORT), settings.idle_timeout)
        self._settings = settings
        self._names = self._own_names()
        self._networks = [ipaddress.ip_network(text, strict=False) for text in settings.networks]
        self._allows_host = lru_cache(maxsize=256)(self._is_in_networks)
        self._crowd = Crowd()
        if settings.authenticate:
            self.hears = self._crowd.hears
        for host in settings.partners:
            self._crowd.meet(host)
        limits = (settings.min_expires, settings.max_expires, settings.default_expires, settings.stream_expires)
        self.registrar = Registrar(Limits(*limits), max(MAX_USERS, len(settings.accounts)))
        self._authenticator = self._make_authenticator()
        self._uas = self._make_uas()
        self._pager = Pager(self.layer, outside.tokens, self.events.append)
        self._liveness = self._make_liveness()
        self._pager.identity = self._identity()
        self._pager.news = self._liveness
        self._mailroom = Mailroom(settings, outside, self._pager, self.registrar, self._liveness)
        self._mailroom.is_ours = self._is_ours
        self._mailroom.meet = self._crowd.meet
        pbx = settings.pbx
        self._trunk = Trunk(pbx, self._pager, self.sent_by, self.events.append) if pbx else None
        self._mailroom.trunk = self._trunk
        self._registering: dict[int, str] = {}
        self._presence = Presence(settings.watched, settings.lost_after, self._here_until, self._tell_presence)

    def _make_authenticator(self) -> Authenticator:
        settings = self._settings
        passwords = {user: account.password.get_secret_value() for user, account in settings.accounts.items()}
        realm = settings.realm or settings.domain
        tokens, without_qop = self.outside.tokens, settings.accept_without_qop
        return Authenticator(realm, passwords, tokens, without_qop, algorithms=settings.algorithms)

    def _make_uas(self) -> UserAgentServer:
        settings = self._settings
        policy = Policy(
            is_ours=self._is_ours,
            users=frozenset(settings.accounts),
            recipients=frozenset(settings.recipients or (*settings.accounts, *settings.static)),
            authenticate=settings.authenticate,
            count=self.outside.count,
            wall=self.outside.wall,
            sender=settings.sender,
            pbx_user=settings.pbx.user if settings.pbx else "",
            calls_accept=settings.accept_by_call,
            meet=self._crowd.meet,
            is_from_pbx=lambda request, flow: self._trunk is not None and self._trunk.is_from_pbx(request, flow),
        )
        return UserAgentServer(self.layer, self.registrar, self._authenticator, policy, self._emit)

    def _make_liveness(self) -> Liveness:
        liveness = Liveness(self.registrar, self.layer.request, self.layer.agenda.at, self._tell_reachability)
        liveness.interval = self._settings.options_interval
        liveness.patience = self._settings.answer_timeout
        liveness.draw_up = self._draw_up_options
        return liveness

    def _identity(self) -> Identity:
        settings = self._settings
        display = quote(settings.display_name)
        account = settings.accounts.get(settings.sender)
        return Identity(
            f"{display} <{self._aor(settings.sender)}>",
            settings.answer_timeout,
            Account(settings.sender, account.password.get_secret_value()) if account else None,
        )

    # --- wires ------------------------------------------------------------------------------------------------------

    def bind(self, address: Address, wake: Callable[[], None]) -> None:
        """Learn the address that was bound in the end: it is one of our names."""
        super().bind(address, wake)
        self._names = self._own_names()

    def allows(self, peer: Address) -> bool:
        """Return whether the source network of `peer` is one that is answered."""
        return not self._networks or self._allows_host(peer[0])

    def _is_in_networks(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return host in self._settings.partners or any(address in network for network in self._networks)

    def connection_made(self, wanted: ConnectionWanted, flow: Flow | None, now: float) -> None:
        """Take the connection that `ConnectionWanted` asked for; None when it could not be made."""
        self._pager.connected(wanted, flow, now)

    def connection_opened(self, connection: Connection, peer: Address, now: float) -> None:
        """Take a connection into use; one host may not take them all."""
        super().connection_opened(connection, peer, now)
        if self.layer.wires.count_from(peer[0]) > self._settings.connections_per_host:
            self.outside.count("crowded")
            connection.close()

    def connection_lost(self, connection: Connection, now: float) -> None:
        """Take the loss of a connection: the phones behind it are out of reach until they come back."""
        super().connection_lost(connection, now)
        self._liveness.connection_lost(connection.flow.connection, now)
        if self._trunk is not None:
            self._trunk.connection_lost(connection.flow.connection, now)

    # --- answers of the driver --------------------------------------------------------------------------------------

    def answer(self, transaction: int, status: int, now: float) -> None:
        """Answer a `MessageReceived`: 200, 202, or 503 when it could not be kept."""
        server = self.layer.pending(transaction)
        if server is not None:
            headers = {"retry-after": [RETRY_AFTER]} if status == 503 else None  # noqa: PLR2004 - Service Unavailable
            self.layer.respond(server, status, now, headers)

    def bindings_saved(self, transaction: int, now: float, *, saved: bool) -> None:
        """Answer a `BindingsChanged`: what it carried is on disk, or could not be written."""
        user, server = self._registering.pop(transaction, None), self.layer.pending(transaction)
        if user is None or server is None:
            return
        self._uas.registrations.saved(user, now, saved=saved)
        device = (server.request.call_id, server.flow.peer[0])
        for binding in self.registrar.current(user, now):
            if (binding.call_id, binding.flow.peer[0]) == device:
                self._liveness.heard((user, binding.uri))
        self._liveness.watch(user, now)
        self._presence.look_at(user, now)

    def restore(self, remembered: Mapping[str, Any], now: float) -> None:
        """Take over the bindings of the last run; entries of users that exist no more are left out.

        With the key of the last run's nonces phones go on with the challenge that they have; the PBX keeps our contact.
        """
        key = remembered.get(NONCE_KEY)
        if isinstance(key, str) and key:
            self._authenticator.key, self._authenticator.since = key.encode(), now
        contact = remembered.get(CONTACT_KEY)
        if self._trunk is not None and isinstance(contact, str) and contact.isalnum():
            self._trunk.contact_user = contact
        names = {key.removeprefix(_MEMORY_PREFIX): key for key in remembered if key.startswith(_MEMORY_PREFIX)}
        known = self._settings.accounts or names
        self._pager.habits.restore(remembered)
        self.registrar.restore({user: remembered[key] for user, key in names.items() if user in known})
        users = self.registrar.users()
        for binding in itertools.chain.from_iterable(self.registrar.current(user, now) for user in users):
            self._crowd.meet(binding.flow.peer[0])
        for place, user in enumerate(users, 1):  # not a thousand phones in one moment
            self._liveness.watch(user, now, place / len(users))

    def things_to_keep(self) -> dict[str, Any]:
        """Return what has to be remembered from the start on: the key of the nonces, our contact at the PBX."""
        contact = {CONTACT_KEY: self._trunk.contact_user} if self._trunk is not None else {}
        return {NONCE_KEY: self._authenticator.key.decode(), **contact}

    def watch_presence(self, lost: Iterable[str], now: float) -> None:
        """Tell of phones that are lost from now on; `lost` are the users whose alarm may stand from before."""
        self._presence.start(lost, now, self.layer.agenda.at)

    def _here_until(self, user: str, now: float) -> float | None:
        """Return until when a user has a phone that answers, if nothing happens; None without one."""
        bindings = self.registrar.current(user, now)
        if not bindings and user in self._settings.static:
            return None if self._liveness.is_silent((user, self._settings.static[user])) else inf
        return max((each.expires for each in bindings if not self._liveness.is_silent((user, each.uri))), default=None)

    def _tell_presence(self, user: str, lost: bool) -> None:  # noqa: FBT001 - a callback
        self.events.append(PhonePresence(user, lost))

    # --- pages ------------------------------------------------------------------------------------------------------

    def send_page(self, page: Page, now: float) -> int | Receipt:
        """Start to deliver a page; the handle comes back in `PageDone`. A receipt when there is nothing to try."""
        return self._mailroom.send(page, now)

    def user_of(self, address: str) -> str:
        """Return the user whom an address names; the address itself when it is somewhere else, or not proper."""
        return self._mailroom.user_of(address)

    def cancel_page(self, handle: int, now: float) -> None:
        """Withdraw a page: nothing more of it goes out, no retransmission either."""
        self._pager.cancel(handle, now)

    def start(self, now: float, *, pbx_lost: bool = False) -> None:
        """Register at the site's PBX, if there is one; `pbx_lost`: the alarm of a lost one may stand from before."""
        self._watch_static(now)
        if self._trunk is not None:
            self._trunk.start(now, lost=pbx_lost)
        elif pbx_lost:
            self.events.append(PbxLost(lost=False))

    def _watch_static(self, now: float) -> None:
        """Ask the phones that never register whether they are there; those on streams show it when they are paged."""
        for user, uri in self._settings.static.items():
            target = direct_target(user, uri)
            if not target.flow.is_stream:
                self._liveness.watch_static(user, target.uri, target.flow, now)

    # --- inside -----------------------------------------------------------------------------------------------------

    def on_request(self, request: Request, flow: Flow, now: float) -> None:
        """Take a new request."""
        self._uas.handle(request, flow, now)

    def _emit(self, event: Event) -> None:
        if isinstance(event, BindingsChanged):
            self._registering[event.transaction] = event.user
        self.events.append(event)

    def _tell_reachability(self, device: tuple[str, str], reachable: bool) -> None:  # noqa: FBT001 - a callback
        self.events.append(Reachability(device[0], printable(device[1], 128), reachable))
        self._presence.something_happened(device[0])

    def _draw_up_options(self, device: tuple[str, str], now: float) -> Request:
        tokens = self.outside.tokens
        found = (each.path for each in self.registrar.current(device[0], now) if each.uri == device[1])
        path = next(found, ())
        headers = {
            "max-forwards": ["70"],
            **({"route": list(path)} if path else {}),
            "from": [f"{self._pager.identity.from_};tag={tokens(6)}"],
            "to": [f"<{self._aor(device[0])}>"],
            "call-id": [tokens(12)],
            "cseq": ["1 OPTIONS"],
        }
        return Request(headers, b"", "OPTIONS", device[1])

    def _aor(self, user: str) -> str:
        return address_of_record(user, host_of_uri(self._settings.domain))

    def sent_by(self) -> str:
        """Return our host and port as Via says them: listening everywhere, the name that phones know."""
        host = self._settings.domain if self._settings.is_wildcard else self.bound[0]
        return f"{host_of_uri(host)}:{self.bound[1]}"

    def _is_ours(self, uri: Uri) -> bool:
        """Our names and addresses; listening everywhere, any address at which a request could reach us."""
        return uri.host.strip("[]") in self._names or (self._settings.is_wildcard and uri.numeric_host is not None)

    def _own_names(self) -> frozenset[str]:
        names = (*self._settings.domains, self._settings.host, self.bound[0])
        return frozenset(name.strip("[]").lower() for name in names)
