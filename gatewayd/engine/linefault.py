"""The fault of one line: raised when its device is lost, cleared when it is back, whatever the disk does meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.clock import sleep
from gatewayd.engine import supervision
from gatewayd.errors import NotDurable, StoreUnavailable

if TYPE_CHECKING:
    from gatewayd.engine.line import LineHost, RunningLine

STORE_RETRY = 1.0  # seconds between attempts to write something down that has happened already


class LineFault:
    """What people are told of a line's state. Only one task at a time tells, so that the order is kept."""

    def __init__(self, line: RunningLine, host: LineHost) -> None:
        self._line = line
        self._host = host
        self._wanted = self._stands = host.store.alarms.active_with_key(line.name, supervision.LINE_DOWN) is not None
        self._told = False  # whether a task is telling

    def want(self, *, wanted: bool) -> bool:
        """Note whether the fault should stand; returns whether somebody has to `tell` now."""
        self._wanted = wanted
        begins = self._stands != wanted and not self._told
        self._told = self._told or begins
        return begins

    async def tell(self) -> None:
        """Raise or clear the fault until what is recorded is what is so; a full disk only delays it."""
        line = self._line
        try:
            while self._stands != (wanted := self._wanted):
                fault = supervision.fault(line.name, line.down_reason) if wanted else supervision.fault_over(line.name)
                try:
                    await self._host.report(line.name, fault)
                except NotDurable:  # people have been told; it is written when the disk is back
                    self._stands = wanted
                except StoreUnavailable as error:
                    line.log.error("the state of line %s could not be recorded yet: %s", line.name, error)  # noqa: TRY400 - once a second is enough without a trace
                    await sleep(line.clock, STORE_RETRY)
                else:
                    self._stands = wanted
        finally:
            self._told = False
