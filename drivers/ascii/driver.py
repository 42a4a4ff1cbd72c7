"""A line of text: records are reported in order, open alarms remembered, silence becomes a fault."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar, cast

from drivers.ascii import tester
from drivers.ascii.events import (
    Event,
    HeartbeatReceived,
    RecordIgnored,
    RecordReceived,
    ReminderDue,
    SignHeard,
    SignMissed,
)
from drivers.ascii.protocol import Receiver
from gatewayd.clock import sleep
from gatewayd.driver import Capabilities, Driver, Progress
from gatewayd.errors import GatewayError, LineDown, NotDurable, StoreUnavailable
from gatewayd.model import AlarmActivated, Recorded
from gatewayd.rules import Ruled, RuleResult
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.serial import open_serial

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from drivers.ascii.meaning import Interpreter, Step
    from drivers.ascii.openalarms import Changes
    from drivers.ascii.settings import AsciiSettings
    from gatewayd.driver import Line, LineSettings, News
    from gatewayd.model import Report

    OpenPort = Callable[[AsciiSettings, StreamAdapter[Event]], Awaitable[None]]

STORE_RETRY = 1.0  # seconds; a panel prints a line once, so nobody else would repeat it


class AsciiDriver(Driver, Ruled):
    """Receives lines of text.

    The adapter keeps reading while a report is being recorded. When it is more than a thousand records ahead it stops,
    and the flow control of the port holds the device up: nothing is dropped here.
    """

    kind: ClassVar[str] = "ascii"

    def __init__(self, line: Line, settings: AsciiSettings, open_port: OpenPort = open_serial) -> None:
        super().__init__(line)
        self._settings = settings
        self._config = settings.config
        self._open_port = open_port
        self._interpreter: Interpreter | None = None
        self._taking: Report | None = None  # what is being reported now
        self._forgetting: set[asyncio.Task[None]] = set()

    @property
    def capabilities(self) -> Capabilities:
        """It receives and cannot send; it hears when a person has ended an alarm."""
        return Capabilities(receives=True, follows=True)

    @property
    def port(self) -> str:
        """The device path or the address of the device server."""
        return self._settings.port

    async def run(self) -> None:
        """Open the port and serve until cancelled. Raises LineDown."""
        now = self.line.clock.now()
        core = Receiver(self._config, now)
        adapter: StreamAdapter[Event] = StreamAdapter(core, self.line.clock)
        interpreter = self._remembered()
        try:
            await self._open_port(self._settings, adapter)
            self.line.up()
            interpreter.open.restart(self.line.clock.now())
            await self._carry_out(interpreter.stale_faults(self._settings.watched))
            await self._serve(core, adapter, interpreter)
        finally:
            adapter.close()
            await adapter.wait_closed()

    @classmethod
    def tried(cls, settings: LineSettings, sample: str | bytes) -> Iterator[RuleResult]:
        """Return what a line with these settings would make of a sample."""
        return tester.tried(cast("AsciiSettings", settings), sample)

    def try_rules(self, sample: str | bytes) -> Iterator[RuleResult]:
        """Return what this line would make of a sample."""
        return tester.tried(self._settings, sample)

    def tell(self, news: News) -> None:
        """Forget an alarm that a person has ended: no rule has to do it any more."""
        taking = isinstance(self._taking, AlarmActivated) and self._taking.key == news.key
        if news.progress is not Progress.CLEARED or self._interpreter is None or taking:
            return
        changes = self._interpreter.open.end(news.key)
        if changes:
            task = asyncio.get_running_loop().create_task(self._remember(changes))
            self._forgetting.add(task)
            task.add_done_callback(self._forgetting.discard)

    def _remembered(self) -> Interpreter:
        """Return the interpreter with what is open; it outlives connections, the line's memory outlives the process."""
        if self._interpreter is None:
            self._interpreter = self._settings.interpreter(self.line.memory.items(), self._config.patience)
        return self._interpreter

    async def _serve(self, core: Receiver, adapter: StreamAdapter[Event], interpreter: Interpreter) -> None:
        reminder = self._remind(core, adapter, interpreter, None)
        try:
            async for event in adapter.events():
                await self._handle(event, interpreter)
                reminder = self._remind(core, adapter, interpreter, reminder)
        except LineDown:
            core.flush(self.line.clock.now())
            while (rest := core.next_event()) is not None:
                await self._handle(rest, interpreter)
            raise

    @staticmethod
    def _remind(
        core: Receiver, adapter: StreamAdapter[Event], interpreter: Interpreter, known: float | None
    ) -> float | None:
        """Have the receiver tell, in its turn, when the next alarm ends for want of repetition."""
        due = interpreter.open.next_due()
        if due != known and adapter.lost is None:
            core.remind(due)
            adapter.flush()
        return due

    async def _handle(self, event: Event, interpreter: Interpreter) -> None:
        match event:
            case RecordReceived():
                await self._carry_out(self._interpret(event, interpreter))
            case RecordIgnored():
                self.line.count("ignored")
            case HeartbeatReceived():
                self.line.count("heartbeats")
            case SignMissed(watch=watch, seconds=seconds):
                await self._carry_out(interpreter.missed(watch, seconds))
            case SignHeard(watch=watch):
                await self._carry_out(interpreter.heard(watch))
            case ReminderDue(time=when):
                await self._carry_out(interpreter.expire(when))
        self._count(interpreter)

    def _interpret(self, record: RecordReceived, interpreter: Interpreter) -> list[Step]:
        findings, steps = interpreter.take(record)
        if not record.readable:
            self.line.trouble("unreadable")
        elif not findings and self._settings.unmatched == "count":
            self.line.log.warning("no rule knows this line: %r", record.text)
        return steps

    def _count(self, interpreter: Interpreter) -> None:
        for what, amount in interpreter.counts.items():
            self.line.count(what, amount)
        interpreter.counts.clear()
        given_up = self._config.patience.given_up
        if given_up:
            self.line.trouble("slow_patterns", len(given_up))
            self.line.log.warning("patterns took too long for a line of text and were given up: %s", set(given_up))
            given_up.clear()

    # --- on disk ------------------------------------------------------------------------------------------------------

    async def _carry_out(self, steps: list[Step]) -> None:
        """Record and remember, one after the other, each until the store takes it."""
        for step in steps:
            if await self._take(step) is Recorded.REPEAT and step.again is not None:
                await self._take(step.again())

    async def _take(self, step: Step) -> Recorded | None:
        self._taking = step.report
        if isinstance(step.report, AlarmActivated) and step.changes:
            # Handed over first, so that it is on disk first or in the same commit: the alarm does not wait for it.
            _, recorded = await asyncio.gather(self._remember(step.changes), self._report(step.report))
        else:
            recorded = await self._report(step.report)
            await self._remember(step.changes)
        self._taking = None
        return recorded

    async def _report(self, report: Report) -> Recorded | None:
        """Have a report recorded; return what became of it, None where it cannot be recorded, or not yet.

        What has taken effect holds up nobody: the sender hears nothing either way, and the store writes it by itself.
        """
        while True:
            try:
                return await self.line.report(report)
            except NotDurable as error:
                self.line.log.warning("a line of text is not on disk: %s", error)
                return None
            except StoreUnavailable as error:
                self.line.log.warning("a line of text could not be recorded yet: %s", error)
                await sleep(self.line.clock, STORE_RETRY)
            except GatewayError as error:
                # Trying again would not help, and the lines behind it have to go on.
                self.line.count("poisoned")
                self.line.log.error("a line of text cannot be recorded (%s): %r", error, report)  # noqa: TRY400 - no defect of ours
                return None

    async def _remember(self, changes: Changes) -> None:
        while changes:
            try:
                await self.line.memory.save(changes)
            except NotDurable:
                return
            except StoreUnavailable as error:
                self.line.log.warning("open alarms could not be remembered yet: %s", error)
                await sleep(self.line.clock, STORE_RETRY)
            else:
                return
