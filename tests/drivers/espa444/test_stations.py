"""Several stations on one line: whose address is whose."""

from typing import Any

import pytest

from drivers.espa444.calls import addressee
from drivers.espa444.rota import MISSES, Rota
from drivers.espa444.simulator import PagerSettings, PanelSettings, SimulatedPager, SimulatedPanel
from gatewayd.driver import Outcome, Progress
from gatewayd.errors import Invalid
from gatewayd.model import AlarmReset, Answer, PageAnswered
from tests.drivers.espa444.conftest import Site, espa

FIRE = "FIRE ZONE 3"


async def pagers(site: Site, *stations: str, **settings: Any) -> list[SimulatedPager]:  # noqa: ANN401
    found = [SimulatedPager(site.clock, PagerSettings(own=station)) for station in stations]
    await site.bus(found, role="panel", peers=stations, **settings)
    await site.until(lambda: site.gateway.is_up)
    return found


async def panels(site: Site, *stations: str, **settings: Any) -> list[SimulatedPanel]:  # noqa: ANN401
    found = [
        SimulatedPanel(site.clock, PanelSettings(own=station, peer="1", control=False, attempts=1))
        for station in stations
    ]
    await site.bus(found, role="pager", control=True, peers=stations, **settings)
    return found


# --- calls ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("1234", ("2", "1234")),
        ("2:1234", ("2", "1234")),
        ("3:1234", ("3", "1234")),
        ("3:12:34", ("3", "12:34")),
        ("3000", ("3", "3000")),
        ("4711", ("4", "4711")),
        ("2:3000", ("2", "3000")),
    ],
)
def test_address_names_its_station_or_falls_into_its_range_or_goes_to_the_first(
    address: str, expected: tuple[str, str]
) -> None:
    line = espa(role="panel", peers=["2", "3", "4"], addresses={"3": ["3*"], "4": ["47??", "9"]})
    assert addressee(address, line) == expected


def test_station_that_is_not_there_is_a_mistake_and_not_a_guess() -> None:
    with pytest.raises(Invalid, match="none of the line's peers"):
        addressee("7:1234", espa(role="panel", peers=["2", "3"]))


def test_colon_means_nothing_on_a_line_with_one_station() -> None:
    assert addressee("7:1234", espa(role="panel")) == ("2", "7:1234")


async def test_page_reaches_the_station_that_it_is_addressed_to_and_no_other(site: Site) -> None:
    second, third = await pagers(site, "2", "3")
    assert (await site.sends("TO 2", "2001")).outcome is Outcome.SENT
    assert (await site.sends("TO 3", "3:2001")).outcome is Outcome.SENT
    assert [(call.address, call.text) for call in second.calls] == [("2001", "TO 2")]
    assert [(call.address, call.text) for call in third.calls] == [("2001", "TO 3")]


async def test_page_to_a_station_that_is_no_peer_is_refused(site: Site) -> None:
    await pagers(site, "2", "3")
    receipt = await site.sends("LOST", "9:2001")
    assert receipt.outcome is Outcome.REFUSED
    assert "peers" in receipt.detail


async def test_answer_of_a_station_is_for_its_own_page(site: Site) -> None:
    second, third = await pagers(site, "2", "3")
    first = await site.sends(FIRE, "2:2001")
    other = await site.sends(FIRE, "3:2001")
    assert first.reference != other.reference
    third.acknowledge(third.calls[0])
    await site.until(lambda: bool(site.gateway.reports))
    second.acknowledge(second.calls[0])
    await site.until(lambda: len(site.gateway.reports) > 1)
    assert site.gateway.reports == [
        PageAnswered(other.reference, Answer.ACCEPT),
        PageAnswered(first.reference, Answer.ACCEPT),
    ]


async def test_line_is_up_although_its_first_station_is_dead_and_the_others_are_called_at_once(site: Site) -> None:
    dead = SimulatedPager(site.clock, PagerSettings(own="2", faults={"dead": 1}))
    alive = SimulatedPager(site.clock, PagerSettings(own="3"))
    await site.bus([dead, alive], role="panel", peers=["2", "3"])
    await site.clock.advance(40)
    assert site.gateway.is_up
    assert [fault.key for fault in site.gateway.faults] == ["link-silent"]
    before = site.clock.now()
    assert (await site.sends("TO 2", "2:2001")).outcome is Outcome.FAILED
    assert site.clock.now() - before < 5  # one select: it has left the polls unanswered too
    assert (await site.sends("TO 3", "3:2001")).outcome is Outcome.SENT


