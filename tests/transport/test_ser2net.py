"""A line behind ser2net, a device server that others wrote: raw TCP in front of a pseudo-terminal."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from tests.transport.box import Box, running

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

NOTICED, SENDING_AGAIN, SILENT = 10.0, 5.0, 30.0  # seconds; the promises
pytestmark = [
    pytest.mark.peer,
    pytest.mark.timeout(90),
    pytest.mark.skipif(not shutil.which("ser2net"), reason="ser2net is not installed; tools/test --all installs it"),
]

CONFIG = """%YAML 1.1
---
connection: &terminal
  accepter: tcp,127.0.0.1,{port}
  enable: on
  options:
    kickolduser: true
  connector: serialdev(nouucplock=true),{device},9600n81,local
"""


class Server:
    """One ser2net, as a process of ours; it may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._config = folder / "ser2net.yaml"
        self._config.write_text(CONFIG.format(port=self.port, device=folder / "terminal"))
        self._pid_file = folder / "ser2net.pid"
        self._process: Process | None = None

    async def start(self) -> None:
        command = ("ser2net", "-n", "-c", str(self._config), "-P", str(self._pid_file))
        quiet = asyncio.subprocess.DEVNULL
        self._process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)

    async def answers(self) -> None:
        """Wait until it listens."""
        async with asyncio.timeout(5):
            while True:
                with suppress(ConnectionRefusedError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.01)

    def freeze(self) -> None:
        """Let it hold its connections and do nothing."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def served(folder: Path, **settings: object) -> AsyncIterator[tuple[Box, Server]]:
    server = Server(folder)
    try:
        await server.start()
        await server.answers()
        async with running(folder, f"socket://127.0.0.1:{server.port}", **settings) as box:
            await box.comes(up=True, within=SENDING_AGAIN)
            yield box, server
    finally:
        await server.kill()


async def test_pages_go_through_ser2net_in_order(tmp_path: Path) -> None:
    async with served(tmp_path) as (box, _):
        await box.alarm(*range(1, 21))
        await box.shown(20, within=30)
        assert box.alarms() == list(range(1, 21))


async def test_when_ser2net_dies_the_line_is_down_and_pages_go_on_in_order_when_it_is_back(tmp_path: Path) -> None:
    async with served(tmp_path, permanent=True) as (box, server):
        await box.alarm(1)
        await box.shown(1, within=5)
        await server.kill()
        assert await box.comes(up=False, within=NOTICED) < NOTICED
        await box.alarm(2, 3, 4, 5, 6)
        await server.start()
        assert await box.shown(2, within=SENDING_AGAIN) < SENDING_AGAIN
        await box.shown(6, within=SENDING_AGAIN)
        assert box.alarms() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("rounds", [3])
async def test_ser2net_may_die_in_the_middle_of_a_page_again_and_again(tmp_path: Path, rounds: int) -> None:
    async with served(tmp_path, permanent=True) as (box, server):
        for first in range(1, 1 + 4 * rounds, 4):
            box.terminal.faults.plan("dead")
            sent = box.line.recorder.tallies["bytes_out"]
            await box.alarm(*range(first, first + 4))
            while box.line.recorder.tallies["bytes_out"] == sent:
                await box.line.recorder.wait_for(box.line.recorder.next_number)
            await server.kill()
            await box.comes(up=False, within=NOTICED)
            box.terminal.faults.repair("dead")
            await server.start()
            await box.shown(first, within=SENDING_AGAIN)
            await box.shown(first + 3, within=SENDING_AGAIN)
        assert box.alarms() == list(range(1, 1 + 4 * rounds))


async def test_a_device_server_that_freezes_is_noticed_as_a_silent_interface(tmp_path: Path) -> None:
    async with served(tmp_path) as (box, server):
        server.freeze()
        assert await box.comes(up=False, within=SILENT) < SILENT
        await server.kill()
        await server.start()
        assert await box.comes(up=True, within=SENDING_AGAIN) < SENDING_AGAIN
