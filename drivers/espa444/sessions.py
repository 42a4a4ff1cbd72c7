"""One connection of an ESPA 4.4.4 line, from its opening to its loss, in either role."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from drivers.espa444.mapping import SentCalls, call_of, reports_of, status_of, status_reports
from drivers.espa444.protocol import (
    BlockRefused,
    CallEnded,
    CallReceived,
    ControlStation,
    Ending,
    Header,
    LinkRestored,
    LinkSilent,
    NakReason,
    Noise,
    PagingStation,
    StatusReceived,
)
from gatewayd.driver import Outcome, Receipt
from gatewayd.errors import Invalid, LineDown, StoreUnavailable
from gatewayd.model import AlarmActivated, AlarmReset
from gatewayd.transport.adapter import StreamAdapter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.espa444.protocol import Block, Event
    from drivers.espa444.settings import EspaSettings
    from gatewayd.driver import Line
    from gatewayd.model import Page, Report

STORE_RETRY = 5.0  # seconds until a report about the link itself is tried again; nobody else repeats it


class Session(ABC):
    """Reads events at once and reports in order beside it: bytes and answers to calls never wait for a slow store."""

    def __init__(self, core: PagingStation | ControlStation, line: Line, settings: EspaSettings) -> None:
        self.adapter: StreamAdapter[Event] = StreamAdapter(core, line.clock)
        self._core = core
        self._line = line
        self._settings = settings
        self._silent: set[str] = set()
        self._work: asyncio.Queue[Block | str] = asyncio.Queue()

    async def serve(self) -> None:
        """Serve until cancelled. Raises LineDown when the connection is lost."""
        tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._report_all())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        async for event in self.adapter.events():
            self._handle(event)

    def _handle(self, event: Event) -> None:
        if isinstance(event, CallReceived | StatusReceived):
            self._line.count("frames")
            self._work.put_nowait(event.block)
        elif isinstance(event, LinkSilent | LinkRestored):
            self._note_link(event)
        elif isinstance(event, BlockRefused):
            self._line.count("naks")
            self._line.log.warning("a block was refused (%s): %s", event.reason.name.lower(), event.detail)
        elif isinstance(event, Noise):
            self._line.trouble("noise_bytes", event.count)

    async def _report_all(self) -> None:
        while True:
            item = await self._work.get()
            if isinstance(item, str):
                await self._report_link(item)
            else:
                await self._decide(item)

    async def _decide(self, block: Block) -> None:
        """Answer the block once everything that it says is on disk."""
        try:
            for report in self._reports_of(block):
                await self._line.report(report)
        except StoreUnavailable as error:
            self._line.log.warning("a block was refused as busy: %s", error)
            self._core.reject_block(NakReason.BUSY, self._line.clock.now())
        else:
            self._core.accept_block(self._line.clock.now())
            self._accepted(block)
        self.adapter.flush()

    @abstractmethod
    def _reports_of(self, block: Block) -> Sequence[Report]:
        """Return what a block has to be recorded as."""

    @abstractmethod
    def _accepted(self, block: Block) -> None:
        """Act on a block that is recorded and acknowledged."""

    # --- the link itself ----------------------------------------------------------------------------------------------

    def _note_link(self, event: LinkSilent | LinkRestored) -> None:
        if isinstance(event, LinkSilent):
            self._silent.add(event.station)
        else:
            self._silent.discard(event.station)
        self._work.put_nowait(event.station)

    async def _report_link(self, station: str) -> None:
        """Make the fault of a silent station agree with what is known now; the line's memory says what was reported."""
        remembered = f"silent {station}"
        silent = station in self._silent
        if silent == bool(self._line.memory.items().get(remembered)):
            return
        try:
            await self._line.report(self._link_report(station, silent=silent))
            await self._line.memory.save({remembered: silent or None})
        except StoreUnavailable:
            clock = self._line.clock
            clock.call_at(clock.now() + STORE_RETRY, lambda: self._work.put_nowait(station))

    def _link_report(self, station: str, *, silent: bool) -> Report:
        key = "link-silent" if station == self._settings.stations[0] else f"link-silent {station}"
        text = f"nothing was heard from ESPA station {station} for {self._settings.silent_after:g} s"
        return AlarmActivated(key, text, fault=True) if silent else AlarmReset(key)


