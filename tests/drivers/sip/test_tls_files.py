"""The files of TLS, as `config check` sees them: each setting has its own word, and no key is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatewayd.cli import main
from gatewayd.transport import pemfiles
from tests.transport.pem import WALL, Folder, certificate_pem, key_pem, make_key

if TYPE_CHECKING:
    from pathlib import Path

KEY, OTHER = make_key(), make_key()
LINE = '[lines.phones]\nkind = "sip"\ntls_port = 5061\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Make a folder with all sorts of files, in the summer of 2030."""
    monkeypatch.setattr("gatewayd.clock.SystemClock.wall", lambda _: WALL)
    made = Folder(tmp_path)
    made.write("good.pem", certificate_pem(KEY))
    made.write("old.pem", certificate_pem(KEY, ends=-1))
    made.write("key.pem", key_pem(KEY))
    made.write("other.pem", key_pem(OTHER))
    return made


def check(folder: Folder, capsys: pytest.CaptureFixture[str], **files: str) -> tuple[int, list[str]]:
    """Return the exit code of `config check` and what it complains of."""
    named = "".join(f'{setting} = "{folder.path}/{name}"\n' for setting, name in files.items())
    config = folder.write("gatewayd.toml", (LINE + named).encode())
    code = main(["config", "check", "--config", config])
    said = capsys.readouterr()
    assert "PRIVATE KEY" not in said.out
    assert not any(line in said.out + said.err for line in key_pem(KEY).decode().splitlines()[1:-1])
    return code, said.err.replace(f"{config}: ", "").splitlines()


def test_files_that_fit_are_said_to_be_good(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"tls_certificate": "good.pem", "tls_key": "key.pem", "tls_authority": "good.pem"}
    assert check(folder, capsys, **files, tls_client_authority="good.pem") == (0, [])


def test_every_setting_is_named_whose_file_cannot_be_used(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"tls_certificate": "good.pem", "tls_key": "other.pem", "tls_authority": "key.pem"}
    code, complaints = check(folder, capsys, **files, tls_client_authority="missing.pem")
    assert code == 4
    assert complaints == [
        f"lines.phones.tls_key: {pemfiles.STRANGE}",
        "lines.phones.tls_client_authority: there is no such file; put it there, or correct the path",
        "lines.phones.tls_authority: this file has a key and no certificate; name the file of the certificate",
    ]


def test_a_certificate_that_has_ended_is_a_warning(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    code, complaints = check(folder, capsys, tls_certificate="old.pem", tls_key="key.pem")
    assert (code, complaints) == (
        0,
        ["warning: lines.phones.tls_certificate: ended on 2030-05-31; renew the certificate"],
    )


def test_a_key_without_a_certificate_has_no_effect(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    config = folder.write("gatewayd.toml", f'[lines.p]\nkind = "sip"\ntls_key = "{folder.path}/key.pem"\n'.encode())
    assert main(["config", "check", "--config", config]) == 0
    assert "lines.p.tls_key: has no effect: tls_certificate is missing" in capsys.readouterr().err
