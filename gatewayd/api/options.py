"""What the API may be told by the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gatewayd.api.proxies import ProxyHeader

DEFAULT_NAME = "gatewayd"  # says nothing about this box
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """How the API is served. `name` is that of the box.

    `prefixes` are what may stand before `/api`: "" for nothing, a site name, or "*" for any one path segment (EMM
    clients put the site's name there). `allowed_hosts` are names that a browser may reach the box by, beside IP
    addresses and localhost; "*" allows all. `secure_cookies`: mark cookies Secure even where this process itself speaks
    plain http (behind a TLS proxy). From the networks of `trusted_proxies` the `proxy_header` is believed.
    `contact_fields` and `user_settings` name what contacts and users have beside their own properties;
    `ask_old_password`: programs too have to show the old password to set a new one.
    """

    name: str = DEFAULT_NAME
    prefixes: tuple[str, ...] = ("", "*")
    allowed_hosts: tuple[str, ...] = ()
    secure_cookies: bool = False
    trusted_proxies: tuple[str, ...] = ()
    proxy_header: ProxyHeader = "x-forwarded-for"
    contact_fields: tuple[str, ...] = ()
    user_settings: tuple[str, ...] = ()
    ask_old_password: bool = False
    body_limit: int = MEBIBYTE
    body_timeout: float = 15.0  # seconds for a whole body: a slow sender must not hold a connection for ever
