"""Captures fed to a line that runs: the device's half is played, the gateway's half is compared."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gatewayd.cli import ends, feeder
from gatewayd.cli.ends import Clients, Device, Ends, Server
from gatewayd.cli.feeder import Feeder
from gatewayd.cli.replay import read
from gatewayd.errors import GatewayError
from gatewayd.transport.capture import Piece
from gatewayd.transport.capturefile import Capture
from tests.cli.recording import Recording
from tests.cli.test_replay_networks import MESSAGE, connected, say

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

CALL = read(Path(__file__).parents[1] / "captures" / "espa444-call-and-reset.capture")
SAME = "the gateway said what it said then"


@pytest.fixture
def kinds() -> None:
    """Use the kinds that gatewayd ships with."""


@pytest.fixture(autouse=True)
def short_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeder, "TAIL", 0.05)


async def fed(capture: Capture, joined: Ends, speed: float = 0.0) -> list[str]:
    told: list[str] = []
    await Feeder(capture, joined, lambda _, what: told.append(what), speed).feed()
    return told


def reports(recording: Recording) -> list[str]:
    return [what.split()[0] for what in recording.told if what.startswith(("Alarm", "Text"))]


def changed(capture: Capture, before: bytes, after: bytes) -> Capture:
    return Capture(tuple(piece._replace(data=piece.data.replace(before, after)) for piece in capture.pieces))


async def test_a_running_serial_line_hears_a_capture_and_answers_as_it_did_then(tmp_path: Path) -> None:
    device = Device(tmp_path / "panel")
    async with Recording("espa444", port=str(tmp_path / "panel")) as line:
        assert await fed(CALL, device) == [SAME]
        assert reports(line) == ["AlarmActivated", "AlarmReset"]
    device.close()


async def test_an_answer_that_differs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeder, "PATIENCE", 0.2)
    device = Device(tmp_path / "panel")
    async with Recording("espa444", port=str(tmp_path / "panel")) as line:
        told = await fed(changed(CALL, b"ROOM 12", b"ROOM 13"), device)  # its check character is wrong now
        assert "AlarmActivated" not in reports(line)
    assert told[-1] == "the gateway said something else"
    assert "agree" in told[0]
    device.close()


async def test_time_passes_as_it_did_then_at_the_speed_that_is_asked_for(tmp_path: Path) -> None:
    device, speed = Device(tmp_path / "panel"), 20.0
    async with Recording("espa444", port=str(tmp_path / "panel")):
        began = time.monotonic()
        assert await fed(CALL, device, speed) == [SAME]
        assert time.monotonic() - began >= CALL.pieces[-1].time / speed
    device.close()


async def test_a_running_line_behind_a_device_server_is_fed_by_being_that_server() -> None:
    device = Server()
    server = await device.listen(0)
    host, port = server.sockets[0].getsockname()
    async with Recording("espa444", port=f"socket://{host}:{port}") as line:
        assert await fed(CALL, device) == [SAME]
        assert reports(line) == ["AlarmActivated", "AlarmReset"]
    await device.restart()
    server.close()


async def test_clients_of_a_running_line_are_played_each_on_its_own_connection() -> None:
    async with Recording("snpp", port=0) as line:
        for pager in ("2001", "2002"):
            client = await connected(line)
            await client[0].readline()
            await say(client, f"PAGE {pager}", "MESS FIRE", "SEND", "QUIT")
            client[1].close()
            await client[1].wait_closed()
        capture = line.saved()
    async with Recording("snpp", port=0) as again:
        assert again.driver.bound is not None
        assert await fed(capture, Clients(again.driver.bound)) == [SAME]
        assert reports(again) == ["TextReceived", "TextReceived"]


async def test_datagrams_are_sent_to_a_running_line() -> None:
    piece = Piece(0.0, "in", "192.0.2.9:5060", MESSAGE.encode())
    answer = Piece(0.1, "out", "192.0.2.9:5060", b"?" * 10)
    async with Recording("sip", host="127.0.0.1", port=0, authenticate=False) as line:
        assert line.driver.bound is not None
        phones = Clients(line.driver.bound)
        told = await fed(Capture((piece, answer)), phones)
        assert reports(line) == ["TextReceived"]
        assert "the first 0 agree" in told[0]
        await phones.restart()


async def test_a_gateway_that_never_opens_its_end_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends, "ARRIVAL", 0.1)
    device = Device(tmp_path / "panel")
    with pytest.raises(GatewayError, match="nobody opened"):
        await fed(CALL, device)
    device.close()
    with pytest.raises(GatewayError, match="nobody connected"):
        await fed(CALL, Server())
    with pytest.raises(GatewayError, match="cannot connect"):
        await fed(CALL, Clients(("127.0.0.1", 1)))


@pytest.mark.parametrize(
    ("words", "code"), [(("--to", "nowhere"), 1), (("--to", "127.0.0.1:1"), 1), (("--to", "a:1", "--listen", "1"), 2)]
)
def test_a_gateway_that_cannot_be_meant_is_refused(words: tuple[str, ...], code: int, shell: Shell) -> None:
    capture = shell.write("a.capture", "# gatewayd capture 1\n0 in 1 x\n")
    assert shell.type("replay", capture, *words).code == code


def test_a_real_device_or_file_is_never_replaced(shell: Shell) -> None:
    capture = shell.write("a.capture", "# gatewayd capture 1\n0 in 1 x\n")
    for path in (capture, "/dev/ttyUSB77", "/dev/serial/by-id/usb-1"):
        ended = shell.type("replay", capture, "--device", path)
        assert (ended.code, "is there already" in ended.err) == (1, True)
    assert Path(capture).read_text().startswith("# gatewayd capture 1")


async def test_the_command_is_the_device_of_a_running_gateway(shell: Shell) -> None:
    capture = shell.write("a.capture", "# gatewayd capture 1\n0 open -\n0 in 1 FIRE 3<CR><LF>\n0.01 in 1 BED<CR><LF>\n")
    device = str(shell.folder / "printer")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gatewayd", "replay", capture, "--device", device), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert (await process.stdout.readline()).startswith(b"     0.000  ")
    async with Recording("ascii", port=device) as line:
        out, _ = await process.communicate()
        assert (process.returncode, SAME in out.decode()) == (0, True)
        await line.tells("AlarmActivated", 2)
    assert reports(line) == ["AlarmActivated", "AlarmActivated"]
