"""The settings of an SNPP line."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints, field_validator

from drivers.snpp.protocol import LEVELS, Rules
from drivers.snpp.twoway import MOST_HOURS
from gatewayd.driver import LineSettings
from gatewayd.model import Priority

PagerId = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,64}$")]
Login = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,64}$")]
Level = Annotated[str, StringConstraints(pattern=r"^([0-9]|1[01])$")]
PriorityName = Literal["emergency", "high", "normal", "low"]
LOOPBACK = ("127.0.0.0/8", "::1/128")


class SnppSettings(LineSettings):
    """Where the server listens and whom it serves; the README explains every key."""

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(444, ge=0, le=65535, description="0 takes any free port")
    networks: tuple[str, ...] = Field(LOOPBACK, min_length=1, description="source networks that are served")
    pagers: tuple[PagerId, ...] = Field((), description="pager ids that are known; default: all")
    logins: dict[Login, SecretStr] = Field(
        default_factory=dict, description="logins with passwords; default: none asked"
    )
    longest_text: int = Field(1000, ge=1, le=8000, description="characters of one message")
    most_pagers: int = Field(16, ge=1, le=100, description="pagers of one message")
    levels: dict[Level, PriorityName] = Field(
        default_factory=dict, description="priorities of LEVEl; default: 0 high, 3 to 7 low, else normal"
    )
    two_way: bool = Field(default=True, description="whether clients may follow a message to its answer (level 3)")
    tag_hours: int = Field(24, ge=1, le=MOST_HOURS, description="hours for which a followed message can be asked after")
    connections: int = Field(16, ge=1, le=256, description="connections at the same time")
    idle_timeout: float = Field(60.0, ge=1, le=3600, description="seconds after which a silent client is sent away")

    @field_validator("networks")
    @classmethod
    def _networks_can_be_read(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            ipaddress.ip_network(value, strict=False)
        return values

    def rules(self) -> Rules:
        """Return what one session has to know."""
        return Rules(
            pagers=frozenset(self.pagers),
            logins={name: password.get_secret_value() for name, password in self.logins.items()},
            longest_text=self.longest_text,
            most_pagers=self.most_pagers,
            idle_timeout=self.idle_timeout,
            levels={**LEVELS, **{int(level): Priority[name.upper()] for level, name in self.levels.items()}},
            two_way=self.two_way,
        )

    def serves(self, host: str) -> bool:
        """Return whether this address may connect."""
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in ipaddress.ip_network(value, strict=False) for value in self.networks)
