"""Following calls with panels that do not play along, that ask, or that are polled themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.driver import Progress
from gatewayd.errors import LineDown
from tests.drivers.espa444.followed import FIRE, alarmed, told

if TYPE_CHECKING:
    from drivers.espa444.simulator import SimulatedPanel
    from tests.drivers.espa444.conftest import Site

# --- panels that do not play along ------------------------------------------------------------------------------------


async def test_panel_that_takes_no_status_is_soon_left_alone_and_still_heard(site: Site) -> None:
    panel = await site.panel(options={"quirks": ["no-status"]})
    await site.finish(site.start(panel.activate("2001", FIRE)))
    site.tells(Progress.PAGED)
    await site.clock.advance(60)
    offered = site.said.count(b"1\x05")
    assert offered <= 6
    assert site.gateway.counts["statuses_lost"] == 1
    for progress in (Progress.ACCEPTED, Progress.CLEARED):
        site.tells(progress)
    await site.clock.advance(60)
    assert site.said.count(b"1\x05") == offered
    assert site.gateway.counts["statuses_lost"] == 3
    assert not [name for name in site.gateway.memory.items() if name.startswith("call ")]
    await site.finish(site.start(panel.activate("2002", FIRE)))
    assert len(site.gateway.alarms) == 2


async def test_panel_that_asks_for_a_status_gets_it_although_it_took_none_before(site: Site) -> None:
    panel = await alarmed(site)
    site.driver._session._deaf.add("1")
    site.tells(Progress.ACCEPTED)
    await site.clock.advance(10)
    assert told(panel) == []
    assert await asked(site, panel) == "6"
    site.tells(Progress.CLEARED)
    await site.until(lambda: told(panel) == ["6", "5"])


@pytest.mark.parametrize("silent_for", [0, 1, 40])
async def test_polled_panel_that_is_silent_is_told_when_it_is_back(site: Site, silent_for: float) -> None:
    panel = await site.panel(options={"control": False, "own": "2", "peer": "1"}, control=True)
    await site.finish(site.start(panel.activate("2001", FIRE)))
    panel.faults.plan("dead")
    await site.clock.advance(silent_for)
    site.tells(Progress.ACCEPTED)
    await site.clock.advance(60)
    panel.faults.repair("dead")
    await site.until(lambda: told(panel) == ["6"])


async def test_panel_that_never_polls_is_told_nothing(site: Site) -> None:
    panel = await site.panel(options={"self_poll": "absent"}, self_poll="absent")
    await site.finish(site.start(panel.activate("2001", FIRE)))
    said = site.said
    site.tells(Progress.ACCEPTED)
    await site.clock.advance(10)
    assert site.said == said


async def test_store_that_is_unavailable_for_a_while_delays_only_the_memory(site: Site) -> None:
    panel = await alarmed(site)
    site.gateway.memory.failures = 1
    site.tells(Progress.ACCEPTED)
    await site.until(lambda: told(panel) == ["6"])
    await site.clock.advance(10)
    await site.restart()
    panel = await site.panel()
    await site.clock.advance(5)
    assert told(panel) == []


async def test_memory_that_could_not_forget_a_call_does_so_later(site: Site) -> None:
    await alarmed(site, told={})
    site.gateway.memory.failures = 1
    site.tells(Progress.CLEARED)
    await settle()
    assert [name for name in site.gateway.memory.items() if name.startswith("call ")]
    await site.clock.advance(6)
    assert not [name for name in site.gateway.memory.items() if name.startswith("call ")]


async def test_call_is_not_acknowledged_before_the_line_has_noted_it(site: Site) -> None:
    panel = await site.panel(options={"retry_after": 1})
    site.gateway.memory.failures = 1
    await site.finish(site.start(panel.activate("2001", FIRE)))
    assert [ending.value for ending in panel.endings] == ["busy", "taken"]


# --- status requests --------------------------------------------------------------------------------------------------


async def asked(site: Site, panel: SimulatedPanel, address: str = "2001", text: str = FIRE) -> str:
    await site.finish(site.start(panel.ask(address, text)))
    before = len(panel.statuses)
    await site.until(lambda: len(panel.statuses) > before)
    return panel.statuses[-1].get("7")


async def test_status_request_hears_the_newest_of_the_call(site: Site) -> None:
    panel = await alarmed(site)
    assert await asked(site, panel) == "2"
    site.tells(Progress.ACCEPTED)
    await site.until(lambda: told(panel)[-1] == "6")
    assert await asked(site, panel) == "6"
    assert await asked(site, panel, text="") == "6"


async def test_status_request_for_a_call_that_nobody_knows_hears_that_it_is_over(site: Site) -> None:
    panel = await alarmed(site)
    assert await asked(site, panel, address="2002") == "5"
    assert await asked(site, panel, text="OTHER") == "5"
    await site.finish(site.start(panel.reset("2001", FIRE)))
    assert await asked(site, panel) == "5"


async def test_status_request_for_a_call_that_is_over_never_hears_what_was_said_of_it_before(site: Site) -> None:
    panel = await site.panel(options={"poll_interval": 20}, told={"accepted": "6"})
    await site.finish(site.start(panel.activate("2001", FIRE)))
    site.tells(Progress.ACCEPTED)
    site.tells(Progress.CLEARED)
    await site.finish(site.start(panel.ask("2001", FIRE)))
    await site.until(lambda: told(panel) == ["6", "5"])


async def test_status_request_is_no_report(site: Site) -> None:
    panel = await alarmed(site)
    await asked(site, panel)
    assert len(site.gateway.reports) == 1


async def test_block_of_records_that_are_all_too_long_is_answered_like_any_other(site: Site) -> None:
    panel = await site.panel(longest_text=512, status_after_call="2")
    records = {"1": "1" * 300, "2": "x" * 512, "3": "5" * 200}
    await site.finish(site.start(panel.send("1", records)))
    await site.until(lambda: told(panel) == ["2"])
    assert await asked(site, panel, records["1"], records["2"]) == "5"
    assert not site.tasks[0].done()


# --- the gateway polls ------------------------------------------------------------------------------------------------


async def test_polled_panel_is_told_without_being_asked(site: Site) -> None:
    panel = await site.panel(options={"control": False, "own": "2", "peer": "1"}, control=True)
    await site.finish(site.start(panel.activate("2001", FIRE)))
    site.tells(Progress.ACCEPTED)
    await site.until(lambda: told(panel) == ["6"])


async def test_news_at_the_moment_in_which_the_line_is_lost_is_told_over_the_next_connection(site: Site) -> None:
    options = {"control": False, "own": "2", "peer": "1"}
    panel = await site.panel(options=options, control=True)
    await site.finish(site.start(panel.activate("2001", FIRE)))
    assert site.wire is not None
    site.driver._session.adapter.fail(LineDown("gone"))
    site.tells(Progress.ACCEPTED)
    with pytest.raises(LineDown):
        await site.finish(site.tasks[0])
    panel = await site.reconnect(**options)
    await site.until(lambda: told(panel) == ["6"])
