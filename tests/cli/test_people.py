from __future__ import annotations

import asyncio
import getpass
import io
import os
import signal
import stat
from typing import TYPE_CHECKING

import pytest

from gatewayd.passwords import verify_password
from gatewayd.records import Token
from gatewayd.store import DataLock, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Shell

SITE = """
[[user]]
name = "anna"
ways = [{ contact = "horn" }]
[[contact]]
name = "horn"
line = "north-horn"
address = "1"
"""
BOX = ("--config", "box.toml")


@pytest.fixture
def people_file(shell: Shell) -> str:
    return shell.write("site.toml", SITE)


@pytest.fixture
def hangups(shell: Shell) -> Iterator[list[int]]:
    """Be the daemon of the box: hold its lock and count the signals to read the site anew."""
    received: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, _frame: received.append(number))
    data = shell.folder / "data"
    data.mkdir()
    lock = DataLock(data)
    yield received
    lock.release()
    signal.signal(signal.SIGHUP, before)


def test_an_import_is_in_the_store(shell: Shell, people_file: str) -> None:
    ended = shell.type("import", people_file, *BOX)
    assert ended.code == 0
    assert "1 users, 1 contacts" in ended.out
    assert "no gateway runs here" in ended.out
    assert [user.name for user in shell.site().users] == ["anna"]


def test_an_import_tells_programs_what_there_is_now(shell: Shell, people_file: str) -> None:
    result = shell.type("import", people_file, *BOX, "--json").json
    assert (result["ok"], result["site"]["users"], result["daemon"]) == (True, 1, None)


def test_an_import_can_come_from_standard_input(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(SITE))
    assert shell.type("import", "-", *BOX).code == 0
    assert [user.name for user in shell.site().users] == ["anna"]


def test_a_running_gateway_is_told(shell: Shell, people_file: str, hangups: list[int]) -> None:
    ended = shell.type("import", people_file, *BOX, "--json")
    assert (ended.code, ended.json["daemon"], hangups) == (0, os.getpid(), [signal.SIGHUP])


def test_a_lock_file_without_its_daemon_is_no_daemon(shell: Shell, people_file: str) -> None:
    data = shell.folder / "data"
    data.mkdir()
    (data / "gatewayd.lock").write_text("1")
    assert shell.type("import", people_file, *BOX, "--json").json["daemon"] is None


