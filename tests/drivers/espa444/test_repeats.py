"""Panels that know no resets: their calls end when they are not repeated any more."""

from typing import Any

from drivers.espa444.simulator import SimulatedPanel
from gatewayd.clock import settle
from gatewayd.driver import Progress
from gatewayd.model import AlarmReset
from tests.drivers.espa444.conftest import KEY, Site

FIRE = "FIRE ZONE 3"
LINE: dict[str, Any] = {"repeat_timeout": 60}
RESET = AlarmReset(KEY, "2001")


async def called(site: Site, **settings: Any) -> SimulatedPanel:  # noqa: ANN401 - those of the line
    panel = await site.panel(**(LINE | settings))
    await site.finish(site.start(panel.activate("2001", FIRE)))
    return panel


async def test_alarm_ends_when_its_panel_stops_repeating_it(site: Site) -> None:
    await called(site)
    await site.clock.advance(59)
    assert site.gateway.resets == []
    await site.clock.advance(2)
    assert site.gateway.resets == [RESET]
    await site.clock.advance(300)
    assert site.gateway.resets == [RESET]


async def test_alarm_stands_as_long_as_it_is_repeated(site: Site) -> None:
    panel = await site.panel(**LINE)
    repeating = site.start(panel.repeat("2001", FIRE, every=20))
    await site.clock.advance(300)
    assert site.gateway.resets == []
    repeating.cancel()
    await site.clock.advance(61)
    assert site.gateway.resets == [RESET]


async def test_each_alarm_has_its_own_time(site: Site) -> None:
    panel = await called(site)
    site.start(panel.repeat("2002", FIRE, every=20))
    await site.clock.advance(120)
    assert site.gateway.resets == [RESET]


async def test_alarms_stand_for_ever_unless_the_line_says_otherwise(site: Site) -> None:
    await called(site, repeat_timeout=0)
    await site.clock.advance(1_000)
    assert site.gateway.resets == []


async def test_no_alarm_ends_because_its_panel_cannot_be_heard(site: Site) -> None:
    panel = await called(site)
    await site.clock.advance(10)
    panel.faults.plan("dead")
    await site.clock.advance(600)
    assert [fault.key for fault in site.gateway.faults] == ["link-silent"]
    assert RESET not in site.gateway.resets
    panel.faults.repair("dead")
    await site.clock.advance(58)
    assert RESET not in site.gateway.resets
    await site.clock.advance(5)
    assert RESET in site.gateway.resets


async def test_time_begins_anew_after_a_restart_and_still_ends(site: Site) -> None:
    await called(site)
    await site.clock.advance(50)
    await site.restart()
    site.clock.time += 1_000
    await site.panel(**LINE)
    await site.clock.advance(58)
    assert site.gateway.resets == []
    await site.clock.advance(5)
    assert site.gateway.resets == [RESET]


async def test_time_begins_anew_after_the_line_was_down(site: Site) -> None:
    await called(site)
    assert site.wire is not None
    site.wire.cut(None)
    await site.clock.advance(600)
    assert site.gateway.resets == []
    await site.reconnect()
    await site.clock.advance(58)
    assert site.gateway.resets == []
    await site.clock.advance(5)
    assert site.gateway.resets == [RESET]


async def test_alarm_whose_end_could_not_be_recorded_ends_a_little_later(site: Site) -> None:
    await called(site)
    site.gateway.failures = 1
    await site.clock.advance(61)
    assert site.gateway.resets == []
    await site.clock.advance(6)
    assert site.gateway.resets == [RESET]


async def test_alarm_that_the_panel_resets_after_all_is_not_ended_twice(site: Site) -> None:
    panel = await called(site)
    await site.finish(site.start(panel.reset("2001", FIRE)))
    await site.clock.advance(300)
    assert len(site.gateway.resets) == 1


async def test_alarm_that_a_person_ended_is_not_ended_again(site: Site) -> None:
    await called(site)
    site.tells(Progress.CLEARED)
    await settle()
    await site.clock.advance(300)
    assert site.gateway.resets == []


async def test_where_nobody_polls_the_repeats_alone_count(site: Site) -> None:
    await called(site, options={"self_poll": "absent"}, self_poll="absent")
    await site.clock.advance(61)
    assert site.gateway.resets == [RESET]
