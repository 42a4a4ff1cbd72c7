from __future__ import annotations

import json
import os
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from gatewayd.cli.status import duration
from gatewayd.control import SOCKET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.conftest import Shell

    Serve = Callable[[Path, bytes], None]


@pytest.fixture
def daemon() -> Iterator[Serve]:
    """Stand in for a daemon: whatever is asked, the answer is these bytes."""
    listening: list[tuple[socket.socket, threading.Thread]] = []

    def serve(folder: Path, answer: bytes) -> None:
        folder.mkdir(exist_ok=True)
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(folder / SOCKET))
        sock.listen()

        def once() -> None:
            connection, _ = sock.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=once, daemon=True)
        thread.start()
        listening.append((sock, thread))

    yield serve
    for sock, thread in listening:
        thread.join(5)
        sock.close()


def http(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def test_without_a_daemon_the_exit_code_is_3(shell: Shell) -> None:
    ended = shell.type("status", "--data", "data")
    assert (ended.code, ended.out) == (3, "")
    assert "is the gateway running?" in ended.err


def test_a_socket_that_nobody_listens_on_is_a_daemon_that_cannot_be_reached(shell: Shell) -> None:
    (shell.folder / "data").mkdir()
    leftover = socket.socket(socket.AF_UNIX)
    leftover.bind(str(shell.folder / "data" / SOCKET))
    leftover.close()
    assert shell.type("lines", "--data", "data").code == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use every socket")
def test_who_may_not_use_the_socket_is_told_who_may(shell: Shell) -> None:
    (shell.folder / "data").mkdir(mode=0o000)
    assert "as the user of the service" in shell.type("status", "--data", "data").err


def test_the_data_directory_comes_from_the_configuration(shell: Shell, daemon: Serve) -> None:
    daemon(shell.folder / "data", http(b"[]"))
    ended = shell.type("lines", "--config", "box.toml", "--json")
    assert (ended.code, ended.json) == (0, [])


def test_the_environment_wins_over_the_file(shell: Shell, daemon: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAYD_GATEWAY__DATA_DIR", str(shell.folder / "other"))
    daemon(shell.folder / "other", http(b"[]"))
    assert shell.type("lines", "--config", "box.toml", "--json").code == 0


@pytest.mark.parametrize("text", ["data_dir = [", "gateway = 3", "[gateway]\ndata_dir = 3"])
def test_a_file_that_cannot_be_understood_is_an_invalid_configuration(text: str, shell: Shell) -> None:
    shell.write("bad.toml", text)
    assert shell.type("status", "--config", "bad.toml").code == 4


@pytest.mark.parametrize(
    ("answer", "code"),
    [(http(b"{"), 1), (http(b"", "500 Internal Server Error"), 1), (b"no http\r\n\r\n", 3), (b"", 3)],
)
def test_an_answer_that_makes_no_sense_is_a_failure(answer: bytes, code: int, shell: Shell, daemon: Serve) -> None:
    daemon(shell.folder / "data", answer)
    ended = shell.type("status", "--data", "data", "--json")
    assert (ended.code, ended.json["ok"]) == (code, False)


def test_what_a_device_may_have_said_reaches_the_terminal_without_control_codes(shell: Shell, daemon: Serve) -> None:
    line = {"name": "a", "kind": "b", "port": "c\x1b[2J", "up": False, "reason": "x\x07", "queue": 0}
    answer = json.dumps([{**line, "received": None, "counters": {"naks": 2}}])
    daemon(shell.folder / "data", http(answer.encode()))
    out = shell.type("lines", "--data", "data").out
    assert "naks 2" in out
    assert out.replace("\n", "").isprintable()


def test_a_line_tells_its_pool_and_why_it_works_badly(shell: Shell, daemon: Serve) -> None:
    line = {"name": "a", "kind": "b", "port": "c", "up": True, "reason": "signal 2 of 31 is weak", "queue": 0}
    answer = json.dumps([{**line, "pool": "sms", "received": None, "counters": {}}])
    daemon(shell.folder / "data", http(answer.encode()))
    out = shell.type("lines", "--data", "data").out.splitlines()
    assert out[1].split()[3] == "weak"
    assert [row.strip() for row in out[2:]] == ["in the pool sms", "signal 2 of 31 is weak"]


@pytest.mark.parametrize(("pins", "shown"), [(["cts", "dsr"], "CTS DSR"), ([], "none")])
def test_an_installer_sees_which_modem_lines_are_on(pins: list[str], shown: str, shell: Shell, daemon: Serve) -> None:
    line = {"name": "a", "kind": "b", "port": "c", "up": True, "reason": "", "queue": 0, "received": None}
    daemon(shell.folder / "data", http(json.dumps([{**line, "pins": pins, "counters": {}}]).encode()))
    assert f"modem lines on: {shown}\n" in shell.type("lines", "--data", "data").out


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (61, "1 min 1 s"), (90_061, "1 d 1 h"), (-5, "0 s")])
def test_a_duration_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text
