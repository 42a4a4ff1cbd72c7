"""The GSM line: opens the port, keeps the dialogue running on it, turns its events into receipts and reports."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from drivers.gsm.attempts import Attempts
from drivers.gsm.connection import Connection
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
from drivers.gsm.outbox import Outbox
from drivers.gsm.power import cycle_power
from drivers.gsm.protocol import Modem, Stage
from drivers.gsm.recording import Recorder
from drivers.gsm.selftest import WITHIN
from drivers.gsm.starting import Starter
from drivers.gsm.tidings import Tidings
from gatewayd.driver import Capabilities, Driver
from gatewayd.errors import LineDown, StoreUnavailable
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.serial import SerialSettings, open_serial

if TYPE_CHECKING:
    from drivers.gsm.settings import GsmSettings
    from gatewayd.driver import Line, RatedLine, Receipt, Upcoming
    from gatewayd.model import Page

Opener = Callable[[SerialSettings, StreamAdapter[GsmEvent]], Awaitable[None]]
PowerCut = Callable[[tuple[str, ...], "Line"], Awaitable[None]]

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
        self._capabilities = self._can_do()
        self._attempts = Attempts(line.clock, settings.validity)
        self._tidings = Tidings(settings)
        self._starter = Starter(line, settings, power)
        self._operator = Operator(line.clock)
        self._inbox = Inbox(line, self._attempts, self._tidings)
        self._outbox = Outbox(line, settings, self._attempts, self._tidings, self._ready)
        self._recorder = Recorder(line)
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
        return self._outbox.held_back()

    def look_ahead(self, upcoming: Upcoming) -> None:
        """Take note of where the next page is to be found when a message has been sent."""
        self._outbox.upcoming = upcoming

    async def send(self, page: Page) -> Receipt:
        """Make one attempt. Raises LineDown when the modem is not ready or is lost meanwhile."""
        return await self._outbox.send(page)

    def _ready(self) -> Connection:
        connection = self._connection
        if connection is None or connection.core.stage is not Stage.READY:
            raise LineDown("the modem is not ready")
        return connection

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
        try:
            await self._open(self._settings, adapter)
            self._connection = connection
            core.start(self.line.clock.now(), self._inbox.parts())
            adapter.flush()
            async for event in adapter.events():
                await self._handle_event(event, connection)
        except LineDown as error:
            self._lose(connection, error)
            await self._recorder.rest()
            raise
        finally:
            self._lose(connection, LineDown("the line was stopped"))
            await connection.close()

    def _lose(self, connection: Connection, reason: LineDown) -> None:
        """Take note that nothing more comes from a port, and end what waits for it."""
        self._connection = None
        self._take_leftovers(connection)
        self._attempts.lost(connection, reason)
        self._operator.lost(reason)

    def _connect(self) -> Connection:
        core = Modem(self._settings.profile(), self._outbox.follow)
        return Connection(core, StreamAdapter(core, self.line.clock), self._recorder)

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
        """Take note of what came before the port was lost: what was sent must not be sent again."""
        for event in connection.core.leftovers():
            if isinstance(event, MessageSettled | PartSent):
                self._handle_sending(event, connection)
            elif isinstance(event, TextArrived | ReportArrived | PartArrived):
                self._inbox.take(event, connection)

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
            receipt = await self._outbox.send_text(number, text, WITHIN)
            self.line.log.info("self-test: %s", receipt.detail)

    async def _handle_ready(self, event: Ready) -> None:
        self._tidings.book.centre = event.centre
        with suppress(StoreUnavailable):
            await self._starter.ready(event, self._tidings.selftest)
        self.line.up()
