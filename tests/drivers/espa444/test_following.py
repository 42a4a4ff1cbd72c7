"""A panel that polls hears what became of its calls."""

from typing import Any

import pytest

from drivers.espa444.ledger import MOST_CALLS, Ledger
from drivers.espa444.protocol import Block
from drivers.espa444.simulator import SimulatedPanel
from gatewayd.clock import settle
from gatewayd.driver import News, Progress
from gatewayd.errors import LineDown
from gatewayd.model import AlarmReset, Report, TextReceived
from gatewayd.transport.memory import Wire
from tests.drivers.espa444.conftest import Site, espa

FIRE = "FIRE ZONE 3"


async def alarmed(site: Site, **settings: Any) -> SimulatedPanel:  # noqa: ANN401 - those of the line
    panel = await site.panel(**settings)
    await site.finish(site.start(panel.activate("2001", FIRE, "1", beep="5")))
    return panel


def told(panel: SimulatedPanel) -> list[str]:
    return [status.get("7") for status in panel.statuses]


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


# --- restarts and lost connections ------------------------------------------------------------------------------------


async def test_news_of_a_call_from_before_a_restart_is_told(site: Site) -> None:
    await alarmed(site)
    await site.restart()
    panel = await site.panel()
    site.tells(Progress.ACCEPTED)
    await site.until(lambda: told(panel) == ["6"])
    assert panel.statuses[0].get("2") == FIRE


async def test_news_that_the_panel_had_not_taken_before_a_restart_is_told_after_it(site: Site) -> None:
    panel = await alarmed(site)
    panel.faults.plan("dead")
    site.tells(Progress.ACCEPTED)
    await site.clock.advance(1)
    await site.restart()
    panel = await site.panel()
    await site.until(lambda: told(panel) == ["6"])


def test_panel_that_has_taken_older_news_still_has_to_hear_the_newest() -> None:
    ledger = Ledger(espa())
    ledger.enter("key", "2001", "1", Block.of("1", {"1": "2001"}), 0)
    for progress in (Progress.PAGED, Progress.ACCEPTED):
        ledger.take(News("key", progress, "Anna", 1))
    ledger.settle("key", "3")
    assert [call.told for call in ledger.untold("1")] == ["6"]
    ledger.settle("key", "6")
    assert ledger.untold("1") == []


async def test_call_that_is_repeated_is_not_told_of_twice(site: Site) -> None:
    panel = await alarmed(site)
    site.tells(Progress.PAGED)
    await site.until(lambda: told(panel) == ["3"])
    await site.finish(site.start(panel.activate("2001", FIRE)))
    site.tells(Progress.DELIVERED)
    await site.clock.advance(5)
    assert told(panel) == ["3"]


async def test_news_that_the_panel_has_taken_is_not_told_again_after_a_restart(site: Site) -> None:
    panel = await alarmed(site)
    site.tells(Progress.ACCEPTED)
    await site.until(lambda: told(panel) == ["6"])
    await settle()
    await site.restart()
    panel = await site.panel()
    await site.clock.advance(10)
    assert told(panel) == []


async def test_old_news_is_not_told_after_a_restart(site: Site) -> None:
    panel = await alarmed(site)
    panel.faults.plan("dead")
    site.tells(Progress.ACCEPTED)
    await site.clock.advance(1)
    await site.restart()
    site.clock.time += 4_000
    panel = await site.panel()
    await site.clock.advance(10)
    assert told(panel) == []


async def test_call_that_was_over_long_before_a_restart_is_forgotten_by_it(site: Site) -> None:
    panel = await alarmed(site)
    panel.faults.plan("dead")
    site.tells(Progress.CLEARED)
    await site.clock.advance(1)
    await site.restart()
    site.clock.time += 4_000
    panel = await site.panel()
    await site.finish(site.start(panel.activate("2002", FIRE)))
    assert len([name for name in site.gateway.memory.items() if name.startswith("call ")]) == 1


async def test_news_that_comes_while_the_line_is_down_is_told_when_it_is_back(site: Site) -> None:
    await alarmed(site)
    assert site.wire is not None
    site.wire.cut(None)
    await settle()
    site.tells(Progress.ACCEPTED)
    panel = await site.reconnect()
    await site.until(lambda: told(panel) == ["6"])


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


# --- calls that are texts ---------------------------------------------------------------------------------------------


