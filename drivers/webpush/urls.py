"""Where a push may go: the rules for endpoints and for the addresses behind their names.

An endpoint comes from a user's browser, so anybody with a login chooses it: without these rules the box could be made
to talk to anything in the house that trusts its neighbours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

from gatewayd.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_URL = 2_048  # the longest endpoints seen have about 700 characters
HIGHEST_PORT = 65_535
DEFAULT_PORTS = {"https": 443, "http": 80}
LABEL = r"[A-Za-z0-9_][A-Za-z0-9_\-]{0,62}"
# Narrower than RFC 3986 on purpose: nothing that two parsers could read differently (no user, no escapes in the host,
# no backslash, no fragment).
URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://"
    rf"(?P<host>{LABEL}(?:\.{LABEL}){{0,126}}\.?|\[[0-9A-Fa-f:.]{{2,45}}\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[A-Za-z0-9\-._~:/?@!$&'()*+,;=%]*)?"
)
# The rule of browsers (WHATWG URL, "ends in a number"): such a host is an IPv4 address in whatever spelling.
NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
NO_HOST = "the host is neither a name nor an address in its usual form"
GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the IPv4 address in the last 32 bits
SIX_TO_FOUR = IPv6Network("2002::/16")  # leads to an IPv4 address, and nobody offers push there


@dataclass(frozen=True, slots=True)
class Policy:
    """What is allowed beyond https to public addresses.

    `hosts` are names and numeric addresses, normalised, that may lie anywhere; with `allow_http` they may be asked in
    plain text.
    """

    hosts: frozenset[str] = frozenset()
    allow_http: bool = False

    @classmethod
    def of(cls, hosts: Iterable[str], *, allow_http: bool = False) -> Policy:
        """Return the policy that lists `hosts`."""
        return cls(frozenset(map(normal_host, hosts)), allow_http)

    def lists(self, host: str) -> bool:
        """Return whether this very host is listed."""
        return normal_host(host) in self.hosts

    def reaches(self, host: str, address: str) -> bool:
        """Return whether a push to `host` may be carried to this numeric address."""
        return self.lists(host) or self.lists(address) or is_public(address)


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of an endpoint; the path is the secret of whoever subscribed and never shown."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """Return the ASCII serialization of RFC 6454 6.2: what a VAPID token is issued for, and what logs may show."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}")


def check_url(url: str, policy: Policy) -> Origin:
    """Return the origin of an endpoint that may be asked. Raises Invalid."""
    origin = _parse(url)
    listed = policy.lists(origin.host)
    if origin.scheme == "http" and not (policy.allow_http and listed):
        raise Invalid("endpoint", "has to begin with https://")
    address = _numeric(origin.host)
    if address is not None and not policy.reaches(origin.host, address):
        raise Invalid("endpoint", f"the address {address} is not public; allow_hosts can list it")
    return origin


def is_public(text: str) -> bool:
    """Return whether a numeric address is one of the public Internet.

    Not: loopback, link-local, private, ULA, shared (CGNAT, RFC 6598), multicast, reserved, unspecified, documentation,
    whether plain or inside an IPv6 address (mapped, NAT64).
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        inner = _embedded(address)
        if inner is None:
            usable = address in GLOBAL_UNICAST and address not in SIX_TO_FOUR
            return usable and address.is_global and not address.is_reserved
        address = inner
    return address.is_global and not address.is_multicast and not address.is_reserved


def normal_host(host: str) -> str:
    """Return a host as it is compared: lower case, no brackets, no final dot, addresses in their shortest form."""
    bare = host.strip("[]").rstrip(".").lower()
    try:
        return str(ip_address(bare))
    except ValueError:
        return bare


def _parse(url: str) -> Origin:
    if len(url) > LONGEST_URL:
        raise Invalid("endpoint", f"is longer than {LONGEST_URL} characters")
    match = URL.fullmatch(url)
    if match is None:
        raise Invalid("endpoint", "is not a plain https URL")
    scheme, host = match["scheme"].lower(), match["host"].lower()
    if scheme not in DEFAULT_PORTS:
        raise Invalid("endpoint", "has to begin with https://")
    port = int(match["port"]) if match["port"] else DEFAULT_PORTS[scheme]
    if not 0 < port <= HIGHEST_PORT:
        raise Invalid("endpoint", f"port {port} does not exist")
    return Origin(scheme, _unbracketed(host), port)


def _numeric(host: str) -> str | None:
    """Return the numeric address that a host is, or None for a name. Raises Invalid for other spellings of one."""
    try:
        return str(ip_address(host))
    except ValueError:
        if NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            raise Invalid("endpoint", NO_HOST) from None
        return None


def _unbracketed(host: str) -> str:
    """Return the host without brackets; between them stands an IPv6 address and nothing else (RFC 3986 3.2.2)."""
    if not host.startswith("["):
        return host
    bare = host[1:-1]
    try:
        IPv6Address(bare)
    except ValueError:
        raise Invalid("endpoint", NO_HOST) from None
    return bare


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else None
