"""Faults of a line end once, and only where they were raised: by this start or by one before it."""

from __future__ import annotations

import asyncio

import pytest

from drivers.gsm.recording import Recorder
from drivers.gsm.standing import Standing
from gatewayd.clock import ManualClock, settle
from gatewayd.model import AlarmActivated, AlarmReset
from tests.drivers.gsm.site import Memory, RecordingLine, Site, page

OWN = "+491510000000"
LOOKS = 90  # seconds: several looks at the network, and what a flood needs to be over


def told(line: RecordingLine) -> list[str]:
    """Return what was reported of faults: the key, with a minus for its end."""
    keys = {AlarmActivated: "", AlarmReset: "-"}
    return [keys[type(each)] + str(each.key) for each in line.reports if isinstance(each, AlarmActivated | AlarmReset)]


def after_restart(before: Site, **line: float | str) -> Site:
    """Return the same line in a new process: only its memory is left."""
    site = Site(None, None, **line)
    site.line.memory = Memory()
    site.line.memory.kept = dict(before.line.memory.kept)
    return site


async def test_a_modem_that_starts_and_works_ends_no_fault_that_was_never_raised() -> None:
    site = Site(own_number=OWN, selftest_every=7_200)
    await site.start()
    await site.sends()
    await site.clock.advance(8_000)
    await site.restart()
    await site.clock.advance(LOOKS)
    assert len([message for message in site.modem.sent if message.number == OWN]) == 2
    assert told(site.line) == []


@pytest.mark.parametrize("fault", ["no-network", "weak"])
async def test_a_fault_from_before_a_restart_is_ended_once(fault: str) -> None:
    before = Site()
    await before.start()
    before.modem.faults.plan(fault)
    await before.clock.advance(LOOKS)
    assert told(before.line) == ["no-network"]
    site = after_restart(before)
    await site.start()
    await site.clock.advance(LOOKS)
    assert told(site.line) == ["-no-network"]
    assert site.line.memory.kept == {}
    third = after_restart(site)
    await third.start()
    await third.clock.advance(LOOKS)
    assert told(third.line) == []


async def test_a_sim_that_failed_before_a_restart_is_well_when_a_message_is_sent() -> None:
    before = Site()
    await before.start()
    before.modem.faults.plan("sim-failure")
    await before.sends()
    site = after_restart(before)
    await site.start()
    await site.clock.advance(LOOKS)
    assert told(site.line) == []
    await site.sends(page(number=2))
    await site.clock.advance(0)
    assert told(site.line) == ["-modem"]


async def test_a_flood_and_a_self_test_from_before_a_restart_end() -> None:
    before = Site(strangers_per_hour=1, modem={"own_number": "+49151999"}, own_number=OWN, selftest_every=86_400)
    await before.start()
    for number in range(3):
        await before.modem.receives("+491511112222", f"what a long text, number {number}")
    await before.clock.advance(720)
    assert set(told(before.line)) == {"text-flood", "self-test"}
    site = after_restart(before, own_number=OWN, selftest_every=86_400)
    await site.start()
    await site.clock.advance(200)
    assert sorted(told(site.line)) == ["-self-test", "-text-flood"]


async def test_an_end_that_the_port_took_away_before_it_was_on_disk_is_told_again() -> None:
    site = Site(strangers_per_hour=1)
    await site.start()
    for number in range(2):
        await site.modem.receives("+491511112222", f"what a long text, number {number}")
    await site.clock.advance(3_595)
    site.line.disk_full = True
    await site.clock.advance(LOOKS)
    await site.restart()
    site.line.disk_full = False
    await site.clock.advance(LOOKS)
    assert told(site.line) == ["text-flood", "-text-flood"]
    assert site.line.memory.kept == {}


async def test_a_fault_is_remembered_before_it_is_raised_and_until_it_is_cleared() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("no-network")
    site.line.disk_full = True
    await site.clock.advance(LOOKS)
    assert (told(site.line), site.line.memory.kept) == ([], {"fault/no-network": True})
    site.line.disk_full = False
    await site.clock.advance(2)
    site.line.disk_full = True
    site.modem.faults.repair("no-network")
    await site.clock.advance(LOOKS)
    assert site.line.memory.kept == {"fault/no-network": True}


async def test_a_fault_that_is_raised_anew_while_its_end_is_written_stays_remembered() -> None:
    line, standing = RecordingLine(ManualClock()), Standing()
    recorder = Recorder(line)
    running = asyncio.create_task(recorder.run())
    standing.begin(AlarmActivated("modem", "it fails", fault=True), recorder)
    standing.end(AlarmReset("modem"), recorder)
    standing.begin(AlarmActivated("modem", "it fails again", fault=True), recorder)
    await settle()
    assert (told(line), line.memory.kept) == (["modem", "-modem", "modem"], {"fault/modem": True})
    for _ in range(2):
        standing.end(AlarmReset("modem"), recorder)
        await settle()
    assert (told(line)[3:], line.memory.kept) == (["-modem"], {})
    running.cancel()


async def test_what_waits_for_the_end_of_a_fault_is_done_whether_it_stood_or_not() -> None:
    line, standing, done = RecordingLine(ManualClock()), Standing(), []
    recorder = Recorder(line)
    running = asyncio.create_task(recorder.run())
    standing.end(AlarmReset("modem"), recorder, lambda: done.append("never raised"))
    standing.begin(AlarmActivated("modem", "it fails", fault=True), recorder, lambda: done.append("raised"))
    standing.end(AlarmReset("modem"), recorder, lambda: done.append("cleared"))
    await settle()
    assert done == ["never raised", "raised", "cleared"]
    running.cancel()
