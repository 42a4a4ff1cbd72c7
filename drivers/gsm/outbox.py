"""Sending pages: one at a time, and the next one with the modem's OK to the last."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from drivers.gsm.attempts import unanswered_reference
from drivers.gsm.composing import Composer
from drivers.gsm.drafts import Drafts
from drivers.gsm.throttle import Throttle
from gatewayd.clock import sleep
from gatewayd.driver import Outcome, Receipt
from gatewayd.errors import LineDown

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.gsm.attempts import Attempt, Attempts
    from drivers.gsm.connection import Connection
    from drivers.gsm.events import MessageSettled, Outgoing
    from drivers.gsm.recording import Recorder
    from drivers.gsm.settings import GsmSettings
    from drivers.gsm.tidings import Tidings
    from gatewayd.driver import Line, Upcoming
    from gatewayd.model import Page

LONGEST_THROTTLE = 60.0  # seconds that a page waits here for its turn; beyond that the gateway keeps it
NO_NETWORK_RETRY = 10.0


class Outbox:
    """Outlives the connections of a line. `ready` returns the present one, or raises LineDown."""

    def __init__(
        self, line: Line, settings: GsmSettings, attempts: Attempts, tidings: Tidings, ready: Callable[[], Connection]
    ) -> None:
        self._line = line
        self._settings = settings
        self._attempts = attempts
        self._tidings = tidings
        self._ready = ready
        self._composer = Composer(settings)
        self._drafts = Drafts(line, self._composer, attempts)
        self._throttle = Throttle(settings.per_minute)
        self._begun: dict[int, Attempt] = {}  # by page: those that left before `send` was called for them
        self._turn = asyncio.Lock()
        self.upcoming: Upcoming | None = None

    def held_back(self) -> float:
        """Return for how many seconds the SIM may not send."""
        return self._throttle.wait(self._line.clock.now()) if self._settings.per_minute else 0.0

    async def send(self, page: Page) -> Receipt:
        """Make one attempt. Raises LineDown when the modem is not ready or is lost meanwhile."""
        begun = self._begun.pop(page.id, None)
        if begun is not None:
            return await self._see_through(begun)
        try:
            attempt = self._drafts.take(page, self._ready())
        except ValueError as error:
            return Receipt(Outcome.REFUSED, str(error))
        if not self._tidings.coverage.registered:
            return Receipt(Outcome.FAILED, f"network: {self._tidings.coverage.problem}", retry_after=NO_NETWORK_RETRY)
        wait = self.held_back()
        if wait > LONGEST_THROTTLE:
            return Receipt(Outcome.FAILED, "per_minute messages have been sent", retry_after=wait)
        async with self._turn:
            if wait:
                await sleep(self._line.clock, wait)
            if attempt.connection is not self._ready():  # the modem has come back meanwhile, and may be another one
                attempt = self._drafts.take(page, self._ready())
            return await self._hand_over(attempt)

    def follow(self, ref: str) -> Outgoing | None:
        """Begin with the page that is next, now that the network has taken a message; `send` sees it through."""
        if self.upcoming is None or not self._tidings.coverage.registered:
            return None
        try:
            connection = self._ready()
        except LineDown:
            return None  # the line is being ended, and its modem says something still
        page = self.upcoming.take(self._attempts.page_of(ref))
        if page is None or (attempt := self._drafts.take_safely(page, connection)) is None:
            return None  # or `send` says what is wrong with it
        if self._begun:  # this modem is quicker than we tell: nobody has prepared anything meanwhile
            asyncio.get_running_loop().call_soon(self._prepare, connection)
        self._begun[page.id] = attempt
        self._book(attempt)
        return self._attempts.begin(attempt)

    async def _hand_over(self, attempt: Attempt) -> Receipt:
        self._book(attempt)
        self._attempts.hand_over(attempt)
        return await self._see_through(attempt)

    def _book(self, attempt: Attempt) -> None:
        if self._settings.per_minute:
            self._throttle.book(len(attempt.outgoing.parts), self._line.clock.now())

    async def send_text(self, number: str, text: str, lifetime: float) -> Receipt:
        """Send a message that is no page. Raises LineDown."""
        async with self._turn:
            connection = self._ready()
            composed = self._composer.compose(number, text, lifetime, text_mode=connection.core.text_mode)
            return await self._hand_over(self._attempts.make(number, composed, connection))

    async def _see_through(self, attempt: Attempt) -> Receipt:
        """Wait for the end of a message; what its reports will mean is on disk, or on its way there, by then."""
        recorder = attempt.connection.recorder
        if attempt.page_id:
            self._note_address(attempt.number, recorder)
        self._prepare(attempt.connection)
        settled, reference = await self._attempts.end(attempt)
        changes = self._attempts.tracker.changes()
        if changes:
            recorder.put(None, changes=changes)
        return self._receipt(settled, reference, attempt.note)

    def _prepare(self, connection: Connection) -> None:
        if self.upcoming is not None:
            self._drafts.prepare(self.upcoming.peek(), connection)

    def _note_address(self, number: str, recorder: Recorder) -> None:
        """Know the people who are paged when they answer, though the network writes their numbers in its own way."""
        self._tidings.guard.paged(number, self._line.clock.now())
        changes = self._tidings.book.paged(number)
        if changes:
            recorder.put(None, changes=changes)

    def _receipt(self, settled: MessageSettled, reference: str, note: str) -> Receipt:
        detail = f"{settled.detail} ({note})" if note else settled.detail
        if settled.outcome is not Outcome.UNKNOWN:
            return Receipt(settled.outcome, detail, reference, settled.retry_after)
        outcome = Outcome.UNKNOWN if self._settings.resend_unknown else Outcome.SENT
        return Receipt(outcome, detail, unanswered_reference(settled.ref))
