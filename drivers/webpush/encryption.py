"""The content of a push, readable by one browser only (RFC 8188 and 8291, coding aes128gcm).

pywebpush encrypts through http_ece, whose general key derivation costs more than the mathematics of the curve; this is
the one case that Web Push knows, on the same primitives of `cryptography`.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from drivers.webpush.subscriptions import decode

SALT_BYTES, KEY_BYTES, NONCE_BYTES = 16, 16, 12  # RFC 8188 2.1 to 2.3
RECORD_SIZE = 4_096  # the whole push is one record (RFC 8291 4)
LAST_RECORD = b"\x02"  # RFC 8188 2
HEADER_END = RECORD_SIZE.to_bytes(4, "big") + b"\x41"  # record size, and 65 bytes of key that follow
KEY_INFO = b"WebPush: info\x00"
CONTENT_KEY_INFO = b"Content-Encoding: aes128gcm\x00\x01"
NONCE_INFO = b"Content-Encoding: nonce\x00\x01"
KEPT = 4_096  # receivers whose point is not decoded anew for every push
CURVE, AGREEMENT = SECP256R1(), ECDH()


@dataclass(frozen=True, slots=True)
class Receiver:
    """For whom to encrypt: the browser's public key, as a point and as it was sent, and the shared secret."""

    key: EllipticCurvePublicKey = field(repr=False)
    point: bytes = field(repr=False)
    auth: bytes = field(repr=False)


@lru_cache(maxsize=KEPT)
def receiver(p256dh: str, auth: str) -> Receiver:
    """Return whom a subscription is for. Raises ValueError when its key is no point of P-256."""
    point = decode(p256dh)
    return Receiver(EllipticCurvePublicKey.from_encoded_point(CURVE, point), point, decode(auth))


def encrypt(content: bytes, to: Receiver) -> bytes:
    """Return the body of a push; every push has a key pair and a salt of its own (RFC 8291 3.1, RFC 8188 2.1)."""
    return encrypt_with(content, to, generate_private_key(CURVE), os.urandom(SALT_BYTES))


def encrypt_with(content: bytes, to: Receiver, key: EllipticCurvePrivateKey, salt: bytes) -> bytes:
    """Return the body of a push, made with this key pair and salt."""
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    content_key, nonce = _derive(key.exchange(AGREEMENT, to.key), to, point, salt)
    return salt + HEADER_END + point + AESGCM(content_key).encrypt(nonce, content + LAST_RECORD, None)


def _derive(shared: bytes, to: Receiver, point: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Return the content encryption key and the nonce (RFC 8291 3.4: HKDF of RFC 5869, one block each)."""
    first = hmac.digest(to.auth, shared, "sha256")
    material = hmac.digest(first, KEY_INFO + to.point + point + b"\x01", "sha256")
    second = hmac.digest(salt, material, "sha256")
    content_key = hmac.digest(second, CONTENT_KEY_INFO, "sha256")[:KEY_BYTES]
    return content_key, hmac.digest(second, NONCE_INFO, "sha256")[:NONCE_BYTES]
