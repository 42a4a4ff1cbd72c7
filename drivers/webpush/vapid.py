"""VAPID: the key pair by which push services know this box, and the tokens that it signs (RFC 8292)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from drivers.webpush.subscriptions import POINT_BYTES, encode

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

LIFETIME = 12 * 3600  # seconds; RFC 8292 2 allows 24 hours, some services count from their own clock
RENEW_AFTER = LIFETIME / 2
MOST_TOKENS = 256  # origins; whoever subscribes chooses them


def new_key() -> str:
    """Return a new private key as PEM (PKCS 8)."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def load_key(pem: str) -> EllipticCurvePrivateKey:
    """Return the private key. Raises ValueError, which does not show it."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("the VAPID key is not an unencrypted private key in PEM") from None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("the VAPID key is not of the curve P-256")  # noqa: TRY004 - the content is wrong, not the call
    return key


def public_der(pem: str) -> bytes:
    """Return the public key as SubjectPublicKeyInfo: 91 bytes, the last 65 of which are the point."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return load_key(pem).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def vapid_public_der_base64(pem: str) -> str:
    """Return the public key as the EMM API shows it: DER in standard base64. Raises ValueError."""
    return base64.b64encode(public_der(pem)).decode()


def vapid_public_raw_base64url(pem: str) -> str:
    """Return the public key as browsers take it (`applicationServerKey`): the point in base64url. Raises ValueError."""
    return encode(public_der(pem)[-POINT_BYTES:])


class Signer:
    """Signs tokens and keeps one for each origin until half of its life is over."""

    def __init__(self, pem: str, subject: str) -> None:
        self._key = load_key(pem)
        self._public = vapid_public_raw_base64url(pem)
        self._subject = subject
        self._tokens: dict[str, tuple[float, str]] = {}

    def authorization(self, origin: str, now: float) -> str:
        """Return the Authorization header for a push service; `now` is the wall clock in seconds since the epoch."""
        issued, header = self._tokens.get(origin, (0.0, ""))
        if not header or not issued <= now < issued + RENEW_AFTER:
            header = self._sign(origin, int(now))
            if len(self._tokens) >= MOST_TOKENS:
                self._tokens.pop(next(iter(self._tokens)))
            self._tokens[origin] = (now, header)
        return header

    def forget(self, origin: str) -> None:
        """Sign anew the next time: the service did not take the token."""
        self._tokens.pop(origin, None)

    def _sign(self, origin: str, now: int) -> str:
        # The class of py_vapid would refuse origins with a numeric IPv6 host.
        from py_vapid.jwt import sign

        token = sign({"aud": origin, "exp": now + LIFETIME, "sub": self._subject}, self._key)
        return f"vapid t={token},k={self._public}"
