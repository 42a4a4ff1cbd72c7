"""What the API may be told by the settings."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """How the API is served.

    `prefixes` are what may stand before `/api`: "" for nothing, a site name, or "*" for any one path segment (EMM
    clients put the site's name there). `allowed_hosts` are names that a browser may reach the box by, beside IP
    addresses and localhost; "*" allows all. `secure_cookies`: mark cookies Secure even where this process itself speaks
    plain http (behind a TLS proxy).
    """

    prefixes: tuple[str, ...] = ("", "*")
    allowed_hosts: tuple[str, ...] = ()
    secure_cookies: bool = False
    body_limit: int = MEBIBYTE
    body_timeout: float = 15.0  # seconds for a whole body: a slow sender must not hold a connection for ever
