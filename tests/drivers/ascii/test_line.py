"""The line: order, persistence, silence, heartbeats, faults of the panel and of the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from drivers.ascii import DRIVER, SETTINGS
from drivers.ascii.driver import AsciiDriver
from drivers.ascii.openalarms import MOST_OPEN, OpenAlarms
from drivers.ascii.settings import AsciiSettings
from gatewayd.clock import settle
from gatewayd.driver import Capabilities
from gatewayd.errors import Invalid, LineDown, StoreUnavailable
from gatewayd.model import AlarmActivated, AlarmReset
from gatewayd.transport.memory import Wire
from tests.drivers.ascii import samples
from tests.drivers.ascii.site import Site

FIRE: dict[str, Any] = {
    "rules": [
        {"match": r"^FIRE (?P<key>\d+)", "address": "{key}", "text": "FIRE {key}"},
        {"match": r"^OK (?P<key>\d+)", "kind": "reset"},
        {"match": "^ALL CLEAR$", "kind": "reset_all"},
    ]
}
Make = Callable[..., Any]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    sites: list[Site] = []

    async def build(*layers: dict[str, Any], **more: Any) -> Site:  # noqa: ANN401 - any setting
        site = Site(*layers, **more)
        sites.append(site)
        await site.start()
        return site

    yield build
    for site in sites:
        await site.stop()


def test_package_exports_the_driver_and_its_settings() -> None:
    assert (DRIVER, SETTINGS, DRIVER.kind) == (AsciiDriver, AsciiSettings, "ascii")


async def test_line_receives_and_is_up_as_soon_as_the_port_is_open(make: Make) -> None:
    site = await make(FIRE)
    assert site.gateway.ups == 1
    assert site.driver.capabilities == Capabilities(receives=True)
    assert site.driver.port == "memory"


@pytest.mark.parametrize("wire", [None, Wire(chunk=1), Wire(chunk=3, delay=0.01)])
async def test_lines_become_alarms_and_resets_in_their_order(make: Make, wire: Wire | None) -> None:
    site = await make(FIRE, wire=wire)
    await site.says("FIRE 3", "FIRE 4", "OK 3")
    await site.clock.advance(1)
    first, second, over = site.gateway.reports
    assert (first.key, second.key, over.key) == ("3", "4", "3")
    assert (type(first), type(second), type(over)) == (AlarmActivated, AlarmActivated, AlarmReset)
    assert site.gateway.counts == {"records": 3, "kind_set": 2, "kind_reset": 1}


async def test_open_alarm_is_remembered_before_it_is_reported_and_forgotten_after_its_reset(make: Make) -> None:
    site = await make(FIRE)
    await site.says("FIRE 3", "OK 3")
    assert site.gateway.order == ["remember open 3", "AlarmActivated 3", "AlarmReset 3", "forget open 3"]
    assert site.gateway.memory.kept == {}


async def test_repeated_alarm_costs_the_memory_nothing(make: Make) -> None:
    site = await make(FIRE)
    await site.says("FIRE 3", "FIRE 3", "FIRE 3")
    assert [entry for entry in site.gateway.order if "remember" in entry] == ["remember open 3"]
    assert len(site.gateway.alarms) == 3


async def test_general_reset_after_a_restart_ends_what_was_open_before(make: Make) -> None:
    site = await make(FIRE)
    await site.says("FIRE 3", "FIRE 4", "OK 4", "FIRE 5")
    await site.stop()
    again = await make(FIRE, gateway=site.gateway)
    await again.says("ALL CLEAR")
    assert site.gateway.resets == ["4", "3", "5"]
    assert site.gateway.memory.kept == {}


async def test_reset_of_an_alarm_that_nobody_knows_is_passed_on(make: Make) -> None:
    site = await make(FIRE)
    await site.says("OK 9")
    assert site.gateway.resets == ["9"]


# --- alarms that end because they are no longer repeated --------------------------------------------------------------


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


# --- signs of life ----------------------------------------------------------------------------------------------------


async def test_silence_is_a_fault_that_the_next_byte_ends(make: Make) -> None:
    site = await make(FIRE, silent_after=120)
    await site.clock.advance(119)
    assert site.gateway.faults == []
    await site.clock.advance(2)
    assert site.gateway.faults == ["fault silent"]
    await site.clock.advance(1_000)
    assert site.gateway.faults == ["fault silent"]
    await site.says("FIRE 3")
    assert site.gateway.resets == ["fault silent"]
    await site.clock.advance(121)
    assert site.gateway.faults == ["fault silent"] * 2


async def test_fault_that_was_raised_before_a_restart_ends_when_the_line_is_heard(make: Make) -> None:
    site = await make(FIRE, silent_after=120)
    await site.clock.advance(121)
    await site.stop()
    again = await make(FIRE, silent_after=120, gateway=site.gateway)
    await again.says("FIRE 3")
    assert site.gateway.resets == ["fault silent"]
    assert "fault silent" not in site.gateway.memory.kept


async def test_fault_of_a_supervision_that_was_switched_off_ends_at_the_start(make: Make) -> None:
    site = await make(FIRE, silent_after=120)
    await site.clock.advance(121)
    await site.stop()
    await make(FIRE, gateway=site.gateway)
    assert site.gateway.resets == ["fault silent"]


async def test_heartbeats_are_answered_at_once_even_while_the_store_is_slow(make: Make) -> None:
    site = await make(samples.MLR2, panel={"heartbeat_every": 60})
    site.gateway.store_is_free.clear()
    await site.says("ALARM 1")
    await site.clock.advance(61)
    assert site.panel.heard == b"\x06"


async def test_three_missed_heartbeats_are_a_fault_that_the_next_one_ends(make: Make) -> None:
    site = await make(samples.MLR2, panel={"heartbeat_every": 60})
    await site.clock.advance(600)
    assert site.gateway.faults == []
    assert site.gateway.counts["heartbeats"] == 10
    site.panel.faults.plan("dead")
    await site.clock.advance(209)
    assert site.gateway.faults == []
    await site.clock.advance(2)
    assert site.gateway.faults == ["fault heartbeat-missing"]
    site.panel.faults.repair("dead")
    await site.clock.advance(60)
    assert site.gateway.resets == ["fault heartbeat-missing"]


async def test_noise_is_no_heartbeat(make: Make) -> None:
    site = await make(samples.MLR2)
    for _ in range(30):
        await site.clock.advance(10)
        await site.sends(b"\x80\xf8\x1c\xe6\r\n")
    assert "fault heartbeat-missing" in site.gateway.faults


# --- records that lack their end --------------------------------------------------------------------------------------


async def test_line_without_its_end_is_reported_after_a_pause(make: Make) -> None:
    site = await make(FIRE)
    await site.sends(b"FIRE 3")
    await site.clock.advance(1.9)
    assert site.gateway.alarms == []
    await site.clock.advance(0.2)
    assert site.gateway.alarms == ["FIRE 3"]
    assert site.gateway.counts["incomplete_records"] == 1


async def test_slow_line_is_not_torn_apart_while_bytes_still_come(make: Make) -> None:
    site = await make(FIRE)
    for byte in b"FIRE 33333":
        await site.sends(bytes([byte]))
        await site.clock.advance(1.5)
    await site.sends(b"\r")
    assert site.gateway.alarms == ["FIRE 33333"]


async def test_pause_ends_a_record_where_nothing_else_does(make: Make) -> None:
    site = await make(FIRE, framing="gap")
    await site.sends(b"FIRE 3")
    await site.clock.advance(0.6)
    assert site.gateway.alarms == ["FIRE 3"]
    assert "incomplete_records" not in site.gateway.counts


async def test_record_of_several_lines_ends_with_a_pause_where_lines_are_missing(make: Make) -> None:
    site = await make(samples.KIDDE)
    await site.says("TRBL ACT | 18:00:07 01/01/2007 A:008")
    assert site.gateway.alarms == []
    await site.clock.advance(2.1)
    assert len(site.gateway.alarms) == 1


async def test_part_of_a_line_is_not_lost_with_the_port(make: Make) -> None:
    site = await make(FIRE)
    await site.sends(b"FIRE 3")
    assert "unplugged" in await site.unplug()
    assert site.gateway.alarms == ["FIRE 3"]


# --- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "alarms", "faults"),
    [
        ("drop", ["FIRE 4"], []),
        ("garble", ["FIRE 4"], ["fault unreadable"]),
        ("cut", ["FIRE 4"], []),
        ("noise", ["FIRE 3", "FIRE 4"], []),
        ("late", ["FIRE 3", "FIRE 4"], []),
    ],
)
async def test_line_goes_on_after_every_fault_of_the_panel(
    make: Make, fault: str, alarms: list[str], faults: list[str]
) -> None:
    rules = [{"match": r"FIRE (?P<key>\d)", "text": "FIRE {key}"}]
    site = await make({"rules": rules, "unmatched": "count"})
    site.panel.faults.plan(fault)
    printing = asyncio.create_task(site.panel.prints("FIRE 3"))
    await site.clock.advance(6)
    await printing
    await site.says("FIRE 4")
    assert (site.gateway.alarms, site.gateway.faults) == (alarms, faults)
    assert ("unreadable" in site.gateway.counts) == (fault in {"garble", "noise"})


async def test_full_disk_delays_a_line_and_loses_none(make: Make) -> None:
    site = await make(FIRE)
    site.gateway.failures = [StoreUnavailable("full")] * 3
    site.gateway.memory.failures = 2
    await site.says("FIRE 3", "FIRE 4")
    assert site.gateway.alarms == []
    await site.clock.advance(4)
    assert site.gateway.alarms == ["FIRE 3", "FIRE 4"]
    assert set(site.gateway.memory.kept) == {"open 3", "open 4"}


async def test_report_that_the_store_refuses_for_good_does_not_hold_up_the_next(make: Make) -> None:
    site = await make(FIRE)
    site.gateway.failures = [Invalid("text", "cannot be stored")]
    await site.says("FIRE 3", "FIRE 4")
    assert site.gateway.alarms == ["FIRE 4"]
    assert site.gateway.counts["poisoned"] == 1


async def test_bytes_are_read_on_while_the_store_is_slow_and_the_panel_waits_at_a_bound(make: Make) -> None:
    site = await make(FIRE)
    site.gateway.store_is_free.clear()
    for number in range(3_000):
        await site.panel.prints(f"FIRE {number}")
    await settle()
    assert site.end._paused
    site.gateway.store_is_free.set()
    await settle(10_000)
    assert site.gateway.alarms == [f"FIRE {number}" for number in range(3_000)]


async def test_device_that_cannot_be_opened_is_line_down(make: Make) -> None:
    site = await make(FIRE)
    await site.unplug()
    site.running = asyncio.create_task(site.driver.run())
    with pytest.raises(LineDown, match="cannot open"):
        await site.running
    assert site.gateway.ups == 1


async def test_endless_text_without_an_end_is_cut_and_kept(make: Make) -> None:
    site = await make({"unmatched": "count"})
    await site.sends(b"x" * 100_000)
    assert site.gateway.counts["unmatched"] == 100_000 // 256
    await site.clock.advance(3)
    assert site.gateway.counts["unmatched"] == 100_000 // 256 + 1


async def test_script_shows_life_without_hands(make: Make) -> None:
    script = [{"after": 2, "text": "FIRE 3"}, {"after": 3, "text": "OK 3"}]
    site = await make(FIRE, panel={"script": script, "repeat": True})
    await site.clock.advance(11)
    assert [type(report) for report in site.gateway.reports] == [AlarmActivated, AlarmReset] * 2


# --- the book of open alarms ------------------------------------------------------------------------------------------


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
