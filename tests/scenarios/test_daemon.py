"""The daemon as a process: what it tells at its start, how it ends, and that there is never a second one."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from gatewayd import daemon
from tests.scenarios.house import CONFIG, free_port

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

START, END = 30, 5  # seconds: a start on a busy machine; the end that is promised


async def spawn(folder: Path, *arguments: str) -> Process:
    """Start `gatewayd run` as a user does."""
    command = (sys.executable, "-m", "gatewayd", "run", "--data", str(folder / "data"), *arguments)
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        return await asyncio.create_subprocess_exec(*command, stderr=log)
    finally:
        os.close(log)


async def ready(process: Process, file: Path) -> dict[str, Any]:
    """Wait for the ready file."""
    deadline = time.monotonic() + START
    while not os.path.exists(file):  # noqa: PTH110, ASYNC240  # another process makes it; a look takes microseconds
        assert process.returncode is None, "the daemon ended"
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    return _read(file)


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[tuple[Process, dict[str, Any]]]:
    process = await spawn(tmp_path, "--demo", "--port", "0", "--ready-file", str(tmp_path / "ready"))
    yield process, await ready(process, tmp_path / "ready")
    if process.returncode is None:
        process.kill()
    await process.wait()


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ((1_024, 524_288), (4_096, 524_288)),
        ((1_024, 2_048), (2_048, 2_048)),
        ((1_024, resource.RLIM_INFINITY), (4_096, resource.RLIM_INFINITY)),
        ((16_384, 16_384), None),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), None),
    ],
)
def test_the_daemon_asks_for_as_many_open_files_as_its_connections_may_take(
    given: tuple[int, int], asked: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = [given]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: limits.append(wanted))
    daemon._ask_for_descriptors()
    assert limits[1:] == ([asked] if asked else [])


async def test_the_ready_file_of_the_demo_says_how_to_reach_everything(demo: tuple[Process, dict[str, Any]]) -> None:
    _, told = demo
    assert set(told) == {"url", "username", "password", "sip", "lines"}
    assert {name: line["kind"] for name, line in told["lines"].items()} == {
        "ward-panel": "espa444",
        "pager": "tap",
        "sms": "gsm",
        "phones": "sip",
    }
    login = {"username": told["username"], "password": told["password"]}
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{told['url']}/api/tokens/generatetoken?f=json", data=login) as answer:
            token = (await answer.json())["token"]
        headers = {"Authorization": f"Bearer {token}"}
        events: list[Any] = []
        async with asyncio.timeout(START):
            while not events:  # the panel calls two seconds after the start
                await asyncio.sleep(0.05)
                async with http.get(f"{told['url']}/api/users/self/events?f=json", headers=headers) as answer:
                    events = (await answer.json())["events"]
    assert events[0]["message"] == "ROOM 12 BED 1 NURSE CALL"


async def test_systemd_hears_that_it_is_ready_that_it_lives_and_that_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "150000")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)  # noqa: FBT003 - as the library has it
        process = await spawn(tmp_path, "--demo", "--port", "0", "--ready-file", str(tmp_path / "ready"))
        try:
            async with asyncio.timeout(START):
                said = [await asyncio.get_running_loop().sock_recv(systemd, 200) for _ in range(6)]
                process.terminate()
                while said[-1] != b"STOPPING=1":
                    said.append(await asyncio.get_running_loop().sock_recv(systemd, 200))
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
    assert said.count(b"READY=1") == 1
    assert said.count(b"WATCHDOG=1") >= 3
    assert any(state.startswith(b"STATUS=4 lines, http") for state in said)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_cleanly_within_five_seconds(demo: tuple[Process, dict[str, Any]], how: signal.Signals) -> None:
    process, told = demo
    async with aiohttp.ClientSession() as http, http.get(f"{told['url']}/") as lingering:
        assert lingering.status == 403
        process.send_signal(how)
        async with asyncio.timeout(END):
            assert await process.wait() == 0


async def test_a_second_process_on_the_same_data_refuses_to_start(
    demo: tuple[Process, dict[str, Any]], tmp_path: Path
) -> None:
    del demo
    second = await spawn(tmp_path, "--demo", "--port", "0")
    async with asyncio.timeout(START):
        assert await second.wait() == 1
    assert "already works on" in (tmp_path / "log").read_text("utf-8")


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_a_real_configuration_starts_the_same_way_on_every_event_loop(tmp_path: Path, loop: str) -> None:
    pytest.importorskip(loop)
    config = tmp_path / "gatewayd.toml"
    text = CONFIG.format(data=tmp_path / "data", sip_port=free_port())
    own = f'log_level = "info"\nevent_loop = "{loop}"'
    config.write_text(text.replace('log_level = "error"', own), "utf-8")
    arguments = ("--demo", "--no-demo", "--config", str(config), "--ready-file", str(tmp_path / "ready"))
    process = await spawn(tmp_path, *arguments)
    told = await ready(process, tmp_path / "ready")
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert told["username"] is None
    assert told["lines"]["pager"]["kind"] == "tap"
    assert f"the event loop is that of {loop}" in (tmp_path / "log").read_text("utf-8")


async def test_a_configuration_with_errors_ends_with_exit_code_4(tmp_path: Path) -> None:
    config = tmp_path / "gatewayd.toml"
    config.write_text("[lines.x]\nkind = 'tap'\nbaudrat = 1\n", "utf-8")
    process = await spawn(tmp_path, "--config", str(config))
    assert await process.wait() == 4
    assert "did you mean" in (tmp_path / "log").read_text("utf-8")
