"""A line with every sort of setting."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from gatewayd.driver import Capabilities, Driver, Finding, LineSettings


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
    song: str = ""

    def inspect_files(self, wall: float) -> list[Finding]:
        """A song has a file, and is out of fashion after the year 2001."""
        if not self.song:
            return []
        found = [] if Path(self.song).exists() else [Finding("song", "there is no such file")]
        return found + ([Finding("song", "is out of fashion", warning=True)] if wall > 1e9 else [])

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
