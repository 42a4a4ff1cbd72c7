"""Every `NAME.capture` here is a regression test: its replay has to print what `NAME.expected` says.

A line that needs settings has them beside it, as `NAME.toml`. In `NAME.expected`, `*` stands for anything: what is
random, as the tags of SIP. To add one, save a capture of a line with `gatewayd capture LINE --save NAME.capture`, take
out what is nobody's business, and keep what `gatewayd replay` prints.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from gatewayd import registry
from gatewayd.cli.player import Player
from gatewayd.cli.replay import checked, read
from gatewayd.transport.capture import Piece
from gatewayd.transport.capturefile import Capture

FOLDER = Path(__file__).parent
CAPTURES = sorted(FOLDER.glob("*.capture"))


async def replayed(capture: Capture, settings: dict[str, object]) -> list[str]:
    kind = registry.load(capture.headers["kind"])
    told: list[str] = []
    await Player(kind, checked(kind, settings), capture, lambda time, what: told.append(f"{time:10.3f}  {what}")).play()
    return told


def settings_beside(path: Path) -> dict[str, object]:
    file = path.with_suffix(".toml")
    return tomllib.loads(file.read_text("utf-8")) if file.exists() else {}


def fits(told: str, expected: str) -> bool:
    return re.fullmatch(".*".join(re.escape(part) for part in expected.split("*")), told) is not None


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
async def test_a_saved_capture_is_understood_as_it_was(path: Path) -> None:
    told = await replayed(read(path), settings_beside(path))
    expected = path.with_suffix(".expected").read_text("utf-8").splitlines()
    assert [line if fits(line, wanted) else wanted for line, wanted in zip(told, expected, strict=False)] == told
    assert len(told) == len(expected)


def test_there_are_captures_of_many_kinds_and_every_expectation_belongs_to_one() -> None:
    kinds = {read(path).headers["kind"] for path in CAPTURES}
    assert {"ascii", "comp2", "espa444", "scope", "sip", "snpp", "tap", "waveware"} <= kinds
    assert {path.stem for path in FOLDER.glob("*.expected")} == {path.stem for path in CAPTURES}


async def test_one_damaged_byte_changes_what_a_replay_tells() -> None:
    path = FOLDER / "espa444-call-and-reset.capture"
    capture = read(path)
    damaged = [
        Piece(piece.time, piece.what, piece.channel, piece.data.replace(b"ROOM 12", b"ROOM 13"))
        for piece in capture.pieces
    ]
    told = await replayed(Capture(tuple(damaged), capture.headers), settings_beside(path))
    assert not any("AlarmActivated" in line for line in told)  # the check character is wrong
    assert any("sent otherwise than recorded" in line for line in told)
