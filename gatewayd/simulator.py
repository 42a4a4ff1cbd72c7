"""The contract of simulators: the other end of a driver, with faults on demand.

One code, three uses: the fixtures of the tests, the demo, and the installer's training ground (`tools/simulate`).
Each `drivers/<kind>/simulator.py` exports `SIMULATORS`, a mapping from the simulator's name to its class.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, NonNegativeInt, field_validator

if TYPE_CHECKING:
    from gatewayd.clock import Clock


USUAL_FAULTS = ("nak", "drop", "garble", "late", "dead")
SHOWN = 40  # characters of a name that nobody knows


class Faults:
    """Misbehaviour that was asked for: each kind happens as many times as it was planned.

    The usual kinds: `nak` (refuse), `drop` (say nothing), `garble` (damage what is sent), `late` (answer late), `dead`
    (stop answering until repaired).
    """

    def __init__(self, planned: dict[str, int] | None = None) -> None:
        self._planned = Counter(planned or {})

    def plan(self, kind: str, times: int = 1) -> None:
        """Let `kind` happen `times` more times."""
        self._planned[kind] += times

    def repair(self, kind: str) -> None:
        """Forget what was planned of `kind`."""
        del self._planned[kind]

    def standing(self, kind: str) -> bool:
        """Return whether `kind` is planned, without using it up."""
        return self._planned[kind] > 0

    def take(self, kind: str) -> bool:
        """Use one planned `kind` up; return whether there was one."""
        if self._planned[kind] <= 0:
            return False
        self._planned[kind] -= 1
        return True


class SimulatorSettings(BaseModel):
    """Base of every simulator's settings.

    `FAULTS` are the names of all that the device can do wrong; one that knows others than the usual says so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    FAULTS: ClassVar[tuple[str, ...]] = USUAL_FAULTS

    faults: dict[str, NonNegativeInt] = {}

    @field_validator("faults")
    @classmethod
    def _are_known(cls, faults: dict[str, int]) -> dict[str, int]:
        """Refuse a fault that would never happen: who trains with it would wait for it in vain."""
        for name in faults:
            if name not in cls.FAULTS:
                raise ValueError(
                    f"there is no fault {name[:SHOWN]!r}; this device knows {', '.join(cls.FAULTS) or 'none'}"
                )
        return faults


class Simulator(ABC):
    """The other end of a line. `run` serves until cancelled; every class has its own `Settings`."""

    Settings: ClassVar[type[SimulatorSettings]]

    def __init__(self, clock: Clock, settings: object = None) -> None:
        del settings  # a simulator keeps its own, typed
        self.clock = clock

    @abstractmethod
    async def run(self) -> None:
        """Open the port that the settings name and behave like the device until cancelled."""
