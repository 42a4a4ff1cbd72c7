"""The line: order, records that lack their end, faults of the panel and of the store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from drivers.ascii import DRIVER, SETTINGS
from drivers.ascii.driver import AsciiDriver
from drivers.ascii.settings import AsciiSettings
from gatewayd.clock import settle
from gatewayd.driver import Capabilities
from gatewayd.errors import Invalid, LineDown, StoreUnavailable
from gatewayd.model import AlarmActivated, AlarmReset
from gatewayd.transport.memory import Wire
from tests.drivers.ascii import samples
from tests.drivers.ascii.samples import FIRE

if TYPE_CHECKING:
    from tests.drivers.ascii.conftest import Make


def test_package_exports_the_driver_and_its_settings() -> None:
    assert (DRIVER, SETTINGS, DRIVER.kind) == (AsciiDriver, AsciiSettings, "ascii")


async def test_line_receives_and_is_up_as_soon_as_the_port_is_open(make: Make) -> None:
    site = await make(FIRE)
    assert site.gateway.ups == 1
    assert site.driver.capabilities == Capabilities(receives=True, follows=True)
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


@pytest.mark.parametrize(
    ("fault", "alarms", "faults"),
    [
        ("drop", ["FIRE 4"], []),
        ("garble", ["FIRE 4"], ["fault unreadable"]),
        ("cut", ["FIRE 4"], []),
        ("noise", ["FIRE 3", "FIRE 4"], []),
        ("late", ["FIRE 3", "FIRE 4"], []),
        ("break", ["FIRE 3", "FIRE 4"], []),
        ("twice", ["FIRE 3", "FIRE 3", "FIRE 4"], []),
        ("pause", ["FIRE 4"], []),
        ("parity", ["FIRE 4"], ["fault unreadable"]),
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
    assert ("unreadable" in site.gateway.counts) == (fault in {"garble", "noise", "parity"})


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
