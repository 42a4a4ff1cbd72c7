"""A line that lets nothing leave: it is down until something does, however often its port is opened anew."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

import pytest

from drivers.tap.driver import TapDriver
from drivers.tap.settings import TapSettings
from drivers.tap.simulated import TerminalSettings
from drivers.tap.simulated_client import SimulatedEntryDevice
from drivers.tap.simulator import TapSimulator
from gatewayd import model as people
from gatewayd.clock import ManualClock, settle
from gatewayd.driver import Outcome
from gatewayd.engine.engine import Engine
from gatewayd.errors import LineDown
from gatewayd.store import open_store
from gatewayd.transport.adapter import StreamAdapter
from tests.drivers.tap.site import RecordingLine, Site, page
from tests.engine.conftest import Disk
from tests.transport.valve import Valve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gatewayd.transport.serial import SerialSettings


class SupervisedLine(RecordingLine):
    """Counts in `ups` how often the line's fault would have been cleared, as the engine does."""

    is_up = False

    def up(self) -> None:
        if not self.is_up:
            self.is_up = True
            super().up()


class HeldSite(Site):
    """A line whose device may let nothing leave; the port is opened anew three seconds after each loss."""

    def __init__(self, terminal: dict[str, Any] | None = None, **line: Any) -> None:  # noqa: ANN401
        super().__init__(terminal, None, **line)
        self.line = self.supervised = SupervisedLine(self.clock)
        self.driver = TapDriver(self.line, TapSettings(**{"port": "/dev/memory"} | line), self._open)
        self.valve = Valve(self.clock)
        self.losses: list[str] = []

    async def _open(self, settings: SerialSettings, adapter: StreamAdapter[Any]) -> None:
        self.opened += 1
        self.last = self.valve.connect(adapter, self.other_end())

    def other_end(self) -> StreamAdapter[Any]:
        return self.simulator.adapter()

    async def _supervise(self) -> None:
        while True:
            try:
                await self.driver.run()
            except LineDown as error:
                self.supervised.is_up = False
                self.losses.append(str(error))
            await self._pause()

    async def _pause(self) -> None:
        over = asyncio.Event()
        self.clock.call_at(self.clock.now() + 3, over.set)
        await over.wait()

    async def start(self) -> None:
        self.running = asyncio.create_task(self._supervise())
        await settle()


@pytest.fixture
async def sites() -> AsyncIterator[list[HeldSite]]:
    made: list[HeldSite] = []
    yield made
    for site in made:
        stopping = asyncio.create_task(site.stop())
        await site.clock.advance(10)
        await stopping


async def held(site: HeldSite) -> None:
    """Start a line without a probe, and let nothing leave any more: a page finds that out."""
    await site.start()
    assert site.line.ups == 1
    site.valve.is_shut = True
    sending = await site.sending()
    await site.clock.advance(60)
    assert sending.done()
    sending.exception()
    assert len(site.losses) > 3


async def test_a_line_that_is_held_comes_up_once_when_something_leaves(sites: list[HeldSite]) -> None:
    site = HeldSite(probe=False)
    sites.append(site)
    await held(site)
    assert site.opened > 4
    assert site.line.ups == 1
    site.valve.open()
    await site.clock.advance(5)
    assert site.line.ups == 2
    assert (await site.sends(within=5)).outcome is Outcome.SENT
    await site.clock.advance(60)
    assert site.line.ups == 2


async def test_a_terminal_that_hears_again_and_does_not_answer_is_no_fault_where_no_answer_is_asked_for(
    sites: list[HeldSite],
) -> None:
    site = HeldSite(probe=False)
    sites.append(site)
    await held(site)
    site.simulator.faults.plan("dead")
    site.valve.open()
    await site.clock.advance(5)
    losses = len(site.losses)
    await site.clock.advance(60)
    assert (site.line.ups, len(site.losses)) == (2, losses)
    assert (await site.sends(page(number=2), within=30)).outcome is Outcome.FAILED
    await settle()
    assert len(site.losses) == losses + 1


async def test_a_loss_without_a_stall_needs_no_test(sites: list[HeldSite]) -> None:
    site = HeldSite(probe=False)
    sites.append(site)
    await site.start()
    site.last.cut(OSError("unplugged"))
    await site.clock.advance(3)
    assert (site.opened, site.line.ups) == (2, 2)
    assert site.last.written == b""


async def test_a_terminal_that_speaks_first_ends_the_fault_by_its_prompt(sites: list[HeldSite]) -> None:
    site = HeldSite(probe=False, send_crs=False)
    sites.append(site)
    await site.start()
    site.driver._end._passage.blocked = True
    site.last.cut(OSError("unplugged"))
    await site.clock.advance(3)
    assert site.line.ups == 1
    site.last._peer.write(b"ID=")  # type: ignore[union-attr]
    await site.clock.advance(2)
    assert site.line.ups == 2


class TerminalSite(HeldSite):
    """The gateway as a terminal on a port; the device at the other end pages it."""

    def other_end(self) -> StreamAdapter[Any]:
        from drivers.tap.profile import Profile
        from gatewayd.simulator import Faults

        self.device = SimulatedEntryDevice(Profile(), Faults())
        self.client: StreamAdapter[Any] = StreamAdapter(self.device, self.clock)
        return self.client

    async def calls(self) -> None:
        self.device.send_page("1", "2001", "FIRE 3", self.clock.now())
        self.client.flush()
        await settle()


async def test_a_terminal_whose_answers_do_not_leave_is_down_until_one_does(sites: list[HeldSite]) -> None:
    site = TerminalSite(role="terminal")
    sites.append(site)
    await site.start()
    assert site.line.ups == 1
    site.valve.is_shut = True
    for _ in range(3):
        await site.calls()
        await site.clock.advance(2)
        site.last.cut(OSError("nothing leaves the port"))
        await site.clock.advance(4)
    assert (len(site.losses), site.line.ups) == (3, 1)
    await site.calls()
    site.valve.open()
    await site.clock.advance(2)
    assert site.line.ups == 2


async def test_people_hear_of_one_fault_and_of_one_end_and_the_page_leaves(tmp_path: Path) -> None:
    clock = ManualClock()
    pager, valve = TapSimulator(clock, TerminalSettings(port="memory")), Valve(clock)
    opened: list[StreamAdapter[Any]] = []

    async def opener(_: object, adapter: StreamAdapter[Any]) -> None:
        opened.append(adapter)
        valve.connect(adapter, pager.adapter())

    store = open_store(tmp_path)
    Disk(store)
    store.writer.slow_commit = math.inf
    store.save_site(people.Site(contacts=(people.Contact(1, "pager", "pager", "2001"),), fallback_id=1))
    engine = Engine(store, clock)
    engine.add_line("pager", lambda line: TapDriver(line, TapSettings(port="/dev/pager", probe=False), opener))
    engine.start()
    await clock.advance(1)
    valve.is_shut = True
    await engine.report("panel", people.AlarmActivated("1", "FIRE 3"))
    await clock.advance(90)
    valve.open()
    await clock.advance(60)
    faults = [alarm for number in range(1, 9) if (alarm := store.alarms.get(number)) is not None and alarm.fault]
    assert [(alarm.key, alarm.is_active, alarm.repeats) for alarm in faults] == [("line-down", False, 0)]
    assert len(opened) > 5
    assert "panel: FIRE 3" in [page.text for page in pager.pages]
    await engine.stop()
    store.close()
