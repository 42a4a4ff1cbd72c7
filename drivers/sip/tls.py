"""TLS for SIP: 1.2 or newer, our certificate for who connects, a site authority for whom we connect to."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drivers.sip.uri import Uri
from gatewayd.errors import LineDown
from gatewayd.transport.tls import server_context, show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drivers.sip.settings import SipSettings


@dataclass(frozen=True, slots=True)
class Tls:
    """What sockets need: `server` with its `port` to listen, `client` to connect; None where it is not wanted.

    `names` says for whom the certificate of a host has to be, where that is not its address.
    """

    server: ssl.SSLContext | None = None
    port: int = 0
    client: ssl.SSLContext | None = None
    names: Mapping[str, str] = field(default_factory=dict)


def make_tls(settings: SipSettings) -> Tls:
    """Load what the settings name. Raises LineDown when a file cannot be used."""
    try:
        server = None if settings.tls_port is None else _server(settings)
        client = _client(settings) if settings.tls_authority else None
    except (OSError, ssl.SSLError) as error:  # SSLError names the library's reason, never the key
        raise LineDown(f"the TLS files cannot be used: {error.strerror or type(error).__name__}") from error
    pbx = settings.pbx
    hosts = [Uri.parse(text).numeric_host or "" for text in pbx.servers] if pbx and pbx.tls_name else []
    return Tls(server, settings.tls_port or 0, client, dict.fromkeys(hosts, pbx.tls_name if pbx else ""))


def _server(settings: SipSettings) -> ssl.SSLContext:
    """With an authority for clients only phones with a certificate of it get in."""
    context = server_context(settings.tls_certificate, settings.tls_key)
    if settings.tls_client_authority:
        context.load_verify_locations(settings.tls_client_authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _client(settings: SipSettings) -> ssl.SSLContext:
    """Show our own certificate to a PBX that wants one."""
    context = client_context(settings.tls_authority)
    if settings.tls_certificate:
        show(context, settings.tls_certificate, settings.tls_key)
    return context


def client_context(authority: str) -> ssl.SSLContext:
    """Return a context that trusts this authority alone. Raises OSError, SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(authority)
    return context
