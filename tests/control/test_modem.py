"""`gatewayd modem`: a command goes through the running daemon to the modem and comes back; what disturbs is refused."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
import pytest

from drivers.gsm.simulated import ModemSettings
from drivers.gsm.simulator import GsmSimulator
from gatewayd import registry
from gatewayd.clock import SystemClock
from gatewayd.control import SOCKET
from gatewayd.control.server import Control
from gatewayd.engine.engine import Engine
from gatewayd.store import open_store
from tests.control.box import URL, Box

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gatewayd.driver import Driver
    from gatewayd.engine.line import RunningLine

pytestmark = pytest.mark.timeout(60)


@asynccontextmanager
async def running(folder: Path, pin: str = "") -> AsyncIterator[Box]:
    """Run a box with a modem, and with one whose port is missing."""
    data = folder / "data"
    data.mkdir()
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        modem = GsmSimulator(clock, ModemSettings(port=str(folder / "sms"), pin=pin))
        stack.callback(modem.open_pty(folder / "sms").close)
        store = open_store(data)
        stack.callback(store.close)
        engine = Engine(store, clock)
        for name in ("sms", "gone"):
            engine.add_line(name, partial(_driver, folder / name, pin), "pool")
        stack.push_async_callback(engine.stop)
        engine.start()
        for line in engine.lines.values():
            await line.first_attempt.wait()
        control = Control(engine, data, lambda: URL)
        stack.push_async_callback(control.stop)
        await control.start()
        yield Box(engine, control, data, -1)


def _driver(port: Path, pin: str, line: RunningLine) -> Driver:
    kind = registry.load("gsm")
    return kind.driver(line, kind.settings.model_validate({"port": str(port), "pin": pin}))


async def test_a_question_is_answered_by_the_modem_of_the_running_line(tmp_path: Path) -> None:
    async with running(tmp_path) as box:
        assert await box.type("modem", "sms", "at", "AT+CSQ") == (0, "+CSQ: 20,99\nOK\n", "")
        code, out, _ = await box.type("modem", "sms", "at", "AT+CPMS=?", "--json")
        assert (code, json.loads(out)["answer"][-1]) == (0, "OK")
        assert box.engine.lines["sms"].is_up


async def test_an_error_of_the_modem_is_a_failure(tmp_path: Path) -> None:
    async with running(tmp_path) as box:
        assert await box.type("modem", "sms", "at", "AT+CMGR=99", "--force") == (1, "+CMS ERROR: 321\n", "")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("sms", "at", "AT+CFUN=1,1"), "only questions are let through without --force"),
        (("sms", "at", "HELLO"), "begins with AT"),
        (("sms", "at", "AT", "--timeout", "900"), "from 0.5 to 60"),
        (("nowhere", "at", "AT"), "there is no line 'nowhere'"),
        (("gone", "at", "AT"), "not ready"),
        (("pool", "at", "AT"), "a pool line takes no commands"),
    ],
)
async def test_what_cannot_be_done_is_said(words: tuple[str, ...], complaint: str, tmp_path: Path) -> None:
    async with running(tmp_path) as box:
        code, out, errors = await box.type("modem", *words)
        assert (code, out) == (1, "")
        assert complaint in errors


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"command": 3}', b'{"command": "AT", "seconds": true}', b'{"command": "AT", "force": 1}'],
)
async def test_a_request_that_makes_no_sense_is_refused(body: bytes, tmp_path: Path) -> None:
    async with running(tmp_path) as box:
        connector = aiohttp.UnixConnector(str(box.data / SOCKET))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.post("http://box/lines/sms/command", data=body) as response,
        ):
            assert response.status == 400
            assert set(await response.json()) == {"error"}


@pytest.mark.parametrize("command", ['AT+CPIN="4711"', 'AT+CPIN "4711"', 'at+clck="SC",0,"4711"'])
async def test_the_pin_in_a_command_is_in_no_log_and_no_capture(
    command: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with running(tmp_path) as box:
        await box.type("modem", "sms", "at", command, "--force")
        _, capture, _ = await box.type("capture", "sms")
    assert "4711" not in caplog.text
    assert "operator" in caplog.text
    assert "4711" not in capture


async def test_the_pin_of_the_configuration_is_in_no_log_and_no_capture(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with running(tmp_path, pin="4711") as box:
        assert box.engine.lines["sms"].is_up
        _, capture, _ = await box.type("capture", "sms")
    assert "AT+CPIN*******" in capture
    assert "4711" not in capture + caplog.text
