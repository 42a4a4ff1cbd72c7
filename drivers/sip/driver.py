"""The SIP line: joins the endpoint to its sockets, to the store and to the engine."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING, Any, ClassVar

from drivers.sip.core import Outside
from drivers.sip.events import (
    BindingsChanged,
    CallDeclined,
    ConnectionWanted,
    Event,
    MessageReceived,
    Notified,
    PageConfirmedLate,
    PageDone,
    PbxState,
    PhonePresence,
    Reachability,
    Registered,
)
from drivers.sip.lost import LostPhones
from drivers.sip.protocol import Endpoint
from drivers.sip.sockets import Sockets
from drivers.sip.tls import make_tls
from gatewayd.driver import Capabilities, Driver, Outcome, Receipt
from gatewayd.errors import LineDown, StoreUnavailable
from gatewayd.model import PageConfirmed, PageState, Recorded, TextReceived

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from drivers.sip.settings import SipSettings
    from gatewayd.clock import TimerHandle
    from gatewayd.driver import Address, ForwardingLine
    from gatewayd.model import Page

# The worst that a phone can make us wait for when the store fails without saying how.
FAILED_TO_RECORD = 503


class SipDriver(Driver):
    """A registrar and message gateway for SIP phones."""

    kind: ClassVar[str] = "sip"

    def __init__(self, line: ForwardingLine, settings: SipSettings) -> None:
        super().__init__(line)
        self._line = line
        self._settings = settings
        self._session: _Session | None = None

    @property
    def capabilities(self) -> Capabilities:
        """Both directions; a 200 means that the phone has the text."""
        return Capabilities(
            receives=True,
            sends=True,
            confirms_delivery=True,
            carries_answers=True,
            answers_in_text=True,
            longest_text=self._settings.longest_text,
            parallel=self._settings.parallel,
        )

    @property
    def bound(self) -> Address | None:
        """Host and port that are open now, or None."""
        return self._session.bound if self._session else None

    @property
    def tls_bound(self) -> Address | None:
        """Host and port that are open for TLS now, or None."""
        return self._session.tls_bound if self._session else None

    @property
    def port(self) -> str:
        """Return `udp+tcp:host:port`, with the actual port once it is open."""
        host, port = self.bound or (self._settings.host, self._settings.port)
        return f"udp+tcp:[{host}]:{port}" if ":" in host else f"udp+tcp:{host}:{port}"

    async def run(self) -> None:
        """Serve the phones until cancelled. Raises LineDown when a socket cannot be opened or is lost."""
        session = _Session(self._line, self._settings)
        try:
            await session.open()
            self._session = session
            self.line.up()
            await session.serve()
        finally:
            self._session = None
            session.close()

    async def send(self, page: Page) -> Receipt:
        """Deliver one page to every device of its user, and wait for what they answer. Raises LineDown."""
        if self._session is None:
            raise LineDown("the SIP port is not open")
        return await self._session.send(page)


_NOT_REACHED = frozenset({Outcome.FAILED, Outcome.UNKNOWN})
# Users whose missed addresses are kept; more of them are still reached under their plain names, the rest when due.
MAX_MISSED = 1_000
TROUBLES = frozenset({"malformed", "foreign", "wrong_passwords", "overloaded"})


class _Session:
    """One life of the sockets."""

    def __init__(self, line: ForwardingLine, settings: SipSettings) -> None:
        self._line = line
        self._settings = settings
        self._missed: dict[str, set[str]] = {}  # by user: the addresses under which a page did not reach them
        self._endpoint = Endpoint(settings, Outside(secrets.token_hex, self._count, line.clock.wall))
        self._sockets = Sockets(self._endpoint, line.clock, settings.connections, make_tls(settings))
        self._lost = LostPhones(line)
        self._pages: dict[int, asyncio.Future[Receipt]] = {}
        self._arrivals: set[asyncio.Future[None]] = set()
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
        await self._keep(remembered)
        self.bound = await self._sockets.open(self._settings.host, self._settings.port)
        await self._sockets.open_tls(self._settings.host)
        self._endpoint.watch_presence(self._lost.remembered(), now)
        self._endpoint.start(now)
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

    def close(self) -> None:
        """Close the sockets and end whoever still waits."""
        for task in self._tasks:
            task.cancel()
        for page in self._pages.values():
            if not page.done():
                page.set_exception(LineDown("the SIP port was closed"))
        self._sockets.close()

    # --- pages ------------------------------------------------------------------------------------------------------

    async def send(self, page: Page) -> Receipt:
        """Make one attempt, and remember whom it did not reach: their return is told to the engine."""
        receipt = await self._attempt(page)
        if receipt.outcome in _NOT_REACHED and len(self._missed) < MAX_MISSED:
            self._missed.setdefault(self._endpoint.user_of(page.address), set()).add(page.address)
        return receipt

    async def _attempt(self, page: Page) -> Receipt:
        """Make one attempt; a user who is not registered is waited for as long as the settings say."""
        clock = self._line.clock
        until = clock.now() + self._settings.wait_for_registration
        while isinstance(started := self._endpoint.send_page(page, clock.now()), Receipt):
            if started.outcome is not Outcome.FAILED or not await self._arrival(until):
                return started
        return await self._finish(started)

    async def _finish(self, handle: int) -> Receipt:
        done: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._pages[handle] = done
        self._sockets.flush()
        try:
            return await done
        except asyncio.CancelledError:
            self._endpoint.cancel_page(handle, self._line.clock.now())
            self._sockets.flush()
            raise
        finally:
            del self._pages[handle]

    async def _arrival(self, until: float) -> bool:
        """Wait for the next registration; False when `until` comes first."""
        clock = self._line.clock
        if clock.now() >= until:
            return False
        arrival: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arrivals.add(arrival)

        def give_up() -> None:
            arrival.cancel()

        timer: TimerHandle = clock.call_at(until, give_up)
        try:
            await asyncio.wait([arrival])
            return not arrival.cancelled()
        finally:
            timer.cancel()
            self._arrivals.discard(arrival)

    # --- events -----------------------------------------------------------------------------------------------------

    def _handle(self, event: Event) -> None:
        match event:
            case MessageReceived():
                self._start(self._report_text(event))
            case Notified():
                self._start(self._report_notification(event))
            case BindingsChanged():
                self._start(self._save_bindings(event))
            case PageDone(handle, receipt):
                self._page_done(handle, receipt)
            case PageConfirmedLate():
                self._start(self._report_late(event))
            case ConnectionWanted():
                self._sockets.connect(event)
            case _:
                self._take_news(event)

    def _take_news(self, event: Event) -> None:
        """Take what is to be known of phones; nobody waits for an answer."""
        match event:
            case Registered(user):
                self._wake_arrivals()
                self._is_back(user)
            case Reachability():
                self._take_reachability(event)
            case PbxState():
                self._take_pbx_state(event)
            case PhonePresence(user, lost):
                self._line.log.warning("the phone of %s is %s", user, "lost" if lost else "back")
                self._start(self._lost.tell(user, lost=lost))
            case CallDeclined(user):
                self._line.count("calls_declined")
                self._line.log.info("a call by %s was declined: this line carries text only", user)

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _page_done(self, handle: int, receipt: Receipt) -> None:
        page = self._pages.get(handle)
        if page is not None and not page.done():
            page.set_result(receipt)

    def _take_pbx_state(self, event: PbxState) -> None:
        if not event.reached:
            self._line.count("pbx_lost")
            self._line.log.error("the PBX at %s is lost: %s", event.server, event.why)
            return
        self._line.log.info("registered at the PBX %s", event.server)
        for user in tuple(self._missed):
            self._is_back(user)

    def _take_reachability(self, event: Reachability) -> None:
        self._line.count("phones_back" if event.reachable else "phones_lost")
        state = "answers again" if event.reachable else "does not answer"
        self._line.log.info("%s at %s %s", event.user, event.contact, state)
        if event.reachable:
            self._is_back(event.user)

    def _is_back(self, user: str) -> None:
        """Have the engine send at once what this user has missed, and what waits since before the last start."""
        for address in self._missed.pop(user, set()) | {user}:
            self._line.reachable(address)

    def _wake_arrivals(self) -> None:
        for arrival in self._arrivals:
            if not arrival.done():
                arrival.set_result(None)

    async def _report_text(self, event: MessageReceived) -> None:
        """Only what is on disk is acknowledged: 200 when it was understood, 202 when it goes on to a person."""
        status = FAILED_TO_RECORD
        try:
            recorded = await self._line.report(TextReceived(event.sender, event.text, event.recipient))
            status = 202 if recorded is Recorded.FORWARDED else 200
        except StoreUnavailable:
            self._line.count("not_recorded")
        except Exception:
            self._line.log.exception("a text from %s could not be reported", event.sender)
        self._endpoint.answer(event.transaction, status, self._line.clock.now())
        self._sockets.flush()

    async def _report_notification(self, event: Notified) -> None:
        status = FAILED_TO_RECORD
        try:
            await self._line.report(PageConfirmed(event.reference, event.state, "the phone says so"))
            status = 200
        except StoreUnavailable:
            self._line.count("not_recorded")
        except Exception:
            self._line.log.exception("the notification of a phone could not be reported")
        self._endpoint.answer(event.transaction, status, self._line.clock.now())
        self._sockets.flush()

    async def _save_bindings(self, event: BindingsChanged) -> None:
        saved = False
        try:
            await self._line.memory.save(event.changes)
            saved = True
        except StoreUnavailable:
            self._line.count("not_recorded")
        except Exception:
            self._line.log.exception("the registration of %s could not be saved", event.user)
        self._endpoint.bindings_saved(event.transaction, self._line.clock.now(), saved=saved)
        self._sockets.flush()

    async def _report_late(self, event: PageConfirmedLate) -> None:
        state = PageState.RECEIVED if event.outcome is Outcome.RECEIVED else PageState.SENT
        with contextlib.suppress(StoreUnavailable):
            await self._line.report(PageConfirmed(event.reference, state, "answered late"))
