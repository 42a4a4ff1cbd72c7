"""A house with two modems that share a pool: what people get, whichever of them works, to the second."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from drivers.gsm.driver import GsmDriver
from drivers.gsm.settings import GsmSettings
from drivers.gsm.simulated import ModemSettings, SentMessage
from drivers.gsm.simulator import GsmSimulator
from gatewayd.clock import ManualClock
from gatewayd.engine.engine import Engine
from gatewayd.model import (
    AlarmActivated,
    AlarmDefinition,
    Contact,
    MsgStatus,
    PageState,
    Plan,
    Role,
    Route,
    Site,
    Step,
    User,
    Way,
)
from gatewayd.store import Query, open_store
from gatewayd.transport.memory import MemoryTransport, connect
from tests.engine.conftest import Disk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from drivers.gsm.events import GsmEvent
    from gatewayd.engine.line import RunningLine
    from gatewayd.model import Alarm, Page
    from gatewayd.transport.adapter import StreamAdapter
    from gatewayd.transport.serial import SerialSettings

ANNA, BERT, BOSS_NUMBER = "+491701234567", "+491707654321", "+491709999999"
NURSE, DOCTOR, BOSS, PLAN = 11, 12, 13, 14
SITE = Site(
    users=(
        User(NURSE, "anna", ways=(Way(1),)),
        User(DOCTOR, "bert", ways=(Way(2),)),
        User(BOSS, "boss", role=Role.ADMIN),
    ),
    contacts=(Contact(1, "anna-mobile", "sms", ANNA), Contact(2, "bert-mobile", "sms", BERT)),
    plans=(Plan(PLAN, "ward", (Step((NURSE,), 120.0), Step((DOCTOR,), 120.0))),),
    definitions=(AlarmDefinition(1, "call", PLAN), AlarmDefinition(2, "boiler", DOCTOR, text="BOILER: {text}")),
    routes=(
        Route(1, 1, 1, line="panel", source="device"),
        Route(2, 2, 2, line="sms", address="+4915*", text="*PRESSURE*", source="text"),
    ),
    fallback_id=BOSS,
)
LONG = "FIRE IN THE WEST WING, SECOND FLOOR, ROOM 214. " * 6


class House:
    """The engine with two GSM lines, and the network behind them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock()
        settings = ModemSettings(port="memory", send_time=3, report_after=5)
        self.modems = {name: GsmSimulator(self.clock, settings) for name in ("sms1", "sms2")}
        self.ends: dict[str, MemoryTransport] = {}
        self.open()

    def open(self) -> None:
        self.store = open_store(self.folder)
        Disk(self.store)
        self.store.writer.slow_commit = math.inf
        self.store.save_site(SITE)
        self.engine = Engine(self.store, self.clock)
        for name in self.modems:
            self.engine.add_line(name, self._driver, "sms")
        self.engine.start()

    def _driver(self, line: RunningLine) -> GsmDriver:
        async def opener(_: SerialSettings, adapter: StreamAdapter[GsmEvent]) -> None:
            self.ends[line.name], _far = connect(adapter, self.modems[line.name].adapter(), self.clock)

        return GsmDriver(line, GsmSettings(port=f"/dev/{line.name}"), opener)

    async def is_killed(self) -> None:
        """Lose everything that is not on disk, and start again."""
        await self.engine.stop()
        self.store.close()
        self.open()
        await self.clock.advance(1)

    async def calls(self, text: str = "ROOM 12") -> None:
        await self.engine.report("panel", AlarmActivated(text, text))

    async def passes(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    def sent(self, name: str) -> list[tuple[str, str]]:
        """Return what a modem's network took: (number, first word of the text and its code)."""
        return [(message.number, message.text.partition(" ")[0]) for message in self.modems[name].sent]

    def pages(self) -> list[Page]:
        return self.store.paging.of_alarm(1)

    def alarm(self) -> Alarm:
        found = self.store.alarms.get(1)
        assert found is not None
        return found

    def status_of(self, user_id: int) -> MsgStatus:
        user = self.engine.directory.user(user_id)
        assert user is not None
        return self.engine.inbox(user, user_id, Query()).items[0].event.status

    def faults(self) -> list[str]:
        lines = ("sms", "sms1", "sms2")
        keys = ("line-down", "no-network", "modem")
        return [f"{line} {key}" for line in lines for key in keys if self.store.alarms.active_with_key(line, key)]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    opened = House(tmp_path)
    await opened.passes(2)
    yield opened
    await opened.engine.stop()
    opened.store.close()


async def test_call_is_texted_delivered_and_accepted_by_a_text(house: House) -> None:
    await house.calls()
    await house.passes(4)
    assert house.sent("sms1") == [(ANNA, "ROOM")]
    assert house.status_of(NURSE) is MsgStatus.SENT
    await house.passes(7)
    assert house.status_of(NURSE) is MsgStatus.RECEIVED
    await house.modems["sms1"].receives(ANNA, "OK")
    await house.passes(300)
    assert house.alarm().accepted_by == NURSE
    assert house.status_of(NURSE) is MsgStatus.ACKNOWLEDGE
    assert (len(house.sent("sms1")), house.sent("sms2")) == (1, [])


async def test_modem_that_dies_under_a_page_is_replaced_by_the_other_and_its_fault_is_told_and_cleared(
    house: House,
) -> None:
    await house.calls()
    house.modems["sms1"].faults.plan("dead")
    house.ends["sms1"].cut(OSError("unplugged"))
    await house.passes(10)
    assert house.sent("sms2") == [(ANNA, "ROOM")]
    assert house.pages()[0].state in {PageState.SENT, PageState.RECEIVED}
    assert "sms1 line-down" in house.faults()
    assert "sms line-down" not in house.faults()
    await house.modems["sms2"].receives(ANNA, "OK")
    house.modems["sms1"].faults.repair("dead")
    await house.passes(10)
    assert house.alarm().accepted_by == NURSE
    assert house.faults() == []


async def test_modem_that_falls_silent_costs_a_page_no_more_than_the_time_to_notice(house: House) -> None:
    house.modems["sms1"].faults.plan("dead")
    await house.calls()
    await house.passes(4.9)
    assert house.sent("sms2") == []
    await house.passes(3.5)
    assert house.sent("sms2") == [(ANNA, "ROOM")]
    assert house.pages()[0].attempts == 1


async def test_modem_without_network_is_spared(house: House) -> None:
    house.modems["sms1"].faults.plan("no-network")
    await house.passes(21)
    assert house.engine.lines["sms1"].degraded_reason == "not registered (searching)"
    await house.calls()
    await house.passes(4)
    assert (house.sent("sms1"), house.sent("sms2")) == ([], [(ANNA, "ROOM")])


async def test_page_that_one_network_refuses_goes_over_the_other(house: House) -> None:
    house.modems["sms1"].faults.plan("sim-failure")
    await house.calls()
    await house.passes(10)
    assert house.sent("sms2") == [(ANNA, "ROOM")]
    assert house.faults() == ["sms1 modem"]


async def test_long_text_is_confirmed_by_the_reports_of_its_own_modem_after_a_kill(house: House) -> None:
    await house.calls(LONG)
    await house.passes(6.5)  # both parts are with the network, the report of the first has come
    assert house.store.line_memory("sms1") != {}
    assert house.status_of(NURSE) is MsgStatus.SENT
    await house.is_killed()
    await house.passes(20)
    assert house.status_of(NURSE) is MsgStatus.RECEIVED


async def test_step_that_nobody_answered_pages_the_next_through_whatever_modem_is_left(house: House) -> None:
    await house.calls()
    await house.passes(60)
    house.modems["sms1"].faults.plan("dead")
    await house.passes(70)
    assert house.sent("sms1") == [(ANNA, "ROOM")]
    assert house.sent("sms2") == [(BERT, "ROOM")]


async def test_both_modems_dead_is_told_and_the_page_leaves_within_seconds_of_a_return(house: House) -> None:
    for modem in house.modems.values():
        modem.faults.plan("dead")
    await house.passes(40)
    await house.calls()
    await house.passes(20)
    assert {"sms line-down", "sms1 line-down", "sms2 line-down"} <= set(house.faults())
    house.modems["sms2"].faults.repair("dead")
    await house.passes(12)
    assert house.sent("sms2") == [(ANNA, "ROOM")]
    assert "sms line-down" not in house.faults()


@pytest.mark.parametrize("modem", ["sms1", "sms2"])
async def test_text_of_a_device_becomes_an_alarm_by_its_route_whichever_modem_brings_it(
    house: House, modem: str
) -> None:
    await house.modems[modem].receives("+491511112222", "Low pressure 0.4 bar")
    await house.passes(4)
    assert house.alarm().active_text == "BOILER: Low pressure 0.4 bar"
    assert house.sent("sms1") == [(BERT, "BOILER:")]


async def test_text_that_is_no_answer_goes_to_the_fallback_person_as_it_came(house: House) -> None:
    await house.modems["sms2"].receives("+491511112222", "Who are you?")
    await house.passes(1)
    boss = house.engine.directory.user(BOSS)
    assert boss is not None
    texts = [item.message.text for item in house.engine.inbox(boss, BOSS, Query()).items]
    assert texts == ["sms +491511112222: Who are you?"]


async def test_text_that_was_not_deleted_before_a_kill_is_taken_once(house: House) -> None:
    refusing = ModemSettings(port="memory", refuses=("AT+CMGD=*",))
    house.modems["sms1"].state.settings = refusing
    await house.modems["sms1"].receives("+491511112222", "Who are you?")
    await house.passes(1)
    await house.is_killed()
    house.modems["sms1"].state.settings = house.modems["sms1"].settings
    await house.is_killed()
    await house.passes(1)
    boss = house.engine.directory.user(BOSS)
    assert boss is not None
    assert len(house.engine.inbox(boss, BOSS, Query()).items) == 1
    assert house.modems["sms1"].state.memory == {}


async def test_answer_declines_and_the_next_person_is_texted_at_once(house: House) -> None:
    await house.calls()
    await house.passes(10)
    await house.modems["sms1"].receives(ANNA, "NO")
    await house.passes(4)
    assert house.sent("sms1") == [(ANNA, "ROOM"), (BERT, "ROOM")]


async def test_telephone_of_the_fallback_person_that_answers_by_itself_sets_off_no_endless_texts(house: House) -> None:
    users = (*SITE.users[:2], User(BOSS, "boss", role=Role.ADMIN, ways=(Way(3),)))
    contacts = (*SITE.contacts, Contact(3, "boss-mobile", "sms", BOSS_NUMBER))
    house.store.save_site(replace(SITE, users=users, contacts=contacts))
    house.engine.reload_site()
    modem = house.modems["sms1"]

    def answers(message: SentMessage) -> None:
        house.clock.call_at(house.clock.now() + 2, lambda: modem._arrives(message.number, "On holiday until Monday"))

    modem._on_text = answers
    await modem.receives("+491511112222", "Who are you?")
    await house.passes(3_600)
    assert 1 < len(modem.sent) < 30


async def test_a_start_of_modems_that_work_ends_no_fault_in_the_journal_and_one_from_before_it_once(
    house: House,
) -> None:
    await house.calls()
    await house.passes(60)
    house.modems["sms2"].faults.plan("no-network")
    await house.passes(90)
    assert house.faults() == ["sms2 no-network"]
    house.modems["sms2"].faults.repair("no-network")
    for _ in range(2):
        await house.is_killed()
        await house.passes(60)
        assert house.faults() == []
    assert [entry.text for entry in house.store.journal.latest(1_000) if "without an active alarm" in entry.text] == []
