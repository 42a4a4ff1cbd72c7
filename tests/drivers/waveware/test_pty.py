"""The driver and the simulated encoder over a real pseudo-terminal, in real time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from drivers.waveware import DRIVER, SETTINGS
from drivers.waveware.simulator import SIMULATORS, EncoderSettings, SimulatedEncoder
from gatewayd.clock import SystemClock
from gatewayd.driver import Outcome
from gatewayd.errors import LineDown
from tests.drivers.waveware.site import Gateway, page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENOUGH = 5.0  # seconds; everything here takes milliseconds


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(ENOUGH):
        while not condition():  # noqa: ASYNC110 - what it waits for is a file or another's state
            await asyncio.sleep(0.001)


async def test_page_goes_over_a_pty_and_a_pulled_plug_is_line_down(tmp_path: Path) -> None:
    port, clock = tmp_path / "encoder", SystemClock()
    gateway, encoder = Gateway(clock), SimulatedEncoder(clock, EncoderSettings(port=str(port)))
    simulated = asyncio.create_task(encoder.run())
    await until(port.exists)
    driver = DRIVER(gateway, SETTINGS.model_validate({"port": str(port), "baudrate": 115_200}))
    line = asyncio.create_task(driver.run())
    await until(lambda: gateway.ups == 1)
    async with asyncio.timeout(ENOUGH):
        assert (await driver.send(page("FIRE 3"))).outcome is Outcome.SENT
        simulated.cancel()
        with pytest.raises(LineDown):
            await line
    (sent,) = encoder.pages
    assert (sent.text, sent.head) == ("FIRE 3", "A546180")


def test_simulator_is_found_by_its_name() -> None:
    assert {"waveware": SimulatedEncoder} == SIMULATORS
    assert SimulatedEncoder.Settings().faults == {}
