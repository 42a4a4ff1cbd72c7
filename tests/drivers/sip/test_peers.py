"""Real programs of others against the line: sipp sends texts with an MD5 digest, aiosip registers and sends one."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import pytest

from gatewayd.model import TextReceived
from tests.drivers.sip.net import FakeLine
from tests.drivers.sip.test_line_on_sockets import gateway

SCENARIO = Path(__file__).with_name("message.xml")
CLIENT = Path(__file__).with_name("aiosip_client.py")
CALLS = 20
pytestmark = pytest.mark.peer


async def run(*command: str, folder: Path) -> tuple[int, str]:
    """Run a program to its end and return its status and what it said."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), 40)
    except TimeoutError:
        process.kill()
        said, _ = await process.communicate()
    return process.returncode or 0, said.decode("utf-8", "replace")


def sipp() -> str:
    found = shutil.which("sipp")
    if found is None:
        pytest.skip("sipp is not installed (Debian: sip-tester)")
    return found


def command(driver_port: int, *more: str) -> list[str]:
    gateway_address = f"127.0.0.1:{driver_port}"
    return [
        sipp(),
        gateway_address,
        "-sf",
        str(SCENARIO),
        "-i",
        "127.0.0.1",
        "-m",
        str(CALLS),
        "-r",
        "40",
        "-nostdin",
        *more,
    ]


@pytest.mark.parametrize("transport", ["u1", "t1"])
async def test_sipp_sends_texts_with_a_digest(tmp_path: Path, transport: str) -> None:
    line = FakeLine()
    async with gateway(line, domains=("gateway.local", "127.0.0.1"), algorithms=("MD5",)) as driver:
        assert driver.bound is not None
        status, said = await run(*command(driver.bound[1], "-t", transport), folder=tmp_path)
    assert status == 0, said[-3000:]
    texts = sorted(report.text for report in line.reports if isinstance(report, TextReceived))
    assert texts == sorted(f"call {number}" for number in range(1, CALLS + 1))


async def test_sipp_repeats_what_was_lost_and_no_text_comes_twice(tmp_path: Path) -> None:
    """Half of sipp's datagrams are lost on its side; its retransmissions are answered as the first was."""
    line = FakeLine()
    async with gateway(line, domains=("gateway.local", "127.0.0.1"), algorithms=("MD5",)) as driver:
        assert driver.bound is not None
        status, said = await run(*command(driver.bound[1], "-lost", "25"), folder=tmp_path)
    assert status == 0, said[-3000:]
    assert len(line.reports) == CALLS
    assert line.counters["retransmissions"] > 0


def aiosip(port: int, password: str) -> list[str]:
    return [sys.executable, str(CLIENT), str(port), "2001", password, "help in room 12"]


async def test_aiosip_registers_and_sends_a_text(tmp_path: Path) -> None:
    """It knows MD5 alone, repeats the branch on its second request, and computes digests as RFC 2069 says."""
    line = FakeLine()
    async with gateway(line, algorithms=("MD5",)) as driver:
        assert driver.bound is not None
        status, said = await run(*aiosip(driver.bound[1], "s3cret"), folder=tmp_path)
        assert (status, said) == (0, "200 200"), said[-3000:]
    assert "bindings/2001" in line.memory.saved
    assert line.said == [("2001", "help in room 12")]


async def test_aiosip_with_a_wrong_password_does_not(tmp_path: Path) -> None:
    line = FakeLine()
    async with gateway(line, algorithms=("MD5",)) as driver:
        assert driver.bound is not None
        status, _ = await run(*aiosip(driver.bound[1], "guess"), folder=tmp_path)
    assert status != 0
    assert line.counters["wrong_passwords"] > 0
    assert "bindings/2001" not in line.memory.saved
    assert line.reports == []
