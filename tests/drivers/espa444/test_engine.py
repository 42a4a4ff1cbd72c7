"""A whole engine between a simulated panel and a simulated transmitter: the panel hears what really happened."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

import pytest

from drivers.espa444 import DRIVER
from drivers.espa444.simulator import PagerSettings, PanelSettings, SimulatedPager, SimulatedPanel
from gatewayd.clock import ManualClock, settle
from gatewayd.engine.engine import Engine
from gatewayd.model import AlarmDefinition, Contact, Plan, Route, Site, Step
from gatewayd.store import open_store
from gatewayd.transport.memory import connect
from tests.drivers.espa444.conftest import espa

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from gatewayd.engine.line import RunningLine
    from gatewayd.model import Alarm
    from gatewayd.transport.adapter import StreamAdapter

FIRE = "FIRE ZONE 3"
WARD = 10
HOUSE = Site(
    contacts=(Contact(WARD, "ward-pager", "pagers", "2001"), Contact(11, "porter", "pagers", "2002")),
    plans=(Plan(30, "ward-calls", (Step((WARD,), 60.0), Step((11,), 60.0))),),
    definitions=(AlarmDefinition(40, "ward", 30),),
    routes=(Route(50, 1, 40),),
)


class House:
    """One gateway with two ESPA lines; `start` again after `kill` has the same disk."""

    def __init__(self, data: Path, **panel_line: Any) -> None:  # noqa: ANN401 - settings of the panel's line
        self._data = data
        self._panel_line = panel_line
        self.clock = ManualClock()
        self.tasks: list[asyncio.Task[Any]] = []

    async def start(self) -> None:
        self.store = open_store(self._data)
        self.store.writer.slow_commit = math.inf  # commits stay within reach of the manual clock
        self.store.save_site(HOUSE)
        self.engine = Engine(self.store, self.clock)
        self.panel = SimulatedPanel(self.clock, PanelSettings())
        self.pager = SimulatedPager(self.clock, PagerSettings())
        self._add("panel", self.panel.adapter, {"role": "pager"} | self._panel_line)
        self._add("pagers", self.pager.adapter, {"role": "panel"})
        self.engine.start()
        self.tasks = [asyncio.create_task(device.serve()) for device in (self.panel, self.pager)]
        await settle()

    def _add(self, name: str, device: StreamAdapter[Any], settings: dict[str, Any]) -> None:
        async def open_port(_settings: object, adapter: StreamAdapter[Any]) -> None:
            connect(adapter, device, self.clock)

        def make(line: RunningLine) -> Any:  # noqa: ANN401 - the driver
            return DRIVER(line, espa(**settings), open_port)

        self.engine.add_line(name, make)

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.engine.stop()
        self.store.close()

    async def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        end = self.clock.now() + seconds
        while not condition():
            assert self.clock.now() < end, "it did not happen in time"
            await self.clock.advance(0.1)

    async def calls(self) -> None:
        call = asyncio.create_task(self.panel.activate("101", FIRE, "1"))
        await self.until(call.done)
        call.result()

    @property
    def heard(self) -> list[str]:
        """What the panel heard of its calls."""
        return [status.get("7") for status in self.panel.statuses]

    @property
    def alarm(self) -> Alarm:
        found = self.store.alarms.get(1)
        assert found is not None
        return found


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    await house.start()
    yield house
    await house.stop()


async def test_panel_hears_that_somebody_was_paged_and_that_somebody_comes(house: House) -> None:
    await house.calls()
    await house.until(lambda: house.heard == ["3"])
    house.pager.acknowledge(house.pager.calls[0])
    await house.until(lambda: house.heard == ["3", "6"])
    assert house.alarm.accepted_by == WARD
    reset = asyncio.create_task(house.panel.reset("101", FIRE))
    await house.until(lambda: house.heard == ["3", "6", "5"])
    await reset
    assert not house.alarm.is_active
    await house.until(lambda: [call.text for call in house.pager.calls] == [FIRE, f"RESET {FIRE}"])


async def test_panel_hears_a_fault_when_no_page_got_through(house: House) -> None:
    house.pager.faults.plan("invalid", 9)
    await house.calls()
    await house.until(lambda: house.heard == ["8"], 300)


async def test_panel_hears_after_a_restart_that_somebody_comes(house: House) -> None:
    await house.calls()
    await house.until(lambda: house.heard == ["3"])
    await house.stop()
    await house.start()
    house.pager.queue_status({"1": "2001", "7": "6"})
    await house.until(lambda: house.heard == ["6"])


async def test_alarm_of_a_panel_without_resets_ends_for_everybody(tmp_path: Path) -> None:
    house = House(tmp_path, repeat_timeout=40)
    await house.start()
    await house.calls()
    await house.until(lambda: not house.alarm.is_active, 70)
    await house.until(lambda: [call.text for call in house.pager.calls] == [FIRE, f"RESET {FIRE}"])
    await house.stop()


async def test_restart_does_not_keep_such_an_alarm_alive_for_ever(tmp_path: Path) -> None:
    house = House(tmp_path, repeat_timeout=40)
    await house.start()
    await house.calls()
    await house.stop()
    await house.start()
    assert house.alarm.is_active
    await house.until(lambda: not house.alarm.is_active, 70)
    await house.stop()
