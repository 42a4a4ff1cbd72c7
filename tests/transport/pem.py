"""Makes certificates and keys for tests: in memory, and as PEM files."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

NOW = dt.datetime(2030, 6, 1, tzinfo=dt.UTC)
WALL = NOW.timestamp()
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def make_key() -> ec.EllipticCurvePrivateKey:
    """Make a key that TLS takes."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: PrivateKey, passphrase: str = "") -> bytes:
    """Return a key as PEM."""
    lock = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


def certificate_pem(key: PrivateKey, begins: float = -100, ends: float = 300) -> bytes:
    """Return the certificate of a key as PEM, valid between these days from NOW."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(NOW + dt.timedelta(days=begins))
    return made.not_valid_after(NOW + dt.timedelta(days=ends)).sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@dataclass(frozen=True)
class Folder:
    """Where the files lie."""

    path: Path

    def write(self, name: str, content: bytes) -> str:
        """Write a file and return its path."""
        file = self.path / name
        file.write_bytes(content)
        return str(file)
