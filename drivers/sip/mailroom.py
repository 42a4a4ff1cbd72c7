"""From a page to a delivery: whom the address names, which devices that is, what the page looks like."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from drivers.sip.attempt import Target
from drivers.sip.dates import http_date
from drivers.sip.flow import TRANSPORTS, UDP, Flow, default_port
from drivers.sip.grammar import REMEMBERED, Malformed
from drivers.sip.message import printable
from drivers.sip.profiles import PROFILES
from drivers.sip.render import Outgoing
from drivers.sip.uri import Uri, address_of_record, host_of_uri
from gatewayd.driver import Outcome, Receipt
from gatewayd.model import Priority

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.sip.core import Outside
    from drivers.sip.liveness import Liveness
    from drivers.sip.outbound import Pager
    from drivers.sip.registrar import Registrar
    from drivers.sip.settings import SipSettings
    from drivers.sip.trunk import Trunk
    from gatewayd.model import Page

PRIORITY = {
    Priority.EMERGENCY: "emergency",
    Priority.HIGH: "urgent",
    Priority.NORMAL: "normal",
    Priority.LOW: "non-urgent",
}
MAX_SUBJECT = 40
# Seconds until a page is tried again that no PBX could take; a PBX that is back makes it go out at once.
PBX_RETRY = 10.0


class Mailroom:
    """Turns pages into deliveries."""

    def __init__(
        self, settings: SipSettings, outside: Outside, pager: Pager, registrar: Registrar, liveness: Liveness
    ) -> None:
        self._settings = settings
        self._domain = host_of_uri(settings.domain)
        self._outside = outside
        self._pager = pager
        self._registrar = registrar
        self._liveness = liveness
        self.is_ours: Callable[[Uri], bool] = lambda _uri: False
        self.meet: Callable[[str], None] = lambda _host: None
        self.trunk: Trunk | None = None

    def send(self, page: Page, now: float) -> int | Receipt:
        """Start to deliver a page; the handle comes back in `PageDone`. A receipt when there is nothing to try."""
        try:
            user, elsewhere = self._resolve(page.address)
            targets = [elsewhere] if elsewhere is not None else self._targets(user, now)
        except Malformed as error:
            return Receipt(Outcome.REFUSED, f"the address is not proper: {error.reason}")
        except _NoPbxError:
            return Receipt(Outcome.FAILED, "registered at no PBX", retry_after=PBX_RETRY)
        if not targets:
            return self._no_target(user)
        if elsewhere is not None:
            self.meet(elsewhere.flow.peer[0])
        through_pbx = bool(targets[0].route)
        to = targets[0].uri if elsewhere is not None or through_pbx else self.address_of(user)
        return self._pager.send(self._outgoing(user, to, page, now, through_pbx=through_pbx), targets, now)

    def user_of(self, address: str) -> str:
        """Return the user whom an address names; the address itself when it is somewhere else, or not proper."""
        try:
            return self._resolve(address)[0]
        except (Malformed, _NoPbxError):
            return address

    def address_of(self, user: str) -> str:
        """Return the address of record of one of our users."""
        return address_of_record(user, self._domain)

    def _resolve(self, address: str) -> tuple[str, Target | None]:
        """Return the user of an address; an address elsewhere with a numeric host is a target of its own."""
        address = address.strip()
        if not address.isprintable():
            raise Malformed("it holds what no line can carry")
        if ":" not in address and "@" not in address:
            return address, None
        uri = Uri.parse(address if address.lower().startswith(("sip:", "sips:", "tel:")) else f"sip:{address}")
        if self.trunk is not None and uri.host == self.trunk.domain:
            return address if uri.user in self._settings.accounts else uri.user, self._by_pbx(uri.user)
        if uri.scheme == "tel" or self.is_ours(uri):
            return uri.user, None
        return address, direct_target(str(uri), str(uri))

    def _targets(self, user: str, now: float) -> list[Target]:
        found = [
            Target(
                user,
                each.uri,
                each.flow,
                each.q,
                self._liveness.is_silent((user, each.uri)),
                each.model,
                each.path,
            )
            for each in self._registrar.current(user, now)
        ]
        if not found and user in self._settings.static:
            static = direct_target(user, self._settings.static[user])
            silent = self._liveness.is_silent((user, static.uri))
            return [replace(static, silent=True) if silent else static]
        if not found and self.trunk is not None and user not in self._settings.accounts:
            return [self._by_pbx(user)]
        return found

    def _by_pbx(self, user: str) -> Target:
        target = self.trunk.target(user) if self.trunk is not None else None
        if target is None:
            raise _NoPbxError
        return target

    def _no_target(self, user: str) -> Receipt:
        known = user in self._settings.accounts or not self._settings.authenticate
        if not known:
            return Receipt(Outcome.REFUSED, f"no phone {printable(user)} is configured")
        return Receipt(Outcome.FAILED, "not registered", retry_after=self._settings.retry_after)

    def _own_address(self, *, through_pbx: bool) -> str:
        if through_pbx and self.trunk is not None:
            return self.trunk.own_address
        return self.address_of(self._settings.sender)

    def _outgoing(self, user: str, to: str, page: Page, now: float, *, through_pbx: bool) -> Outgoing:
        """Draw up a page; its reference names the user too, whose phone alone may tell what became of it.

        It begins with the time: the entries of pages that are sent together lie together in the store's index.
        """
        settings, account = self._settings, self._settings.accounts.get(user)
        profile = (account.profile if account else "") or settings.profile
        wall = self._outside.wall()
        notify = settings.notifications if account is None or account.notifications is None else account.notifications
        return Outgoing(
            user,
            to,
            page.text,
            f"{int(wall * 1000):011x}{self._outside.tokens(5)}.{user}",
            self._headers(page, now, wall),
            PROFILES[profile],
            notify,
            f"<{self._own_address(through_pbx=through_pbx)}>",  # some phones refuse CPIM with a name in quotes
            page.priority,
            wall,
        )

    def _headers(self, page: Page, now: float, wall: float) -> dict[str, list[str]]:
        subject = printable(page.text.partition("\n")[0], MAX_SUBJECT)
        headers = {"date": [http_date(wall)], "priority": [PRIORITY[page.priority]]}
        if subject:
            headers["subject"] = [subject]
        if self._settings.reply_to:
            headers["reply-to"] = [f"<{self.address_of(self._settings.reply_to)}>"]
        if page.expires > now:
            headers["expires"] = [str(min(round(page.expires - now) or 1, 2**31 - 1))]
        return headers


class _NoPbxError(Exception):
    """The address is reached through the PBX, and there is none at the moment."""


@lru_cache(maxsize=REMEMBERED)
def direct_target(user: str, text: str) -> Target:
    """Return the target that a URI with a numeric host names. Raises Malformed."""
    uri = Uri.parse(text)
    return Target(user, text, flow_to(uri))


def flow_to(uri: Uri) -> Flow:
    """Return the way to a URI with a numeric host; a stream connection is still to be made. Raises Malformed."""
    host = uri.numeric_host
    if host is None:
        raise Malformed("a host name; write an IP address")
    if uri.transport not in TRANSPORTS:
        raise Malformed("neither UDP nor TCP nor TLS")
    return Flow(uri.transport, (host, uri.port or default_port(uri.transport)), 0 if uri.transport == UDP else -1)
