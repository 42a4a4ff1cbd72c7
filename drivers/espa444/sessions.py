"""One connection of an ESPA 4.4.4 line, from its opening to its loss: what both roles do alike."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from drivers.espa444.protocol import (
    BlockEnded,
    BlockReceived,
    BlockRefused,
    ControlStation,
    Hint,
    LinkRestored,
    LinkSilent,
    NakReason,
    Neglected,
    Noise,
    PolledStation,
    Suspicion,
)
from gatewayd.driver import even_in_memory
from gatewayd.errors import LineDown, StoreUnavailable
from gatewayd.model import AlarmActivated, AlarmReset
from gatewayd.transport.adapter import StreamAdapter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drivers.espa444.protocol import Block, Event
    from drivers.espa444.settings import EspaSettings
    from gatewayd.driver import Line, RatedLine
    from gatewayd.model import Report
    from gatewayd.transport.passage import Passage

    Work = Callable[[], Awaitable[None]]

RAISING = "raising"  # what is remembered of a fault that may stand, or not yet
STORE_RETRY = 5.0  # seconds until what nobody else repeats is tried again


class Session(ABC):
    """Reads events at once and works in order beside it: bytes and answers to calls never wait for a slow store."""

    def __init__(self, line: Line, settings: EspaSettings, passage: Passage) -> None:
        kind = ControlStation if settings.controls else PolledStation
        self._core: ControlStation | PolledStation = kind(settings.config, line.clock.now())
        self.adapter: StreamAdapter[Event] = StreamAdapter(self._core, line.clock)
        self._line = line
        self._settings = settings
        self._passage = passage
        self._may_be_up = self._is_up = False
        self._hint: Hint | None = None
        self._weaknesses: dict[str, str] = {}
        self._heard: set[str] = set()
        self._work: asyncio.Queue[Work] = asyncio.Queue()

    async def serve(self) -> None:
        """Serve until cancelled. Raises LineDown when the connection is lost."""
        self._rate("", "")
        tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._work_off())]
        test = asyncio.create_task(self._until_something_leaves())
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (*tasks, test):
                task.cancel()
            await asyncio.gather(*tasks, test, return_exceptions=True)

    def _up(self) -> None:
        """Say, once, that the line works; after a port that took nothing only when something has left."""
        self._may_be_up = True
        if not self._is_up and not self._passage.blocked:
            self._is_up = True
            self._line.up()

    async def _until_something_leaves(self) -> None:
        """After a port that took nothing: send an EOT if the line is ours, and wait until that or an answer leaves."""
        with suppress(LineDown):
            if self._passage.blocked and isinstance(self._core, ControlStation):
                self._core.free_line(self._line.clock.now())
                self.adapter.flush()
            await self._passage.opens(self.adapter)
            if self._may_be_up:
                self._up()

    async def _read(self) -> None:
        async for event in self.adapter.events():
            self._handle(event)
            self._count()

    def _handle(self, event: Event) -> None:
        if isinstance(event, BlockReceived):
            self._line.count("frames")
            if self._hint is Hint.BLOCK_UNASKED:
                self._suspect(None)
            self._work.put_nowait(partial(self._decide, event.block, event.station))
        elif isinstance(event, BlockEnded):
            self._handle_end(event)
        elif isinstance(event, LinkSilent | LinkRestored):
            self._note_link(event)
        elif isinstance(event, Suspicion):
            self._line.trouble(event.hint.name.lower())
            self._suspect(event.hint)
        elif isinstance(event, Neglected):
            self._rate("neglect", self._neglect(event.station))
        elif isinstance(event, BlockRefused):
            self._line.count("naks")
            self._line.trouble(f"refused_{event.reason.name.lower()}")
            self._line.log.debug("a block was refused: %s", event.detail)
        elif isinstance(event, Noise):
            self._line.trouble("noise_bytes", event.count)

    def _count(self) -> None:
        for what, amount in (+self._core.counts).items():
            self._line.count(what, amount)
        self._core.counts.clear()

    async def _work_off(self) -> None:
        while True:
            work = await self._work.get()
            await work()

    async def _decide(self, block: Block, station: str) -> None:
        """Answer the block once everything that it says is on disk."""
        try:
            await self._record(block, station)
        except StoreUnavailable as error:
            self._line.log.warning("a block was refused as busy: %s", error)
            self._core.reject_block(NakReason.BUSY, self._line.clock.now())
        else:
            self._core.accept_block(self._line.clock.now())
            self._accepted(block, station)
        self.adapter.flush()

    @abstractmethod
    async def _record(self, block: Block, station: str) -> None:
        """Have everything recorded that a block says. Raises StoreUnavailable."""

    @abstractmethod
    def _accepted(self, block: Block, station: str) -> None:
        """Act on a block that is recorded and acknowledged."""

    @abstractmethod
    def _handle_end(self, event: BlockEnded) -> None:
        """Act on the end of a block that we had to send."""

    def _later(self, seconds: float, work: Work) -> Any:  # noqa: ANN401 - the handle of the clock, or of nothing
        """Have something done in a while, after what waits then."""
        clock = self._line.clock
        return clock.call_at(clock.now() + seconds, lambda: self._work.put_nowait(work))

    # --- the link itself ----------------------------------------------------------------------------------------------

    def _note_link(self, event: LinkSilent | LinkRestored) -> None:
        if isinstance(event, LinkSilent):
            self._heard.discard(event.station)
            self._rate(f"station {event.station}", self._silence_of(event.station))
        else:
            self._heard.add(event.station)
            self._rate(f"station {event.station}", "")
            self._up()
        self._work.put_nowait(partial(self._report_link, event.station))

    def _suspect(self, hint: Hint | None) -> None:
        """Tell the installer what seems to be set up wrongly, or that it is not any more."""
        self._hint = hint
        self._rate("hint", hint.value if hint else "")

    def _rate(self, what: str, reason: str) -> None:
        """Say all that is wrong with the line at once; an empty reason takes back what was said of `what`."""
        self._weaknesses[what] = reason
        cast("RatedLine", self._line).degraded("; ".join(filter(None, self._weaknesses.values())))

    def _neglect(self, station: str) -> str:
        """Return what is wrong when the panel asks for another station and never for us."""
        if not station:
            return ""
        return f"the panel asks for station {station!a} and never for {self._settings.own}: check own_address"

    async def _report_link(self, station: str) -> None:
        """Make the fault of a silent station agree with what is known now.

        The line's memory knows of it before it is raised and until it is cleared: a kill must not leave it for ever.
        """
        remembered, memory = f"silent {station}", self._line.memory
        silent, kept = station not in self._heard, memory.items().get(f"silent {station}")
        if kept == (True if silent else None):
            return
        try:
            if silent:
                await even_in_memory(memory.save({remembered: RAISING}))
            await even_in_memory(self._line.report(self._link_report(station, silent=silent)))
            await even_in_memory(memory.save({remembered: silent or None}))
        except StoreUnavailable:
            self._later(STORE_RETRY, partial(self._report_link, station))

    def _link_report(self, station: str, *, silent: bool) -> Report:
        key = "link-silent" if station == self._settings.stations[0] else f"link-silent {station}"
        return AlarmActivated(key, self._silence_of(station), fault=True) if silent else AlarmReset(key)

    def _silence_of(self, station: str) -> str:
        return f"nothing was heard from ESPA station {station} for {self._settings.silent_after:g} s"
