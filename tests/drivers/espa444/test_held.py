"""A line that lets nothing leave: it is down until something does, however often its port is opened anew."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from drivers.espa444 import DRIVER
from drivers.espa444.simulator import PagerSettings, PanelSettings, SimulatedPager, SimulatedPanel
from gatewayd.clock import settle, sleep
from gatewayd.driver import Outcome
from gatewayd.errors import LineDown
from tests.drivers.espa444.conftest import Gateway, espa, page
from tests.transport.valve import Valve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gatewayd.transport.adapter import StreamAdapter

HOLD_LIMIT = 21.0  # seconds after which the port gives up bytes that do not leave
DIRECT = {"self_poll": "absent"}


class Supervised(Gateway):
    """Counts in `ups` how often the line's fault would have been cleared, as the engine does."""

    ups = 0

    def up(self) -> None:
        self.ups += not self.is_up
        super().up()


class House:
    """A line and a device with a valve between them; the port is opened anew three seconds after each loss."""

    def __init__(self, device: Callable[[House], Any], **settings: object) -> None:
        self.gateway = Supervised()
        self.clock = self.gateway.clock
        self.valve = Valve(self.clock)
        self.driver = DRIVER(self.gateway, espa(**settings), self._open)
        self.device: Any = None
        self.opened = 0
        self._make = device
        self._tasks: list[asyncio.Task[Any]] = []

    async def _open(self, _settings: object, adapter: StreamAdapter[Any]) -> None:
        self.opened += 1
        self.device = self._make(self)
        self.start(self._serve(self.device))
        self.line = adapter
        self.wire = self.valve.connect(adapter, self.device.adapter)

    @staticmethod
    async def _serve(device: Any) -> None:  # noqa: ANN401 - either device
        try:
            await device.serve()
        except LineDown:
            return

    def start(self, coroutine: Any) -> asyncio.Task[Any]:  # noqa: ANN401 - whatever the test wants to run
        self._tasks.append(asyncio.ensure_future(coroutine))
        return self._tasks[-1]

    async def supervise(self) -> None:
        while True:
            try:
                await self.driver.run()
            except LineDown:
                self.gateway.is_up = False
            await sleep(self.clock, 3)

    async def passes(self, seconds: float) -> None:
        """Let time pass; bytes that have not left for too long cost the port."""
        for _ in range(int(seconds)):
            await self.clock.advance(1)
            if self.wire.get_extra_info("held") >= HOLD_LIMIT:
                self.line.fail(LineDown("the device has taken nothing for 21 s"))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def houses() -> AsyncIterator[list[House]]:
    made: list[House] = []
    yield made
    for house in made:
        await house.stop()


def pager(house: House) -> SimulatedPager:
    return SimulatedPager(house.clock, PagerSettings(self_poll="absent"))  # type: ignore[arg-type]


def panel(house: House) -> SimulatedPanel:
    settings: Any = {"self_poll": "absent", "poll_interval": 0}
    return SimulatedPanel(house.clock, PanelSettings(**settings))


async def test_a_panels_line_that_is_held_comes_up_once_when_something_leaves(houses: list[House]) -> None:
    house = House(pager, role="panel", control=True, **DIRECT)
    houses.append(house)
    house.start(house.supervise())
    await settle()
    assert house.gateway.ups == 1
    house.valve.is_shut = True
    sending = house.start(house.driver.send(page()))
    await house.passes(100)
    assert sending.done()
    assert (house.opened >= 4, house.gateway.ups, house.gateway.is_up) == (True, 1, False)
    house.valve.open()
    await house.passes(2)
    assert house.gateway.ups == 2
    receipt = house.start(house.driver.send(page("FIRE 4")))
    await house.passes(20)
    assert receipt.result().outcome is Outcome.SENT
    assert house.gateway.ups == 2


async def test_a_pagers_line_that_is_held_comes_up_with_the_first_answer_that_leaves(houses: list[House]) -> None:
    house = House(panel, role="pager", **DIRECT)
    houses.append(house)
    house.start(house.supervise())
    await settle()
    assert house.gateway.ups == 1
    house.valve.is_shut = True
    for _ in range(3):
        calling = house.start(house.device.activate("2001", "FIRE"))
        await house.passes(30)
        calling.cancel()
    assert (house.opened >= 3, house.gateway.ups, house.gateway.is_up) == (True, 1, False)
    house.valve.open()
    house.start(house.device.activate("2001", "FIRE"))
    await house.passes(3)
    assert house.gateway.ups == 2


async def test_an_answer_to_our_polls_ends_the_fault_too(houses: list[House]) -> None:
    house = House(lambda at: SimulatedPager(at.clock), role="panel", control=True)
    houses.append(house)
    house.start(house.supervise())
    await house.passes(3)
    assert house.gateway.ups == 1
    house.valve.is_shut = True
    await house.passes(60)
    assert house.gateway.ups == 1
    house.valve.open()
    await house.passes(5)
    assert house.gateway.ups == 2


async def test_an_enquiry_that_we_cannot_answer_does_not_end_the_fault(houses: list[House]) -> None:
    house = House(lambda at: SimulatedPanel(at.clock), role="pager")
    houses.append(house)
    house.start(house.supervise())
    await house.passes(3)
    house.valve.is_shut = True
    await house.passes(90)
    assert (house.opened >= 3, house.gateway.ups) == (True, 1)
    house.valve.open()
    await house.passes(6)
    assert house.gateway.ups == 2
    await house.passes(60)
    assert house.gateway.ups == 2


async def test_a_loss_without_a_stall_needs_no_test(houses: list[House]) -> None:
    house = House(pager, role="panel", control=True, **DIRECT)
    houses.append(house)
    house.start(house.supervise())
    await settle()
    house.wire.cut(OSError("unplugged"))
    await house.clock.advance(3)
    assert (house.opened, house.gateway.ups) == (2, 2)
    assert house.wire.written == b""
