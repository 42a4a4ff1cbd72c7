from __future__ import annotations

from pathlib import Path

import pytest

from gatewayd.secrets import SecretMissing, Vault, is_reference


def vault(base: Path, **env: str) -> Vault:
    return Vault(env, base)


def test_a_text_without_a_kind_is_the_secret_itself(tmp_path: Path) -> None:
    assert vault(tmp_path).resolve("pa:ss") == "pa:ss"
    assert not is_reference("pa:ss")


def test_a_variable_is_looked_up(tmp_path: Path) -> None:
    assert vault(tmp_path, PHONE="4711").resolve("env:PHONE") == "4711"


def test_of_a_file_only_the_first_line_counts(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"s3cret\r\n# made in May\n")
    assert vault(Path("/")).resolve(f"file:{tmp_path}/key") == "s3cret"


def test_a_mark_of_the_encoding_belongs_to_no_secret(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes("\ufeffs3cret\r\n".encode())
    assert vault(tmp_path).resolve("file:key") == "s3cret"


def test_a_relative_file_lies_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret")
    assert vault(tmp_path).resolve("file:key") == "s3cret"


def test_a_credential_is_a_file_in_systemds_directory(tmp_path: Path) -> None:
    (tmp_path / "sip").write_text("s3cret\n")
    assert vault(Path("/"), CREDENTIALS_DIRECTORY=str(tmp_path)).resolve("credential:sip") == "s3cret"


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("env:NOBODY", "no such variable"),
        ("file:nothing", "No such file"),
        ("file:binary", "not UTF-8"),
        ("file:empty", "is empty"),
        ("env:EMPTY", "is empty"),
        ("credential:sip", "CREDENTIALS_DIRECTORY is not set"),
    ],
)
def test_a_reference_that_leads_nowhere_is_named(reference: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "empty").write_bytes(b"\n")
    with pytest.raises(SecretMissing, match=reason):
        vault(tmp_path, EMPTY="").resolve(reference)


@pytest.mark.parametrize("name", ["../key", "a/b", "..", ""])
def test_a_credential_cannot_leave_its_directory(name: str, tmp_path: Path) -> None:
    with pytest.raises(SecretMissing, match="without a path"):
        vault(tmp_path, CREDENTIALS_DIRECTORY=str(tmp_path)).resolve(f"credential:{name}")
