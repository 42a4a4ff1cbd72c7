"""What can be set on a line that is a paging terminal; the README explains every key."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints, field_validator

from drivers.tap.submissions import TerminalRules
from gatewayd.driver import Address, LineSettings
from gatewayd.model import Priority

PagerId = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,32}$")]
Recipient = Annotated[str, StringConstraints(max_length=200)]
LOOPBACK = ("127.0.0.0/8", "::1/128")
MAX_PASSWORD = 32
PriorityName = Literal["", "emergency", "high", "normal", "low"]


def checked_password(password: SecretStr) -> SecretStr:
    """Refuse what does not fit into a logon. Raises ValueError."""
    text = password.get_secret_value()
    if not text.isascii() or (text and not text.isprintable()) or len(text) > MAX_PASSWORD:
        raise ValueError(f"a TAP password has at most {MAX_PASSWORD} printable ASCII characters")
    return password


class TerminalKnobs(LineSettings):
    """Whom a paging terminal serves, where it listens, and whom a pager ID means."""

    listen: str = Field("", description="host:port of a TCP server, instead of port")
    networks: tuple[str, ...] = Field(LOOPBACK, min_length=1, description="source networks that are served")
    connections: int = Field(8, ge=1, le=256, description="connections at the same time")
    idle_timeout: float = Field(300.0, ge=1, le=86_400, description="seconds until a silent connection is closed")
    passwords: tuple[SecretStr, ...] = Field((), description="passwords that are let in; default: any, and none")
    pagers: dict[PagerId, Recipient] = Field(default_factory=dict, description="the recipient of each pager ID")
    unknown_pagers: Literal["forward", "refuse"] = Field("forward", description="what becomes of other pager IDs")
    priority: PriorityName = Field("", description="priority of what is received")
    silence: float = Field(30.0, ge=0, le=3600, description="seconds until a silent client is hung up on; 0: never")
    longest_text: int = Field(2000, ge=1, le=2000, description="characters of one page")
    refuse_long: bool = Field(default=False, description="refuse longer texts instead of cutting them")
    response_codes: bool = Field(default=True, description="false: control bytes only, for clients before TAP 1.6")
    repeat_within: float = Field(15.0, ge=0, le=120, description="seconds in which the same block again is a repeat")

    @field_validator("passwords")
    @classmethod
    def _passwords_fit_a_line(cls, passwords: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        return tuple(checked_password(password) for password in passwords)

    @field_validator("networks")
    @classmethod
    def _networks_can_be_read(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ip_network(network, strict=False)
        return networks

    @field_validator("listen")
    @classmethod
    def _listen_is_an_address(cls, listen: str) -> str:
        if listen and not _is_address(listen):
            raise ValueError("is not host:port (an IPv6 host in brackets, port 0 for any free one)")
        return listen

    @property
    def listening(self) -> Address | None:
        """Host and port of the TCP server, None where there is none."""
        parts = urlsplit(f"//{self.listen}")
        return (parts.hostname or "", parts.port or 0) if self.listen else None

    @property
    def priority_of_texts(self) -> Priority | None:
        """The priority of what is received, None where it is not set."""
        return Priority[self.priority.upper()] if self.priority else None

    def serves(self, host: str) -> bool:
        """Return whether this address may connect; an IPv4 address is one in either notation."""
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in ip_network(network, strict=False) for network in self.networks)

    def rules(self) -> TerminalRules:
        """Return what one call to the terminal has to know."""
        return TerminalRules(
            passwords=frozenset(password.get_secret_value() for password in self.passwords),
            pagers=frozenset(self.pagers) if self.unknown_pagers == "refuse" else frozenset(),
            max_chars=self.longest_text,
            refuse_long=self.refuse_long,
            codes=self.response_codes,
            silence=self.silence,
            repeat_within=self.repeat_within,
        )


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(f"//{text}")
        return bool(parts.hostname) and parts.port is not None and parts.netloc == text and "@" not in text
    except ValueError:
        return False
