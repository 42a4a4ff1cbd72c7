"""Kamailio as the site's PBX in front of the gateway: it challenges, forwards to its phones, and may die."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from drivers.sip.phone import PhoneSettings
from drivers.sip.simulator import SIMULATORS
from gatewayd.clock import SystemClock
from gatewayd.driver import Outcome
from gatewayd.model import AlarmActivated, TextReceived
from tests.drivers.sip.net import FakeLine, Memory, page
from tests.drivers.sip.test_line_on_sockets import gateway, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from drivers.sip.driver import SipDriver
    from drivers.sip.simulator import SipPhone
    from gatewayd.driver import Receipt

CONFIGURATION = Path(__file__).with_name("kamailio.cfg")
HOST = "127.0.0.1"
pytestmark = pytest.mark.peer


def free_port() -> int:
    """Return a port that is free in TCP, and most likely in UDP."""
    with socket.socket() as one:
        one.bind((HOST, 0))
        port: int = one.getsockname()[1]
    return port


class Kamailio:
    """A PBX with any user whose password is `pw`, in the foreground."""

    def __init__(self, folder: Path, algorithm: str) -> None:
        found = shutil.which("kamailio", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        if found is None:
            pytest.skip("kamailio is not installed (Debian: kamailio)")
        self.port = free_port()
        text = CONFIGURATION.read_text().replace("ADDRESS", HOST).replace("PORT", str(self.port))
        (folder / "kamailio.cfg").write_text(text.replace("ALGORITHM", algorithm))
        folders = ["-f", f"{folder}/kamailio.cfg", "-w", str(folder), "-Y", str(folder), "-P", f"{folder}/pid"]
        self._command = [found, *folders, "-DD", "-E", "-m", "32", "-M", "4"]
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start and wait until the port is open."""
        quiet = asyncio.subprocess.DEVNULL
        self._process = await asyncio.create_subprocess_exec(*self._command, stdout=quiet, stderr=quiet)
        for _ in range(500):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(HOST, self.port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0.01)
        pytest.fail("kamailio did not open its port")

    async def stop(self) -> None:
        """End it and its children."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(self._process.wait(), 20)


@contextlib.asynccontextmanager
async def kamailio(folder: Path, algorithm: str = "MD5") -> AsyncIterator[Kamailio]:
    pbx = Kamailio(folder, algorithm)
    await pbx.start()
    try:
        yield pbx
    finally:
        await pbx.stop()


@contextlib.asynccontextmanager
async def phone_of(pbx: Kamailio, user: str) -> AsyncIterator[SipPhone]:
    given = {"registrar_port": pbx.port, "domain": "pbx.site", "user": user, "password": "pw", "gateway_user": "alarms"}
    one: SipPhone = SIMULATORS["sip-phone"](SystemClock(), PhoneSettings.model_validate(given))
    async with running(one):
        await asyncio.wait_for(one.registered.wait(), 5)
        assert one.registration_status == 200
        yield one


def settings_of(pbx: Kamailio, transport: str) -> dict[str, object]:
    servers = (f"sip:{HOST}:{pbx.port};transport={transport}",)
    return {"pbx": {"servers": servers, "domain": "pbx.site", "user": "alarms", "password": "pw", "check_interval": 5}}


async def sent(driver: SipDriver, text: str, address: str) -> Receipt:
    """Send a page as soon as the gateway is registered."""
    receipt = await driver.send(page(text, address))
    for _ in range(500):
        if receipt.detail != "registered at no PBX":
            break
        await asyncio.sleep(0.01)
        receipt = await driver.send(page(text, address))
    return receipt


@pytest.mark.parametrize(("transport", "algorithm"), [("udp", "MD5"), ("tcp", "MD5"), ("udp", "SHA-256")])
async def test_texts_go_both_ways_through_kamailio(tmp_path: Path, transport: str, algorithm: str) -> None:
    line = FakeLine()
    async with (
        kamailio(tmp_path, algorithm) as pbx,
        gateway(line, **settings_of(pbx, transport)) as driver,
        phone_of(pbx, "777") as handset,
    ):
        assert (await sent(driver, "FIRE 3 #12", "777")).outcome is Outcome.RECEIVED
        shown = await asyncio.wait_for(handset.expect("FIRE 3"), 5)
        assert shown.sender == "sip:alarms@pbx.site"
        assert shown.headers["priority"] == "emergency"
        assert await handset.reply("#12") == 200
    [text] = line.reports
    assert isinstance(text, TextReceived)
    assert (text.sender, text.text, text.recipient) == ("777", "OK #12", "")


async def test_a_text_too_long_for_a_datagram_goes_to_kamailio_over_tcp(tmp_path: Path) -> None:
    async with (
        kamailio(tmp_path) as pbx,
        gateway(FakeLine(), **settings_of(pbx, "udp")) as driver,
        phone_of(pbx, "777") as handset,
    ):
        assert (await sent(driver, "FIRE " + "x" * 1500, "777")).outcome is Outcome.RECEIVED
        shown = await asyncio.wait_for(handset.expect("FIRE"), 5)
        assert len(shown.text) == 1505
        assert driver._session is not None
        assert len(driver._session._sockets._adapters) == 1


async def test_a_user_whom_kamailio_cannot_reach_is_tried_again_later(tmp_path: Path) -> None:
    async with kamailio(tmp_path) as pbx, gateway(FakeLine(), **settings_of(pbx, "udp")) as driver:
        receipt = await sent(driver, "FIRE", "778")
        assert (receipt.outcome, receipt.detail) == (Outcome.FAILED, "480 Temporarily Unavailable")


async def test_a_gateway_that_was_killed_registers_again_where_only_one_contact_is_taken(tmp_path: Path) -> None:
    memory, port = Memory(), free_port()
    async with kamailio(tmp_path) as pbx:
        for _ in range(2):
            line = FakeLine(memory=memory)
            async with gateway(line, port=port, **settings_of(pbx, "udp")) as driver:
                assert (await sent(driver, "FIRE", "778")).detail == "480 Temporarily Unavailable"
                assert line.reports == []


async def test_the_death_of_kamailio_is_noticed_and_its_return_too(tmp_path: Path) -> None:
    line = FakeLine()
    async with kamailio(tmp_path) as pbx, gateway(line, **settings_of(pbx, "udp")) as driver:
        assert (await sent(driver, "FIRE", "778")).detail == "480 Temporarily Unavailable"
        await pbx.stop()
        await asyncio.wait_for(line.reported.wait(), 10)
        [fault] = line.reports
        assert isinstance(fault, AlarmActivated)
        assert fault.key == "pbx-lost"
        assert (await driver.send(page("FIRE", "778"))).detail == "registered at no PBX"
        line.reported.clear()
        await pbx.start()
        await asyncio.wait_for(line.reported.wait(), 10)
        assert (await driver.send(page("FIRE", "778"))).detail == "480 Temporarily Unavailable"
