"""The settings of a Scope line."""

from __future__ import annotations

from typing import Literal

from drivers.scope.frames import Defaults, Dialect
from gatewayd.encoder.exchange import Timing
from gatewayd.encoder.settings import PocsagSettings

RATES: dict[int, str] = {512: "N", 1200: "F", 2400: "S"}  # bit/s on the air


class ScopeSettings(PocsagSettings):
    """The port of an encoder that speaks the Scope protocol; the keys are explained in the README."""

    dialect: Literal["scope", "waveware"] = "scope"
    beep: Literal["A", "B", "C", "D"] = "A"
    replies: bool | None = None

    @property
    def answered(self) -> bool:
        """Whether the encoder replies; left open, the dialect decides."""
        return self.dialect == "waveware" if self.replies is None else self.replies

    @property
    def defaults(self) -> Defaults:
        """What holds where an address does not say it."""
        dialect, rate = Dialect(self.dialect), RATES[self.rate]
        return Defaults(dialect, self.pager_type, rate, self.beep, self.longest_text, self.highest_capcode)

    @property
    def timing(self) -> Timing:
        """The times of the exchange."""
        return Timing(self.reply_timeout if self.answered else 0.0, self.hold_limit, self.byte_time)
