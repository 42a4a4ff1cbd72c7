"""Who is behind a proxy: its headers are believed where the settings trust its address, and from nobody else.

`X-Forwarded-For` is a list to which each proxy adds whom it heard (and `X-Forwarded-Proto` says how, by the last one);
`Forwarded` is RFC 7239. A client may have written the beginning of either. So the list is read from its end, and the
first address that is no proxy of ours is the one that counts: what stands before it, it said itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from ipaddress import IPv4Address, IPv6Address

    from aiohttp import web

FORWARDED_FOR, PROTOCOL, FORWARDED = "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded"
ProxyHeader = Literal["x-forwarded-for", "forwarded"]
MOST_HOPS = 16  # proxies one behind the other; what is written before them is not read
LONGEST = 8190  # characters of a header that are read: its lines may be as long each
# One hop's parameter (RFC 7239, 4). A colon should be in quotes there, but is often sent without.
PAIR = re.compile(r'\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=("(?:[^"\\]|\\.)*"|[^\s",;]*)\s*([;,]|$)')
ESCAPED = re.compile(r"\\(.)")
NODE = re.compile(r"\[([0-9A-Fa-f:.]{2,45})\](?::\d{1,5})?|([0-9.]{7,15})(?::\d{1,5})?|([0-9A-Fa-f:.]{2,45})")


@dataclass(frozen=True, slots=True)
class Client:
    """Who really asks: an address, and whether the first of our own proxies was spoken to by TLS."""

    address: str
    secure: bool


@dataclass(frozen=True, slots=True)
class Hop:
    """What one proxy wrote: whom it heard (empty: it does not say), and by which scheme."""

    node: str
    scheme: str


class Proxies:
    """The proxies of the site."""

    def __init__(self, networks: Sequence[str] = (), header: ProxyHeader = "x-forwarded-for") -> None:
        self._networks = tuple(ip_network(text) for text in networks)
        self._header = header

    def client(self, request: web.BaseRequest) -> Client:
        """Return who sent a request; whoever is no proxy of ours speaks for themselves only."""
        address, secure = request.remote or "", request.secure
        if not self._networks or not self.trusts(address):
            return Client(address, secure)
        for hop in self._hops(request):
            secure = hop.scheme == "https" if hop.scheme else secure
            found = node_address(hop.node)
            if found is None:  # the last proxy that we know of has to answer for whoever it does not name
                break
            address = str(found)
            if not self._is_ours(found):
                break
        return Client(address, secure)

    def trusts(self, address: str) -> bool:
        """Return whether an address is one of our proxies."""
        found = _address(address.partition("%")[0])
        return found is not None and self._is_ours(found)

    def _is_ours(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._networks)

    def _hops(self, request: web.BaseRequest) -> Iterable[Hop]:
        """Return what was written into the header that our proxies write, the last hop first."""
        if self._header == "forwarded":
            hops = parse_forwarded(_joined(request, FORWARDED))
        else:
            schemes = _joined(request, PROTOCOL).rpartition(",")[2].strip().lower()
            nodes = _joined(request, FORWARDED_FOR).split(",")
            hops = [Hop(node.strip(), schemes) for node in nodes]
        return hops[: -MOST_HOPS - 1 : -1]


def _joined(request: web.BaseRequest, name: str) -> str:
    """Return a header whose lines are one list (RFC 9110, 5.3): its end, where it is too long."""
    return ",".join(request.headers.getall(name, ()))[-LONGEST:]


def parse_forwarded(text: str) -> list[Hop]:
    """Return the hops of a Forwarded header, the first one first; none at all when any part of it is malformed.

    Otherwise a client could begin a quotation that swallows what the proxy adds.
    """
    hops: list[Hop] = []
    pairs: dict[str, str] = {}
    for name, value, end in _pairs(text):
        if not name or name in pairs:
            return []
        pairs[name] = value
        if end != ";":
            hops.append(Hop(pairs.get("for", ""), pairs.get("proto", "").lower()))
            pairs = {}
    return hops


def _pairs(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, value and what follows; without a name where the text is malformed."""
    position = 0
    while position < len(text):
        found = PAIR.match(text, position)
        if found is None:
            yield "", "", ""
            return
        name, value, end = found.groups()
        yield name.lower(), ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value, end
        position = found.end()


def node_address(node: str) -> IPv4Address | IPv6Address | None:
    """Return the address of a node, which may have a port and brackets; None for names, `unknown` and nonsense."""
    found = NODE.fullmatch(node)
    return _address(found[1] or found[2] or found[3]) if found is not None else None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address; one of IPv4 that is written as IPv6 is the same one."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
