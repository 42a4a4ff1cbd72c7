"""The gateway as a panel: pages become calls of paging transmitters, status blocks become answers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from drivers.espa444.calls import about, call_of, clean
from drivers.espa444.mapping import request_of, status_reports
from drivers.espa444.protocol import BlockEnded, Ending, Header, Id
from drivers.espa444.sessions import STORE_RETRY, Session
from gatewayd.driver import Outcome, Receipt
from gatewayd.errors import Invalid, LineDown, StoreUnavailable
from gatewayd.model import PageAnswered, PageConfirmed, PageState

if TYPE_CHECKING:
    from drivers.espa444.calls import Call, SentCalls
    from drivers.espa444.protocol import Block
    from drivers.espa444.settings import EspaSettings
    from gatewayd.driver import Line
    from gatewayd.model import Page
    from gatewayd.transport.passage import Passage


class PanelSession(Session):
    """Pages become calls. `calls` outlive the session: they are the driver's."""

    _OUTCOMES: ClassVar[dict[Ending, Outcome]] = {
        Ending.TAKEN: Outcome.SENT,
        Ending.BUSY: Outcome.FAILED,
        Ending.INVALID: Outcome.REFUSED,
        Ending.GARBLED: Outcome.FAILED,
        Ending.NOT_READY: Outcome.FAILED,
        Ending.UNANSWERED: Outcome.UNKNOWN,
    }

    def __init__(self, line: Line, settings: EspaSettings, passage: Passage, calls: SentCalls) -> None:
        super().__init__(line, settings, passage)
        self._calls = calls
        self._under_way: tuple[Block, asyncio.Future[BlockEnded]] | None = None
        self._awaited: set[str] = set()

    async def serve(self) -> None:
        """Serve until cancelled; the line is up when a transmitter answers, or at once where nobody is polled."""
        if self._settings.controls and not self._settings.polls:
            self._up()
        try:
            await super().serve()
        finally:
            self._fail_call()

    # --- pages --------------------------------------------------------------------------------------------------------

    async def call(self, page: Page) -> Receipt:
        """Make one call. When this is cancelled, nothing more of the page goes out. Raises LineDown."""
        try:
            call = call_of(page, self._settings)
        except Invalid as error:
            return Receipt(Outcome.REFUSED, str(error))
        reference, kept = self._calls.add(call)
        if self._settings.hears_status:
            self._work.put_nowait(partial(self._keep, kept))
        ended = await self._exchange(call)
        if ended.ending in (Ending.TAKEN, Ending.UNANSWERED):
            self._await_status(call, reference)
        retry = self._settings.retry_busy_after if ended.ending is Ending.BUSY else None
        return Receipt(self._OUTCOMES[ended.ending], ended.detail or ended.ending.value, reference, retry)

    async def _keep(self, kept: dict[str, object]) -> None:
        """Have a call known after a restart; that this fails now and then costs an answer without text at worst."""
        with suppress(StoreUnavailable):
            await self._line.memory.save(kept)

    async def _exchange(self, call: Call) -> BlockEnded:
        answer: asyncio.Future[BlockEnded] = asyncio.get_running_loop().create_future()
        self._under_way = (call.block, answer)
        try:
            self._core.send_call(call.block, self._line.clock.now(), call.station)
            self.adapter.flush()
            return await answer
        except asyncio.CancelledError:
            self._core.cancel_call()
            with suppress(LineDown):
                self.adapter.flush()
            raise
        finally:
            self._under_way = None

    def _handle_end(self, event: BlockEnded) -> None:
        """Hand the ending to the call that it is about; a call that was taken back meanwhile has nobody waiting."""
        if self._under_way is not None and self._under_way[0] is event.block and not self._under_way[1].done():
            self._under_way[1].set_result(event)
        elif event.block.header == Header.STATUS_REQUEST and event.ending is not Ending.TAKEN:
            self._line.count("requests_lost")

    def _fail_call(self) -> None:
        if self._under_way is not None and not self._under_way[1].done():
            self._under_way[1].set_exception(LineDown(str(self.adapter.lost or "the line was closed")))

    # --- status -------------------------------------------------------------------------------------------------------

    async def _record(self, block: Block, station: str) -> None:
        required = self._settings.required_status
        suffices = not required or clean(block.get(Id.CALL_STATUS)) in required
        for report in status_reports(block, station, self._calls, self._settings):
            if suffices and isinstance(report, PageAnswered | PageConfirmed):
                self._awaited.discard(report.reference)
            await self._line.report(report)

    def _accepted(self, block: Block, station: str) -> None:
        del block, station
        self._line.count("statuses")

    def _await_status(self, call: Call, reference: str) -> None:
        """Have the transmitter asked, and the page failed, if no status comes."""
        settings = self._settings
        if settings.request_status_after or settings.require_status_within:
            self._awaited.add(reference)
        if settings.request_status_after:
            self._later(settings.request_status_after, partial(self._ask, call, reference))
        if settings.require_status_within:
            self._later(settings.require_status_within, partial(self._miss, reference))

    async def _ask(self, call: Call, reference: str) -> None:
        if reference in self._awaited:
            request = request_of(about(call.block, self._settings))
            self._core.queue_status(request, self._line.clock.now(), call.station)
            self.adapter.flush()

    async def _miss(self, reference: str) -> None:
        if reference not in self._awaited:
            return
        detail = f"no status came within {self._settings.require_status_within:g} s"
        try:
            await self._line.report(PageConfirmed(reference, PageState.FAILED, detail))
        except StoreUnavailable:
            self._later(STORE_RETRY, partial(self._miss, reference))
        else:
            self._awaited.discard(reference)
