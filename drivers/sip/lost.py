"""Technical alarms for phones that are gone, and for a PBX that is: raised and cleared through the line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatewayd.clock import sleep
from gatewayd.driver import even_in_memory
from gatewayd.errors import StoreUnavailable
from gatewayd.model import AlarmActivated, AlarmReset

if TYPE_CHECKING:
    from gatewayd.driver import Line

_PHONE = "lost/"
_PBX = "lost-pbx"
# Seconds between two attempts to record what the disk would not take.
RETRY = 1.0


@dataclass(frozen=True, slots=True)
class Loss:
    """What may be gone: under which name that is remembered, and what the alarm says."""

    remembered_as: str
    key: str
    address: str
    gone: str
    back: str


def phone(user: str) -> Loss:
    """Return the loss of a user's last phone."""
    return Loss(
        _PHONE + user,
        f"phone-lost/{user}",
        user,
        f"SIP phone {user} is lost: it does not answer",
        f"SIP phone {user} is back",
    )


def pbx(why: str = "") -> Loss:
    """Return the loss of the site's PBX."""
    gone = f"The PBX is lost ({why}): nobody can be reached through it"
    return Loss(_PBX, "pbx-lost", "pbx", gone, "The PBX is back")


class Losses:
    """Keeps the alarm of each loss as it is said to be, whatever the disk does meanwhile.

    That an alarm may stand is remembered before it is raised and forgotten after it was cleared, so a kill in between
    leaves an alarm that the next start looks after, never one that nobody clears.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._wanted: dict[str, bool] = {}
        self._telling: set[str] = set()

    def phones(self) -> list[str]:
        """Return the users whose alarm may stand from before."""
        return [key.removeprefix(_PHONE) for key in self._line.memory.items() if key.startswith(_PHONE)]

    def is_pbx(self) -> bool:
        """Return whether the alarm of the PBX may stand from before."""
        return _PBX in self._line.memory.items()

    async def tell(self, loss: Loss, *, lost: bool) -> None:
        """Raise or clear the alarm of one loss; when it is being told already, what was said last counts."""
        self._wanted[loss.key] = lost
        if loss.key in self._telling:
            return
        self._telling.add(loss.key)
        told: bool | None = None
        try:
            while told is not self._wanted[loss.key]:
                told = await self._record(loss, lost=self._wanted[loss.key])
        finally:
            self._telling.discard(loss.key)

    async def _record(self, loss: Loss, *, lost: bool) -> bool | None:
        """Return what is on disk now; None when the disk would not take it."""
        memory = self._line.memory
        try:
            if lost:
                await even_in_memory(memory.save({loss.remembered_as: True}))
                report = AlarmActivated(loss.key, loss.gone, loss.address, fault=True)
                await even_in_memory(self._line.report(report))
            else:
                await even_in_memory(self._line.report(AlarmReset(loss.key, loss.address, loss.back)))
                await even_in_memory(memory.save({loss.remembered_as: None}))
        except StoreUnavailable:
            self._line.count("not_recorded")
            await sleep(self._line.clock, RETRY)
            return None
        return lost
