"""The GSM line: opens the port, keeps the dialogue running on it, turns its events into receipts and reports."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from drivers.gsm import pin as pins
from drivers.gsm.composing import Composer
from drivers.gsm.events import (
    CannotStart,
    CoverageSeen,
    DeviceTrouble,
    GsmEvent,
    LateAnswer,
    MessageSettled,
    Outgoing,
    PartSent,
    PinWanted,
    Ready,
    ReportArrived,
    Silent,
    TextArrived,
)
from drivers.gsm.ladder import Ladder, Step
from drivers.gsm.power import cycle_power
from drivers.gsm.protocol import Modem, Stage
from drivers.gsm.reading import UNREADABLE
from drivers.gsm.recording import Recorder
from drivers.gsm.selftest import MEMORY_KEY as SELFTEST_KEY
from drivers.gsm.selftest import WITHIN
from drivers.gsm.throttle import Throttle
from drivers.gsm.tidings import Tidings
from drivers.gsm.tracking import Tracker
from gatewayd.clock import sleep
from gatewayd.driver import Capabilities, Driver, Outcome, Receipt
from gatewayd.errors import LineDown, StoreUnavailable
from gatewayd.model import PageConfirmed, PageState
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.serial import SerialSettings, open_serial

if TYPE_CHECKING:
    from drivers.gsm.composing import Composed
    from drivers.gsm.settings import GsmSettings
    from gatewayd.driver import Line
    from gatewayd.model import Page

Opener = Callable[[SerialSettings, StreamAdapter[GsmEvent]], Awaitable[None]]
PowerCut = Callable[[tuple[str, ...], "Line"], Awaitable[None]]

LONGEST_THROTTLE = 60.0  # seconds that a page waits here for its turn; beyond that the gateway keeps it
NO_NETWORK_RETRY = 10.0
REPORT_REST = 1.0  # seconds that a delivery report rests
_SINGLE, _PART = 160, 153  # characters


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One message that waits to be settled."""

    number: str
    settled: asyncio.Future[tuple[MessageSettled, str]]


@dataclass(slots=True)
class _Connection:
    """The dialogue on one open port."""

    core: Modem
    adapter: StreamAdapter[GsmEvent]
    recorder: Recorder
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


