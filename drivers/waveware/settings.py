"""The settings of a WaveWare line."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from drivers.waveware.frames import Defaults
from gatewayd.encoder.exchange import Timing
from gatewayd.encoder.settings import PocsagSettings

RATES: dict[int, str] = {512: "5", 1200: "1", 2400: "2"}  # bit/s on the air


class WaveWareSettings(PocsagSettings):
    """The port of a WaveWare encoder; the keys are explained in the README."""

    beeps: Annotated[int, Field(ge=1, le=4)] = 1
    commas: bool = True

    @property
    def defaults(self) -> Defaults:
        """What holds where an address does not say it."""
        beeps, rate = str(self.beeps), RATES[self.rate]
        return Defaults(self.pager_type, rate, beeps, self.commas, self.longest_text, self.highest_capcode)

    @property
    def timing(self) -> Timing:
        """The times of the exchange."""
        return Timing(self.reply_timeout, self.hold_limit, self.byte_time)
