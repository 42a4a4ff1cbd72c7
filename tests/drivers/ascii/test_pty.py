"""The driver and the simulated panel over real pseudo-terminals, in real time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from drivers.ascii import DRIVER
from drivers.ascii.simulator import SIMULATORS, PrinterSettings, SimulatedPrinterPort
from gatewayd.clock import SystemClock
from tests.drivers.ascii.samples import AFP, AFP_RESET, AFP_SET, line
from tests.drivers.ascii.site import Gateway

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENOUGH = 5.0  # seconds; everything here takes milliseconds


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(ENOUGH):
        while not condition():  # noqa: ASYNC110 - what it waits for is a file or another's state
            await asyncio.sleep(0.001)


async def test_panel_prints_over_a_pty(tmp_path: Path) -> None:
    port, clock = tmp_path / "panel", SystemClock()
    gateway = Gateway(clock)
    panel = SimulatedPrinterPort(clock, PrinterSettings(port=str(port)))
    tasks = [asyncio.create_task(panel.run())]
    await until(port.exists)
    tasks.append(asyncio.create_task(DRIVER(gateway, line(AFP, port=str(port))).run()))
    await until(lambda: gateway.ups == 1)
    await panel.prints(AFP_SET, AFP_RESET)
    await until(lambda: bool(gateway.resets))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert gateway.alarms == ["AZF 1 ON MODULE 1"]
    assert gateway.resets == ["Z001/1.1.Z1"]


def test_simulator_is_found_by_its_name() -> None:
    assert {"ascii-panel": SimulatedPrinterPort} == SIMULATORS
    assert SimulatedPrinterPort.Settings().faults == {}
