"""The settings of a COMP2 line."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from drivers.comp2.frames import LONGEST_TEXT
from gatewayd.encoder.driver import EncoderSettings
from gatewayd.encoder.exchange import Timing


class Comp2Settings(EncoderSettings):
    """The port of an encoder that emulates COMP2; the keys are explained in the README."""

    delimiter: Literal["cr", "tilde"] = "cr"
    resync: bool = True
    error_wait: Annotated[float, Field(ge=0, le=10)] = 0.3
    hold_limit: Annotated[float, Field(ge=1, le=120)] = 30.0
    longest_text: Annotated[int, Field(ge=1, le=LONGEST_TEXT)] = 240

    @property
    def delimiter_byte(self) -> bytes:
        """What stands behind the pager ID and behind the text."""
        return b"~" if self.delimiter == "tilde" else b"\r"

    @property
    def timing(self) -> Timing:
        """The times of the exchange."""
        return Timing(self.error_wait, self.hold_limit, self.byte_time)
