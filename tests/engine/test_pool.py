"""Pools: which line carries a page, what follows when it cannot, and that every word on a page finds it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import ManualClock, settle
from gatewayd.driver import Capabilities, Outcome, Receipt
from gatewayd.engine.engine import Engine
from gatewayd.model import (
    AlarmActivated,
    AlarmDefinition,
    Contact,
    PageConfirmed,
    PageState,
    Priority,
    Recorded,
    Route,
    Site,
    TextReceived,
    User,
    Way,
)
from gatewayd.store import open_store
from tests.engine.conftest import DeskDevice, Disk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gatewayd.driver import Line
    from gatewayd.model import Page

ANNA, BERT, BOSS = "+491701234567", "+491707654321", 9
SITE = Site(
    users=(User(BOSS, "boss", ways=(Way(1), Way(2, 120.0))),),
    contacts=(
        Contact(1, "anna", "sms", ANNA),
        Contact(2, "bert", "sms", BERT),
        Contact(3, "own", "sms1", BERT),
        *(Contact(number, f"c{number}", "sms", f"+4917000000{number}") for number in range(20, 30)),
    ),
    definitions=(AlarmDefinition(1, "alarm", BOSS),),
    routes=(Route(1, 1, 1, line="panel", source="device"),),
)

# --- a box with two modems --------------------------------------------------------------------------------------------


class Modem(DeskDevice):
    """A device of a pool; `wait` is how long its SIM may not send."""

    wait = 0.0

    def held_back(self) -> float:
        return max(0.0, self.wait - self.line.clock.now())


class Box:
    """An engine whose line `sms` is a pool of two."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.clock = ManualClock()
        self.open()

    def open(self) -> None:
        self.store = open_store(self.data)
        Disk(self.store)
        self.store.writer.slow_commit = math.inf
        self.store.save_site(SITE)
        self.engine = Engine(self.store, self.clock)
        self.one, self.two = self._modem("sms1"), self._modem("sms2")
        self.engine.start()

    def _modem(self, name: str) -> Modem:
        made: list[Modem] = []

        def make(line: Line) -> Modem:
            made.append(Modem(line, Capabilities(sends=True, receives=True, answers_in_text=True)))
            return made[0]

        self.engine.add_line(name, make, "sms")
        return made[0]

    async def sends(self, text: str, recipient: int = 1, priority: Priority = Priority.HIGH) -> None:
        """Let a device report something that is addressed to somebody."""
        await self.engine.report("panel", TextReceived("42", text, str(recipient), priority=priority))
        await settle()

    async def restart(self) -> None:
        await self.engine.stop()
        self.store.close()
        self.open()
        await settle()

    def pages(self) -> list[Page]:
        return [page for number in range(1, 30) if (page := self.store.paging.get(number)) is not None]

    def is_up(self, line: str = "sms") -> bool:
        return self.engine.lines[line].is_up

    def faults(self) -> list[str]:
        lines = ("sms", "sms1", "sms2")
        alarms = (self.store.alarms.active_with_key(line, "line-down") for line in lines)
        return [alarm.active_text for alarm in alarms if alarm is not None]


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    started = Box(tmp_path)
    await settle()
    yield started
    await started.engine.stop()
    started.store.close()


def states(box: Box) -> list[PageState]:
    return [page.state for page in box.pages()]


async def test_first_modem_carries_what_it_can_and_the_second_what_comes_meanwhile(box: Box) -> None:
    gate = box.one.hold_back()
    await box.sends("A", 1)
    await box.sends("B", 2)
    gate.set()
    await settle()
    assert (len(box.one.pages), len(box.two.pages)) == (1, 1)
    assert states(box) == [PageState.SENT] * 2
    assert [page.detail for page in box.pages()] == ["sms1", "sms2"]


@pytest.mark.parametrize("before", [0, 3])
async def test_no_page_is_taken_out_of_the_queue_before_a_modem_is_free_for_it(before: int, box: Box) -> None:
    for number in range(before):
        await box.sends("EARLIER", 20 + number)
    gates = [box.one.hold_back(), box.two.hold_back()]
    for number in range(6):
        await box.sends("LATER", 20 + number, Priority.LOW)
    await box.sends("FIRE", 29, Priority.EMERGENCY)
    on_their_way = [device.started[-1].id for device in (box.one, box.two)]
    for gate in gates:
        gate.set()
    await settle()
    next_ones = [page for page in (*box.one.started, *box.two.started) if page.id > max(on_their_way)]
    assert len(next_ones) == 5
    assert min(next_ones, key=lambda page: page.priority).text.startswith("panel 42: FIRE")
    first_after = [page for device in (box.one, box.two) for page in _after(device, on_their_way)]
    assert any(page.text.startswith("panel 42: FIRE") for page in first_after)