class PagerSession(Session):
    """The gateway is the paging system: calls become alarms."""

    _core: PagingStation

    def __init__(self, line: Line, settings: EspaSettings) -> None:
        super().__init__(PagingStation(settings.config, line.clock.now()), line, settings)

    async def serve(self) -> None:
        """Serve until cancelled; the line is up when its port is open, for the panel speaks first."""
        self._line.up()
        await super().serve()

    def _reports_of(self, block: Block) -> Sequence[Report]:
        return reports_of(block, self._settings)

    def _accepted(self, block: Block) -> None:
        """Leave the status that the panel expects for its next poll."""
        value = self._settings.status_after_call
        if value and block.header in (Header.CALL, Header.STATUS_REQUEST):
            self._core.queue_status(status_of(block, value, self._settings))


class PanelSession(Session):
    """The gateway is the control station: pages become calls, status blocks become answers."""

    _core: ControlStation
    _OUTCOMES: ClassVar[dict[Ending, Outcome]] = {
        Ending.TAKEN: Outcome.SENT,
        Ending.BUSY: Outcome.FAILED,
        Ending.INVALID: Outcome.REFUSED,
        Ending.GARBLED: Outcome.FAILED,
        Ending.NOT_READY: Outcome.FAILED,
        Ending.UNANSWERED: Outcome.UNKNOWN,
    }

    def __init__(self, line: Line, settings: EspaSettings, calls: SentCalls) -> None:
        super().__init__(ControlStation(settings.config, line.clock.now()), line, settings)
        self._calls = calls
        self._under_way: tuple[Block, asyncio.Future[CallEnded]] | None = None

    async def serve(self) -> None:
        """Serve until cancelled; the line is up when the transmitter answers, or at once where nobody is polled."""
        if not self._settings.polls:
            self._line.up()
        try:
            await super().serve()
        finally:
            self._fail_call()

    async def call(self, page: Page) -> Receipt:
        """Make one call. When this is cancelled, nothing more of the page goes out. Raises LineDown."""
        try:
            block = call_of(page, self._settings)
        except Invalid as error:
            return Receipt(Outcome.REFUSED, str(error))
        reference = self._calls.add(block)
        ended = await self._exchange(block)
        retry = self._settings.retry_busy_after if ended.ending is Ending.BUSY else None
        return Receipt(self._OUTCOMES[ended.ending], ended.detail or ended.ending.value, reference, retry)

    async def _exchange(self, block: Block) -> CallEnded:
        answer: asyncio.Future[CallEnded] = asyncio.get_running_loop().create_future()
        self._under_way = (block, answer)
        try:
            self._core.send_call(block, self._line.clock.now())
            self.adapter.flush()
            return await answer
        except asyncio.CancelledError:
            self._core.cancel_call()
            with suppress(LineDown):
                self.adapter.flush()
            raise
        finally:
            self._under_way = None

    def _handle(self, event: Event) -> None:
        if isinstance(event, CallEnded):
            self._end_call(event)
            return
        if isinstance(event, LinkRestored) and event.station == self._settings.stations[0]:
            self._line.up()
        super()._handle(event)

    def _end_call(self, event: CallEnded) -> None:
        """Hand the ending to the call that it is about; a call that was taken back meanwhile has nobody waiting."""
        if self._under_way is not None and self._under_way[0] is event.block and not self._under_way[1].done():
            self._under_way[1].set_result(event)

    def _fail_call(self) -> None:
        if self._under_way is not None and not self._under_way[1].done():
            self._under_way[1].set_exception(LineDown(str(self.adapter.lost or "the line was closed")))

    def _reports_of(self, block: Block) -> Sequence[Report]:
        return status_reports(block, self._calls, self._settings)

    def _accepted(self, block: Block) -> None:
        del block
        self._line.count("statuses")
