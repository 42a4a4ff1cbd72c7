"""Subscriptions: what a browser hands over when its user allows notifications (W3C Push API, RFC 8291 2)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from drivers.webpush.urls import check_url
from gatewayd.errors import Invalid

if TYPE_CHECKING:
    from drivers.webpush.urls import Origin, Policy

PREFIX = "subscription/"
POINT_BYTES = 65  # an uncompressed point of P-256 (RFC 8291 3.1)
AUTH_BYTES = 16  # RFC 8291 3.2
LONGEST_KEY = 120  # characters; 65 bytes are 88 of them
KEPT = 4_096  # subscriptions that are not checked anew for every push
STANDARD_TO_URL = str.maketrans("+/", "-_")


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where and for whom to encrypt; `p256dh` and `auth` in base64url without padding."""

    endpoint: str = field(repr=False)
    p256dh: str = field(repr=False)
    auth: str = field(repr=False)
    origin: Origin

    def info(self) -> dict[str, Any]:
        """Return the form that browsers give it and pywebpush takes."""
        return {"endpoint": self.endpoint, "keys": {"p256dh": self.p256dh, "auth": self.auth}}


def subscription_id(endpoint: str) -> str:
    """Return the address of pages to an endpoint: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(endpoint.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def memory_key(address: str) -> str:
    """Return the key of a subscription in the line's memory."""
    return PREFIX + address


def check_subscription(endpoint: str, p256dh: str, auth: str, policy: Policy) -> Origin:
    """Return the origin of a subscription that can be used. Raises Invalid, naming the field, without any value."""
    origin = check_url(endpoint, policy)
    _check_point(decode(_encoded("p256dh", p256dh, POINT_BYTES)))
    _encoded("auth", auth, AUTH_BYTES)
    return origin


def remembered(value: object, policy: Policy) -> Subscription:
    """Return the subscription that the line remembers as `value`. Raises Invalid where it cannot be used (any more)."""
    if not isinstance(value, dict):
        raise Invalid("subscription", "nobody is subscribed under this address")
    texts = (value.get(name) for name in ("endpoint", "p256dh", "auth"))
    endpoint, p256dh, auth = (text if isinstance(text, str) else "" for text in texts)
    return _usable(endpoint, p256dh, auth, policy)


def decode(text: str) -> bytes:
    """Return the bytes of base64 in either alphabet, padded or not. Raises binascii.Error."""
    plain = text.rstrip("=").translate(STANDARD_TO_URL)
    return base64.b64decode(plain + "=" * (-len(plain) % 4), b"-_", validate=True)


def encode(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@lru_cache(maxsize=KEPT)
def _usable(endpoint: str, p256dh: str, auth: str, policy: Policy) -> Subscription:
    origin = check_url(endpoint, policy)
    return Subscription(endpoint, _encoded("p256dh", p256dh, POINT_BYTES), _encoded("auth", auth, AUTH_BYTES), origin)


def _encoded(name: str, text: str, size: int) -> str:
    """Return `text` in base64url without padding; it has to stand for `size` bytes."""
    try:
        data = decode(text) if len(text) <= LONGEST_KEY and text.isascii() else b""
    except binascii.Error:
        data = b""
    if len(data) != size:
        raise Invalid(name, f"has to be {size} bytes in base64url")
    return encode(data)


def _check_point(data: bytes) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

    try:  # takes compressed points too, but those have 33 bytes
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), data)
    except ValueError:
        raise Invalid("p256dh", "is not an uncompressed point of the curve P-256") from None