def _after(device: Modem, on_their_way: list[int]) -> list[Page]:
    """Return what a device began first when it had ended what was on its way, if it began anything."""
    places = [at for at, page in enumerate(device.started) if page.id in on_their_way]
    return device.started[places[-1] + 1 :][:1]


async def test_modem_that_works_badly_is_spared_while_another_works_well(box: Box) -> None:
    box.engine.lines["sms1"].degraded("signal 2 of 31 is weak")
    await box.sends("A")
    assert (len(box.one.pages), len(box.two.pages)) == (0, 1)
    box.two.unplug()
    await settle()
    assert box.engine.lines["sms"].degraded_reason == "sms1: signal 2 of 31 is weak"
    await box.sends("B")
    assert (len(box.one.pages), len(box.two.pages)) == (1, 1)
    box.engine.lines["sms1"].degraded("")
    assert box.engine.lines["sms"].degraded_reason == ""


async def test_modem_whose_sim_may_not_send_is_passed_over_and_used_again_when_it_may(box: Box) -> None:
    box.one.wait = box.clock.now() + 40
    await box.sends("A")
    assert (len(box.one.pages), len(box.two.pages)) == (0, 1)
    box.two.wait = box.clock.now() + 90
    await box.sends("B")
    await box.clock.advance(39)
    assert states(box) == [PageState.SENT, PageState.QUEUED]
    await box.clock.advance(1.1)
    assert (len(box.one.pages), len(box.two.pages)) == (1, 1)


async def test_page_whose_modem_is_lost_goes_to_the_other_at_once(box: Box) -> None:
    gate = box.one.hold_back()
    await box.sends("A")
    box.one.unplug()
    gate.set()
    await settle()
    assert (len(box.one.pages), len(box.two.pages)) == (0, 1)
    (page,) = box.pages()
    assert (page.state, page.attempts) == (PageState.SENT, 1)


async def test_page_whose_driver_hangs_is_freed_when_its_modem_is_lost_and_is_not_called_failed(box: Box) -> None:
    box.one.hold_back()
    await box.sends("A")
    box.one.unplug()
    await box.clock.advance(0.2)
    assert states(box) == [PageState.QUEUED]
    await box.clock.advance(3)
    assert box.pages()[0].attempts == 2
    assert (len(box.two.pages), states(box)) == (1, [PageState.SENT])


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.REFUSED])
async def test_page_that_one_modem_cannot_send_is_tried_with_the_other(box: Box, outcome: Outcome) -> None:
    box.one.outcomes = [Receipt(outcome, "SIM failure")]
    await box.sends("A")
    assert (len(box.one.pages), len(box.two.pages)) == (1, 1)
    assert (states(box), box.pages()[0].attempts) == ([PageState.SENT], 1)


async def test_page_that_one_modem_left_unknown_is_repeated_by_the_other(box: Box) -> None:
    box.one.outcomes = [Receipt(Outcome.UNKNOWN, "no answer"), Receipt(Outcome.UNKNOWN, "no answer")]
    await box.sends("A")
    await box.clock.advance(3)
    assert (len(box.one.pages), len(box.two.pages)) == (1, 1)
    assert states(box) == [PageState.SENT]


async def test_page_that_was_left_unknown_is_repeated_by_the_same_modem_when_there_is_no_other(box: Box) -> None:
    box.two.unplug()
    box.one.outcomes = [Receipt(Outcome.UNKNOWN, "no answer")]
    await box.sends("A")
    await box.clock.advance(3)
    assert (len(box.one.pages), states(box)) == (2, [PageState.SENT])


async def test_page_that_waits_for_the_other_modem_leaves_as_soon_as_that_is_free(box: Box) -> None:
    gate = box.two.hold_back()
    box.one.wait = box.clock.now() + 1
    await box.sends("A", 1)
    box.one.outcomes = [Receipt(Outcome.FAILED, "no network")]
    await box.clock.advance(1)
    await box.sends("B", 2)
    assert states(box) == [PageState.QUEUED] * 2
    gate.set()
    await settle()
    assert len(box.two.pages) == 2
    assert states(box) == [PageState.SENT] * 2


async def test_page_that_all_refuse_takes_the_persons_next_way(box: Box) -> None:
    for device in (box.one, box.two):
        device.outcomes = [Receipt(Outcome.REFUSED, "unassigned number")]
    await box.sends("A", BOSS)
    assert states(box) == [PageState.FAILED, PageState.SENT]
    assert box.pages()[0].detail == "sms1: unassigned number; sms2: unassigned number"


