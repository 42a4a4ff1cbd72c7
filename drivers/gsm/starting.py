"""What the line does about a modem that starts, wants its PIN, or does not answer."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from drivers.gsm import pin as pins
from drivers.gsm.ladder import Ladder, Step
from drivers.gsm.selftest import MEMORY_KEY as SELFTEST_KEY
from gatewayd.errors import LineDown, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drivers.gsm.connection import Connection
    from drivers.gsm.events import PinRefused, PinWanted, Ready
    from drivers.gsm.selftest import SelfTest
    from drivers.gsm.settings import GsmSettings
    from gatewayd.driver import Line

WORDS = 40  # characters kept of what a modem says of a PIN


class Starter:
    """Outlives the connections of a line, as the limits of what it does have to."""

    def __init__(
        self, line: Line, settings: GsmSettings, power: Callable[[tuple[str, ...], Line], Awaitable[None]]
    ) -> None:
        self._line = line
        self._settings = settings
        self._power = power
        self.ladder = Ladder(settings.power_every, has_power=bool(settings.power_command))

    async def ready(self, event: Ready, selftest: SelfTest) -> None:
        """Take note of a modem that works. Raises StoreUnavailable; all is done then but forgetting the PIN's mark."""
        line = self._line
        for note in event.notes:
            line.log.warning("the modem %s", note)
        line.log.info("modem: %s", event.identity)
        self.ladder.answers()
        remembered = line.memory.items()
        selftest.start(remembered.get(SELFTEST_KEY), line.clock.wall(), line.clock.now())
        if pins.MEMORY_KEY in remembered:
            await line.memory.save({pins.MEMORY_KEY: None})

    async def unlock(self, event: PinWanted, connection: Connection) -> None:
        """Enter the PIN, after it is on disk that it was: a wrong one is never tried again. Raises LineDown."""
        pin = self._settings.pin.get_secret_value()
        objection = pins.objection(pin, event.tries, self._line.memory.items())
        if objection:
            raise LineDown(objection)
        try:
            await self._line.memory.save({pins.MEMORY_KEY: pins.mark(pin)})
        except StoreUnavailable as error:
            raise LineDown("the PIN is not entered while that cannot be recorded") from error
        connection.core.enter_pin(pin, self._line.clock.now())
        connection.adapter.flush()

    async def give_up_pin(self, event: PinRefused) -> None:
        """Remember a PIN that was not taken, whatever the modem may count later. Raises LineDown."""
        with suppress(StoreUnavailable):
            await self._line.memory.save({pins.MEMORY_KEY: pins.refused(self._settings.pin.get_secret_value())})
        raise LineDown(f"the SIM did not take its PIN ({event.detail[:WORDS]}); it is not tried again")

    async def step_up(self, reason: str, connection: Connection, *, useless: bool = False) -> None:
        """Take the next step of the ladder; every one of them ends this session. Raises LineDown."""
        step = self.ladder.next_step(self._line.clock.now(), useless=useless)
        self._line.count("modem_failures")
        if step is Step.RESTART:
            connection.core.restart()
            connection.flush()
        elif step is Step.POWER:
            await self._power(self._settings.power_command, self._line)
        raise LineDown(f"{reason}; next: {step.value}")
