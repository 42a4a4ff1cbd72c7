from __future__ import annotations

import asyncio
import json
import signal
import stat
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientConnectionError

from gatewayd.clock import ManualClock
from gatewayd.control.server import _follow
from gatewayd.transport.capture import Recorder
from gatewayd.transport.capturefile import parse
from tests.control.box import running

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(30)


async def test_a_capture_shows_what_went_over_the_line_with_the_names_of_control_codes(tmp_path: Path) -> None:
    async with running(tmp_path) as box:
        box.prints(b"\x02FIRE 3 \xe4\r\n")
        await box.heard(11)
        code, out, _ = await box.type("capture", "printer")
        assert code == 0
        opened, received, *_ = out.splitlines()  # and what the line was told of its alarm
        assert opened.split()[2:] == ["-", "="]
        assert received.endswith("1 < <STX>FIRE 3 <0xE4><CR><LF>")


async def test_a_saved_capture_is_byte_exact_and_for_its_owner_only(tmp_path: Path) -> None:
    async with running(tmp_path) as box:
        box.prints(bytes(range(256)))
        await box.heard(256)
        path = tmp_path / "panel.capture"
        code, out, _ = await box.type("capture", "printer", "--save", str(path), "--json")
        assert (code, json.loads(out)["ok"]) == (0, True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    saved = parse(path.read_text("utf-8"), "panel.capture")
    assert b"".join(piece.data for piece in saved.pieces if piece.what == "in") == bytes(range(256))
    assert (saved.headers["line"], saved.headers["kind"]) == ("printer", "ascii")


async def test_a_capture_never_overwrites_a_file(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    async with running(tmp_path) as box:
        code, _, err = await box.type("capture", "printer", "--save", str(tmp_path / "kept"))
        assert (code, (tmp_path / "kept").read_text()) == (1, "kept")
        assert "File exists" in err


async def test_a_followed_capture_shows_what_comes_later_until_it_is_interrupted(tmp_path: Path) -> None:
    async with running(tmp_path) as box:
        path = tmp_path / "panel.capture"
        process = await box.start("capture", "printer", "--follow", "--save", str(path))
        assert process.stdout is not None
        assert b"=" in await process.stdout.readline()
        box.prints(b"FIRE 3\r\n")
        assert b"< FIRE 3<CR><LF>" in await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    received = [piece for piece in parse(path.read_text("utf-8"), "panel.capture").pieces if piece.what == "in"]
    assert [piece.data for piece in received] == [b"FIRE 3\r\n"]


async def test_a_follower_of_a_silent_line_stays_and_one_that_has_gone_is_forgotten(tmp_path: Path) -> None:
    async with running(tmp_path, pulse=0.02) as box:
        process = await box.start("capture", "printer", "--follow")
        assert process.stdout is not None
        await process.stdout.readline()
        await asyncio.sleep(0.1)
        assert (process.returncode, len(box.line.recorder._followers)) == (None, 1)
        process.kill()
        await process.wait()
        for _ in range(500):
            if not box.line.recorder._followers:
                break
            await asyncio.sleep(0.01)
        assert box.line.recorder._followers == []


async def test_a_follower_ends_with_the_gateway(tmp_path: Path) -> None:
    async with running(tmp_path) as box:
        process = await box.start("capture", "printer", "--follow")
        assert process.stdout is not None
        await process.stdout.readline()
    assert await process.wait() in (0, 3)


async def test_a_line_that_does_not_exist_is_named(tmp_path: Path) -> None:
    async with running(tmp_path) as box:
        code, _, err = await box.type("capture", "no/such line")
        assert (code, err) == (1, "gatewayd: there is no line 'no/such line'; known: gone, printer\n")


class Slow:
    """A follower's connection that ends after its first piece of news."""

    def __init__(self) -> None:
        self.written = b""

    async def write(self, data: bytes) -> None:
        self.written += data
        raise ClientConnectionError


async def test_a_follower_that_is_too_slow_is_told_how_much_it_missed() -> None:
    recorder, slow = Recorder(ManualClock(), most_pieces=3), Slow()
    for number in range(10):
        recorder.record("in", "1", b"%d" % number)
    with pytest.raises(ClientConnectionError):
        await _follow(slow, recorder, 2, 1.0)  # type: ignore[arg-type]  # it only has to write
    lost, *pieces = [json.loads(text) for text in slow.written.splitlines()]
    assert lost == {"lost": 5}
    assert [piece["data"] for piece in pieces] == ["7", "8", "9"]