async def test_pool_is_down_when_every_modem_is_and_sends_when_one_returns(box: Box) -> None:
    box.one.unplug()
    await settle()
    assert box.is_up()
    box.two.unplug()
    await settle()
    assert not box.is_up()
    assert box.engine.lines["sms"].down_reason == "sms1: unplugged; sms2: unplugged"
    await box.sends("A")
    await box.clock.advance(60)
    assert states(box)[-1] is PageState.QUEUED
    assert len(box.faults()) == 3
    box.two.plug_in()
    await box.clock.advance(5)
    assert PageState.QUEUED not in states(box)
    assert len(box.faults()) == 1
    assert box.faults() == ["sms1: Line sms1 is down: unplugged"]


async def test_pool_of_modems_that_never_opened_says_so_and_does_not_spin(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.one.broken = box.two.broken = True
    await box.clock.advance(1)
    assert box.engine.lines["sms"].first_attempt.is_set()
    assert not box.is_up()
    failures = box.engine.lines["sms"]._failures
    await box.clock.advance(600)
    assert box.engine.lines["sms"]._failures == failures == 1
    await box.engine.stop()
    box.store.close()


async def test_report_finds_the_page_of_its_own_modem_after_a_restart_too(box: Box) -> None:
    for device in (box.one, box.two):
        device.outcomes = [Receipt(Outcome.SENT, "taken", "7/1")]
    gate = box.one.hold_back()
    await box.sends("A", 1)
    await box.sends("B", 2)
    gate.set()
    await settle()
    await box.restart()
    await box.engine.report("sms2", PageConfirmed("7/1", PageState.RECEIVED))
    assert [(page.address, page.state) for page in box.pages()] == [(ANNA, PageState.SENT), (BERT, PageState.RECEIVED)]
    await box.engine.report("sms1", PageConfirmed("7/1", PageState.FAILED))
    assert box.pages()[0].state is PageState.FAILED


async def test_report_on_a_page_of_a_modems_own_address_finds_it(box: Box) -> None:
    box.one.outcomes = [Receipt(Outcome.SENT, "taken", "7/1")]
    await box.sends("A", 3)
    await box.engine.report("sms1", PageConfirmed("7/1", PageState.RECEIVED))
    assert states(box) == [PageState.RECEIVED]
    assert await box.engine.report("sms1", TextReceived(BERT, "OK")) is Recorded.ANSWERED


async def test_answer_is_understood_whichever_modem_brings_it(box: Box) -> None:
    await box.engine.report("panel", AlarmActivated("1", "FIRE"))
    await settle()
    assert len(box.one.pages) == 1
    assert await box.engine.report("sms2", TextReceived(ANNA, "OK")) is Recorded.ANSWERED
    alarm = box.store.alarms.get(1)
    assert alarm is not None
    assert alarm.accepted_by == BOSS


async def test_page_that_is_on_its_way_is_stopped_when_somebody_accepts(box: Box) -> None:
    gate = box.one.hold_back()
    await box.engine.report("panel", AlarmActivated("1", "FIRE"))
    await settle()
    await box.engine.report("sms2", TextReceived(ANNA, "OK"))
    gate.set()
    await settle()
    assert (box.one.pages, box.two.pages) == ([], [])
    assert PageState.QUEUED not in states(box)
    assert box.engine.lines["sms1"].room() == 1


async def test_pages_that_wait_at_a_stop_go_on_at_the_next_start(box: Box) -> None:
    gates = [box.one.hold_back(), box.two.hold_back()]
    for name in "ABC":
        await box.sends(name, 1 if name == "A" else 2)
    assert len(gates) == 2
    await box.restart()
    assert states(box) == [PageState.SENT] * 3
    assert len(box.one.pages) + len(box.two.pages) == 3


async def test_every_page_is_sent_once_whatever_modems_come_and_go(box: Box) -> None:
    for number in range(20):
        await box.sends(f"{number}", 1 + number % 2)
        device = (box.one, box.two)[number % 2]
        if number % 3 == 0:
            device.unplug()
            await settle()
        elif number % 3 == 1:
            device.plug_in()
        await box.clock.advance(1)
    box.one.plug_in()
    box.two.plug_in()
    await box.clock.advance(10)
    carried = [page.id for page in (*box.one.pages, *box.two.pages)]
    mine = [page.id for page in box.pages() if "42" in page.text]
    assert sorted(page_id for page_id in carried if page_id in mine) == mine
