"""The settings of a WaveWare line."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from drivers.waveware.frames import (
    HIGHEST_CAPCODE,
    LONGEST_TEXT,
    LOWEST_CAPCODE,
    POCSAG_CAPCODES,
    Defaults,
)
from gatewayd.encoder.driver import EncoderSettings
from gatewayd.encoder.exchange import Timing

RATES: dict[int, str] = {512: "5", 1200: "1", 2400: "2"}  # bit/s on the air


class WaveWareSettings(EncoderSettings):
    """The port of a WaveWare encoder; the keys are explained in the README."""

    pager_type: Literal["A", "N"] = "A"
    rate: Literal[512, 1200, 2400] = 512
    beeps: Annotated[int, Field(ge=1, le=4)] = 1
    commas: bool = True
    reply_timeout: Annotated[float, Field(gt=0, le=30)] = 3.0
    hold_limit: Annotated[float, Field(ge=1, le=120)] = 30.0
    longest_text: Annotated[int, Field(ge=1, le=LONGEST_TEXT)] = 240
    highest_capcode: Annotated[int, Field(ge=LOWEST_CAPCODE, le=POCSAG_CAPCODES)] = HIGHEST_CAPCODE

    @property
    def defaults(self) -> Defaults:
        """What holds where an address does not say it."""
        return Defaults(
            self.pager_type,
            RATES[self.rate],
            str(self.beeps),
            self.commas,
            self.longest_text,
            self.highest_capcode,
        )

    @property
    def timing(self) -> Timing:
        """The times of the exchange."""
        return Timing(self.reply_timeout, self.hold_limit, self.byte_time)
