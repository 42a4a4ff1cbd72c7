"""The sections of the configuration that every box has: `[gateway]`, `[api]` and `[paging]`."""

from __future__ import annotations

import re
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

if TYPE_CHECKING:
    from gatewayd.driver import Finding


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a host that is listened on."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def has_uvloop() -> bool:
    """Return whether the optional event loop is installed."""
    return find_spec("uvloop") is not None


def proxy_network(text: str) -> str:
    """Return the network of proxies. Raises ValueError: it is none, it begins elsewhere, or it is everybody."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError("should be an address, or a network such as 192.0.2.0/28") from None
    if network.prefixlen == 0:
        raise ValueError("trusts everybody: name the addresses of your proxies")
    if ip_address(text.partition("/")[0]) != network.network_address:
        raise ValueError(f"is not where a network begins: write {network}, or the address alone")
    return str(network)


class Section(BaseModel):
    """Base of the sections of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class GatewaySettings(Section):
    """`[gateway]`: the box itself. A relative `data_dir` lies in the current directory.

    `event_loop` is what carries the daemon: `auto` takes uvloop where the extra is installed. `disk_reserve` is kept
    back in the data directory, in MiB, for alarms that arrive when the disk is full; 0 keeps nothing back.
    """

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)] = "gatewayd"
    data_dir: Path = Path("./data")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    event_loop: Literal["auto", "asyncio", "uvloop"] = "auto"
    disk_reserve: Annotated[int, Field(ge=0, le=4096)] = 16

    @field_validator("event_loop")
    @classmethod
    def _is_installed(cls, value: str) -> str:
        if value == "uvloop" and not has_uvloop():
            raise ValueError('uvloop is not installed: pip install "gatewayd[uvloop]", or write "auto"')
        return value


def field_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names of fields. Raises ValueError: they cannot be told apart, or mean something else."""
    seen = set(RESERVED)
    for name in names:
        if FIELD_NAME.fullmatch(name) is None or name.lower() in seen:
            raise ValueError(
                f"{name!r} is not usable: letters, digits, blanks, - and _, each name once, none of our own"
            )
        seen.add(name.lower())
    return names


def matching(pattern: str, rule: str) -> AfterValidator:
    """Return the check of a text against a pattern; people read the rule."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if compiled.fullmatch(text) is None:
            raise ValueError(rule)
        return text

    return AfterValidator(check)


FIELD_NAME = re.compile(r"[^\W\d_][\w -]{0,39}")
RESERVED = frozenset(
    {
        *("id", "userid", "name", "gateway", "address", "contact", "full_name", "role", "settings"),
        *("f", "form_key", "form_token", "next", "refresh"),
    }
)
ProxyNetwork = Annotated[str, AfterValidator(proxy_network)]
Prefix = Annotated[str, matching(r"/[A-Za-z0-9._~-]+", "should be one part of a path, such as /SiteName")]
HostName = Annotated[
    str, matching(r"[A-Za-z0-9.-]+|\*", 'should be a name such as alarms.example, without https:// and port, or "*"')
]
FieldNames = Annotated[tuple[str, ...], AfterValidator(field_names)]


class ApiSettings(Section):
    """`[api]`: where people and programs reach the gateway. Port 0 is any free one.

    `prefixes` are path segments under which the interface answers too, as EMM clients expect it: `/SiteName`.
    `secure_cookies`: a proxy in front speaks TLS, so browsers shall show their session to nobody else.
    `allowed_hosts` are the names by which browsers may call the box (`*`: any); addresses, localhost and its own host
    name always work. `contact_fields` and `user_settings` name what contacts and users have beside their own
    properties; with `ask_old_password` programs too have to show the old password to set a new one. `tls_certificate`
    and `tls_key` are PEM files; with them https alone is spoken. `plain_http` allows other machines to come without.
    `trusted_proxies` are networks; from them `proxy_header`, which they write, says who asks and whether by TLS.
    """

    host: Annotated[str, StringConstraints(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 50443
    prefixes: tuple[Prefix, ...] = ()
    allowed_hosts: tuple[HostName, ...] = ()
    token_idle_minutes: PositiveInt = 720
    token_lifetime_days: PositiveInt = 30
    max_api_sessions: PositiveInt = 100
    contact_fields: FieldNames = ()
    user_settings: FieldNames = ()
    ask_old_password: bool = False
    secure_cookies: bool = False
    trusted_proxies: tuple[ProxyNetwork, ...] = ()
    proxy_header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    tls_certificate: str = ""
    tls_key: str = ""
    plain_http: Annotated[bool, Field(validate_default=True)] = False

    @field_validator("plain_http")
    @classmethod
    def _is_needed_elsewhere(cls, plain: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - as pydantic calls it
        """Refuse to speak plain http to a network unless that is said: passwords and tokens would be readable there."""
        host = info.data.get("host", "")
        if not plain and host and not is_loopback(host) and not info.data.get("tls_certificate"):
            raise ValueError("other machines reach host: set tls_certificate, or plain_http = true behind a proxy")
        return plain

    def inspect_files(self, wall: float) -> list[Finding]:
        """Look at the PEM files of TLS. `wall` is the wall clock."""
        from gatewayd.transport.pemfiles import identity  # only `config check` looks

        return identity(("tls_certificate", self.tls_certificate), ("tls_key", self.tls_key), wall)


AnswerWord = Annotated[str, matching(r"[^\W\d_]{1,20}|[0-9]", "should be one word of 1 to 20 letters, or one digit")]


class PagingSettings(Section):
    """`[paging]`: how long a page is worth sending, and the seconds between attempts (the last one repeats).

    `accept_words` and `decline_words` are what people answer with by text.
    """

    expire_minutes: PositiveFloat = 60
    retry_waits: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)] = (2, 5, 10, 30, 60)
    accept_words: Annotated[tuple[AnswerWord, ...], Field(min_length=1)] = (
        *("1", "ok", "okay", "ack", "yes", "y", "ja", "accept", "oui", "si"),
    )
    decline_words: tuple[AnswerWord, ...] = ("2", "no", "n", "nein", "decline", "non", "busy")

    @field_validator("decline_words")
    @classmethod
    def _words_say_one_thing(cls, decline: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        both = {word.casefold() for word in decline} & {word.casefold() for word in info.data.get("accept_words", ())}
        if both:
            raise ValueError(f"{min(both)} cannot accept and decline")
        return decline
