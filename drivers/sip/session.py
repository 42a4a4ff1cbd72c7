"""One life of the sockets: what happens on them goes to the store, to the engine and to whoever waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Protocol

from drivers.sip.clerk import Clerk
from drivers.sip.core import Outside
from drivers.sip.events import (
    BindingsChanged,
    CallDeclined,
    CallReceived,
    ConnectionWanted,
    Event,
    HabitsLearned,
    MessageReceived,
    Notified,
    PageConfirmedLate,
    PageDone,
    PbxLost,
    PbxState,
    PhonePresence,
    Reachability,
    Registered,
)
from drivers.sip.following import Following
from drivers.sip.lost import Losses, pbx, phone
from drivers.sip.names import Names
from drivers.sip.protocol import Endpoint
from drivers.sip.sending import Sending
from drivers.sip.sockets import Sockets
from drivers.sip.tls import make_tls
from drivers.sip.tokens import Tokens
from gatewayd.driver import ForwardingLine, RatedLine
from gatewayd.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from drivers.sip.settings import SipSettings
    from gatewayd.driver import Address, News, Receipt
    from gatewayd.model import Page

TROUBLES = frozenset(
    {"malformed", "foreign", "wrong_passwords", "overloaded", "crowded", "flooded", "defects", "would_amplify"}
)


class SipLine(ForwardingLine, RatedLine, Protocol):
    """What this driver sees of the gateway."""


class Session:
    """Joins the endpoint to its sockets, to the store and to the engine."""

    def __init__(self, line: SipLine, settings: SipSettings) -> None:
        self._line = line
        self._settings = settings
        self._endpoint = Endpoint(settings, Outside(Tokens(), self._count, line.clock.wall))
        self._sockets = Sockets(self._endpoint, line.clock, settings.connections, make_tls(settings))
        self._lost = Losses(line)
        self._names = Names()
        self._clerk = Clerk(line, self._endpoint, self._names, self._sockets.flush_soon)
        self._sending = Sending(
            line, self._endpoint, self._names, self._sockets.flush_soon, settings.wait_for_registration
        )
        self._following = Following(line, settings, self._sending.send)
        self._tasks: set[asyncio.Task[None]] = set()
        self.bound: Address | None = None

    @property
    def tls_bound(self) -> Address | None:
        """Where TLS is listened for, or None."""
        return self._sockets.tls_bound

    def _count(self, what: str) -> None:
        """Count something; what a well-behaved peer does not do is logged too."""
        if what in TROUBLES:
            self._line.trouble(what)
        else:
            self._line.count(what)

    async def open(self) -> None:
        """Open the sockets; what registered before the restart is registered still."""
        now, remembered = self._line.clock.now(), self._line.memory.items()
        self._endpoint.restore(remembered, now)
        self._names.restore(remembered)
        await self._keep(remembered)
        self.bound = await self._sockets.open(self._settings.host, self._settings.port)
        await self._sockets.open_tls(self._settings.host)
        self._endpoint.watch_presence(self._lost.phones(), now)
        self._endpoint.start(now, pbx_lost=self._lost.is_pbx())
        self._sockets.flush()

    async def _keep(self, remembered: dict[str, Any]) -> None:
        """Remember the key of the nonces; without it the phones are challenged anew after a restart, no more."""
        fresh = {key: value for key, value in self._endpoint.things_to_keep().items() if remembered.get(key) != value}
        with contextlib.suppress(StoreUnavailable):
            if fresh:
                await self._line.memory.save(fresh)

    async def serve(self) -> None:
        """Handle events until cancelled."""
        async for event in self._sockets.events():
            self._handle(event)

    def send(self, page: Page) -> Coroutine[Any, Any, Receipt]:
        """Make one attempt to deliver a page. Raises LineDown when the sockets are closed meanwhile."""
        if changes := self._names.paged(self._endpoint.user_of(page.address), page.address):
            self._start(self._clerk.remember(changes))
        return self._sending.send(page)

    def tell(self, news: News) -> None:
        """Tell a phone what became of its text."""
        if self._following.is_wanted(news):
            self._start(self._following.tell(news))

    def close(self) -> None:
        """Close the sockets and end whoever still waits."""
        for task in self._tasks:
            task.cancel()
        self._sending.close()
        self._sockets.close()

    # --- events -----------------------------------------------------------------------------------------------------

    def _handle(self, event: Event) -> None:
        match event:
            case MessageReceived():
                self._start(self._clerk.take_text(event))
            case PageDone():
                self._sending.done(event.handle, event.receipt)
            case CallReceived():
                self._start(self._clerk.take_call(event))
            case Notified():
                self._start(self._clerk.take_notification(event))
            case BindingsChanged():
                self._start(self._clerk.save_bindings(event))
            case PageConfirmedLate():
                self._start(self._clerk.take_late(event))
            case ConnectionWanted():
                self._sockets.connect(event)
            case _:
                self._take_news(event)

    def _take_news(self, event: Event) -> None:
        """Take what is to be known of phones; nobody waits for an answer."""
        match event:
            case Registered(user):
                self._sending.somebody_arrived()
                self._sending.is_back(user)
            case Reachability():
                self._take_reachability(event)
            case PbxState():
                self._take_pbx_state(event)
            case PbxLost(lost, why):
                self._start(self._lost.tell(pbx(why), lost=lost))
            case PhonePresence(user, lost):
                self._line.log.warning("the phone of %s is %s", user, "lost" if lost else "back")
                self._start(self._lost.tell(phone(user), lost=lost))
            case HabitsLearned(changes):
                self._start(self._clerk.remember(changes))
            case CallDeclined(user):
                self._line.count("calls_declined")
                self._line.log.info("a call by %s was declined: this line carries text only", user)

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _take_pbx_state(self, event: PbxState) -> None:
        if not event.reached:
            self._line.count("pbx_lost")
            self._line.log.error("the PBX at %s is lost: %s", event.server, event.why)
            self._line.degraded(f"the PBX at {event.server} is lost: {event.why}")
            return
        self._line.log.info("registered at the PBX %s", event.server)
        self._line.degraded("" if event.preferred else f"the PBX is reached at {event.server} only")
        self._sending.all_are_back()

    def _take_reachability(self, event: Reachability) -> None:
        self._line.count("phones_back" if event.reachable else "phones_lost")
        state = "answers again" if event.reachable else "does not answer"
        self._line.log.info("%s at %s %s", event.user, event.contact, state)
        if event.reachable:
            self._sending.is_back(event.user)
