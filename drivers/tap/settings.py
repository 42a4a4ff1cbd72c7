"""The settings of a TAP line."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from drivers.tap.modem_settings import ModemKnobs
from drivers.tap.profile import Profile
from drivers.tap.terminal_settings import TerminalKnobs, checked_password
from drivers.tap.timing import Timing
from gatewayd.transport.settings import LONGEST_PORT, SerialSettings

Seconds = Annotated[float, Field(gt=0, le=3600)]
Count = Annotated[int, Field(ge=1, le=100)]


class TapSettings(SerialSettings, TerminalKnobs, ModemKnobs):
    """One TAP line; the README explains every key.

    `role` is what the gateway is: `entry`, an entry device that sends to a paging terminal, or the `terminal` itself.
    """

    role: Literal["entry", "terminal"] = "entry"
    port: str = Field("", max_length=LONGEST_PORT)
    service: Annotated[str, Field(pattern=r"^[A-Z0-9]{3}$")] = "PG1"
    password: SecretStr = SecretStr("")
    send_crs: bool = True
    transparent: bool = False
    max_chars: Annotated[int, Field(ge=1, le=4000)] = 240
    multi_block: bool = False
    max_pages: Annotated[int, Field(ge=0)] = 0
    permanent: bool = False
    idle_logout: Seconds = 1.0
    probe: bool = True
    probe_every: Annotated[float, Field(ge=0, le=604_800)] = 20.0
    t1: Seconds = 2.0
    t2: Seconds = 1.0
    t3: Seconds = 10.0
    t4: Seconds = 4.0
    t5: Seconds = 8.0
    n1: Count = 3
    n2: Annotated[int, Field(ge=0, le=100)] = 3
    n3: Annotated[int, Field(ge=0, le=100)] = 3

    @field_validator("password")
    @classmethod
    def _password_fits_a_line(cls, password: SecretStr) -> SecretStr:
        return checked_password(password)

    @model_validator(mode="after")
    def _is_connected_somewhere(self) -> TapSettings:
        if bool(self.port) == bool(self.listen):
            raise ValueError("needs port or listen, and not both")
        if self.listen and self.role == "entry":
            raise ValueError("listen is for role terminal: an entry device opens its port")
        if self.listen and self.modem:
            raise ValueError("a modem hangs on a port: listen has none")
        if self.modem and not self.silence:
            raise ValueError("silence 0 would let a caller keep the telephone line for ever")
        if self.role == "entry" and self.modem != bool(self.number):
            raise ValueError("an entry device with a modem needs the number to call, and only one with a modem has it")
        return self

    @model_validator(mode="after")
    def _logs_off_before_the_terminal_gives_up(self) -> TapSettings:
        if self.role == "entry" and not self.permanent and self.idle_logout >= self.t4:
            raise ValueError("idle_logout has to be less than t4, or the terminal ends every session with an error")
        return self

    def timing(self) -> Timing:
        """Return the timers, scaled for the line rate."""
        byte_time = (1 + self.bytesize + (self.parity != "none") + self.stopbits) / self.baudrate
        return Timing(self.t1, self.t2, self.t3, self.t4, self.t5, self.n1, self.n2, self.n3, byte_time)

    def profile(self) -> Profile:
        """Return what the entry device has to know."""
        return Profile(
            service=self.service,
            password=self.password.get_secret_value(),
            send_crs=self.send_crs,
            transparent=self.transparent,
            max_chars=self.max_chars,
            multi_block=self.multi_block,
            max_pages=self.max_pages,
            permanent=self.permanent,
            idle_logout=self.idle_logout,
            probe_every=self.probe_every if self.probe else 0.0,
            timing=self.timing(),
        )
