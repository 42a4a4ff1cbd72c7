"""The line as an entry device: opens the port, keeps the device running on it, turns its events into receipts."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.tap.blocks import MAX_INFO
from drivers.tap.pages import (
    BlockRefused,
    BlockSent,
    LineReady,
    LoggedOff,
    LogonFailed,
    Noise,
    PageSettled,
    SessionDoubted,
    TapEvent,
)
from drivers.tap.protocol import EntryDevice
from drivers.tap.responses import HELD_CODE
from gatewayd.driver import Capabilities, Outcome, Receipt
from gatewayd.errors import LineDown, StoreUnavailable
from gatewayd.model import PageConfirmed, PageState
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.passage import Passage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drivers.tap.settings import TapSettings
    from gatewayd.driver import Line
    from gatewayd.model import Page

    Opener = Callable[[TapSettings, StreamAdapter[TapEvent]], Awaitable[None]]


_LONGEST_SINGLE_BLOCK_TEXT = MAX_INFO - 3  # the shortest pager ID and two CRs


@dataclass(frozen=True, slots=True)
class Attempt:
    """One `send` that waits for its page to be settled."""

    ref: str
    page: Page
    settled: asyncio.Future[PageSettled]


@dataclass(slots=True)
class Connection:
    """The entry device of one open port."""

    core: EntryDevice
    adapter: StreamAdapter[TapEvent]
    was_ready: bool = False
    test: asyncio.Task[None] | None = None  # waits for the first byte to leave, after a port that took none


class Sender:
    """Sends pages to one paging terminal, one at a time, several to a session."""

    def __init__(self, line: Line, settings: TapSettings, opener: Opener) -> None:
        self.line = line
        self._settings = settings
        self._profile = settings.profile()
        self._open = opener
        self._numbers = itertools.count(1)
        self._attempts: dict[str, Attempt] = {}
        self._connection: Connection | None = None
        self._serving = False
        self._wanted = asyncio.Event()
        self._passage = Passage(line.clock)

    @property
    def capabilities(self) -> Capabilities:
        """What this line can do: it sends, one page at a time; a terminal's ACK says nothing about the pager."""
        longest = self._profile.max_chars
        if not self._profile.multi_block:
            longest = min(longest, _LONGEST_SINGLE_BLOCK_TEXT)
        return Capabilities(sends=True, longest_text=longest, parallel=1)

    async def send(self, page: Page) -> Receipt:
        """Make one attempt: one transaction with its resends. Raises LineDown when the port is lost meanwhile."""
        if not self._serving:
            raise LineDown("the port is not open")
        ref = f"{page.id}.{next(self._numbers)}"
        attempt = Attempt(ref, page, asyncio.get_running_loop().create_future())
        self._attempts[ref] = attempt
        try:
            self._submit(attempt)
            return _receipt(await attempt.settled)
        except asyncio.CancelledError:
            self._withdraw(attempt)
            raise
        finally:
            del self._attempts[ref]

    async def run(self) -> None:
        """Serve the line. A terminal behind a socket may hang up after a session: it is called again when needed."""
        self._serving = True
        reason = LineDown("the line was stopped")
        try:
            await self._serve()
        except LineDown as error:
            reason = error
            raise
        finally:
            self._serving = False
            self._fail_attempts(reason)

    async def _serve(self) -> None:
        while True:
            await self._serve_connection()
            await self._until_wanted()

    async def _serve_connection(self) -> None:
        core = EntryDevice(self._profile)
        connection = Connection(core, StreamAdapter(core, self.line.clock))
        try:
            await self._open(self._settings, connection.adapter)
            self._connection = connection
            self._begin(connection)
            async for event in connection.adapter.events():
                await self._handle_event(event, connection)
        except LineDown:
            hung_up = self._settings.address is not None and connection.adapter.lost is not None
            if not (hung_up and connection.was_ready and core.at_rest):
                raise
        finally:
            self._connection = None
            self._passage.ended(connection.adapter)
            await self._close(connection)

    def _begin(self, connection: Connection) -> None:
        """Send what waits; that, or a probe, finds out whether the terminal lives.

        Without a probe the line is up at once, unless nothing left the port the last time: then something has to.
        """
        for attempt in self._attempts.values():
            self._submit(attempt)
        if not self._settings.probe and not self._passage.blocked:
            self.line.up()
            return
        connection.core.probe(self.line.clock.now())
        connection.adapter.flush()
        if not self._settings.probe:
            connection.test = asyncio.create_task(self._until_something_leaves(connection))

    async def _until_something_leaves(self, connection: Connection) -> None:
        with suppress(LineDown):
            await self._passage.opens(connection.adapter)
            self.line.up()

    async def _close(self, connection: Connection) -> None:
        """Log off, as far as the connection allows, and wait until the port is free."""
        if connection.test is not None:
            connection.test.cancel()
        connection.core.hang_up(self.line.clock.now())
        with suppress(LineDown):
            connection.adapter.flush()
        connection.adapter.close()
        await connection.adapter.wait_closed()

    async def _until_wanted(self) -> None:
        """Wait for a page, or until the terminal has to prove again that it lives."""
        self._wanted.clear()
        if self._attempts:
            return
        clock, every = self.line.clock, self._profile.probe_every
        timer = clock.call_at(clock.now() + every, self._wanted.set) if every else None
        try:
            await self._wanted.wait()
        finally:
            if timer is not None:
                timer.cancel()

    def _submit(self, attempt: Attempt) -> None:
        self._wanted.set()
        if self._connection is not None:
            core, page = self._connection.core, attempt.page
            core.send_page(attempt.ref, page.address, page.text, self.line.clock.now())
            self._connection.adapter.flush()

    def _withdraw(self, attempt: Attempt) -> None:
        if self._connection is not None:
            self._connection.core.withdraw(attempt.ref, self.line.clock.now())
            with suppress(LineDown):
                self._connection.adapter.flush()

    def _fail_attempts(self, reason: LineDown) -> None:
        for attempt in self._attempts.values():
            if not attempt.settled.done():
                attempt.settled.set_exception(LineDown(str(reason)))

    async def _handle_event(self, event: TapEvent, connection: Connection) -> None:
        match event:
            case PageSettled():
                self._settle(event)
            case BlockSent(again=again):
                self.line.count("retries" if again else "frames")
            case BlockRefused():
                self.line.count("naks")
            case LineReady():
                self._handle_ready(connection)
            case Noise(count=count):
                self.line.trouble("noise_bytes", count)
            case LoggedOff(reason=reason):
                self.line.log.debug("%s", reason)
            case SessionDoubted():
                await self._handle_doubt(event)
            case LogonFailed(reason=reason):
                self._handle_failed_logon(reason, connection)

    def _settle(self, settled: PageSettled) -> None:
        attempt = self._attempts.get(settled.page_ref)
        if attempt is not None and not attempt.settled.done():
            attempt.settled.set_result(settled)

    def _handle_failed_logon(self, reason: str, connection: Connection) -> None:
        """Take the line down, but for our own test of a port from which it could leave: an answer was not asked for."""
        if connection.test is None or self._passage.blocked:
            raise LineDown(reason)
        connection.test = None

    def _handle_ready(self, connection: Connection) -> None:
        if not connection.was_ready:
            connection.was_ready = True
            self.line.up()

    async def _handle_doubt(self, doubt: SessionDoubted) -> None:
        """Report every page of the session as failed: an extra page is better than none."""
        self.line.log.warning("the terminal took an acknowledgement back: %s", doubt.detail)
        for ref in doubt.page_refs:
            try:
                await self.line.report(PageConfirmed(ref, PageState.FAILED, doubt.detail))
            except StoreUnavailable:
                self.line.log.exception("the failure of page %s could not be recorded", ref)


def _receipt(settled: PageSettled) -> Receipt:
    held = settled.outcome is Outcome.SENT and settled.code == HELD_CODE
    detail = f"held by the terminal: {settled.detail}" if held else settled.detail
    return Receipt(settled.outcome, detail, settled.page_ref, settled.retry_after)
