"""The other end of a horn: it logs, and stops by itself so that tests end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, ClassVar

from pydantic import SecretStr

from gatewayd.simulator import Faults, Simulator, SimulatorSettings

if TYPE_CHECKING:
    from gatewayd.clock import Clock

log = logging.getLogger(__name__)


class HornSimulatorSettings(SimulatorSettings):
    """A horn's other end."""

    FAULTS: ClassVar[tuple[str, ...]] = ("nak", "no-answer")

    port: str
    loud: bool = False
    rate: int = 9600
    password: SecretStr = SecretStr("")
    script: tuple[str, ...] = ()


class HornSimulator(Simulator):
    """Listens to a horn."""

    Settings: ClassVar[type[SimulatorSettings]] = HornSimulatorSettings

    def __init__(self, clock: Clock, settings: HornSimulatorSettings) -> None:
        super().__init__(clock)
        self.settings = settings
        self.faults = Faults(settings.faults)

    async def run(self) -> None:
        log.info("listens at %s, rate %d, script %s", self.settings.port, self.settings.rate, self.settings.script)
        if self.faults.take("nak"):
            log.info("refused")


SIMULATORS = {"horn-listener": HornSimulator}
