"""A house whose nurse-call system pages by TAP, and whose pagers hang on a TAP terminal, around the real engine."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

import pytest

from drivers.tap.driver import TapDriver
from drivers.tap.settings import TapSettings
from drivers.tap.simulated import TerminalSettings
from drivers.tap.simulated_client import ClientSettings, TapClient
from drivers.tap.simulator import TapSimulator
from gatewayd.clock import ManualClock
from gatewayd.driver import Outcome
from gatewayd.engine.engine import Engine
from gatewayd.model import AlarmDefinition, Contact, Plan, Priority, Role, Route, Site, Step, User, Way
from gatewayd.store import open_store
from gatewayd.transport.memory import MemoryTransport, connect
from tests.engine.conftest import Disk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from drivers.tap.pages import PageSettled
    from gatewayd.engine.line import RunningLine
    from gatewayd.transport.adapter import StreamAdapter

NURSE, BOSS, PLAN = 11, 13, 14
SITE = Site(
    users=(User(NURSE, "anna", ways=(Way(1),)), User(BOSS, "boss", role=Role.ADMIN, ways=(Way(2),))),
    contacts=(Contact(1, "pager-anna", "pager", "2001"), Contact(2, "pager-boss", "pager", "2002")),
    plans=(Plan(PLAN, "ward", (Step((NURSE,), 60.0), Step((BOSS,), 60.0))),),
    definitions=(AlarmDefinition(1, "fire", PLAN, text="FIRE: {text}", priority=Priority.EMERGENCY),),
    routes=(Route(1, 1, 1, line="nurse-call", address="911", source="text"),),
    fallback_id=BOSS,
)


class House:
    """The engine with both lines, a nurse-call system on the one and a transmitter on the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.pager = TapSimulator(self.clock, TerminalSettings(port="memory", t4=600))
        self.panel = TapClient(self.clock, ClientSettings(port="memory"), self._plug)
        self.open()

    def open(self) -> None:
        self.store = open_store(self.folder)
        self.disk = Disk(self.store)
        self.store.writer.slow_commit = math.inf
        self.store.save_site(SITE)
        self.engine = Engine(self.store, self.clock)
        self.engine.add_line("nurse-call", self._nurse_call)
        self.engine.add_line("pager", self._pager)
        self._near: StreamAdapter[Any] | None = None
        self._wire: MemoryTransport | None = None
        self.engine.start()

    def _nurse_call(self, line: RunningLine) -> TapDriver:
        async def opener(_: object, adapter: StreamAdapter[Any]) -> None:
            self._near = adapter

        settings = TapSettings(port="/dev/nurse", role="terminal", pagers={"17": "ward", "99": "nobody"})
        return TapDriver(line, settings, opener)

    def _pager(self, line: RunningLine) -> TapDriver:
        async def opener(_: object, adapter: StreamAdapter[Any]) -> None:
            connect(adapter, self.pager.adapter(), self.clock)

        return TapDriver(line, TapSettings(port="/dev/pager", probe_every=0), opener)

    async def _plug(self, adapter: StreamAdapter[Any]) -> None:
        assert self._near is not None
        self._wire, _ = connect(adapter, self._near, self.clock)

    async def is_killed(self) -> None:
        """Lose everything that is not on disk, and start again."""
        await self.engine.stop()
        self.store.close()
        self.panel.hang_up()
        self.open()
        await self.clock.advance(1)

    async def calls(self, pager_id: str, text: str, within: float = 2.0) -> PageSettled:
        """Let the nurse-call system page, and some seconds pass."""
        task = asyncio.create_task(self.panel.page(pager_id, text))
        await self.clock.advance(within)
        return task.result()

    @property
    def paged(self) -> list[tuple[str, str]]:
        """The pagers that got something, and its words without the code to answer with."""
        return [(page.pager_id, page.text) for page in self.pager.pages]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    opened = House(tmp_path)
    await opened.clock.advance(2)
    yield opened
    await opened.engine.stop()
    opened.store.close()


async def test_pager_id_that_is_the_address_of_a_contact_reaches_it(house: House) -> None:
    assert (await house.calls("2001", "ROOM 12 BED 1")).outcome is Outcome.SENT
    assert house.paged == [("2001", "nurse-call 2001: ROOM 12 BED 1")]


async def test_pager_id_of_the_settings_starts_a_plan_that_goes_on_until_somebody_accepts(house: House) -> None:
    await house.calls("17", "ROOM 12 BED 1")
    await house.clock.advance(61)
    assert [pager for pager, _ in house.paged] == ["2001", "2002"]


async def test_pager_id_that_a_route_names_is_an_alarm(house: House) -> None:
    await house.calls("911", "ZONE 3 ROOM 214")
    assert house.paged == [("2001", "FIRE: ZONE 3 ROOM 214")]
    alarm = house.store.alarms.get(1)
    assert alarm is not None
    assert (alarm.name, alarm.priority, alarm.address) == ("fire", Priority.EMERGENCY, "911")


async def test_the_same_call_to_an_alarm_of_a_route_pages_again_once_paging_for_the_first_is_over(house: House) -> None:
    await house.calls("911", "ZONE 3")
    await house.clock.advance(20)  # at once it would be taken for the same block sent twice
    await house.calls("911", "ZONE 3")
    alarm = house.store.alarms.get(1)
    assert alarm is not None
    assert (alarm.repeats, len(house.paged)) == (1, 1)
    await house.clock.advance(600)
    before = len(house.paged)
    await house.calls("911", "ZONE 3")
    assert house.paged[before:] == [("2001", "FIRE: ZONE 3")]
    again = house.store.alarms.get(2)
    assert again is not None
    assert again.is_active


async def test_pager_id_that_nobody_has_reaches_the_fallback_recipient(house: House) -> None:
    await house.calls("99", "WHO KNOWS")
    await house.calls("4711", "WHO ELSE")
    assert house.paged == [("2002", "nurse-call 99: WHO KNOWS"), ("2002", "nurse-call 4711: WHO ELSE")]


async def test_full_disk_acknowledges_nothing_and_the_page_goes_out_all_the_same(house: House) -> None:
    house.disk.full = True
    assert (await house.calls("2001", "ROOM 12")).outcome is Outcome.FAILED
    assert house.paged.count(("2001", "nurse-call 2001: ROOM 12")) == 1
    house.disk.full = False
    await house.clock.advance(61)
    assert (await house.calls("2001", "ROOM 13", within=30)).outcome is Outcome.SENT
    assert house.paged.count(("2001", "nurse-call 2001: ROOM 12")) == 1
    assert house.paged[-1] == ("2001", "nurse-call 2001: ROOM 13")


async def test_acknowledged_page_survives_a_kill_at_that_moment(house: House) -> None:
    house.pager.faults.plan("dead")
    assert (await house.calls("2001", "ROOM 12", within=0.5)).outcome is Outcome.SENT
    await house.is_killed()
    house.pager.faults.repair("dead")
    await house.clock.advance(60)
    assert ("2001", "nurse-call 2001: ROOM 12") in house.paged


async def test_call_that_is_repeated_because_its_ack_was_misheard_pages_once(house: House) -> None:
    house.panel.faults.plan("misheard", 2)
    assert (await house.calls("2001", "ROOM 12", within=20)).outcome is Outcome.SENT
    assert len(house.paged) == 1


async def test_patient_who_rings_again_is_paged_for_again(house: House) -> None:
    for _ in range(3):
        await house.calls("2001", "ROOM 12")
    assert len(house.paged) == 3
