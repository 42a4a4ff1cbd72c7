"""The receiving end, written from the RFCs alone: what a browser and its push service do with a push.

Shares no cryptographic code with the sending end, so that the two can find each other's mistakes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gatewayd.errors import RemoteProtocolError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

HEADER_BYTES = 21  # salt (16), record size (4), length of the key id (1): RFC 8188 2.1
POINT_BYTES = 65
TAG_BYTES = 16
SIGNATURE_BYTES = 64
LAST_RECORD = b"\x02"
LONGEST_LIFE = 24 * 3600  # seconds; RFC 8292 2
CLOCK_SKEW = 60  # seconds that the clocks of the two ends may differ


class NoAuthorization(RemoteProtocolError):
    """The push carries no VAPID token."""


@dataclass(frozen=True, slots=True)
class Browser:
    """The secrets of one subscription: the private key and the shared authentication secret (RFC 8291 2)."""

    key: EllipticCurvePrivateKey = field(repr=False)
    auth: bytes = field(repr=False)

    @classmethod
    def new(cls) -> Browser:
        """Make the secrets of a new subscription."""
        from cryptography.hazmat.primitives.asymmetric import ec

        return cls(ec.generate_private_key(ec.SECP256R1()), os.urandom(16))

    @classmethod
    def of(cls, private: bytes, auth: bytes) -> Browser:
        """Return the subscription with this private key (32 bytes, big-endian)."""
        from cryptography.hazmat.primitives.asymmetric import ec

        return cls(ec.derive_private_key(int.from_bytes(private, "big"), ec.SECP256R1()), auth)

    @property
    def public(self) -> bytes:
        """The public key as an uncompressed point."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def keys(self) -> dict[str, str]:
        """Return what the application server has to know."""
        return {"p256dh": to_base64url(self.public), "auth": to_base64url(self.auth)}

    def decrypt(self, body: bytes) -> bytes:
        """Return the content of a push in the coding aes128gcm (RFC 8188 2, RFC 8291 3). Raises RemoteProtocolError."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20:21]
        sender, record = body[HEADER_BYTES : HEADER_BYTES + POINT_BYTES], body[HEADER_BYTES + POINT_BYTES :]
        if length != bytes([POINT_BYTES]) or not TAG_BYTES < len(record) <= size:
            raise RemoteProtocolError("not one record of aes128gcm with a key")
        content_key, nonce = self._derive(sender, salt)
        try:
            padded = AESGCM(content_key).decrypt(nonce, record, None)
        except InvalidTag:
            raise RemoteProtocolError("encrypted for somebody else, or damaged") from None
        content, delimiter, padding = padded.rpartition(LAST_RECORD)
        if not delimiter or padding.strip(b"\x00"):
            raise RemoteProtocolError("the padding is not that of a last record")
        return content

    def _derive(self, sender: bytes, salt: bytes) -> tuple[bytes, bytes]:
        """Return the content encryption key and the nonce (RFC 8291 3.4)."""
        from cryptography.hazmat.primitives.asymmetric import ec

        try:
            sender_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        except ValueError:
            raise RemoteProtocolError("the sender's key is no point of P-256") from None
        shared = self.key.exchange(ec.ECDH(), sender_key)
        material = _hkdf(self.auth, shared, b"WebPush: info\x00" + self.public + sender, 32)
        content_key = _hkdf(salt, material, b"Content-Encoding: aes128gcm\x00", 16)
        return content_key, _hkdf(salt, material, b"Content-Encoding: nonce\x00", 12)


def verify_vapid(header: str, audience: str, now: float) -> tuple[dict[str, Any], bytes]:
    """Return the claims of an Authorization header and the key that signed them (RFC 8292 2, 3).

    `now` is seconds since the epoch. Raises RemoteProtocolError; NoAuthorization where there is none.
    """
    scheme, _, rest = header.partition(" ")
    parameters = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
    if scheme.lower() != "vapid" or not {"t", "k"} <= parameters.keys():
        raise NoAuthorization("no VAPID token")
    public = from_base64url(parameters["k"])
    signed, _, signature = parameters["t"].rpartition(".")
    _verify_es256(public, signed.encode(), from_base64url(signature))
    head, _, body = signed.partition(".")
    if _json(head).get("alg") != "ES256":
        raise RemoteProtocolError("the token is not signed with ES256")
    claims = _json(body)
    _check_claims(claims, audience, now)
    return claims, public


def to_base64url(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    """Return the bytes of unpadded base64url. Raises RemoteProtocolError."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise RemoteProtocolError("not base64url") from None


def _check_claims(claims: dict[str, Any], audience: str, now: float) -> None:
    expires = claims.get("exp")
    if claims.get("aud") != audience:
        raise RemoteProtocolError(f"the token is for {claims.get('aud')}")
    if not isinstance(expires, int) or not now - CLOCK_SKEW < expires <= now + LONGEST_LIFE + CLOCK_SKEW:
        raise RemoteProtocolError("the token has expired, or lives longer than a day")
    if not str(claims.get("sub", "")).startswith(("mailto:", "https:")):
        raise RemoteProtocolError("the token does not say whom to write to")


def _verify_es256(public: bytes, signed: bytes, signature: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    from cryptography.hazmat.primitives.hashes import SHA256

    half = SIGNATURE_BYTES // 2
    r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))
    except (ValueError, InvalidSignature):
        raise RemoteProtocolError("the signature is wrong") from None
    if len(signature) != SIGNATURE_BYTES:
        raise RemoteProtocolError("the signature has another length than ES256")


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(from_base64url(text))
    except ValueError:
        raise RemoteProtocolError("the token is not made of JSON") from None
    if not isinstance(value, dict):
        raise RemoteProtocolError("the token is not made of JSON objects")
    return value


def _hkdf(salt: bytes, material: bytes, info: bytes, size: int) -> bytes:
    """RFC 5869 with SHA-256, for at most one block of output."""
    key = hmac.new(salt, material, hashlib.sha256).digest()
    return hmac.new(key, info + b"\x01", hashlib.sha256).digest()[:size]
