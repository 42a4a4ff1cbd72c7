"""The main job, end to end, on real bytes: PTYs for the panel and the pager, UDP for the phones, HTTP for people."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.scenarios.house import House

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SOON = 5  # seconds of real time; nothing here takes more than some milliseconds


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with _built(tmp_path) as built:
        yield built


@asynccontextmanager
async def _built(folder: Path) -> AsyncIterator[House]:
    house = await House.build(folder)
    try:
        yield house
    finally:
        await house.stack.aclose()


async def test_an_alarm_from_the_panel_reaches_pager_and_phone(house: House) -> None:
    async with asyncio.timeout(SOON):
        await house.devices.panel.activate("3-12", "ROOM 12 BED 1")
        await house.devices.pager.expect("2001", "ROOM 12 BED 1")
        await house.devices.phone_b.expect("ROOM 12 BED 1 #1")
    nurse = await house.login("nurse")
    alarms = (await nurse.get("alarms/active"))["alarms"]
    assert [alarm["activation-text"] for alarm in alarms] == ["ROOM 12 BED 1"]
    assert [event["message"] for event in await nurse.events()] == ["ROOM 12 BED 1"]


async def test_the_next_step_and_the_next_cycle_follow_when_nobody_accepts(house: House) -> None:
    await house.devices.panel.activate("3-12", "ROOM 12")
    await house.passes(31)
    assert [text.text for text in house.devices.phone_c.messages] == ["ROOM 12 #1"]
    nurse = await house.login("nurse")
    assert (await nurse.events())[0]["current_cycle"] == 1
    await house.passes(30)
    assert (await nurse.events())[0]["current_cycle"] == 2
    assert len(house.devices.phone_b.messages) == 2


async def test_accept_by_rest_stops_the_paging_at_once(house: House) -> None:
    await house.devices.panel.activate("3-12", "ROOM 12")
    await house.devices.phone_b.expect("ROOM 12")
    nurse = await house.login("nurse")
    event = (await nurse.events())[0]["id"]
    assert await nurse.post(f"users/self/events/{event}/accept") == {"id": event, "status": 7}
    paged = len(house.devices.phone_b.messages), len(house.devices.pager.pages)
    await house.passes(120)
    assert (len(house.devices.phone_b.messages), len(house.devices.pager.pages)) == paged
    assert house.devices.phone_c.messages == []


@pytest.mark.parametrize("answer", ["OK", "1", "#1", "ok #1", "JA 1"])
async def test_accept_by_a_reply_from_the_phone_stops_the_paging(house: House, answer: str) -> None:
    await house.devices.panel.activate("3-12", "ROOM 12")
    await house.devices.phone_b.expect("ROOM 12")
    assert await house.devices.phone_b.say(answer) == 200
    await house.passes(120)
    assert house.devices.phone_c.messages == []
    doctor = await house.login("admin")
    assert (await doctor.get("alarms/active"))["alarms"][0]["status"] == 7


async def test_the_reset_of_the_panel_clears_the_alarm_and_tells_those_who_were_paged(house: House) -> None:
    await house.devices.panel.activate("3-12", "ROOM 12")
    await house.devices.pager.expect("2001", "ROOM 12")
    await house.devices.phone_b.expect("ROOM 12")
    async with asyncio.timeout(SOON):
        await house.devices.panel.reset("3-12", "ROOM 12")
        await house.devices.pager.expect("2001", "RESET ROOM 12")
        await house.devices.phone_b.expect("RESET ROOM 12")
    nurse = await house.login("nurse")
    assert (await nurse.get("alarms/active"))["total"] == 0
    await house.passes(120)
    assert house.devices.phone_c.messages == []


async def test_pages_that_are_on_their_way_at_accept_stop_there(house: House) -> None:
    house.devices.pager.faults.plan("dead")
    house.devices.phone_c.faults.plan("dead")
    await house.devices.panel.activate("3-12", "ROOM 12")
    await house.passes(31)  # the pager's session and the doctor's phone are asked again and again
    nurse = await house.login("nurse")
    event = (await nurse.events())[0]["id"]
    async with asyncio.timeout(SOON):
        await nurse.post(f"users/self/events/{event}/accept")
    for device in (house.devices.pager, house.devices.phone_c):
        device.faults.repair("dead")
    await house.passes(90)
    assert house.devices.pager.pages == []
    assert house.devices.phone_c.messages == []
    assert len(house.devices.phone_b.messages) == 1


async def test_a_dead_pager_raises_a_fault_that_does_not_hold_up_the_phones(house: House) -> None:
    house.devices.pager.faults.plan("dead")
    await house.devices.panel.activate("3-12", "ROOM 12")
    await house.devices.phone_b.expect("ROOM 12")
    await house.passes(60)
    admin = await house.login("admin")
    names = {alarm["activation-text"] for alarm in (await admin.get("alarms/active"))["alarms"]}
    assert any("pager is down" in name for name in names)
    house.devices.pager.faults.repair("dead")
    await house.passes(15)
    await house.devices.pager.expect("2001", "ROOM 12")
    names = {alarm["activation-text"] for alarm in (await admin.get("alarms/active"))["alarms"]}
    assert names == {"ROOM 12"}
