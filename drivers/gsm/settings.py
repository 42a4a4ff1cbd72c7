"""The settings of a GSM line."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from drivers.gsm.profile import Profile
from gatewayd.transport.serial import SerialSettings

PIN_LENGTHS = range(4, 9)
Number = Annotated[str, Field(pattern=r"^(\+?[0-9]{3,19})?$")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class GsmSettings(SerialSettings):
    """The port of one modem and what its SIM may do; the knobs are explained in the driver's README."""

    baudrate: int = 115_200
    pin: SecretStr = SecretStr("")
    service_centre: Number = ""
    storages: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = ("ME", "SM", "MT")
    max_parts: Annotated[int, Field(ge=1, le=10)] = 3
    wide_references: bool = False
    flash: bool = False
    delivery_reports: bool = True
    validity: Annotated[float, Field(ge=300, le=38_102_400)] = 86_400.0
    resend_unknown: bool = True
    send_timeout: Annotated[float, Field(ge=1, le=150)] = 60.0
    per_minute: Annotated[int, Field(ge=0, le=1000)] = 0
    strangers_per_hour: Annotated[int, Field(ge=0, le=1000)] = 10
    stale_after: Annotated[float, Field(ge=0, le=604_800)] = 7_200.0
    check_every: Annotated[float, Field(gt=0, le=60)] = 20.0
    sweep_every: Seconds = 300.0
    part_timeout: Seconds = 1_800.0
    registration_wait: Annotated[float, Field(ge=0, le=300)] = 60.0
    network_grace: Annotated[float, Field(ge=0, le=3600)] = 60.0
    low_signal: Annotated[int, Field(ge=0, le=31)] = 5
    power_command: tuple[str, ...] = ()
    power_every: Seconds = 1_800.0
    own_number: Number = ""
    selftest_every: Annotated[float, Field(ge=0, le=604_800)] = 0.0

    @field_validator("pin")
    @classmethod
    def _pin_is_digits(cls, pin: SecretStr) -> SecretStr:
        text = pin.get_secret_value()
        if text and not (text.isascii() and text.isdecimal() and len(text) in PIN_LENGTHS):
            raise ValueError("a PIN has 4 to 8 digits")
        return pin

    @field_validator("selftest_every")
    @classmethod
    def _selftest_is_seldom(cls, every: float) -> float:
        if 0 < every < 3_600:  # noqa: PLR2004 - an hour: each one costs a message
            raise ValueError("is less than an hour; 0 switches the self-test off")
        return every

    def profile(self) -> Profile:
        """Return what the protocol has to know."""
        return Profile(
            service_centre=self.service_centre,
            storages=self.storages,
            registration_wait=self.registration_wait,
            check_every=self.check_every,
            sweep_every=self.sweep_every,
            send_timeout=self.send_timeout,
            part_timeout=self.part_timeout,
            validity=timedelta(seconds=self.validity),
            reports=self.delivery_reports,
            flash=self.flash,
        )
