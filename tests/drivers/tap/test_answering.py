"""The paging terminal behind a modem: it answers calls, takes their pages, and is called by an entry device of ours."""

from __future__ import annotations

import asyncio
from typing import Any

from drivers.tap.driver import TapDriver
from drivers.tap.settings import TapSettings
from gatewayd.clock import ManualClock
from gatewayd.driver import Outcome, Receipt
from gatewayd.errors import LineDown
from tests.drivers.tap.site import RecordingLine, page
from tests.drivers.tap.telephone import Telephone
from tests.drivers.tap.ward import TakingLine, Ward


class Town:
    """An entry device and a paging terminal, both of ours, with a telephone line between them."""

    def __init__(self, **terminal: Any) -> None:  # noqa: ANN401 - any setting
        self.clock = ManualClock()
        self.telephone = Telephone(self.clock)
        self.near, self.far = RecordingLine(self.clock), TakingLine(self.clock)
        settings = TapSettings(port="/dev/a", modem=True, number="1", multi_block=True, max_chars=2000)
        self.caller = TapDriver(self.near, settings, self.telephone.open_first)
        settings = TapSettings(port="/dev/b", modem=True, role="terminal", **terminal)
        self.called = TapDriver(self.far, settings, self.telephone.open_second)
        self.tasks: list[asyncio.Task[None]] = []

    async def ready(self) -> Town:
        self.tasks = [asyncio.create_task(driver.run()) for driver in (self.caller, self.called)]
        await self.clock.advance(3)
        assert (self.near.ups, self.far.ups) == (1, 1)
        return self

    async def pages(self, text: str = "FIRE 3", within: float = 5) -> Receipt:
        task = asyncio.create_task(self.caller.send(page(text)))
        await self.clock.advance(within)
        return task.result()


async def test_call_is_answered_and_its_page_becomes_a_text() -> None:
    town = await Town().ready()
    assert (await town.pages()).outcome is Outcome.SENT
    assert town.far.texts == [("2001", "FIRE 3")]
    assert (town.near.counts["calls"], town.far.counts["calls"]) == (1, 1)


async def test_line_is_free_for_the_next_call_soon_after_the_last() -> None:
    town = await Town().ready()
    for number in range(3):
        assert (await town.pages(f"FIRE {number} " * 60, within=10)).outcome is Outcome.SENT
    assert len(town.far.texts) == 3
    assert not any(modem.in_call for modem in town.telephone.network.modems)


async def test_page_whose_call_breaks_off_before_its_ack_is_unknown_there_and_recorded_once_here() -> None:
    town = await Town().ready()
    town.far.store_is_free.clear()
    task = asyncio.create_task(town.caller.send(page()))
    await town.clock.advance(3)
    assert not task.done()
    first, second = town.telephone.network.modems
    first.lose_carrier()
    second.lose_carrier()
    for adapter in town.telephone.adapters:
        adapter.flush()
    town.far.store_is_free.set()
    await town.clock.advance(10)
    assert task.result().outcome is Outcome.UNKNOWN
    assert (await town.pages(within=10)).outcome is Outcome.SENT
    assert town.far.texts == [("2001", "FIRE 3")]


async def test_caller_that_says_nothing_is_hung_up_on() -> None:
    town = await Town().ready()
    first, second = town.telephone.network.modems
    town.tasks[0].cancel()
    await asyncio.wait([town.tasks[0]])
    first.receive_data(b"ATDT1\r", town.clock.now())
    await town.clock.advance(2)
    assert second.in_call
    await town.clock.advance(45)
    assert not second.in_call


async def test_modem_that_dies_takes_the_line_down() -> None:
    town = await Town().ready()
    town.telephone.faults.plan("dead-modem")
    await town.clock.advance(30)
    assert [type(task.exception()) for task in town.tasks] == [LineDown, LineDown]


async def test_simulated_client_calls_the_modem_for_every_page() -> None:
    ward = await Ward(client={"modem": True}, modem=True).start()
    paging = asyncio.create_task(ward.client.page("2001", "FIRE 3"))  # plugs the modem in, and rings
    await ward.clock.advance(10)
    assert paging.result().outcome is Outcome.SENT
    assert (await ward.pages("FIRE 4", within=10)).outcome is Outcome.SENT
    assert ward.line.texts == [("2001", "FIRE 3"), ("2001", "FIRE 4")]
    assert ward.line.counts["calls"] == 2