async def test_call_may_be_a_text_for_the_recipient_that_it_dials(site: Site) -> None:
    panel = await site.panel(calls="text")
    await site.finish(site.start(panel.activate("2001", FIRE, "1")))
    await site.finish(site.start(panel.activate("2001", FIRE, "1")))
    first, second = site.gateway.texts
    assert isinstance(first, TextReceived)
    assert (first.text, first.recipient, first.priority) == (FIRE, "2001", 1)
    assert first.reference != second.reference
    site.tells(Progress.ACCEPTED, key=second.reference)
    await site.until(lambda: told(panel) == ["6"])


async def test_texts_that_come_at_one_moment_are_texts_of_their_own(site: Site) -> None:
    panel = await site.panel(calls="text", options={"poll_interval": 0})
    for _ in range(3):
        call = site.start(panel.activate("2001", FIRE))
        await settle()
        assert call.done()
    assert len({text.reference for text in site.gateway.texts}) == 3


async def test_text_that_a_kill_left_unanswered_is_known_again_once_and_no_other_is(site: Site) -> None:
    panel = await site.panel(calls="text")
    await site.finish(site.start(panel.activate("2001", FIRE)))
    (first,) = site.gateway.texts
    await site.clock.advance(1)
    await site.restart()
    panel = await site.panel(calls="text")
    for address in ("2001", "2002", "2001"):
        await site.finish(site.start(panel.activate(address, FIRE)))
    again, other, later = site.gateway.texts
    assert again.reference == first.reference
    assert len({first.reference, other.reference, later.reference}) == 3


async def test_same_text_after_the_line_was_down_is_a_text_of_its_own(site: Site) -> None:
    panel = await site.panel(calls="text")
    await site.finish(site.start(panel.activate("2001", FIRE)))
    assert site.wire is not None
    site.wire.cut(None)
    await site.clock.advance(1)
    panel = await site.reconnect()
    await site.finish(site.start(panel.activate("2001", FIRE)))
    first, second = site.gateway.texts
    assert first.reference != second.reference


async def test_text_from_long_before_a_restart_is_no_reason_to_know_one_again(site: Site) -> None:
    panel = await site.panel(calls="text")
    await site.finish(site.start(panel.activate("2001", FIRE)))
    (first,) = site.gateway.texts
    await site.restart()
    site.clock.time += 40
    panel = await site.panel(calls="text")
    await site.finish(site.start(panel.activate("2001", FIRE)))
    assert site.gateway.texts[0].reference != first.reference


async def test_cancelled_text_says_so(site: Site) -> None:
    panel = await site.panel(calls="text")
    await site.finish(site.start(panel.reset("2001", FIRE)))
    assert [text.text for text in site.gateway.texts] == [f"RESET {FIRE}"]


async def test_key_of_a_call_is_short_enough_to_be_told_of(site: Site) -> None:
    panel = await site.panel()
    await site.finish(site.start(panel.activate("2001", "x" * 400)))
    key = site.gateway.alarms[0].key
    assert len(key) <= 200
    site.tells(Progress.ACCEPTED, key=key)
    await site.until(lambda: told(panel) == ["6"])


def test_calls_of_a_panel_gone_mad_are_bounded_and_the_newest_stay() -> None:
    ledger, block = Ledger(espa()), Block.of("1", {"1": "2001", "2": FIRE})
    for number in range(MOST_CALLS + 3):
        ledger.enter(f"{number}", "2001", "1", block, number)
        ledger.saved(ledger.changes())
    assert len(ledger.standing(None, "2001")) == MOST_CALLS
    assert ledger.standing("2", "2001") == []
    assert ledger.standing("3", "2001") == ["3"]
    for number in range(10):  # the disk is full
        ledger.enter(f"unsaved {number}", "2001", "1", block, number)
        ledger.forget(f"unsaved {number}")
    ledger.enter("new", "2001", "1", block, 1e6)
    assert sorted(kept is None for kept in ledger.changes().values()) == [False, True]


def test_call_that_is_forgotten_while_it_is_being_saved_is_forgotten_by_the_memory_too() -> None:
    ledger = Ledger(espa())
    ledger.enter("key", "2001", "1", Block.of("1", {"1": "2001"}), 0)
    being_saved = ledger.changes()
    ledger.forget("key")
    ledger.saved(being_saved)
    (forgotten,) = ledger.changes().values()
    assert forgotten is None
    ledger.saved(ledger.changes())
    assert ledger.changes() == {}
