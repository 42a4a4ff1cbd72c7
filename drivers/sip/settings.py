"""The settings of a SIP line."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from drivers.sip.flow import TLS, TRANSPORTS
from drivers.sip.grammar import Malformed
from drivers.sip.uri import Uri
from gatewayd.driver import Finding, LineSettings
from gatewayd.transport.pemfiles import authority, identity

NAME = r"^[A-Za-z0-9+*#._\-]{1,64}$"
DOMAIN = r"^[A-Za-z0-9.:\-\[\]]{1,253}$"
UserName = Annotated[str, Field(pattern=NAME)]
ProfileName = Literal["plain", "snom", "innovaphone", "ip-dect"]
Domain = Annotated[str, Field(pattern=DOMAIN)]


class Account(LineSettings):
    """What a phone registers with."""

    password: SecretStr = Field(min_length=1)
    profile: ProfileName | Literal[""] = Field("", description="make of the phone; default: that of the line")
    notifications: bool | None = Field(
        None, description="ask for delivery and read notifications; default: as the line"
    )


class Pbx(LineSettings):
    """The site's PBX, at which the gateway registers like a phone; it reaches whoever has no account here."""

    servers: tuple[str, ...] = Field(min_length=1, max_length=8, description="its addresses as URIs, the first first")
    domain: str = Field("", pattern=r"^[a-z0-9.:\-\[\]]{0,253}$", description="default: host of the first address")
    user: UserName = Field(description="our user name there")
    login: str = Field("", description="name that goes with the password; default: user", max_length=128)
    password: SecretStr = Field(min_length=1)
    display_name: str = Field("", description="name that its phones show as the sender", max_length=64)
    tls_name: str = Field(
        "", pattern=r"^[A-Za-z0-9.\-]{0,253}$", description="name in its TLS certificate, where that is not the address"
    )
    expires: int = Field(120, ge=30, le=7200, description="seconds for which we register; renewed after half of them")
    check_interval: float = Field(
        15.0, ge=5, le=60, description="seconds between OPTIONS to the PBX; a dead one is noticed 4 s after one of them"
    )

    @field_validator("servers")
    @classmethod
    def _check_servers(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for text in values:
            check_numeric(text)
        return values

    @property
    def uses_tls(self) -> bool:
        """Whether any of its addresses is reached over TLS."""
        return any(Uri.parse(text).transport == "TLS" for text in self.servers)


def check_numeric(text: str) -> None:
    """Refuse (ValueError) a URI whose host is a name: it would have to be looked up at the moment of the alarm."""
    try:
        uri = Uri.parse(text)
    except Malformed as error:
        raise ValueError(error.reason) from error
    if uri.numeric_host is None:
        raise ValueError("write an IP address instead of a name, as in sip:10.0.0.5:5060")
    if uri.transport not in TRANSPORTS:
        raise ValueError("transport is udp, tcp or tls")


class SipSettings(LineSettings):
    """A registrar and message gateway on one UDP and one TCP port."""

    host: str = Field("127.0.0.1", description="address to listen on; UDP and TCP")
    port: int = Field(5060, ge=0, le=65535, description="0 takes any free port")
    domains: tuple[Domain, ...] = Field((), description="names and addresses under which phones know this gateway")
    realm: str = Field("", description="realm of the passwords; default: the first domain", max_length=128)
    accounts: dict[UserName, Account] = Field(default_factory=dict, description="phones: user name and password")
    static: dict[UserName, str] = Field(default_factory=dict, description="URIs of phones that never register")
    pbx: Pbx | None = Field(None, description="the site's PBX, for whoever has no account here")
    sender: UserName = Field("alarm", description="user part of the gateway's own address")
    display_name: str = Field("ALARM", description="name that phones show as the sender", max_length=64)
    reply_to: UserName | Literal[""] = Field("", description="user to whom answers shall go, where not to the sender")
    profile: ProfileName = Field("plain", description="make of the phones: plain, snom, innovaphone, ip-dect")
    notifications: bool = Field(default=False, description="ask phones to say when a text was delivered and read")
    recipients: tuple[str, ...] = Field(
        (), description="whom phones may write to beside the gateway; default: each other; * for any recipient"
    )
    accept_by_call: bool = Field(default=False, description="a call to the sender accepts; it is declined all the same")
    accepted_text: str = Field(
        "", description="what a phone is told when {who} accepts what its text raised; default: nothing", max_length=200
    )
    unreached_text: str = Field(
        "", description="what a phone is told when its text reached nobody; default: nothing", max_length=200
    )
    authenticate: bool = Field(default=True, description="ask for a password before REGISTER and MESSAGE")
    accept_without_qop: bool = Field(default=True, description="let phones in that answer as RFC 2069 says")
    algorithms: tuple[Literal["SHA-512-256", "SHA-256", "MD5"], ...] = Field(
        ("SHA-256", "MD5"),
        min_length=1,
        description="digests, the first first; MD5 alone for phones that know no other",
    )
    networks: tuple[str, ...] = Field(
        (), description="source networks that are answered, beside the PBX and static phones; default: all"
    )
    min_expires: int = Field(60, ge=1, le=3600, description="seconds")
    max_expires: int = Field(7200, ge=60, description="seconds")
    stream_expires: int = Field(
        600, ge=60, description="seconds, at most, over TCP and TLS: so long a phone may not notice that we restarted"
    )
    default_expires: int = Field(3600, ge=60, description="seconds")
    options_interval: float = Field(60.0, ge=0, description="seconds between OPTIONS to each phone; 0: never")
    alarm_when_lost: tuple[str, ...] = Field(
        (), description="users whose lost phone is a technical alarm; * for every account"
    )
    lost_after: float = Field(15.0, ge=0, le=3600, description="seconds for which a lost phone may stay unnoticed")
    answer_timeout: float = Field(8.0, gt=0, le=32, description="seconds for a phone to answer a page")
    wait_for_registration: float = Field(
        0.0, ge=0, le=600, description="seconds a page waits for its phone to register"
    )
    retry_after: float = Field(30.0, ge=1, description="seconds until a page to an unregistered phone is tried again")
    connections: int = Field(256, ge=1, description="TCP connections at the same time")
    connections_per_host: int = Field(64, ge=1, description="of them with one host")
    idle_timeout: float = Field(600.0, ge=30, description="seconds after which a silent TCP connection is closed")
    tls_port: int | None = Field(None, ge=0, le=65535, description="port for TLS, usually 5061; default: no TLS")
    tls_certificate: str = Field("", description="PEM file with our certificate and its chain")
    tls_key: str = Field("", description="PEM file with its key, where it is not in the same file")
    tls_client_authority: str = Field("", description="PEM file; only phones with a certificate of it may connect")
    tls_authority: str = Field("", description="PEM file; whom we trust when we connect by TLS ourselves")
    parallel: int = Field(16, ge=1, le=256, description="pages under way at the same time")
    longest_text: int | None = Field(None, ge=20, description="characters that the phones can show")

    @field_validator("networks")
    @classmethod
    def _check_networks(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            ipaddress.ip_network(value, strict=False)
        return values

    @field_validator("static")
    @classmethod
    def _check_static(cls, values: dict[str, str]) -> dict[str, str]:
        """Only addresses: a name would have to be looked up at the very moment of the alarm."""
        for user, text in values.items():
            try:
                check_numeric(text)
            except ValueError as error:
                raise ValueError(f"{user}: {error}") from error
        return values

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.is_wildcard and not self.domains:
            raise ValueError(f"domains: needed with host {self.host}, phones have to know the gateway by some name")
        if self.tls_port is not None and not self.tls_certificate:
            raise ValueError("tls_certificate: needed with tls_port")
        unknown = [user for user in self.alarm_when_lost if user != "*" and user not in self.accounts]
        if unknown:
            raise ValueError(f"alarm_when_lost: there is no account {unknown[0]}")
        if self.pbx is not None and self.pbx.uses_tls and not self.tls_authority:
            raise ValueError("tls_authority: needed to connect to a PBX over TLS")
        if not self.tls_authority and any(Uri.parse(text).transport == TLS for text in self.static.values()):
            raise ValueError("tls_authority: needed to connect to a static phone over TLS")
        if self.min_expires > self.max_expires:
            raise ValueError("min_expires: must not be above max_expires")
        return self

    def inspect_files(self, wall: float) -> list[Finding]:
        """Look at the PEM files of TLS."""
        found = identity(("tls_certificate", self.tls_certificate), ("tls_key", self.tls_key), wall)
        for field in ("tls_client_authority", "tls_authority"):
            if path := getattr(self, field):
                found += authority((field, path), wall)
        return found

    @property
    def watched(self) -> tuple[str, ...]:
        """The users whose phones must not be lost."""
        return tuple(self.accounts) if "*" in self.alarm_when_lost else self.alarm_when_lost

    @property
    def partners(self) -> frozenset[str]:
        """The hosts that the site names itself: whatever the networks, we talk to them."""
        uris = (*self.static.values(), *(self.pbx.servers if self.pbx is not None else ()))
        return frozenset(Uri.parse(text).numeric_host or "" for text in uris)

    @property
    def is_wildcard(self) -> bool:
        """Whether the line listens on every address of the box."""
        return self.host in {"0.0.0.0", "::", ""}  # noqa: S104 - compared, not bound

    @property
    def domain(self) -> str:
        """The domain of the gateway's own address."""
        return self.domains[0] if self.domains else self.host
