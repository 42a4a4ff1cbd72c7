"""The ways of one person: in their order, with their delays, the next one at once when one fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.driver import Outcome, Receipt
from gatewayd.model import PageConfirmed, PageState
from tests.engine.conftest import Box
from tests.engine.sites import nurse_only

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def nurse_box(tmp_path: Path) -> AsyncIterator[Box]:
    started = Box(tmp_path, nurse_only())
    await settle()
    yield started
    await started.stop()


async def test_later_ways_wait_for_their_delay(nurse_box: Box) -> None:
    await nurse_box.activates("3-12")
    await nurse_box.passes(119)
    assert nurse_box.phones.pages == []
    await nurse_box.passes(2)
    assert [page.address for page in nurse_box.phones.pages] == ["2001"]


async def test_next_way_is_taken_at_once_when_one_fails(nurse_box: Box) -> None:
    nurse_box.pager.outcomes = [Receipt(Outcome.REFUSED, "unknown number")]
    await nurse_box.activates("3-12")
    assert [page.address for page in nurse_box.phones.pages] == ["2001"]


async def test_only_the_very_next_way_is_taken_however_often_one_fails(nurse_box: Box) -> None:
    nurse_box.pager.outcomes = [Receipt(Outcome.FAILED, "busy")] * 4
    await nurse_box.activates("3-12")
    await nurse_box.passes(30)
    assert [page.address for page in nurse_box.phones.pages] == ["2001"]


async def test_next_way_is_taken_at_once_when_the_line_is_dead(nurse_box: Box) -> None:
    nurse_box.pager.unplug()
    await nurse_box.passes(0.01)
    await nurse_box.activates("3-12")
    assert [page.address for page in nurse_box.phones.pages] == ["2001"]


async def test_next_way_is_taken_when_the_line_dies_with_a_page_in_its_queue(nurse_box: Box) -> None:
    nurse_box.pager.outcomes = [Receipt(Outcome.SENT)]
    await nurse_box.activates("3-11")
    nurse_box.pager.outcomes = [Receipt(Outcome.UNKNOWN, retry_after=60.0)]
    nurse_box.pager.unplug()
    await nurse_box.activates("3-12")
    await nurse_box.passes(0.1)
    assert "2001" in [page.address for page in nurse_box.phones.pages]


async def test_a_restart_does_not_bring_ways_forward(nurse_box: Box) -> None:
    await nurse_box.activates("3-12")
    await nurse_box.restart()
    await nurse_box.passes(60)
    assert nurse_box.phones.pages == []


async def test_an_expired_page_is_not_sent(nurse_box: Box) -> None:
    nurse_box.pager.unplug()
    nurse_box.phones.unplug()
    await nurse_box.passes(0.01)
    await nurse_box.activates("3-12")
    await nurse_box.passes(1801)
    nurse_box.pager.plug_in()
    await nurse_box.passes(5)
    assert "ROOM 12" not in nurse_box.pager.texts


async def test_a_page_that_fails_after_all_takes_the_next_way(nurse_box: Box) -> None:
    nurse_box.pager.outcomes = [Receipt(Outcome.SENT, reference="r-1")]
    await nurse_box.activates("3-12")
    await nurse_box.engine.report("pager", PageConfirmed("r-1", PageState.FAILED, "out of range"))
    await settle()
    assert [page.address for page in nurse_box.phones.pages] == ["2001"]
