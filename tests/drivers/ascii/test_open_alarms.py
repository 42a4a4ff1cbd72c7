"""Alarms that stand: remembered across restarts, ended by resets or for want of repetition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from drivers.ascii.openalarms import MOST_OPEN, MOST_WITH_UNKNOWN, OpenAlarms
from gatewayd.clock import settle
from gatewayd.driver import News, Progress
from tests.drivers.ascii import samples
from tests.drivers.ascii.samples import FIRE

if TYPE_CHECKING:
    from tests.drivers.ascii.conftest import Make


async def test_alarm_ends_when_its_repetitions_stop(make: Make) -> None:
    site = await make(samples.NIRA)
    await site.says("123-C")
    for _ in range(3):
        await site.clock.advance(70)
        await site.says("123-C")
    await site.clock.advance(74)
    assert site.gateway.resets == []
    await site.clock.advance(2)
    assert site.gateway.resets == ["123"]
    assert site.gateway.memory.kept == {}


async def test_each_alarm_has_its_own_time(make: Make) -> None:
    site = await make(samples.NIRA)
    await site.says("123-C")
    await site.clock.advance(40)
    await site.says("124-C")
    await site.clock.advance(36)
    assert site.gateway.resets == ["123"]
    await site.clock.advance(40)
    assert site.gateway.resets == ["123", "124"]


async def test_alarm_that_was_open_before_a_restart_ends_when_nobody_repeats_it(make: Make) -> None:
    site = await make(samples.NIRA)
    await site.says("123-C")
    await site.stop()
    await site.clock.advance(3_600)
    again = await make(samples.NIRA, gateway=site.gateway)
    await again.clock.advance(74)
    assert site.gateway.resets == []
    await again.clock.advance(2)
    assert site.gateway.resets == ["123"]


async def test_alarm_is_given_its_whole_time_again_after_the_port_was_lost(make: Make) -> None:
    site = await make(samples.NIRA)
    await site.says("123-C")
    await site.clock.advance(70)
    await site.unplug()
    await site.clock.advance(600)
    await site.replug()
    await site.clock.advance(74)
    assert site.gateway.resets == []
    await site.clock.advance(2)
    assert site.gateway.resets == ["123"]


async def test_dead_line_ends_no_alarm_for_want_of_repetition(make: Make) -> None:
    site = await make(samples.NIRA, silent_after=60)
    await site.says("123-C")
    await site.clock.advance(600)
    assert site.gateway.faults == ["fault silent"]
    assert site.gateway.resets == []
    await site.says("124-C")
    await site.clock.advance(50)
    await site.says("124-C")
    await site.clock.advance(50)
    assert site.gateway.resets == ["fault silent", "123"]


async def test_repetition_that_waits_for_a_slow_store_still_counts(make: Make) -> None:
    site = await make(samples.NIRA)
    await site.says("123-C")
    site.gateway.store_is_free.clear()
    await site.clock.advance(70)
    await site.says("123-C")
    await site.clock.advance(30)
    site.gateway.store_is_free.set()
    await settle()
    assert site.gateway.resets == []
    await site.clock.advance(50)
    assert site.gateway.resets == ["123"]


@pytest.mark.parametrize("rules", [FIRE, {"rules": [{"match": "WATER", "key": "water"}]}])
async def test_alarm_that_no_rule_ends_begins_anew_when_it_comes_again_later(make: Make, rules: dict[str, Any]) -> None:
    site = await make(rules)
    for _ in range(5):
        await site.says("WATER IN CELLAR")
        await site.clock.advance(299)
    assert len(site.gateway.standing) == 1
    await site.clock.advance(2)
    await site.says("WATER IN CELLAR")
    assert len(site.gateway.standing) == 2
    before = len(site.gateway.reports)
    await site.says("WATER IN CELLAR")
    assert len(site.gateway.standing) == 2
    assert len(site.gateway.reports) == before + 1


async def test_alarm_that_a_person_ended_comes_again_as_itself(make: Make) -> None:
    site = await make(FIRE)
    await site.says("WATER IN CELLAR")
    site.gateway.standing.clear()
    await site.clock.advance(301)
    await site.says("WATER IN CELLAR")
    assert site.gateway.standing == {"unmatched WATER IN CELLAR"}


async def test_alarm_that_comes_again_while_a_person_ends_it_stays_remembered(make: Make) -> None:
    site = await make(FIRE)
    await site.says("FIRE 3")
    site.gateway.store_is_free.clear()
    await site.says("FIRE 3")
    site.driver.tell(News("3", Progress.CLEARED, "Anna", 1))
    site.gateway.store_is_free.set()
    await settle()
    assert set(site.gateway.memory.kept) == {"open 3"}
    site.driver.tell(News("3", Progress.ACCEPTED, "Anna", 1))
    await settle()
    assert set(site.gateway.memory.kept) == {"open 3"}
    site.driver.tell(News("3", Progress.CLEARED, "Anna", 1))
    await settle()
    assert site.gateway.memory.kept == {}


async def test_after_a_restart_nobody_knows_when_it_was_seen_so_it_begins_anew(make: Make) -> None:
    site = await make(FIRE)
    await site.says("WATER IN CELLAR")
    await site.stop()
    again = await make(FIRE, gateway=site.gateway)
    await again.says("WATER IN CELLAR", "WATER IN CELLAR")
    assert len(site.gateway.standing) == 2
    await again.says("ALL CLEAR")
    assert site.gateway.standing == set()
    assert site.gateway.memory.kept == {}


async def test_alarm_that_a_rule_can_end_stays_one_however_late_it_is_repeated(make: Make) -> None:
    site = await make(FIRE)
    await site.says("FIRE 3")
    await site.clock.advance(100_000)
    await site.says("FIRE 3")
    assert site.gateway.standing == {"3"}


async def test_rule_may_say_when_its_alarm_begins_anew_and_a_reset_ends_all_of_them(make: Make) -> None:
    rules = [{"match": r"^FIRE (?P<key>\d)", "repeat_window": 10}, {"match": r"^OK (?P<key>\d)", "kind": "reset"}]
    site = await make({"rules": rules})
    await site.says("FIRE 3", "FIRE 33")
    await site.clock.advance(11)
    await site.says("FIRE 3")
    assert len(site.gateway.standing) == 2
    await site.says("OK 3")
    assert site.gateway.standing == set()
    assert site.gateway.memory.kept == {}


async def test_unknown_lines_leave_room_in_the_memory_for_alarms_of_rules(make: Make) -> None:
    site = await make(FIRE)
    for number in range(MOST_WITH_UNKNOWN + 5):
        await site.panel.prints(f"WHAT {number}")
    await settle(10_000)
    await site.says("FIRE 3")
    assert len(site.gateway.alarms) == MOST_WITH_UNKNOWN + 6
    assert len(site.gateway.memory.kept) == MOST_WITH_UNKNOWN + 1
    assert site.gateway.counts["too_many_open"] == 5


def test_alarm_that_ended_and_began_again_has_one_new_time() -> None:
    book = OpenAlarms({})
    book.activate("a", "", 10, 0)
    book.end("a")
    book.activate("a", "", 10, 5)
    assert book.next_due() == 15
    book.activate("a", "", 10, 20)
    assert (book.expired(29), book.next_due(), book.expired(30)) == ([], 30, ["a"])


def test_shorter_time_counts_from_now_on() -> None:
    book = OpenAlarms({})
    book.activate("a", "", 100, 0)
    book.activate("a", "", 10, 1)
    assert book.next_due() == 11


def test_number_of_remembered_alarms_is_bounded_and_further_ones_are_alarms_all_the_same() -> None:
    book = OpenAlarms({})
    for number in range(MOST_OPEN + 5):
        book.activate(str(number), "", 60, 0)
    assert (len(book.keys()), "0" in book, str(MOST_OPEN) in book) == (MOST_OPEN, True, False)
    for _ in range(1_000):
        book.activate("1", "", 60, 1)
    assert len(book._due) == MOST_OPEN


def test_what_the_memory_holds_beside_open_alarms_is_left_alone() -> None:
    assert OpenAlarms({"open 3": {"address": "3", "ttl": 9.0}, "fault silent": True, "open 4": "broken"}).keys() == [
        "3"
    ]
