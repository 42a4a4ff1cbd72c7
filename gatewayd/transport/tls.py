"""How this box shows who it is by TLS, 1.2 or newer."""

from __future__ import annotations

import ssl


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """Return how to speak TLS as a server; files are PEM, no `key` means that of the certificate's own file.

    Raises OSError, SSLError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    show(context, certificate, key)
    return context


def show(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Load our own certificate. A locked key is an error: nobody is asked for its passphrase at the terminal."""
    context.load_cert_chain(certificate, key or None, password="")
