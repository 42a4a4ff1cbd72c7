"""What can be set on a line whose port has a modem on it; the README explains every key."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from gatewayd.driver import LineSettings
from gatewayd.hayes.calls import DIAL_LIMIT, CallSetup

DEFAULT = CallSetup()
ModemCommand = Annotated[str, StringConstraints(pattern=r"^AT[ -~]{0,78}$")]


class ModemKnobs(LineSettings):
    """Whom a Hayes modem calls, and how it is prepared."""

    modem: bool = Field(default=False, description="a Hayes modem is on the port: dial number, or answer calls")
    number: str = Field("", pattern=r"^[0-9A-D*#,W!@+ ().-]{0,40}$", description="telephone number of the terminal")
    modem_init: tuple[ModemCommand, ...] = Field(DEFAULT.init, max_length=16, description="commands that prepare it")
    pulse: bool = Field(default=False, description="dial with pulses, as for very old exchanges")
    dial_limit: float = Field(DIAL_LIMIT, ge=5, le=120, description="seconds until a call has to stand")

    role: str

    def call_setup(self) -> CallSetup:
        """Return what the modem has to know."""
        return CallSetup(self.modem_init, self.pulse, self.dial_limit, answers=self.role == "terminal")
