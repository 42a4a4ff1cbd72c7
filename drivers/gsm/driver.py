"""The GSM line: opens the port, keeps the dialogue running on it, turns its events into receipts and reports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from drivers.gsm.attempts import Attempts, unanswered_reference
from drivers.gsm.composing import Composer
from drivers.gsm.connection import Connection
from drivers.gsm.drafts import Drafts
from drivers.gsm.events import (
    CannotStart,
    CommandAnswered,
    CoverageSeen,
    DeviceTrouble,
    GsmEvent,
    LateAnswer,
    MessageSettled,
    PartArrived,
    PartSent,
    PinRefused,
    PinWanted,
    Ready,
    ReportArrived,
    Silent,
    TextArrived,
)
from drivers.gsm.inbox import Inbox
from drivers.gsm.operating import Operator
from drivers.gsm.power import cycle_power
from drivers.gsm.protocol import Modem, Stage
from drivers.gsm.recording import Recorder
from drivers.gsm.selftest import WITHIN
from drivers.gsm.starting import Starter
from drivers.gsm.throttle import Throttle
from drivers.gsm.tidings import Tidings
from gatewayd.clock import sleep
from gatewayd.driver import Capabilities, Driver, Outcome, Receipt
from gatewayd.errors import LineDown, StoreUnavailable
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.serial import SerialSettings, open_serial

if TYPE_CHECKING:
    from drivers.gsm.attempts import Attempt
    from drivers.gsm.events import Outgoing
    from drivers.gsm.settings import GsmSettings
    from gatewayd.driver import Line, RatedLine, Upcoming
    from gatewayd.model import Page

Opener = Callable[[SerialSettings, StreamAdapter[GsmEvent]], Awaitable[None]]
PowerCut = Callable[[tuple[str, ...], "Line"], Awaitable[None]]

LONGEST_THROTTLE = 60.0  # seconds that a page waits here for its turn; beyond that the gateway keeps it
NO_NETWORK_RETRY = 10.0
_SINGLE, _PART = 160, 153  # characters


class GsmDriver(Driver):
    """Sends and receives short messages through one modem, one message at a time."""

    kind: ClassVar[str] = "gsm"

    def __init__(
        self, line: RatedLine, settings: GsmSettings, opener: Opener = open_serial, power: PowerCut = cycle_power
    ) -> None:
        super().__init__(line)
        self._rated = line
        self._settings = settings
        self._open = opener
        self._composer = Composer(settings)
        self._capabilities = self._can_do()
        self._attempts = Attempts(line.clock, settings.validity)
        self._throttle = Throttle(settings.per_minute)
        self._tidings = Tidings(settings)
        self._starter = Starter(line, settings, power)
        self._operator = Operator(line.clock)
        self._inbox = Inbox(line, self._attempts, self._tidings)
        self._drafts = Drafts(line, self._composer, self._attempts)
        self._upcoming: Upcoming | None = None
        self._begun: dict[int, Attempt] = {}  # by page: those that left before `send` was called for them
        self._turn = asyncio.Lock()
        self._connection: Connection | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What this line can do: both directions, reports where they are asked for, answers as text."""
        return self._capabilities

    def _can_do(self) -> Capabilities:
        parts = self._settings.max_parts
        return Capabilities(
            receives=True,
            sends=True,
            confirms_delivery=self._settings.delivery_reports,
            carries_answers=True,
            answers_in_text=True,
            longest_text=_SINGLE if parts == 1 else _PART * parts,
            parallel=1,
        )

    @property
    def port(self) -> str:
        """The device path or socket."""
        return self._settings.port

    # --- sending ------------------------------------------------------------------------------------------------------

    def held_back(self) -> float:
        """Return for how many seconds the SIM may not send."""
        return self._throttle.wait(self.line.clock.now()) if self._settings.per_minute else 0.0

    def look_ahead(self, upcoming: Upcoming) -> None:
        """Take note of where the next page is to be found when a message has been sent."""
        self._upcoming = upcoming

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
                await sleep(self.line.clock, wait)
            if attempt.connection is not self._ready():  # the modem has come back meanwhile, and may be another one
                attempt = self._drafts.take(page, self._ready())
            return await self._hand_over(attempt)

    def _follow(self, ref: str) -> Outgoing | None:
        """Begin with the page that is next, now that the network has taken a message; `send` sees it through."""
        connection = self._connection
        if self._upcoming is None or connection is None or not self._tidings.coverage.registered:
            return None
        page = self._upcoming.take(self._attempts.page_of(ref))
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
            self._throttle.book(len(attempt.outgoing.parts), self.line.clock.now())

    def _ready(self) -> Connection:
        connection = self._connection
        if connection is None or connection.core.stage is not Stage.READY:
            raise LineDown("the modem is not ready")
        return connection

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
        if self._upcoming is not None:
            self._drafts.prepare(self._upcoming.peek(), connection)

    def _note_address(self, number: str, recorder: Recorder) -> None:
        """Know the people who are paged when they answer, though the network writes their numbers in its own way."""
        self._tidings.guard.paged(number, self.line.clock.now())
        changes = self._tidings.book.paged(number)
        if changes:
            recorder.put(None, changes=changes)

    def _receipt(self, settled: MessageSettled, reference: str, note: str) -> Receipt:
        detail = f"{settled.detail} ({note})" if note else settled.detail
        if settled.outcome is not Outcome.UNKNOWN:
            return Receipt(settled.outcome, detail, reference, settled.retry_after)
        outcome = Outcome.UNKNOWN if self._settings.resend_unknown else Outcome.SENT
        return Receipt(outcome, detail, unanswered_reference(settled.ref))

    async def command(self, text: str, seconds: float, *, force: bool) -> list[str]:
        """Have the modem carry out one command between ours. Raises Invalid, Conflict, LineDown."""
        return await self._operator.run(text, seconds, self._ready(), force=force)

    # --- serving ------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the line until cancelled."""
        connection = self._connect()
        core, adapter = connection.core, connection.adapter
        connection.spawn(connection.recorder.run())
        self._attempts.tracker.load(self.line.memory.items(), self.line.clock.now())
        self._tidings.book.load(self.line.memory.items())
        self._tidings.standing.load(self.line.memory.items())
        reason = LineDown("the line was stopped")
        try:
            await self._open(self._settings, adapter)
            self._connection = connection
            core.start(self.line.clock.now(), self._inbox.parts())
            adapter.flush()
            async for event in adapter.events():
                await self._handle_event(event, connection)
        except LineDown as error:
            reason = error
            raise
        finally:
            self._connection = None
            self._take_leftovers(connection)
            self._attempts.lost(connection, reason)
            self._operator.lost(reason)
            await connection.close()

    def _connect(self) -> Connection:
        core = Modem(self._settings.profile(), self._follow)
        return Connection(core, StreamAdapter(core, self.line.clock), Recorder(self.line))

    async def _handle_event(self, event: GsmEvent, connection: Connection) -> None:
        match event:
            case MessageSettled() | PartSent() | LateAnswer():
                self._handle_sending(event, connection)
            case TextArrived() | ReportArrived() | PartArrived():
                self._inbox.take(event, connection)
            case CoverageSeen() | DeviceTrouble():
                await self._handle_health(event, connection)
            case CommandAnswered():
                self._operator.answered(event)
            case Ready():
                await self._handle_ready(event)
            case PinWanted():
                await self._starter.unlock(event, connection)
            case PinRefused():
                await self._starter.give_up_pin(event)
            case Silent() | CannotStart(mendable=True):
                useless = isinstance(event, Silent) and event.useless
                await self._starter.step_up(event.reason, connection, useless=useless)
            case CannotStart():
                raise LineDown(event.reason)

    def _handle_sending(self, event: MessageSettled | PartSent | LateAnswer, connection: Connection) -> None:
        if isinstance(event, PartSent):
            self.line.count("messages")
            self._attempts.part_sent(event)
        elif isinstance(event, LateAnswer):
            report = self._attempts.answered_late(event)
            if report is not None:
                connection.recorder.put(report)
        elif self._attempts.settle(event):
            self._starter.ladder.works()
            self._tidings.work_done(connection.recorder)
            self._rate()

    def _take_leftovers(self, connection: Connection) -> None:
        """Take note of messages that were sent before the port was lost, or they would be sent again."""
        for event in connection.core.leftovers():
            if isinstance(event, MessageSettled | PartSent):
                self._handle_sending(event, connection)

    def _rate(self) -> None:
        self._rated.degraded(self._tidings.weakness(self.line.clock.now()))

    async def _handle_health(self, event: CoverageSeen | DeviceTrouble, connection: Connection) -> None:
        now = self.line.clock.now()
        if isinstance(event, DeviceTrouble):
            self._tidings.trouble(event.detail, now, connection.recorder)
        else:
            self._tidings.look(event, now, connection.recorder)
        self._rate()
        if isinstance(event, CoverageSeen):
            await self._act_on(event, connection)

    async def _act_on(self, event: CoverageSeen, connection: Connection) -> None:
        """Restart a modem that has searched long enough, send the test that is due."""
        now = self.line.clock.now()
        if connection.core.stage is not Stage.READY:
            return
        if self._starter.ladder.searched_enough(now, registered=event.registered):
            await self._starter.step_up(f"network: {self._tidings.coverage.problem}", connection)
        text = self._tidings.selftest.text_due(now)
        if text:
            connection.spawn(self._send_selftest(text))

    async def _send_selftest(self, text: str) -> None:
        """Send a message to ourselves; when it is lost or refused, it does not come back, and that is what is told."""
        number = self._tidings.selftest.number
        with suppress(LineDown):
            async with self._turn:
                connection = self._ready()
                composed = self._composer.compose(number, text, WITHIN, text_mode=connection.core.text_mode)
                receipt = await self._hand_over(self._attempts.make(number, composed, connection))
            self.line.log.info("self-test: %s", receipt.detail)

    async def _handle_ready(self, event: Ready) -> None:
        self._tidings.book.centre = event.centre
        with suppress(StoreUnavailable):
            await self._starter.ready(event, self._tidings.selftest)
        self.line.up()
