"""An engine with two lines and its control socket, and commands typed beside it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tty
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from gatewayd import registry
from gatewayd.clock import SystemClock
from gatewayd.control.server import Control
from gatewayd.engine.engine import Engine
from gatewayd.store import open_store

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gatewayd.driver import Driver
    from gatewayd.engine.line import RunningLine

NAME = "Ward\x1b7"
URL = "http://127.0.0.1:50443/"


@dataclass
class Box:
    """The gateway in this process; `printer` is the device's end of the line of that name."""

    engine: Engine
    control: Control
    data: Path
    printer: int

    @property
    def line(self) -> RunningLine:
        """The line with a device."""
        return self.engine.lines["printer"]

    def prints(self, data: bytes) -> None:
        """Let the device send bytes."""
        os.write(self.printer, data)

    async def heard(self, count: int) -> None:
        """Wait until the line has received so many bytes in all."""
        recorder = self.line.recorder
        while sum(len(piece.data) for piece in recorder.pieces() if piece.what == "in") < count:
            await recorder.wait_for(recorder.next_number)

    async def start(self, *words: str) -> Process:
        """Start a command of `gatewayd`."""
        command = (sys.executable, "-m", "gatewayd", *words, "--data", str(self.data))
        pipe = asyncio.subprocess.PIPE
        plain = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}  # as a user has it
        # A shell starts what runs in the background with SIGINT ignored, and children inherit that.
        heeding = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
        return await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=plain, preexec_fn=heeding)

    async def type(self, *words: str) -> tuple[int | None, str, str]:
        """Run a command to its end; return its exit code, output and errors."""
        process = await self.start(*words)
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def running(folder: Path, data: Path | None = None, pulse: float = 15.0) -> AsyncIterator[Box]:
    """Run a box with two printer ports, one of which has no device."""
    data = data or folder / "data"
    data.mkdir(exist_ok=True)
    device, port = os.openpty()
    tty.setraw(port)
    (folder / "printer").symlink_to(os.ttyname(port))
    async with AsyncExitStack() as stack:
        stack.callback(os.close, device)
        stack.callback(os.close, port)
        store = open_store(data)
        stack.callback(store.close)
        engine = Engine(store, SystemClock())
        for name in ("printer", "gone"):
            engine.add_line(name, partial(_driver, folder / name))
        stack.push_async_callback(engine.stop)
        engine.start()
        for line in engine.lines.values():
            await line.first_attempt.wait()
        control = Control(engine, data, lambda: URL, NAME, pulse)
        stack.push_async_callback(control.stop)
        await control.start()
        yield Box(engine, control, data, device)


def _driver(port: Path, line: RunningLine) -> Driver:
    kind = registry.load("ascii")
    return kind.driver(line, kind.settings.model_validate({"port": str(port)}))
