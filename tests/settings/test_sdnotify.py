from __future__ import annotations

import os
import socket
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from gatewayd import sdnotify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _without_python3_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "systemd.daemon", None)
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@gatewayd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name.replace("@", "\0", 1))
        receiver.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield receiver


def test_systemd_hears_readiness_life_and_the_end(systemd: socket.socket) -> None:
    sdnotify.ready()
    sdnotify.watchdog()
    sdnotify.stopping()
    assert [systemd.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_a_status_of_several_lines_cannot_smuggle_in_another_state(systemd: socket.socket) -> None:
    sdnotify.status("3 lines up\nMAINPID=1")
    assert systemd.recv(100) == b"STATUS=3 lines up MAINPID=1"


def test_without_systemd_nothing_happens() -> None:
    sdnotify.ready()


def test_a_socket_that_is_gone_does_not_stop_the_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    sdnotify.watchdog()


def test_python3_systemd_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    daemon = ModuleType("systemd.daemon")
    daemon.notify = said.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "systemd", ModuleType("systemd"))
    monkeypatch.setitem(sys.modules, "systemd.daemon", daemon)
    sdnotify.ready()
    assert said == ["READY=1"]


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [
        ("30000000", "our own", 30.0),
        ("500000", "", 0.5),
        ("30000000", "1", None),
        ("0", "", None),
        ("", "", None),
        ("soon", "", None),
    ],
)
def test_the_watchdog_interval_is_that_of_this_process(
    usec: str, pid: str, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", pid.replace("our own", str(os.getpid())))
    assert sdnotify.watchdog_interval() == seconds
