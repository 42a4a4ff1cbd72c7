"""A panel that polls hears what became of its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.driver import Progress
from gatewayd.model import AlarmReset, Report
from gatewayd.transport.memory import Wire
from tests.drivers.espa444.followed import FIRE, alarmed, told

if TYPE_CHECKING:
    from tests.drivers.espa444.conftest import Site


async def test_line_follows_what_it_reports(site: Site) -> None:
    await site.panel()
    assert site.driver.capabilities.follows


@pytest.mark.parametrize("wire", [Wire(), Wire(chunk=1), Wire(chunk=3, delay=0.01)])
@pytest.mark.parametrize(
    ("progress", "value"),
    [
        (Progress.PAGED, "3"),
        (Progress.DELIVERED, "3"),
        (Progress.ACCEPTED, "6"),
        (Progress.DECLINED, "1"),
        (Progress.UNREACHED, "4"),
        (Progress.FAILED, "8"),
        (Progress.CLEARED, "5"),
    ],
)
async def test_panel_hears_what_became_of_its_call_when_it_polls(
    site: Site, progress: Progress, value: str, wire: Wire
) -> None:
    panel = await site.panel(wire)
    await site.finish(site.start(panel.activate("2001", FIRE, "1", beep="5")))
    site.tells(progress)
    await site.until(lambda: bool(panel.statuses))
    assert [(record.id, record.data) for record in panel.statuses[0].records] == [
        ("1", "2001"),
        ("2", FIRE),
        ("3", "5"),
        ("7", value),
    ]
    assert panel.statuses[0].header == "2"


async def test_panel_hears_each_step_once_and_in_order(site: Site) -> None:
    panel = await alarmed(site)
    for progress in (Progress.PAGED, Progress.PAGED, Progress.DELIVERED, Progress.READ, Progress.ACCEPTED):
        site.tells(progress)
    site.tells(Progress.CLEARED)
    await site.clock.advance(10)
    assert told(panel) == ["3", "6", "5"]


async def test_values_belong_to_the_line_and_what_is_not_listed_is_not_told(site: Site) -> None:
    panel = await alarmed(site, told={"unreached": "8", "read": "7"})
    for progress in (Progress.PAGED, Progress.READ, Progress.ACCEPTED, Progress.UNREACHED):
        site.tells(progress)
    await site.clock.advance(10)
    assert told(panel) == ["7", "8"]


async def test_nothing_is_told_where_the_table_is_empty(site: Site) -> None:
    panel = await alarmed(site, told={})
    site.tells(Progress.ACCEPTED)
    await site.clock.advance(10)
    assert told(panel) == []


async def test_news_of_what_this_line_did_not_report_is_nobodys_business(site: Site) -> None:
    panel = await alarmed(site)
    site.tells(Progress.ACCEPTED, key="link-silent")
    await site.clock.advance(10)
    assert told(panel) == []


async def test_news_that_comes_before_the_report_has_returned_is_told(site: Site) -> None:
    panel = await site.panel()

    def unreached(_: Report) -> None:
        site.tells(Progress.UNREACHED)

    site.gateway.on_report = unreached
    await site.finish(site.start(panel.activate("2001", FIRE)))
    await site.until(lambda: bool(panel.statuses))
    assert told(panel) == ["4"]


async def test_reset_by_the_panel_is_answered_and_the_call_forgotten(site: Site) -> None:
    panel = await alarmed(site)

    def cleared(report: Report) -> None:
        if isinstance(report, AlarmReset):
            site.tells(Progress.CLEARED)

    site.gateway.on_report = cleared
    await site.finish(site.start(panel.reset("2001", FIRE)))
    await site.until(lambda: told(panel) == ["5"])
    await settle()
    site.tells(Progress.ACCEPTED)
    await site.clock.advance(10)
    assert told(panel) == ["5"]
    assert not [name for name in site.gateway.memory.items() if name.startswith("call ")]


async def test_reset_without_text_forgets_every_call_of_its_address(site: Site) -> None:
    panel = await alarmed(site)
    await site.finish(site.start(panel.activate("2001", "HELP")))
    await site.finish(site.start(panel.activate("2002", "HELP")))
    await site.finish(site.start(panel.reset("2001")))
    await site.until(lambda: told(panel) == ["5", "5"])
    await settle()
    assert len([name for name in site.gateway.memory.items() if name.startswith("call ")]) == 1


async def test_condition_that_comes_back_is_told_of_anew(site: Site) -> None:
    panel = await alarmed(site)
    site.tells(Progress.PAGED)
    await site.until(lambda: told(panel) == ["3"])
    await site.finish(site.start(panel.reset("2001", FIRE)))
    await site.until(lambda: told(panel) == ["3", "5"])
    await site.finish(site.start(panel.activate("2001", FIRE)))
    site.tells(Progress.PAGED)
    await site.until(lambda: told(panel) == ["3", "5", "3"])


async def test_condition_that_is_back_before_the_panel_has_polled_is_never_said_to_be_over(site: Site) -> None:
    panel = await site.panel(options={"poll_interval": 30}, link_silent_after=90)
    for call in (panel.activate, panel.reset, panel.activate):
        await site.finish(site.start(call("2001", FIRE)))
    site.tells(Progress.PAGED)
    await site.clock.advance(100)
    assert told(panel) == ["3"]


async def test_alarm_that_a_person_ends_is_over_for_the_panel(site: Site) -> None:
    panel = await alarmed(site)
    site.tells(Progress.CLEARED)
    await site.clock.advance(5)
    assert told(panel) == ["5"]
    assert not [name for name in site.gateway.memory.items() if name.startswith("call ")]
