"""The fault of one line: raised when its device is lost, cleared when it is back, whatever the disk does meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.clock import sleep
from gatewayd.engine import supervision
from gatewayd.errors import NotDurable, StoreUnavailable

if TYPE_CHECKING:
    from gatewayd.engine.line import LineHost, RunningLine

MOST_REASONS = 8  # logged of one outage: one that begins with an unplugged modem may end with a PIN that is wanted
STORE_RETRY = 1.0  # seconds between attempts to write something down that has happened already


class LineFault:
    """What people are told of a line's state. Only one task at a time tells, so that the order is kept."""

    def __init__(self, line: RunningLine, host: LineHost) -> None:
        self._line = line
        self._host = host
        self._wanted = self._stands = host.store.alarms.active_with_key(line.name, supervision.LINE_DOWN) is not None
        self._told = False  # whether a task is telling
        self._reasons: set[str] = set()  # of this outage, as far as they were logged

    def log(self, reason: str, *, news: bool) -> None:
        """Log why the line is down; while it stays so, each other reason once."""
        if news:
            self._reasons.clear()
        if reason in self._reasons or len(self._reasons) >= MOST_REASONS:
            return
        self._reasons.add(reason)
        self._line.log.error("line %s is %sdown: %s", self._line.name, "" if news else "still ", reason)

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
