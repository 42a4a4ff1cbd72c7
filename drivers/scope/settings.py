"""The settings of a Scope line."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from drivers.scope.frames import (
    HIGHEST_CAPCODE,
    LONGEST_TEXT,
    LOWEST_CAPCODE,
    POCSAG_CAPCODES,
    Defaults,
    Dialect,
)
from gatewayd.encoder.driver import EncoderSettings
from gatewayd.encoder.exchange import Timing

RATES: dict[int, str] = {512: "N", 1200: "F", 2400: "S"}  # bit/s on the air


class ScopeSettings(EncoderSettings):
    """The port of an encoder that speaks the Scope protocol; the keys are explained in the README."""

    dialect: Literal["scope", "waveware"] = "scope"
    pager_type: Literal["A", "N"] = "A"
    rate: Literal[512, 1200, 2400] = 512
    beep: Literal["A", "B", "C", "D"] = "A"
    replies: bool | None = None
    reply_timeout: Annotated[float, Field(gt=0, le=30)] = 3.0
    hold_limit: Annotated[float, Field(ge=1, le=120)] = 30.0
    longest_text: Annotated[int, Field(ge=1, le=LONGEST_TEXT)] = 240
    highest_capcode: Annotated[int, Field(ge=LOWEST_CAPCODE, le=POCSAG_CAPCODES)] = HIGHEST_CAPCODE

    @property
    def answered(self) -> bool:
        """Whether the encoder replies; left open, the dialect decides."""
        return self.dialect == "waveware" if self.replies is None else self.replies

    @property
    def defaults(self) -> Defaults:
        """What holds where an address does not say it."""
        return Defaults(
            Dialect(self.dialect),
            self.pager_type,
            RATES[self.rate],
            self.beep,
            self.longest_text,
            self.highest_capcode,
        )

    @property
    def timing(self) -> Timing:
        """The times of the exchange."""
        return Timing(self.reply_timeout if self.answered else 0.0, self.hold_limit, self.byte_time)
