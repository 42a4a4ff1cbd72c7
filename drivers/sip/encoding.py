"""Bodies that were packed to save bytes (RFC 3261 20.12): some softphones send their notifications so."""

from __future__ import annotations

import zlib

from drivers.sip.grammar import Malformed
from drivers.sip.message import MAX_BODY

ACCEPT_ENCODING = "deflate, gzip, identity"
# What zlib is told to expect: its own format, or that of gzip.
_WINDOW = {"deflate": zlib.MAX_WBITS, "gzip": 16 + zlib.MAX_WBITS}


def unpack(body: bytes, encoding: str) -> bytes | None:
    """Return the body as it was before it was packed, None for an encoding that is not known here.

    Raises Malformed for what cannot be unpacked, with 413 for more than MAX_BODY bytes: a few may swell to gigabytes.
    """
    name = encoding.strip().lower() if encoding else ""
    if not name or name == "identity":
        return body
    if name not in _WINDOW:
        return None
    engine = zlib.decompressobj(_WINDOW[name])
    try:
        unpacked = engine.decompress(body, MAX_BODY + 1)
    except zlib.error:
        raise Malformed("a packed body cannot be unpacked") from None
    if len(unpacked) > MAX_BODY:
        raise Malformed("a packed body is too large", 413)
    if not engine.eof:
        raise Malformed("a packed body ends too early")
    return unpacked