class GsmDriver(Driver):
    """Sends and receives short messages through one modem, one message at a time."""

    kind: ClassVar[str] = "gsm"

    def __init__(
        self, line: Line, settings: GsmSettings, opener: Opener = open_serial, power: PowerCut = cycle_power
    ) -> None:
        super().__init__(line)
        self._settings = settings
        self._open = opener
        self._power = power
        self._composer = Composer(settings)
        self._tracker = Tracker()
        self._throttle = Throttle(settings.per_minute)
        self._ladder = Ladder(settings.power_every, has_power=bool(settings.power_command))
        self._tidings = Tidings(settings)
        self._numbers = itertools.count(1)
        self._turn = asyncio.Lock()
        self._attempts: dict[str, _Attempt] = {}
        self._unanswered: tuple[str, str] = ("", "")  # the message whose answer is missing: our reference, its number
        self._connection: _Connection | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What this line can do: both directions, reports where they are asked for, answers as text."""
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

    async def send(self, page: Page) -> Receipt:
        """Make one attempt. Raises LineDown when the modem is not ready or is lost meanwhile."""
        self._ready()
        lifetime = page.expires - self.line.clock.now()
        try:
            composed = self._compose(page.address, page.text, lifetime)
        except ValueError as error:
            return Receipt(Outcome.REFUSED, str(error))
        if not self._tidings.coverage.registered:
            return Receipt(Outcome.FAILED, f"network: {self._tidings.coverage.problem}", retry_after=NO_NETWORK_RETRY)
        wait = self._throttle.wait(self.line.clock.now())
        if wait > LONGEST_THROTTLE:
            return Receipt(Outcome.FAILED, "per_minute messages have been sent", retry_after=wait)
        async with self._turn:
            if wait:
                await sleep(self.line.clock, wait)
            self._tidings.guard.paged(page.address, self.line.clock.now())
            settled, reference = await self._attempt(page.address, composed)
        return self._receipt(settled, reference, composed.note)

    def _ready(self) -> _Connection:
        connection = self._connection
        if connection is None or connection.core.stage is not Stage.READY:
            raise LineDown("the modem is not ready")
        return connection

    def _compose(self, number: str, text: str, lifetime: float) -> Composed:
        text_mode = self._ready().core.text_mode
        return self._composer.compose(number, text, lifetime, text_mode=text_mode)

    async def _attempt(self, number: str, composed: Composed) -> tuple[MessageSettled, str]:
        """Send a message; return how that ended and the reference by which reports will name it."""
        connection, clock = self._ready(), self.line.clock
        ref = str(next(self._numbers))
        attempt = _Attempt(number, asyncio.get_running_loop().create_future())
        self._attempts[ref] = attempt
        try:
            self._throttle.book(len(composed.parts), clock.now())
            connection.core.send_message(Outgoing(ref, composed.parts), clock.now())
            connection.adapter.flush()
            return await attempt.settled
        except asyncio.CancelledError:
            connection.core.withdraw(ref, clock.now())
            with suppress(LineDown):
                connection.adapter.flush()
            raise
        finally:
            del self._attempts[ref]

    def _receipt(self, settled: MessageSettled, reference: str, note: str) -> Receipt:
        detail = f"{settled.detail} ({note})" if note else settled.detail
        if settled.outcome is not Outcome.UNKNOWN:
            return Receipt(settled.outcome, detail, reference, settled.retry_after)
        outcome = Outcome.UNKNOWN if self._settings.resend_unknown else Outcome.SENT
        return Receipt(outcome, detail, _unanswered_reference(settled.ref))

    # --- serving ------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the line until cancelled."""
        core = Modem(self._settings.profile())
        adapter: StreamAdapter[GsmEvent] = StreamAdapter(core, self.line.clock)
        connection = _Connection(core, adapter, Recorder(self.line))
        connection.tasks.append(asyncio.create_task(connection.recorder.run()))
        reason = LineDown("the line was stopped")
        try:
            await self._open(self._settings, adapter)
            self._connection = connection
            core.start(self.line.clock.now())
            adapter.flush()
            async for event in adapter.events():
                await self._handle_event(event, connection)
        except LineDown as error:
            reason = error
            raise
        finally:
            self._connection = None
            for task in connection.tasks:
                task.cancel()
            self._fail_attempts(reason)
            adapter.close()
            await adapter.wait_closed()

    def _fail_attempts(self, reason: LineDown) -> None:
        for attempt in self._attempts.values():
            if not attempt.settled.done():
                attempt.settled.set_exception(LineDown(str(reason)))

    async def _handle_event(self, event: GsmEvent, connection: _Connection) -> None:
        match event:
            case MessageSettled() | PartSent() | LateAnswer():
                self._handle_sending(event, connection)
            case TextArrived() | ReportArrived():
                self._handle_arrival(event, connection)
            case CoverageSeen() | DeviceTrouble():
                self._handle_health(event, connection)
            case Ready():
                await self._handle_ready(event)
            case PinWanted():
                await self._handle_pin(event, connection)
            case Silent() | CannotStart(mendable=True):
                await self._step_up(event.reason, connection)
            case CannotStart():
                raise LineDown(event.reason)

    def _handle_sending(self, event: MessageSettled | PartSent | LateAnswer, connection: _Connection) -> None:
        if isinstance(event, LateAnswer):
            self._handle_late(event, connection)
            return
        attempt = self._attempts.get(event.ref)
        if isinstance(event, PartSent):
            self.line.count("messages")
            if attempt is not None:
                self._tracker.part_sent(event.ref, attempt.number, event.reference, self.line.clock.now())
        elif attempt is not None and not attempt.settled.done():
            self._settle(event, attempt, connection)

    def _settle(self, event: MessageSettled, attempt: _Attempt, connection: _Connection) -> None:
        sent = event.outcome is Outcome.SENT
        reference = self._tracker.settled(event.ref, attempt.number, event.references, sent=sent)
        if event.outcome is Outcome.UNKNOWN:
            self._unanswered = (event.ref, attempt.number)
        elif sent:
            self._tidings.work_done(connection.recorder)
        attempt.settled.set_result((event, reference))

    def _handle_late(self, late: LateAnswer, connection: _Connection) -> None:
        ref, number = self._unanswered
        if ref == late.ref:
            reference = _unanswered_reference(ref)
            self._tracker.late(number, late.reference, reference, self.line.clock.now())
            connection.recorder.put(PageConfirmed(reference, PageState.SENT, "sent after all"))

    def _handle_arrival(self, event: TextArrived | ReportArrived, connection: _Connection) -> None:
        tokens = event.text.tokens if isinstance(event, TextArrived) else (event.token,)

        def recorded() -> None:
            connection.core.settle(tokens, self.line.clock.now())
            with suppress(LineDown):
                connection.adapter.flush()

        if isinstance(event, TextArrived):
            self.line.count("texts")
            if event.text.text.startswith(UNREADABLE):
                self.line.trouble("unreadable")
            self._tidings.text(event.text, self.line, connection.recorder, recorded)
        else:
            self.line.count("delivery_reports")
            # A report may be faster than the gateway, which first has to write down what the page is called.
            due = self.line.clock.now() + REPORT_REST
            self.line.clock.call_at(due, lambda: self._confirm(event, connection, recorded))

    def _confirm(self, event: ReportArrived, connection: _Connection, recorded: Callable[[], None]) -> None:
        connection.recorder.put(self._tracker.reported(event.report), recorded)

    def _handle_health(self, event: CoverageSeen | DeviceTrouble, connection: _Connection) -> None:
        if isinstance(event, DeviceTrouble):
            self._tidings.trouble(event.detail, connection.recorder)
            return
        now = self.line.clock.now()
        self._tidings.look(event, now, connection.recorder)
        text = self._tidings.selftest.text_due(now) if connection.core.stage is Stage.READY else ""
        if text:
            connection.tasks.append(asyncio.get_running_loop().create_task(self._send_selftest(text)))

    async def _send_selftest(self, text: str) -> None:
        """Send a message to ourselves; when it is lost or refused, it does not come back, and that is what is told."""
        number = self._tidings.selftest.number
        with suppress(LineDown):
            async with self._turn:
                settled, _ = await self._attempt(number, self._compose(number, text, WITHIN))
            self.line.log.info("self-test: %s", settled.detail)

    async def _handle_ready(self, event: Ready) -> None:
        for note in event.notes:
            self.line.log.warning("the modem %s", note)
        self.line.log.info("modem: %s", event.identity)
        self._ladder.well()
        remembered = self.line.memory.items()
        self._tidings.selftest.start(remembered.get(SELFTEST_KEY), self.line.clock.wall(), self.line.clock.now())
        if pins.MEMORY_KEY in remembered:
            with suppress(StoreUnavailable):
                await self.line.memory.save({pins.MEMORY_KEY: None})
        self.line.up()

    async def _handle_pin(self, event: PinWanted, connection: _Connection) -> None:
        """Enter the PIN, after it is on disk that it was: a wrong one is never tried again."""
        pin = self._settings.pin.get_secret_value()
        objection = pins.objection(pin, event.tries, self.line.memory.items())
        if objection:
            raise LineDown(objection)
        try:
            await self.line.memory.save({pins.MEMORY_KEY: pins.mark(pin)})
        except StoreUnavailable as error:
            raise LineDown("the PIN is not entered while that cannot be recorded") from error
        connection.core.enter_pin(pin, self.line.clock.now())
        connection.adapter.flush()

    async def _step_up(self, reason: str, connection: _Connection) -> None:
        """Take the next step of the ladder; every one of them ends this session."""
        step = self._ladder.next_step(self.line.clock.now())
        self.line.count("modem_failures")
        if step is Step.RESTART:
            connection.core.restart()
            with suppress(LineDown):
                connection.adapter.flush()
        elif step is Step.POWER:
            await self._power(self._settings.power_command, self.line)
        raise LineDown(f"{reason}; next: {step.value}")


def _unanswered_reference(ref: str) -> str:
    return f"unanswered/{ref}"
