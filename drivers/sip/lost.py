"""Technical alarms for phones that are gone, raised and cleared through the line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.clock import sleep
from gatewayd.errors import StoreUnavailable
from gatewayd.model import AlarmActivated, AlarmReset

if TYPE_CHECKING:
    from gatewayd.driver import Line

_PREFIX = "lost/"
# Seconds between two attempts to record what the disk would not take.
RETRY = 1.0


class LostPhones:
    """Keeps the alarm of each phone as its presence says, whatever the disk does meanwhile.

    That an alarm may stand is remembered before it is raised and forgotten after it was cleared, so a kill in between
    leaves an alarm that the next start looks after, never one that nobody clears.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._wanted: dict[str, bool] = {}
        self._telling: set[str] = set()

    def remembered(self) -> list[str]:
        """Return the users whose alarm may stand from before."""
        return [key.removeprefix(_PREFIX) for key in self._line.memory.items() if key.startswith(_PREFIX)]

    async def tell(self, user: str, *, lost: bool) -> None:
        """Raise or clear the alarm of one phone; when it is being told already, what was said last counts."""
        self._wanted[user] = lost
        if user in self._telling:
            return
        self._telling.add(user)
        told: bool | None = None
        try:
            while told is not self._wanted[user]:
                told = await self._record(user, lost=self._wanted[user])
        finally:
            self._telling.discard(user)

    async def _record(self, user: str, *, lost: bool) -> bool | None:
        """Return what is on disk now; None when the disk would not take it."""
        memory, key = self._line.memory, f"phone-lost/{user}"
        try:
            if lost:
                await memory.save({_PREFIX + user: True})
                text = f"SIP phone {user} is lost: it does not answer"
                await self._line.report(AlarmActivated(key, text, user, fault=True))
            else:
                await self._line.report(AlarmReset(key, user, f"SIP phone {user} is back"))
                await memory.save({_PREFIX + user: None})
        except StoreUnavailable:
            self._line.count("not_recorded")
            await sleep(self._line.clock, RETRY)
            return None
        return lost
