"""What is found in the files of TLS: each with the setting that names it, none with what is in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from gatewayd.transport import pemfiles
from gatewayd.transport.pemfiles import authority, identity
from tests.transport.pem import WALL, Folder, certificate_pem, key_pem, make_key

if TYPE_CHECKING:
    from gatewayd.driver import Finding

KEY, OTHER = make_key(), make_key()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def found(certificate: str, key: str = "") -> list[Finding]:
    return identity(("cert", certificate), ("key", key), WALL)


def errors(findings: list[Finding]) -> dict[str, str]:
    assert not any(each.warning for each in findings)
    assert len({each.field for each in findings}) == len(findings)  # each is said once
    return {each.field: each.reason for each in findings}


def warnings(findings: list[Finding]) -> dict[str, str]:
    assert all(each.warning for each in findings)
    return {each.field: each.reason for each in findings}


def test_nothing_is_found_where_certificate_and_key_fit(folder: Folder) -> None:
    certificate = folder.write("c.pem", certificate_pem(KEY) + certificate_pem(OTHER))
    assert found(certificate, folder.write("k.pem", key_pem(KEY))) == []


def test_the_key_may_stand_before_or_behind_the_certificate_in_one_file(folder: Folder) -> None:
    for parts in ((key_pem(KEY), certificate_pem(KEY)), (certificate_pem(KEY), key_pem(KEY))):
        assert found(folder.write("both.pem", b"".join(parts))) == []


def test_each_file_that_is_missing_is_said_once(folder: Folder) -> None:
    missing = str(folder.path / "missing.pem")
    reason = "there is no such file; put it there, or correct the path"
    assert errors(found(missing, missing)) == {"cert": reason, "key": reason}
    assert errors(found(missing)) == {"cert": reason}
    assert errors(authority(("trust", missing), WALL)) == {"trust": reason}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no PEM file"),
        (b"\x30\x82\x01\x01\xff", "openssl x509 -inform DER"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "damaged; copy it anew"),
        (key_pem(OTHER), "has a key and no certificate"),
        (b"x" * (pemfiles.MAX_BYTES + 1), "more than 1048576 bytes"),
    ],
    ids=["empty", "der", "damaged", "key", "huge"],
)
def test_what_is_no_certificate_says_what_it_is(folder: Folder, content: bytes, reason: str) -> None:
    path = folder.write("c.pem", content)
    assert reason in errors(found(path, folder.write("k.pem", key_pem(KEY))))["cert"]
    assert reason in errors(authority(("trust", path), WALL))["trust"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "this file has no key in PEM"),
        (certificate_pem(KEY), "this file has no key in PEM"),
        (key_pem(KEY, "locked"), "passphrase; take it off: openssl pkey"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "damaged or of an unknown kind"),
        (key_pem(OTHER), "does not belong to the certificate"),
    ],
    ids=["empty", "certificate", "locked", "damaged", "another"],
)
def test_a_key_that_cannot_be_used_says_why(folder: Folder, content: bytes, reason: str) -> None:
    complaints = errors(found(folder.write("c.pem", certificate_pem(KEY)), folder.write("k.pem", content)))
    assert list(complaints) == ["key"]
    assert reason in complaints["key"]


def test_a_certificate_alone_wants_its_key(folder: Folder) -> None:
    complaints = errors(found(folder.write("c.pem", certificate_pem(KEY))))
    assert complaints["key"].startswith("the file of cert has no key in PEM")


def test_our_own_certificate_has_to_be_the_first_of_its_chain(folder: Folder) -> None:
    chain = folder.write("c.pem", certificate_pem(OTHER) + certificate_pem(KEY))
    assert "has to be the first" in errors(found(chain, folder.write("k.pem", key_pem(KEY))))["cert"]


def test_a_key_that_tls_finds_too_weak_is_an_error(folder: Folder) -> None:
    weak = rsa.generate_private_key(65537, 1024)
    both = folder.write("both.pem", certificate_pem(weak) + key_pem(weak))
    assert "TLS refuses it (EE_KEY_TOO_SMALL)" in errors(found(both))["cert"]


@pytest.mark.parametrize(
    ("begins", "ends", "reason"),
    [
        (-100, -1, "ended on 2030-05-31; renew the certificate"),
        (1, 300, "begins on 2030-06-02; wait, or set the clock of this box"),
        (-100, 29, "ends on 2030-06-30, in 29 days; renew the certificate"),
    ],
)
def test_a_certificate_that_is_not_valid_now_or_soon_is_a_warning(
    folder: Folder, begins: float, ends: float, reason: str
) -> None:
    path = folder.write("both.pem", certificate_pem(KEY, begins, ends) + key_pem(KEY))
    assert warnings(found(path)) == {"cert": reason}
    assert warnings(authority(("trust", path), WALL)) == {"trust": reason}


def test_an_authority_of_ours_that_has_ended_is_a_warning_too(folder: Folder) -> None:
    chain = certificate_pem(KEY) + certificate_pem(OTHER, ends=-1) + key_pem(KEY)
    assert warnings(found(folder.write("chain.pem", chain)))["cert"].startswith("ended on 2030-05-31")


def test_a_relative_path_is_a_warning(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.path)
    folder.write("both.pem", certificate_pem(KEY) + key_pem(KEY))
    assert "write the whole path" in warnings(found("both.pem"))["cert"]
    assert "write the whole path" in warnings(authority(("trust", "both.pem"), WALL))["trust"]


def test_a_key_written_where_its_path_belongs_is_not_shown(folder: Folder) -> None:
    content = key_pem(KEY).decode()
    reason = errors(found(folder.write("c.pem", certificate_pem(KEY)), content.replace("\n", " ")))["key"]
    assert reason == "wants the path of a file, not what is in it"
    assert "cannot be read: no path can be like this" in errors(authority(("trust", "/tmp/\0"), WALL)).values()


def test_no_reason_quotes_what_is_in_a_file(folder: Folder) -> None:
    canary = b"canary-4711"
    files = [canary, key_pem(KEY).replace(b"KEY-----\nM", b"KEY-----\n" + canary), certificate_pem(KEY)[:60] + canary]
    paths = [folder.write(f"{number}.pem", content) for number, content in enumerate(files)]
    said = [repr(found(certificate, key)) for certificate in paths for key in paths]
    assert len(said) == 9
    assert all("canary" not in each for each in said)


def test_what_is_not_a_file_is_not_waited_for(folder: Folder) -> None:
    os.mkfifo(folder.path / "pipe")
    for path in (folder.path / "pipe", folder.path):
        assert errors(authority(("trust", str(path)), WALL)) == {"trust": "is not a file; name the PEM file itself"}


def test_a_file_that_we_may_not_read_says_who_has_to(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")  # the superuser may read everything

    path = folder.write("trust.pem", certificate_pem(KEY))
    monkeypatch.setattr(Path, "open", refuse)
    assert "chgrp gatewayd FILE" in errors(authority(("trust", path), WALL))["trust"]
