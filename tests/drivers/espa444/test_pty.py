"""The driver and the simulators over real pseudo-terminals, in real time."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest

from drivers.espa444 import DRIVER
from drivers.espa444.simulator import SIMULATORS, PagerSettings, PanelSettings, SimulatedPager, SimulatedPanel
from gatewayd.clock import SystemClock
from gatewayd.driver import Outcome
from gatewayd.errors import LineDown
from gatewayd.model import Answer, PageAnswered
from tests.drivers.espa444.conftest import Gateway, espa, page

ENOUGH = 5.0  # seconds; everything here takes milliseconds


class Workshop:
    """Tasks that end with the test."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[Any]] = []

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.create_task(coroutine))
        return self.tasks[-1]

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


class Box(Gateway):
    """A gateway on the real clock."""

    def __init__(self) -> None:
        super().__init__(clock=SystemClock())  # type: ignore[arg-type]


@pytest.fixture
async def workshop() -> AsyncIterator[Workshop]:
    workshop = Workshop()
    yield workshop
    await workshop.stop()


async def until(condition: Any) -> None:  # noqa: ANN401 - any predicate
    async with asyncio.timeout(ENOUGH):
        while not condition():  # noqa: ASYNC110 - what it waits for is often a file or another's state
            await asyncio.sleep(0.001)


async def test_panel_calls_over_a_pty(workshop: Workshop, tmp_path: Path) -> None:
    port, box = tmp_path / "panel", Box()
    panel = SimulatedPanel(SystemClock(), PanelSettings(port=str(port), poll_interval=0))
    workshop.start(panel.run())
    await until(port.exists)
    workshop.start(DRIVER(box, espa(port=str(port))).run())
    await until(lambda: box.is_up)
    async with asyncio.timeout(ENOUGH):
        await panel.activate("2001", "FIRE ZONE 3", "1")
        await panel.reset("2001", "FIRE ZONE 3")
    assert [alarm.text for alarm in box.alarms] == ["FIRE ZONE 3"]
    assert len(box.resets) == 1


async def test_pager_is_called_and_acknowledges_over_a_pty(workshop: Workshop, tmp_path: Path) -> None:
    port, box = tmp_path / "pager", Box()
    pager = SimulatedPager(SystemClock(), PagerSettings(port=str(port), answer="6"))
    workshop.start(pager.run())
    await until(port.exists)
    driver = DRIVER(box, espa(port=str(port), role="panel", poll_interval=0.01))
    workshop.start(driver.run())
    await until(lambda: box.is_up)
    async with asyncio.timeout(ENOUGH):
        receipt = await driver.send(page("FIRE 3"))
    assert receipt.outcome is Outcome.SENT
    await until(lambda: bool(box.reports))
    assert box.reports == [PageAnswered(receipt.reference, Answer.ACCEPT)]


async def test_line_ends_when_the_device_is_unplugged_and_starts_again(workshop: Workshop, tmp_path: Path) -> None:
    port, box = tmp_path / "panel", Box()
    for text in ("BEFORE", "AFTER"):
        panel = SimulatedPanel(SystemClock(), PanelSettings(port=str(port), poll_interval=0))
        simulated = workshop.start(panel.run())
        await until(port.exists)
        box.is_up = False
        line = workshop.start(DRIVER(box, espa(port=str(port))).run())
        await until(lambda: box.is_up)
        async with asyncio.timeout(ENOUGH):
            await panel.activate("2001", text)
            simulated.cancel()
            with pytest.raises(LineDown):
                await line
    assert [alarm.text for alarm in box.alarms] == ["BEFORE", "AFTER"]


async def test_port_that_is_not_there_is_a_line_that_is_down(tmp_path: Path) -> None:
    driver = DRIVER(Box(), espa(port=str(tmp_path / "nothing")))
    with pytest.raises(LineDown):
        await driver.run()
    assert driver.port.endswith("nothing")


def test_simulators_are_found_by_their_names() -> None:
    assert set(SIMULATORS) == {"espa444-panel", "espa444-pager"}
    for simulator in SIMULATORS.values():
        assert simulator.Settings().faults == {}
