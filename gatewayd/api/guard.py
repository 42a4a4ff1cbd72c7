"""What every answer carries and every request has to pass: headers for browsers, and the allow-list of host names."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from gatewayd.errors import Invalid

ANY_HOST = "*"
# `same-origin`, not `no-referrer`: with the latter browsers send `Origin: null` with our own forms.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Server": "gatewayd",
}


def check_host(host: str | None, allowed: frozenset[str]) -> None:
    """Refuse names that are not ours: a page elsewhere could have its own name resolve to this box. Raises Invalid."""
    if ANY_HOST in allowed:
        return
    if not _is_ours(host or "", allowed):
        raise Invalid("Host", "is not a name of this gateway (setting allowed_hosts)")


@lru_cache(maxsize=256)
def _is_ours(host: str, allowed: frozenset[str]) -> bool:
    name = _host_name(host)
    return name == "localhost" or name in allowed or _is_address(name)


def _host_name(host: str) -> str:
    """Return the name without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
