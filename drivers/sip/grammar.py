"""The small pieces of SIP syntax: lists, parameters, quoted strings, name-addr, Via, CSeq (RFC 3261 section 25)."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from gatewayd.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gatewayd.driver import Address

ResultT = TypeVar("ResultT")

TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
MAGIC_COOKIE = "z9hG4bK"
DEFAULT_PORT = 5060
MAX_PORT = 65535
# CSeq numbers stay below 2**31 (RFC 3261 8.1.1.5).
MAX_CSEQ = 2**31
# Fewer digits are a number that needs no second look.
FEW_DIGITS = 9
# Far beyond any real header; keeps a line of a million semicolons from becoming a million objects.
MAX_LIST_ITEMS = 64

# Longer values go the long way, which counts what it finds and does not look back, and are not remembered.
MAX_PLAIN = 256
# The same phones say the same things again: this many of each kind are known without parsing them, under 1 MB in all,
# of hostile ones under 10.
REMEMBERED = 512

_HOP = re.compile(
    r"\s*SIP\s*/\s*2\.0\s*/\s*([A-Za-z0-9\-.!%*_+`'~]+)\s+(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9\-._]+)\s*(?::\s*([0-9]{1,5}))?\s*",
    re.IGNORECASE,
)
# Quoted strings hide separators, angle brackets do where addresses stand, which is not in parameters; a quote that
# matches alone opens a string that never ends.
_QUOTED_OR = {
    separator: re.compile(rf'"(?:[^"\\]|\\.)*"|"|{hides}{separator}', re.DOTALL)
    for separator, hides in ((",", "<[^>]*>?|"), (";", ""))
}
# What nearly every From and To looks like; the rest goes the long way.
_PLAIN_ADDRESS = re.compile(
    r"""\s*(?:"([^"\\]*)"|([^"<>;,]*?))\s*<\s*([^<>"\s]*)\s*>\s*(?:;tag=([A-Za-z0-9\-.!%*_+`'~]+))?\s*"""
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNQUOTED = re.compile(r"[A-Za-z0-9\-.!%*_+`'~\[\]:/]+")
_CSEQ = re.compile(r"([0-9]{1,20})\s+(\S+)")
# Proper names of parameters that need no second look.
_KNOWN_PARAMS = frozenset({"branch", "rport", "received", "tag", "lr", "expires", "q", "transport", "charset"})


class Malformed(RemoteProtocolError):
    """A message breaks the grammar; `status` is what a request with this defect is answered with."""

    def __init__(self, reason: str, status: int = 400) -> None:
        self.status = status
        self.reason = reason
        super().__init__(reason)


def split_list(value: str, separator: str = ",") -> list[str]:
    """Split at `separator` outside quoted strings and angle brackets; parts come stripped, empty ones stay."""
    if separator not in value:
        return [value.strip()]
    if '"' not in value and "<" not in value:
        parts = value.split(separator, MAX_LIST_ITEMS)
    else:
        parts = _split_quoted(value, separator)
    if len(parts) > MAX_LIST_ITEMS:
        raise Malformed("a header lists too many items")
    return [part.strip() for part in parts]


def _split_quoted(value: str, separator: str) -> list[str]:
    parts: list[str] = []
    start = 0
    for match in _QUOTED_OR[separator].finditer(value):
        found = match[0]
        if found == separator:
            parts.append(value[start : match.start()])
            start = match.end()
        elif found == '"':
            raise Malformed("a quoted string does not end")
    parts.append(value[start:])
    return parts


def _end_of_quotes(value: str, start: int) -> int:
    """Return where the quoted string that opens at `start` closes."""
    position = start + 1
    while position < len(value):
        if value[position] == "\\":
            position += 1
        elif value[position] == '"':
            return position
        position += 1
    raise Malformed("a quoted string does not end")


def quote(text: str) -> str:
    """Return `text` as a quoted string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def unquote(text: str) -> str:
    """Return what a quoted string says; a token is returned as it is."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        inner = text[1:-1]
        return _ESCAPED.sub(r"\1", inner) if "\\" in inner else inner
    return text


def parse_params(text: str) -> dict[str, str]:
    """Parse `;name=value;flag`: names in lower case, values unquoted, the first of two equal names counts."""
    if not text:
        return {}
    params: dict[str, str] = {}
    hides = '"' in text
    parts = _split_quoted(text, ";") if hides else text.split(";", MAX_LIST_ITEMS)
    if len(parts) > MAX_LIST_ITEMS:
        raise Malformed("a header lists too many items")
    for part in parts:
        name, _, value = part.partition("=")
        if name not in _KNOWN_PARAMS:
            name = name.strip().lower()
            if name not in _KNOWN_PARAMS and not TOKEN.fullmatch(name):
                if not part.strip():
                    continue
                raise Malformed("a parameter has no proper name")
        if name not in params:
            params[name] = unquote(value) if hides else value.strip()
    return params


def format_params(params: Mapping[str, str]) -> str:
    """Return `;name=value;flag`; a value that is no token is quoted."""
    return "".join(f";{name}={_token_or_quoted(value)}" if value else f";{name}" for name, value in params.items())


def _token_or_quoted(value: str) -> str:
    return value if (value.isalnum() and value.isascii()) or _UNQUOTED.fullmatch(value) else quote(value)


class Remembered(dict[str, ResultT]):
    """What a parser made of short texts lately, found without a call. What it raises is raised anew."""

    def __init__(self, parse: Callable[[str], ResultT]) -> None:
        super().__init__()
        self._parse = parse

    def __missing__(self, text: str) -> ResultT:
        """Parse what is not known."""
        result = self._parse(text)
        if len(text) <= MAX_PLAIN:
            if len(self) >= REMEMBERED:
                self.clear()
            self[text] = result
        return result


class NameAddr(NamedTuple):
    """`"Display" <uri>;params`; `uri` is kept as text because most of them are never looked into."""

    uri: str
    display: str = ""
    params: Mapping[str, str] = MappingProxyType({})

    @staticmethod
    def parse(value: str) -> NameAddr:
        """Parse a From, To or Contact value. Raises Malformed."""
        address, separator, tag = value.rpartition(">;tag=")
        if separator and tag.isalnum() and tag.isascii():  # the address comes again, its tag does not
            known = _ADDRESSES[f"{address}>"]
            if not known.params:
                return NameAddr(known.uri, known.display, {"tag": tag})
        return _ADDRESSES[value]

    @property
    def tag(self) -> str:
        """The dialog tag, or empty."""
        return self.params.get("tag", "")

    def __str__(self) -> str:
        display = f"{quote(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{format_params(self.params)}"


def _parse_address(value: str) -> NameAddr:
    plain = _PLAIN_ADDRESS.fullmatch(value) if len(value) <= MAX_PLAIN else None
    if plain is not None:
        quoted, name, uri, tag = plain.groups()
        return NameAddr(uri, quoted or name or "", {"tag": tag} if tag else {})
    value = value.strip()
    display, rest = "", value
    if value.startswith('"'):
        end = _end_of_quotes(value, 0)
        display, rest = unquote(value[: end + 1]), value[end + 1 :].lstrip()
        if not rest.startswith("<"):
            raise Malformed("a quoted display name needs an address in angle brackets")
    left = rest.find("<")
    if left < 0 or rest[:left].partition('"')[0].rstrip().endswith("="):  # it stands in the quoted value of a parameter
        return _parse_bare_address(rest)
    right = rest.find(">", left)
    tail = rest[right + 1 :].strip()
    if right < 0 or (tail and not tail.startswith(";")):
        raise Malformed("an address in angle brackets does not end properly")
    return NameAddr(rest[left + 1 : right].strip(), display or rest[:left].strip(), parse_params(tail))


def _parse_bare_address(text: str) -> NameAddr:
    """Without brackets every parameter belongs to the header, and `?` and `,` are forbidden (20.10)."""
    uri, separator, tail = text.partition(";")
    uri = uri.strip()
    if not uri or any(char in uri for char in '?,>" '):
        raise Malformed("an address without angle brackets is not proper")
    return NameAddr(uri, "", parse_params(tail) if separator else {})


def _parse_hop(text: str) -> tuple[str, str, int | None]:
    """Return transport, host and port of a Via value without its parameters. Raises Malformed."""
    match = _HOP.fullmatch(text) if len(text) <= MAX_PLAIN else None
    if match is None:
        raise Malformed("Via is not proper")
    transport, host, port = match.groups()
    number = int(port) if port else None
    if number is not None and not 0 < number <= MAX_PORT:
        raise Malformed("Via has an impossible port")
    return transport.upper(), host.lower(), number


_ADDRESSES = Remembered(_parse_address)
_HOPS = Remembered(_parse_hop)


class Via(NamedTuple):
    """One hop: `SIP/2.0/UDP host:port;branch=…`. `host` keeps the brackets of an IPv6 address."""

    transport: str
    host: str
    port: int | None
    params: Mapping[str, str]

    @classmethod
    def parse(cls, value: str) -> Via:
        """Parse one Via value. Raises Malformed."""
        head, semicolon, tail = value.partition(";")
        return cls(*_HOPS[head], parse_params(tail) if semicolon else {})

    @property
    def branch(self) -> str:
        """The transaction's name, or empty."""
        return self.params.get("branch", "")

    @property
    def sent_by(self) -> str:
        """Host and port, the port made explicit."""
        return f"{self.host}:{self.port or DEFAULT_PORT}"

    def says(self, source: Address) -> bool:
        """Return whether nothing need be added for a request that really came from `source`."""
        return "rport" not in self.params and self.host.strip("[]") == source[0]

    def stamped(self, source: Address) -> Via:
        """Record where the request really came from (RFC 3261 18.2.1, RFC 3581 section 4)."""
        if self.says(source):
            return self
        params = {**self.params, "received": source[0]}
        if "rport" in params:
            params["rport"] = str(source[1])
        return Via(self.transport, self.host, self.port, params)

    def reply_address(self, source: Address) -> Address:
        """Return where a response goes over UDP: to the source port if rport was asked for, else to sent-by's."""
        return source if "rport" in self.params else (source[0], self.port or DEFAULT_PORT)

    def __str__(self) -> str:
        port = f":{self.port}" if self.port else ""
        return f"SIP/2.0/{self.transport} {self.host}{port}{format_params(self.params)}"


def parse_cseq(value: str) -> tuple[int, str]:
    """Return number and method. Raises Malformed."""
    number, _, method = value.partition(" ")
    if len(number) < FEW_DIGITS and number.isdigit() and method.isalpha() and value.isascii():
        return int(number), method
    match = _CSEQ.fullmatch(value)
    if match is None or int(match[1]) >= MAX_CSEQ:
        raise Malformed("CSeq is not proper")
    return int(match[1]), match[2]


def parse_delta(value: str) -> int | None:
    """Return a number of seconds, or None when it is none; at most 2**32-1 (RFC 3261 20.19)."""
    if len(value) < FEW_DIGITS and value.isascii() and value.isdigit():
        return int(value)
    value = value.partition(";")[0].strip()
    if not value.isascii() or not value.isdigit():
        return None
    return min(int(value.lstrip("0")[:11] or "0"), 2**32 - 1)
