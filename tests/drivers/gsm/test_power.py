"""The power command: it runs once, with what it was given, and nothing that it does stops the line."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from typing import TYPE_CHECKING

import pytest

from drivers.gsm.power import LIMIT, cycle_power
from gatewayd.clock import ManualClock
from tests.drivers.gsm.site import RecordingLine

if TYPE_CHECKING:
    from pathlib import Path


def program(folder: Path, body: str) -> str:
    path = folder / "power"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(stat.S_IRWXU)
    return str(path)


def hanging(folder: Path) -> str:
    """Make a program that says who it is and never ends."""
    os.mkfifo(folder / "who")
    return program(folder, f"echo $$ > {folder}/who\nexec sleep 600")


async def process_of(folder: Path) -> int:
    return int(await asyncio.wait_for(asyncio.to_thread((folder / "who").read_text), 10))


@pytest.fixture
def line() -> RecordingLine:
    return RecordingLine(ManualClock())


async def test_program_runs_with_its_arguments_and_is_waited_for(tmp_path: Path, line: RecordingLine) -> None:
    command = program(tmp_path, f'echo "$@" > {tmp_path}/done')
    await cycle_power((command, "relay", "3; rm x"), line)
    assert (tmp_path / "done").read_text() == "relay 3; rm x\n"
    assert line.counts == {"power_cycles": 1}


@pytest.mark.parametrize(("body", "words"), [("exit 3", "failed with exit code 3"), ("exit 0", "")])
async def test_program_that_fails_is_logged(
    body: str, words: str, tmp_path: Path, line: RecordingLine, caplog: pytest.LogCaptureFixture
) -> None:
    await cycle_power((program(tmp_path, body),), line)
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert (words in errors[0]) if words else not errors


async def test_program_that_is_not_there_is_logged(line: RecordingLine, caplog: pytest.LogCaptureFixture) -> None:
    await cycle_power(("/nowhere/power",), line)
    assert "/nowhere/power cannot be run" in caplog.text


async def test_program_that_hangs_is_ended_after_its_limit(
    tmp_path: Path, line: RecordingLine, caplog: pytest.LogCaptureFixture
) -> None:
    task = asyncio.create_task(cycle_power((hanging(tmp_path),), line))
    assert isinstance(line.clock, ManualClock)
    process = await process_of(tmp_path)
    await line.clock.advance(LIMIT - 1)
    assert not task.done()
    await line.clock.advance(2)
    await asyncio.wait_for(task, 10)
    assert "did not end within 30 s" in caplog.text
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


async def test_line_that_is_stopped_meanwhile_leaves_no_program_behind(tmp_path: Path, line: RecordingLine) -> None:
    task = asyncio.create_task(cycle_power((hanging(tmp_path),), line))
    process = await process_of(tmp_path)
    task.cancel()
    await asyncio.wait([task])
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