# --- calls to us ------------------------------------------------------------------------------------------------------


async def test_same_call_of_two_panels_is_two_alarms_and_each_has_its_own_end(site: Site) -> None:
    second, third = await panels(site, "2", "3")
    for panel in (second, third):
        await site.finish(site.start(panel.activate("101", FIRE)))
    assert [(alarm.address, alarm.key) for alarm in site.gateway.alarms] == [
        ("2:101", "2:101|FIRE ZONE 3"),
        ("3:101", "3:101|FIRE ZONE 3"),
    ]
    await site.finish(site.start(third.reset("101", FIRE)))
    await site.finish(site.start(second.reset("101")))
    assert site.gateway.resets == [AlarmReset("3:101|FIRE ZONE 3", "3:101", FIRE), AlarmReset(None, "2:101", "")]


async def test_line_that_polls_panels_is_up_when_one_of_them_answers(site: Site) -> None:
    found = [
        SimulatedPanel(site.clock, PanelSettings(own=own, peer="1", control=False, faults={"dead": 1})) for own in "23"
    ]
    await site.bus(found, role="pager", control=True, peers=["2", "3"])
    await site.clock.advance(5)
    assert not site.gateway.is_up
    found[1].faults.repair("dead")
    await site.clock.advance(15)
    assert site.gateway.is_up


async def test_each_panel_is_told_of_its_own_call_only(site: Site) -> None:
    second, third = await panels(site, "2", "3")
    for panel in (second, third):
        await site.finish(site.start(panel.activate("101", FIRE)))
    site.tells(Progress.ACCEPTED, key="3:101|FIRE ZONE 3")
    await site.clock.advance(10)
    assert (len(second.statuses), [status.get("7") for status in third.statuses]) == (0, ["6"])


async def test_identical_block_of_another_panel_is_no_copy_even_if_the_first_was_never_told(site: Site) -> None:
    second, third = await panels(site, "2", "3", watchdog=0.5)
    site.gateway.store_is_free.clear()
    late = site.start(second.activate("101", FIRE))
    await site.clock.advance(8)
    site.gateway.store_is_free.set()
    await site.finish(site.start(third.activate("101", FIRE)))
    assert sorted(alarm.address for alarm in site.gateway.alarms) == ["2:101", "3:101"]
    assert late.done()


async def test_five_panels_are_each_heard_within_a_second_or_two(site: Site) -> None:
    found = await panels(site, *"23456")
    await site.clock.advance(3)
    for panel in found:
        await site.finish(site.start(panel.activate("101", FIRE)), seconds=2)
    assert len(site.gateway.alarms) == 5


async def test_dead_panel_hardly_delays_the_others(site: Site) -> None:
    found = await panels(site, "2", "3", "4")
    found[0].faults.plan("dead")
    await site.clock.advance(40)
    for _ in range(3):
        await site.finish(site.start(found[1].activate("101", FIRE)), seconds=4)
        await site.finish(site.start(found[1].reset("101", FIRE)), seconds=4)
    found[0].faults.repair("dead")
    await site.clock.advance(25)
    assert AlarmReset("link-silent") in site.gateway.resets


# --- the rota ---------------------------------------------------------------------------------------------------------


def test_stations_take_turns() -> None:
    rota = Rota("234", 10)
    assert [rota.next(0) for _ in range(6)] == [*"234234"]


def missing(rota: Rota, station: str, now: float = 0) -> None:
    for _ in range(MISSES):
        rota.missed(station, now)


def test_absent_station_is_left_out_until_its_time_comes_and_then_asked_once() -> None:
    rota = Rota("234", 10)
    missing(rota, "3")
    assert [rota.next(1) for _ in range(4)] == [*"2424"]
    assert "3" in [rota.next(10) for _ in range(3)]
    rota.missed("3", 10)
    assert [rota.next(11) for _ in range(4)].count("3") == 0


def test_station_that_answers_is_back_in_every_round() -> None:
    rota = Rota("23", 10)
    missing(rota, "3")
    rota.answered("3")
    assert sorted(rota.next(1) for _ in range(2)) == ["2", "3"]


def test_where_everybody_is_absent_all_are_asked_as_ever() -> None:
    rota = Rota("23", 10)
    missing(rota, "2")
    missing(rota, "3")
    assert sorted(rota.next(1) for _ in range(4)) == ["2", "2", "3", "3"]
