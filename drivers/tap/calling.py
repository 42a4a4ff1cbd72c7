"""The line as an entry device behind a modem: it calls the terminal when there is a page, and hangs up afterwards."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from drivers.tap.dialup import DialUp
from drivers.tap.pages import LoggedOff, LogonFailed, PageSettled
from drivers.tap.protocol import EntryDevice
from drivers.tap.sending import Connection, Sender
from gatewayd.driver import Outcome
from gatewayd.hayes.calls import CallFailed, CarrierLost, Connected, HungUp, ModemReady, PhoneEvent
from gatewayd.hayes.results import Result

if TYPE_CHECKING:
    from drivers.tap.pages import TapEvent
    from drivers.tap.sending import Attempt, Opener
    from drivers.tap.settings import TapSettings
    from drivers.tap.timing import Timing
    from gatewayd.driver import RatedLine

USUAL = 300  # Bd, of a call whose rate the modem does not tell (Bell 103)
SLOWEST = 110
REDIAL_AFTER = {
    Result.BUSY: 15.0,
    Result.NO_CARRIER: 15.0,
    Result.NO_ANSWER: 30.0,
    Result.NO_DIALTONE: 30.0,
    Result.BARRED: 60.0,
}
"""Seconds after which calling again makes sense."""
_RATE = re.compile(r"\d{3,6}")


class Caller(Sender):
    """Sends pages to one paging terminal over the telephone, several to a call."""

    def __init__(self, line: RatedLine, settings: TapSettings, opener: Opener) -> None:
        super().__init__(line, settings, opener)
        self._rated = line
        self._dialup: DialUp | None = None

    async def _serve(self) -> None:
        dialup = DialUp(self.line, self._settings, self._make)
        try:
            await dialup.open(self._open)
            self._dialup = dialup
            async for event in dialup.events():
                await self._attend(event, dialup)
        finally:
            self._dialup = None
            self._break_off("the line ended before the terminal answered")
            await dialup.close()

    def _make(self, connected: Connected, now: float) -> EntryDevice:
        """Build the entry device of a call; it logs off when the pages are sent, and waits as long as the rate asks."""
        del now
        timing = _scaled(self._profile.timing, connected.said)
        return EntryDevice(replace(self._profile, permanent=False, probe_every=0.0, timing=timing))

    async def _attend(self, event: PhoneEvent | TapEvent, dialup: DialUp) -> None:
        match event:
            case ModemReady():
                self.line.up()
                self._call(dialup)
            case Connected():
                self._rated.degraded("")
                self._begin_call(dialup)
            case CallFailed():
                self._call_failed(event)
            case CarrierLost():
                self._break_off("the call broke off before the terminal answered")
            case HungUp():
                self._call(dialup)
            case LoggedOff() | LogonFailed():
                self.line.log.debug("%s", event.reason)
                if not self._unsettled:
                    self._end_call(dialup)
            case _:
                if self._connection is not None:
                    await self._handle_event(cast("TapEvent", event), self._connection)

    @property
    def _unsettled(self) -> list[Attempt]:
        return [attempt for attempt in self._attempts.values() if not attempt.settled.done()]

    def _call(self, dialup: DialUp) -> None:
        if self._unsettled:
            dialup.dial()

    def _begin_call(self, dialup: DialUp) -> None:
        core = dialup.core
        if not self._unsettled or not isinstance(core, EntryDevice):
            self._end_call(dialup)
            return
        self._connection = Connection(core, dialup.adapter, was_ready=True)
        for attempt in self._unsettled:
            self._submit(attempt)

    def _end_call(self, dialup: DialUp) -> None:
        """Hang up; a page that comes from now on is for the next call."""
        self._connection = None
        dialup.hang_up()

    def _call_failed(self, failed: CallFailed) -> None:
        self.line.count("failed_calls")
        if failed.result is Result.NO_DIALTONE:
            self._rated.degraded("no dial tone")
        for attempt in self._unsettled:
            detail = f"the call failed: {failed.said}"
            self._settle(
                PageSettled(attempt.ref, Outcome.FAILED, detail, retry_after=REDIAL_AFTER.get(failed.result, 15.0))
            )

    def _break_off(self, reason: str) -> None:
        """Settle what was under way in the call: a page that is out may have been taken."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        connection.core.break_off(reason)
        while (event := connection.core.next_event()) is not None:
            if isinstance(event, PageSettled):
                self._settle(event)

    def _submit(self, attempt: Attempt) -> None:
        if self._connection is not None:
            super()._submit(attempt)
        elif self._dialup is not None and self._dialup.idle:
            self._dialup.dial()

    def _withdraw(self, attempt: Attempt) -> None:
        super()._withdraw(attempt)
        if self._connection is None and self._dialup is not None and len(self._attempts) == 1:
            self._dialup.hang_up()


def _scaled(timing: Timing, said: str) -> Timing:
    """Return the timers for the rate that CONNECT names; it may be that of the port, which is never the slower one."""
    rate = _RATE.search(said)
    return replace(timing, byte_time=max(timing.byte_time, 10 / max(SLOWEST, int(rate[0]) if rate else USUAL)))