def test_a_gateway_that_cannot_be_told_is_exit_3_and_the_import_is_saved(
    shell: Shell, people_file: str, hangups: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    ended = shell.type("import", people_file, *BOX)
    assert ended.code == 3
    assert f"kill -HUP {os.getpid()}" in ended.err
    assert [user.name for user in shell.site().users] == ["anna"]


def test_an_import_with_a_problem_changes_nothing(shell: Shell, people_file: str) -> None:
    shell.type("import", people_file, *BOX)
    before = shell.site()
    bad = shell.write(
        "bad.toml", '[[user]]\nname = "bert"\n[[contact]]\nname = "c"\nline = "north-hron"\naddress = "1"\n'
    )
    ended = shell.type("import", bad, *BOX)
    assert ended.code == 4
    reason = "the configuration has no line 'north-hron'; did you mean 'north-horn'?"
    assert ended.err == f'{bad}: contact "c": line: {reason}\n'
    assert shell.site() == before


def test_an_import_keeps_what_the_file_does_not_name_unless_told_to_replace(shell: Shell, people_file: str) -> None:
    shell.type("import", people_file, *BOX)
    other = shell.write("other.toml", '[[user]]\nname = "bert"\n')
    shell.type("import", other, *BOX)
    assert [user.name for user in shell.site().users] == ["anna", "bert"]
    shell.type("import", other, *BOX, "--replace")
    assert [user.name for user in shell.site().users] == ["bert"]


def test_an_id_that_was_removed_never_comes_back(shell: Shell, people_file: str) -> None:
    shell.type("import", people_file, *BOX)
    shell.type("import", shell.write("other.toml", '[[user]]\nname = "bert"\n'), *BOX, "--replace")
    shell.type("import", people_file, *BOX, "--replace")
    assert [user.id for user in shell.site().users] == [4]


@pytest.mark.parametrize("name", ["nowhere.toml", "."])
def test_a_file_that_cannot_be_read_is_exit_4(name: str, shell: Shell) -> None:
    ended = shell.type("import", name, *BOX)
    assert (ended.code, ended.err.startswith(f"{name}: cannot be read: ")) == (4, True)


def test_an_export_can_be_imported_again(shell: Shell, people_file: str) -> None:
    shell.type("import", people_file, *BOX)
    before = shell.site()
    assert shell.type("export", "out.toml", *BOX).code == 0
    shell.type("import", "out.toml", *BOX, "--replace")
    assert shell.site() == before


def test_an_export_has_hashes_and_so_is_for_its_owner_only(shell: Shell, people_file: str) -> None:
    shell.type("import", people_file, *BOX)
    target = shell.folder / "out.toml"
    target.write_text("old")
    target.chmod(0o644)
    assert shell.type("export", "out.toml", *BOX, "--json").json == {"ok": True, "file": "out.toml"}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert 'name = "anna"' in target.read_text()


def test_an_export_goes_to_standard_output_or_to_programs(shell: Shell, people_file: str) -> None:
    shell.type("import", people_file, *BOX)
    assert 'name = "anna"' in shell.type("export", *BOX).out
    assert shell.type("export", *BOX, "--json").json["contact"] == [
        {"name": "horn", "line": "north-horn", "address": "1"}
    ]


def test_an_export_that_cannot_be_written_is_exit_1_and_leaves_nothing(shell: Shell, people_file: str) -> None:
    shell.type("import", people_file, *BOX)
    (shell.folder / "taken").mkdir()
    ended = shell.type("export", "taken", *BOX)
    assert (ended.code, ended.err) == (1, "gatewayd: taken: Is a directory\n")
    assert not list(shell.folder.glob(".taken*"))


@pytest.mark.parametrize("words", [["export"], ["user", "set-password", "anna"]])
def test_a_directory_without_a_store_is_not_made_into_one(words: list[str], shell: Shell) -> None:
    ended = shell.type(*words, *BOX, "--data", "elsewhere")
    assert ended.code == 1
    assert "is that the data directory?" in ended.err
    assert not (shell.folder / "elsewhere").exists()


def test_a_password_is_read_from_standard_input(
    shell: Shell, people_file: str, hangups: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.type("import", people_file, *BOX)
    monkeypatch.setattr("sys.stdin", io.StringIO("new-secret\n"))
    ended = shell.type("user", "set-password", "anna", *BOX, "--json")
    assert ended.json == {"ok": True, "user": "anna", "daemon": os.getpid()}
    assert verify_password("new-secret", shell.site().users[0].password_hash)
    assert len(hangups) == 2


async def sessions_of(shell: Shell, *user_ids: int) -> None:
    """Log users in."""
    store = open_store(shell.folder / "data")
    for number in user_ids:
        await store.record(Token(f"token of {number}", number, 1.0, 1.0))
    store.close()


def logged_in(shell: Shell) -> list[int]:
    store = open_store(shell.folder / "data")
    found = [token.user_id for token in store.tokens(created_after=0.0, used_after=0.0)]
    store.close()
    return found


def test_a_new_password_ends_the_sessions_of_its_user_and_of_nobody_else(
    shell: Shell, people_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.type("import", people_file, *BOX)
    anna = shell.site().users[0].id
    asyncio.run(sessions_of(shell, anna, 77))
    shell.type("import", people_file, *BOX)
    assert logged_in(shell) == [anna, 77]  # an import that changes no password ends nothing
    monkeypatch.setattr("sys.stdin", io.StringIO("new-secret\n"))
    ended = shell.type("user", "set-password", "anna", *BOX)
    assert "every session of anna ends" in ended.out
    assert logged_in(shell) == [77]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answers", "code"), [(["new-secret", "new-secret"], 0), (["one", "two"], 1), (["", ""], 1)])
def test_a_password_is_typed_twice(
    answers: list[str], code: int, shell: Shell, people_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.type("import", people_file, *BOX)
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: answers.pop(0))
    assert shell.type("user", "set-password", "anna", *BOX).code == code
    assert bool(shell.site().users[0].password_hash) == (code == 0)


def test_the_password_of_an_unknown_user_cannot_be_set(shell: Shell, people_file: str) -> None:
    shell.type("import", people_file, *BOX)
    ended = shell.type("user", "set-password", "ana", *BOX)
    assert (ended.code, ended.err) == (1, "gatewayd: there is no user 'ana'; did you mean 'anna'?\n")


def test_root_works_as_the_owner_of_the_data_directory(
    shell: Shell, people_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the daemon, which is not root, could not write its own store any more."""
    changes: list[tuple[str, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "getegid", lambda: 0)
    for name in ("setegid", "seteuid"):
        monkeypatch.setattr(os, name, lambda number, name=name: changes.append((name, number)))
    (shell.folder / "data").mkdir()
    owner = (shell.folder / "data").stat()
    assert shell.type("import", people_file, *BOX).code == 0
    assert changes == [("setegid", owner.st_gid), ("seteuid", owner.st_uid), ("seteuid", 0), ("setegid", 0)]


@pytest.mark.parametrize("text", ["", '[[group]]\nname = "g"\nmembers = []\n'])
def test_a_file_without_people_does_not_replace_everybody(shell: Shell, people_file: str, text: str) -> None:
    shell.type("import", people_file, *BOX)
    empty = shell.write("empty.toml", text)
    ended = shell.type("import", empty, "--replace", *BOX)
    assert (ended.code, ended.err) == (
        4,
        f"{empty}: names nobody: with --replace everybody would be removed, and alarms would reach no one\n",
    )
    assert [user.name for user in shell.site().users] == ["anna"]
    assert shell.type("import", shell.write("empty.toml", ""), *BOX).code == 0


def test_an_import_warns_of_what_is_unwise(shell: Shell, people_file: str) -> None:
    fallback = "there is no [site] fallback: an alarm that no route fits, or that nobody accepts, pages no one"
    nobody = "no admin can log in, so other machines do not reach the console: "
    expected = f'warning: {fallback}\nwarning: {nobody}there is no user with role = "admin"\n'
    assert shell.type("import", people_file, *BOX).err == expected
    admin = SITE.replace('name = "anna"', 'name = "anna"\nrole = "admin"')
    warned = shell.type("import", shell.write("site.toml", admin), *BOX, "--json").json["warnings"]
    assert warned == [fallback, f"{nobody}gatewayd user set-password anna"]
    weak = admin.replace('role = "admin"', 'role = "admin"\npassword = "short"') + '[site]\nfallback = "user:anna"\n'
    warned = shell.type("import", shell.write("site.toml", weak), *BOX, "--json").json["warnings"]
    assert warned == ['user "anna": a password has at least 8 characters']
    strong = shell.write("site.toml", weak.replace("short", "a long passphrase"))
    assert shell.type("import", strong, *BOX).err == ""


@pytest.mark.parametrize("password", ["short", "aaaaaaaa", "anna"])
def test_a_password_that_the_console_refuses_is_refused_here_too(
    shell: Shell, people_file: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.type("import", people_file, *BOX)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    ended = shell.type("user", "set-password", "anna", *BOX)
    assert (ended.code, ended.err.startswith("gatewayd: password: a password ")) == (1, True)
    assert not shell.site().users[0].password_hash
