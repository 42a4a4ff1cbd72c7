"""What a panel hears of its calls after a restart or a lost connection, and what the memory keeps of them."""

from __future__ import annotations

from drivers.espa444.ledger import MOST_CALLS, Ledger
from drivers.espa444.protocol import Block
from gatewayd.clock import settle
from gatewayd.driver import News, Progress
from tests.drivers.espa444.conftest import Site, espa
from tests.drivers.espa444.followed import FIRE, alarmed, told


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
