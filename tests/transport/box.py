"""A whole engine with one TAP line, and a simulated paging terminal somewhere behind it."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from drivers.tap.simulator import TapSimulator, TerminalSettings
from gatewayd import registry
from gatewayd.clock import SystemClock
from gatewayd.engine.engine import Engine
from gatewayd.model import AlarmActivated, Contact, Site
from gatewayd.store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gatewayd.driver import Driver
    from gatewayd.engine.line import RunningLine
    from gatewayd.transport.pty import Pty

PAGER = Contact(1, "pager", "pager", "2001")


@dataclass
class Box:
    """The gateway, its line, and the terminal with its cable."""

    engine: Engine
    terminal: TapSimulator
    cable: Pty

    @property
    def line(self) -> RunningLine:
        """The line to the terminal."""
        return self.engine.lines["pager"]

    async def alarm(self, *numbers: int) -> None:
        """Report alarms, each of which pages the pager once."""
        for number in numbers:
            await self.engine.report("panel", AlarmActivated(str(number), f"FIRE {number}"))

    async def shown(self, number: int, within: float) -> float:
        """Wait until the pager shows an alarm; return how long that took, in seconds."""
        began = time.monotonic()
        await self.terminal.expect(PAGER.address, f"panel: FIRE {number}", within)
        return time.monotonic() - began

    async def comes(self, *, up: bool, within: float) -> float:
        """Wait until the line is up or down; return how long that took, in seconds."""
        began = time.monotonic()
        async with asyncio.timeout(within):
            while self.line.is_up != up:  # noqa: ASYNC110 - a line does not tell
                await asyncio.sleep(0.005)
        return time.monotonic() - began

    def alarms(self) -> list[int]:
        """Return the numbers of the alarms that the terminal took, in order, without repetitions or faults."""
        texts = dict.fromkeys(page.text for page in self.terminal.pages)
        return [int(text.removeprefix("panel: FIRE ")) for text in texts if text.startswith("panel: ")]


@asynccontextmanager
async def running(folder: Path, port: str, **settings: object) -> AsyncIterator[Box]:
    """Run a box whose line has this port; the terminal is plugged in at `terminal` in the folder."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        terminal = TapSimulator(clock, TerminalSettings(port=""))
        cable = terminal.open_pty(folder / "terminal")
        stack.callback(cable.close)
        store = open_store(folder)
        stack.callback(store.close)
        store.save_site(Site(contacts=(PAGER,), fallback_id=PAGER.id))
        engine = Engine(store, clock)
        engine.add_line("pager", partial(_driver, {"port": port, **settings}))
        stack.push_async_callback(engine.stop)
        engine.start()
        yield Box(engine, terminal, cable)


def _driver(settings: dict[str, object], line: RunningLine) -> Driver:
    kind = registry.load("tap")
    return kind.driver(line, kind.settings.model_validate(settings))
