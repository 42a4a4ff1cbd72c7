"""Driver and modem on a real PTY: how fast it goes, and that a modem that vanishes comes back."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from drivers.gsm.driver import GsmDriver
from drivers.gsm.settings import GsmSettings
from drivers.gsm.simulated import ModemSettings
from drivers.gsm.simulator import SIMULATORS, GsmSimulator
from gatewayd.clock import SystemClock
from gatewayd.driver import Outcome
from gatewayd.errors import LineDown
from tests.drivers.gsm.site import ANNA, RecordingLine, page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def test_simulator_is_found_by_its_name() -> None:
    assert {"gsm": GsmSimulator} == SIMULATORS


Joined = tuple[GsmDriver, RecordingLine, GsmSimulator]


@asynccontextmanager
async def plugged_in(
    tmp_path: Path, **modem: float | str
) -> AsyncIterator[tuple[GsmDriver, RecordingLine, GsmSimulator]]:
    """Join driver and modem by a PTY; the driver is run again whenever its line is down, as the gateway does."""
    clock, link = SystemClock(), tmp_path / "modem"
    simulator = GsmSimulator(clock, ModemSettings.model_validate({"port": str(link), **modem}))
    pty = simulator.open_pty(link)
    line = RecordingLine(clock)
    driver = GsmDriver(line, GsmSettings(port=str(link)))

    async def serve() -> None:
        while True:
            with suppress(LineDown):
                await driver.run()
            await asyncio.sleep(0.01)

    task = asyncio.create_task(serve())
    try:
        async with asyncio.timeout(10):
            await line.came_up.wait()
            yield driver, line, simulator
    finally:
        task.cancel()
        await asyncio.wait([task])
        pty.close()


async def test_texts_go_both_ways_over_a_port(tmp_path: Path) -> None:
    async with plugged_in(tmp_path) as (driver, line, simulator):
        assert (await driver.send(page("Brand 🔥"))).outcome is Outcome.SENT
        await simulator.expect(ANNA, "Brand 🔥")
        await simulator.receives(ANNA, "OK")
        while not line.texts or simulator.state.memory:  # noqa: ASYNC110 - milliseconds
            await asyncio.sleep(0.005)
        assert line.texts == [(ANNA, "OK")]


async def test_modem_that_restarts_and_loses_its_port_is_back_by_itself(tmp_path: Path) -> None:
    async with plugged_in(tmp_path, reset_time=0.05) as (driver, line, simulator):
        line.came_up.clear()
        simulator.restarts()
        await line.came_up.wait()
        assert line.ups == 2
        assert (await driver.send(page("AGAIN"))).outcome is Outcome.SENT
        await simulator.expect(ANNA, "AGAIN")


async def test_modem_that_resets_under_a_message_vanishes_and_is_back_by_itself(tmp_path: Path) -> None:
    async with plugged_in(tmp_path, reset_time=0.05) as (driver, line, simulator):
        line.came_up.clear()
        simulator.faults.plan("reset")
        assert (await driver.send(page("LOST"))).outcome is Outcome.UNKNOWN
        await line.came_up.wait()
        assert (await driver.send(page("AGAIN"))).outcome is Outcome.SENT
        assert [message.text for message in simulator.sent] == ["AGAIN"]


async def test_telephone_answers_its_first_text_with_a_code_and_no_other(tmp_path: Path) -> None:
    async with plugged_in(tmp_path, answer="OK") as (driver, line, _):
        for text in ("hello", "FIRE #4711", "FIRE #4712"):
            await driver.send(page(text))
        while not line.texts:  # noqa: ASYNC110 - milliseconds
            await asyncio.sleep(0.005)
        assert line.texts == [(ANNA, "OK #4711")]


async def test_fifty_messages_a_second_are_no_effort(tmp_path: Path) -> None:
    async with plugged_in(tmp_path) as (driver, _, simulator):
        async with asyncio.timeout(2):
            for number in range(100):
                await driver.send(page(f"FIRE {number}", number=number))
        assert simulator.state.submitted == 100
