"""SIP, SIPS and tel URIs (RFC 3261 section 19.1, RFC 3966)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from drivers.sip.grammar import MAX_PORT, REMEMBERED, Malformed, Remembered

if TYPE_CHECKING:
    from collections.abc import Mapping

# Characters that RFC 3261 25.1 lets stand unescaped in a user part.
_USER_SAFE = "-_.!~*'()&=+$,;?/"
_FORBIDDEN = re.compile(r'[ <>"\t\r\n]')
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_HOST_PORT = re.compile(
    r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9\-._]*[A-Za-z0-9.])?)(?::([0-9]{1,5}))?(;[^?]*)?(?:\?(.*))?",
    re.DOTALL,
)
_THREE_COLONS = re.compile(r":::(?=[0-9]{1,3}\.)")
_TEL = re.compile(r"([+0-9A-Fa-f*#().\-]+)(;.*)?", re.DOTALL)
# These must be equal when either URI has them; any other parameter only when both have it (19.1.4).
_DECISIVE = frozenset({"transport", "user", "ttl", "method", "maddr"})


@dataclass(frozen=True, slots=True)
class Uri:
    """A parsed URI. `user` is unescaped, `host` in lower case (IPv6 with its brackets); tel: has no host."""

    scheme: str
    user: str
    host: str
    port: int | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    headers: str = ""
    password: str = ""

    @staticmethod
    def parse(text: str) -> Uri:
        """Parse `text`. Raises Malformed, with status 416 for a scheme that is not SIP's."""
        return _URIS[text]

    @classmethod
    def parse_sip(cls, scheme: str, rest: str) -> Uri:
        """Parse what stands behind `sip:` or `sips:`. Raises Malformed."""
        userinfo, at, tail = rest.partition("@")
        match = _HOST_PORT.fullmatch(tail if at else rest)
        if match is None or (at and not userinfo):
            raise Malformed("a SIP URI is not proper")
        host, port, params, headers = match.groups()
        if host.startswith("["):
            host = _ipv6(host)
        number = int(port) if port else None
        if number is not None and not 0 < number <= MAX_PORT:
            raise Malformed("a URI has an impossible port")
        user, _, password = userinfo.partition(":") if at else ("", "", "")
        return cls(
            scheme, _decode(user), host.lower(), number, _uri_params(params or ""), headers or "", _decode(password)
        )

    @classmethod
    def parse_tel(cls, rest: str) -> Uri:
        """Parse what stands behind `tel:`. Raises Malformed."""
        match = _TEL.fullmatch(rest)
        if match is None:
            raise Malformed("a tel URI is not proper")
        digits = re.sub(r"[().\-]", "", match[1])
        return cls("tel", digits, "", None, _uri_params(match[2] or ""))

    @property
    def numeric_host(self) -> str | None:
        """The host as an IP address without brackets, or None for a name."""
        return _NUMERIC[self.host]

    @property
    def transport(self) -> str:
        """`UDP`, `TCP` or `TLS`; UDP when nothing is said, TLS for sips."""
        return "TLS" if self.scheme == "sips" else self.params.get("transport", "udp").upper()

    def matches(self, other: Uri) -> bool:
        """Compare by the rules of RFC 3261 19.1.4."""
        mine = (self.scheme, self.user, self.password, self.host, self.port, _header_set(self.headers))
        theirs = (other.scheme, other.user, other.password, other.host, other.port, _header_set(other.headers))
        return mine == theirs and _same_params(self.params, other.params)

    def __str__(self) -> str:
        if self.scheme == "tel":
            return f"tel:{self.user}{_format_uri_params(self.params)}"
        user = quote(self.user, safe=_USER_SAFE, errors="surrogateescape")
        password = f":{quote(self.password, safe=_USER_SAFE, errors='surrogateescape')}" if self.password else ""
        at = f"{user}{password}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{at}{self.host}{port}{_format_uri_params(self.params)}{headers}"


def _parse(text: str) -> Uri:
    match = _SCHEME.match(text)
    if match is None or _FORBIDDEN.search(text):
        raise Malformed("a URI is not proper")
    scheme, rest = match[1].lower(), text[match.end() :]
    if scheme == "tel":
        return Uri.parse_tel(rest)
    if scheme not in {"sip", "sips"}:
        raise Malformed("unknown URI scheme", 416)
    return Uri.parse_sip(scheme, rest)


def _numeric(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return None


_URIS = Remembered(_parse)
_NUMERIC = Remembered(_numeric)


@lru_cache(maxsize=REMEMBERED)
def address_of_record(user: str, domain: str) -> str:
    """Return `sip:user@domain` with the user escaped."""
    return str(Uri("sip", user, domain))


def host_of_uri(address: str) -> str:
    """Return an IP address or a name as a URI and a Via spell it: IPv6 in brackets."""
    return f"[{address}]" if ":" in address and not address.startswith("[") else address


def _decode(text: str) -> str:
    return unquote(text, errors="surrogateescape") if "%" in text else text


def _ipv6(host: str) -> str:
    """Return the host if it is an address; a third colon before an IPv4 part is a slip of RFC 3261 (RFC 5118 4.10)."""
    host = _THREE_COLONS.sub("::", host)
    try:
        ipaddress.IPv6Address(host.strip("[]"))
    except ValueError:
        raise Malformed("a URI has an impossible IPv6 address") from None
    return host


def _uri_params(text: str) -> dict[str, str]:
    """Parse URI parameters: no quoting here, names and values without case."""
    params: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        if name:
            params.setdefault(_decode(name).lower(), _decode(value))
    return params


def _format_uri_params(params: Mapping[str, str]) -> str:
    safe = "[]/:&+$-_.!~*'()"
    pairs = ((quote(name, safe=safe, errors="surrogateescape"), value) for name, value in params.items())
    return "".join(
        f";{name}={quote(value, safe=safe, errors='surrogateescape')}" if value else f";{name}" for name, value in pairs
    )


def _header_set(text: str) -> frozenset[str]:
    return frozenset(_decode(part).lower() for part in text.split("&") if part)


def _same_params(mine: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    names = {name for name in mine.keys() | theirs.keys() if name in _DECISIVE or (name in mine and name in theirs)}
    return all(name in mine and name in theirs and mine[name].lower() == theirs[name].lower() for name in names)
