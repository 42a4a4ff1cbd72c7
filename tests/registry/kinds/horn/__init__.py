"""A line with every sort of setting."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from gatewayd.driver import Capabilities, Driver, LineSettings


class Account(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    password: SecretStr
    tones: tuple[str, ...] = ()


class HornSettings(LineSettings):
    port: str
    baudrate: int = 9600
    password: SecretStr | None = None
    pin: SecretStr | None = None
    accounts: dict[str, Account] = Field(default_factory=dict)

    @field_validator("password")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 8:
            raise ValueError(f"{value.get_secret_value()} is too short")
        return value


class HornDriver(Driver):
    kind = "horn"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(sends=True)

    @property
    def port(self) -> str:
        return "nowhere"

    async def run(self) -> None:
        self.line.up()


DRIVER = HornDriver
SETTINGS = HornSettings
