"""Writing down what the modem brought, in order, without holding up what is being sent."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gatewayd.clock import sleep
from gatewayd.errors import NotDurable, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gatewayd.driver import Line
    from gatewayd.model import Report

RETRY_AFTER = 1.0  # seconds; a disk that is full stays so for a while
MAX_WAITING = 4_096  # reports; a modem's memory holds a few hundred messages


@dataclass(frozen=True, slots=True)
class _Job:
    """A report, what the line has to remember with it, and what to do when both are on disk."""

    report: Report | None
    recorded: Callable[[], None]
    changes: Mapping[str, Any]


class Recorder:
    """Records reports one after the other and tries for ever; only what is on disk is settled with the modem."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._asking = 0  # jobs that took effect and are asked for again

    def put(
        self,
        report: Report | None,
        recorded: Callable[[], None] = lambda: None,
        changes: Mapping[str, Any] = MappingProxyType({}),
    ) -> bool:
        """Have a report recorded (None: there is nothing to record, but its turn is kept), then call `recorded`.

        Before the report, `changes` of the line's memory are written down: a crash between the two forgets nothing.
        Returns False when far too many wait: then it is not taken, and should be left where it is.
        """
        if self._jobs.qsize() + self._asking >= MAX_WAITING:
            self._line.log.error("too many reports wait to be recorded")
            return False
        self._jobs.put_nowait(_Job(report, recorded, changes))
        return True

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            job = await self._jobs.get()
            if await self._record(job):
                job.recorded()

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

        def ask() -> None:
            self._asking -= 1
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
