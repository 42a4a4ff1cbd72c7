"""Writing down what the modem brought, in order, without holding up what is being sent."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gatewayd.clock import sleep
from gatewayd.errors import NotDurable, StoreUnavailable
from gatewayd.transport.timing import within

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gatewayd.driver import Line
    from gatewayd.model import Report

RETRY_AFTER = 1.0  # seconds; a disk that is full stays so for a while
PATIENCE = 5.0  # seconds for a store that neither takes what is written down nor refuses it
MAX_WAITING = 4_096  # reports; a modem's memory holds a few hundred messages


@dataclass(frozen=True, slots=True)
class _Job:
    """A report, what the line has to remember with it, and what to do when both are on disk.

    One that `lasts` is done whatever becomes of the port; any other comes again when that is open again.
    """

    report: Report | None
    recorded: Callable[[], None]
    changes: Mapping[str, Any]
    lasts: bool


class Recorder:
    """Records reports one after the other and tries for ever; only what is on disk is settled with the modem.

    Outlives the connections of a line: of what a modem has passed on without storing it, this is the only copy.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._current: _Job | None = None
        self._closed = 0
        self._works = asyncio.Lock()
        self._rests = asyncio.Event()
        self._asking = 0  # jobs that took effect and are asked for again

    def put(
        self,
        report: Report | None,
        recorded: Callable[[], None] = lambda: None,
        changes: Mapping[str, Any] = MappingProxyType({}),
        *,
        only_copy: bool = False,
    ) -> bool:
        """Have a report recorded (None: there is nothing to record, but its turn is kept), then call `recorded`.

        Before the report, `changes` of the line's memory are written down: a crash between the two forgets nothing.
        `only_copy`: the modem does not keep it. Returns False when far too many wait: then it is not taken, and should
        be left where it is.
        """
        if self._jobs.qsize() + self._asking >= MAX_WAITING:
            self._line.log.error("too many reports wait to be recorded")
            return False
        self._rests.clear()
        self._jobs.put_nowait(_Job(report, recorded, changes, only_copy or report is None))
        return True

    async def run(self) -> None:
        """Work until cancelled; what was not done then is left for the next time."""
        async with self._works:
            try:
                await self._work()
            finally:
                self._forget()

    async def _work(self) -> None:
        while True:
            job = self._current = self._current or await self._next()
            if await self._record(job):
                job.recorded()
            self._current = None

    def _forget(self) -> None:
        """Forget what comes again by itself: the modem still has it, or the fault is told again."""
        self._closed += 1
        waiting = [self._jobs.get_nowait() for _ in range(self._jobs.qsize())]
        for job in waiting:
            if job.lasts:
                self._jobs.put_nowait(job)
        if self._current is not None and not self._current.lasts:
            self._current = None

    async def rest(self) -> None:
        """Wait until there is nothing to do, or nothing can be done because the store takes nothing."""
        with suppress(TimeoutError):
            async with within(self._line.clock, PATIENCE):
                await self._rests.wait()

    async def _next(self) -> _Job:
        if self._jobs.empty():
            self._rests.set()
        return await self._jobs.get()

    async def _record(self, job: _Job) -> bool:
        """Return whether the report is on disk; one that the gateway cannot digest must not stop the others."""
        while job.report is not None or job.changes:
            try:
                await self._write(job)
            except NotDurable as error:
                self._line.log.warning("what the modem brought is not on disk yet: %s", error)
                self._again(job)
                return False
            except StoreUnavailable as error:
                self._line.log.error("what the modem brought could not be recorded yet: %s", error)  # noqa: TRY400 - once a second is enough without a trace
                self._rests.set()
                await sleep(self._line.clock, RETRY_AFTER)
            except Exception:
                self._line.log.exception("a report of the modem cannot be recorded")
                return False
            else:
                return True
        return True

    def _again(self, job: _Job) -> None:
        """Ask later whether it is on disk; what else the modem brings does not wait for that."""
        self._asking += 1
        closed = self._closed

        def ask() -> None:
            self._asking -= 1
            if job.lasts or self._closed == closed:
                self._jobs.put_nowait(job)

        self._line.clock.call_at(self._line.clock.now() + RETRY_AFTER, ask)

    async def _write(self, job: _Job) -> None:
        """Write a report and what belongs to it. Raises StoreUnavailable; NotDurable: it took effect all the same."""
        late: NotDurable | None = None
        try:
            if job.changes:
                await self._line.memory.save(dict(job.changes))
        except NotDurable as error:
            late = error
        if job.report is not None:
            await self._line.report(job.report)
        if late is not None:
            raise late
