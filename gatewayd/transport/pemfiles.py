"""Looks at the PEM files that TLS needs before a line needs them: there, readable, fitting, still valid.

No reason given here quotes a file or the value of a setting: by mistake or not, either may be a key.
"""

from __future__ import annotations

import ssl
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from gatewayd.driver import Finding
from gatewayd.errors import Invalid

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable
    from typing import TypeVar

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.x509 import Certificate

    ResultT = TypeVar("ResultT")

Named = tuple[str, str]  # a setting and the file that it names

MAX_BYTES = 1 << 20  # every authority of a browser takes a quarter of it; a log named by mistake is not read
SOON = 30.0  # days in which a certificate is to be renewed
DAY = 86_400.0
SECRET = b"PRIVATE KEY-----"
PEM_IS = "it has lines like -----BEGIN CERTIFICATE-----"
STRANGE = "does not belong to the certificate; name the key with which the certificate was requested"
CONVERT = "openssl x509 -inform DER -in FILE -out FILE.pem"


def identity(certificate: Named, key: Named, wall: float) -> list[Finding]:
    """Look at our own certificate and its key, which is in the same file where it has none of its own.

    `wall` is the wall clock: a certificate that has ended, or soon will, is found too.
    """
    if not certificate[1]:
        return [Finding(key[0], f"has no effect: {certificate[0]} is missing", warning=True)] if key[1] else []
    found: list[Finding] = []
    chain = _attempt(lambda: _certificates(certificate), found)
    own = key if key[1] else certificate
    if chain is None and own is certificate:
        return found + _relative(certificate)
    private = _attempt(lambda: _private_key(own, key[0]), found)
    if chain is not None and private is not None:
        found += _fit(certificate, own, chain, private)
    return found + _validity(certificate[0], chain or [], wall) + _relative(certificate, key)


def authority(named: Named, wall: float) -> list[Finding]:
    """Look at the certificates of whom we trust; `wall` is the wall clock."""
    found: list[Finding] = []
    trusted = _attempt(lambda: _certificates(named), found)
    return found + _validity(named[0], trusted or [], wall) + _relative(named)


def _attempt(look: Callable[[], ResultT], found: list[Finding]) -> ResultT | None:
    try:
        return look()
    except Invalid as error:
        found.append(Finding(error.field, error.reason))
        return None


def _certificates(named: Named) -> list[Certificate]:
    """Return the certificates of a file, at least one. Raises Invalid."""
    from cryptography.x509 import load_pem_x509_certificates

    field, _ = named
    data = _content(named)
    try:
        return load_pem_x509_certificates(data)
    except ValueError:
        pass
    if b"-----BEGIN CERTIFICATE" in data:
        raise Invalid(field, "a certificate in this file is damaged; copy it anew")
    if SECRET in data:
        raise Invalid(field, "this file has a key and no certificate; name the file of the certificate")
    raise Invalid(field, f"is no PEM file: {PEM_IS}; a DER file becomes one by: {CONVERT}")


def _private_key(named: Named, field: str) -> PrivateKeyTypes:
    """Return the key in a file; `field` is the setting of the key, whichever names the file. Raises Invalid."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = _content(named)
    if SECRET not in data:
        where = "this file" if named[0] == field else f"the file of {named[0]}"
        raise Invalid(field, f"{where} has no key in PEM (-----BEGIN PRIVATE KEY-----); name the file that has it")
    try:
        return load_pem_private_key(data, password=None)
    except TypeError:
        raise Invalid(field, "asks for a passphrase; take it off: openssl pkey -in FILE -out FILE.plain") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid(field, "the key is damaged or of an unknown kind; copy it anew, or make another") from None


def _content(named: Named) -> bytes:
    """Return what is in a file. Raises Invalid."""
    field, name = named
    if _is_content(name):
        raise Invalid(field, "wants the path of a file, not what is in it")
    try:
        if not stat.S_ISREG(Path(name).stat().st_mode):  # reading a pipe would wait for ever
            raise Invalid(field, "is not a file; name the PEM file itself")
        with Path(name).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise Invalid(field, "there is no such file; put it there, or correct the path") from None
    except PermissionError:
        advice = "let the account that runs gatewayd read it and its folders: chgrp gatewayd FILE; chmod 640 FILE"
        raise Invalid(field, f"may not be read; {advice}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no path can be like this"
        raise Invalid(field, f"cannot be read: {reason}") from None
    if len(data) > MAX_BYTES:
        raise Invalid(field, f"has more than {MAX_BYTES} bytes; name the PEM file itself")
    return data


def _fit(certificate: Named, key: Named, chain: list[Certificate], private: PrivateKeyTypes) -> list[Finding]:
    """Tell whether the key is that of the first certificate, and whether TLS takes them both."""
    own = _public(private.public_key())
    owners = [_public(each.public_key()) == own for each in chain]
    if not any(owners):
        return [Finding(key[0], STRANGE)]
    if not owners[0]:
        return [Finding(certificate[0], "our own certificate has to be the first; put those of its authorities behind")]
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate[1], key[1])
    except ssl.SSLError as error:
        what = error.reason or "for an unknown reason"
        return [
            Finding(certificate[0], f"TLS refuses it ({what}); have one made with a key of 2048 bits RSA, or P-256")
        ]
    return []


def _public(key: object) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined, no-any-return]


def _validity(field: str, certificates: list[Certificate], wall: float) -> list[Finding]:
    """Warn of certificates that are not valid, or not for long: nobody connects then."""
    found = []
    for each in certificates:
        begins, ends = each.not_valid_before_utc, each.not_valid_after_utc
        left = (ends.timestamp() - wall) / DAY
        if left < 0:
            found.append(Finding(field, f"ended on {_day(ends)}; renew the certificate", warning=True))
        elif begins.timestamp() > wall:
            reason = f"begins on {_day(begins)}; wait, or set the clock of this box"
            found.append(Finding(field, reason, warning=True))
        elif left < SOON:
            reason = f"ends on {_day(ends)}, in {left:.0f} days; renew the certificate"
            found.append(Finding(field, reason, warning=True))
    return found


def _relative(*files: Named) -> list[Finding]:
    """Warn of paths that mean another file wherever gatewayd is started."""
    reason = "begins in the directory where gatewayd is started; write the whole path"
    relative = [field for field, path in files if path and not (_is_content(path) or Path(path).is_absolute())]
    return [Finding(field, reason, warning=True) for field in relative]


def _is_content(name: str) -> bool:
    return "-----BEGIN" in name or "\n" in name


def _day(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d}"
