"""What can be set on a line to an encoder that knows pagers by their capcodes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gatewayd.encoder.driver import EncoderSettings
from gatewayd.encoder.pocsag import HIGHEST_CAPCODE, LONGEST_TEXT, LOWEST_CAPCODE, POCSAG_CAPCODES


class PocsagSettings(EncoderSettings):
    """The port of an encoder, and what holds for a pager whose address does not say it."""

    pager_type: Literal["A", "N"] = "A"
    rate: Literal[512, 1200, 2400] = 512
    reply_timeout: Annotated[float, Field(gt=0, le=30)] = 3.0
    hold_limit: Annotated[float, Field(ge=1, le=120)] = 30.0
    longest_text: Annotated[int, Field(ge=1, le=LONGEST_TEXT)] = 240
    highest_capcode: Annotated[int, Field(ge=LOWEST_CAPCODE, le=POCSAG_CAPCODES)] = HIGHEST_CAPCODE
