"""A device or a line that was away comes back: what failed for it goes out at once, and nothing else does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gatewayd.clock import settle
from gatewayd.driver import Outcome, Receipt
from gatewayd.errors import LineDown
from tests.engine.conftest import NURSE

if TYPE_CHECKING:
    import pytest

    from gatewayd.model import Page
    from tests.engine.conftest import Box

AWAY = Receipt(Outcome.FAILED, "not registered", retry_after=25)


async def test_a_failed_page_goes_out_when_its_device_is_back(box: Box) -> None:
    box.phones.outcomes = [AWAY]
    await box.activates("3-12")
    await box.passes(5)
    assert len(box.phones.pages) == 1
    box.engine.lines["phones"].reachable("2001")
    await settle()
    assert len(box.phones.pages) == 2


async def test_another_device_that_is_back_hurries_nothing(box: Box) -> None:
    box.phones.outcomes = [AWAY]
    await box.activates("3-12")
    box.engine.lines["phones"].reachable("2002")
    await settle()
    assert len(box.phones.pages) == 1


async def test_a_device_that_is_back_before_the_failure_is_written_down_is_paged_again(box: Box) -> None:
    gate = box.phones.hold_back()
    box.phones.outcomes = [AWAY]
    await box.activates("3-12")
    box.engine.lines["phones"].reachable("2001")
    gate.set()
    await settle()
    await asyncio.sleep(0)
    assert len(box.phones.pages) == 2
    await box.passes(20)
    assert len(box.phones.pages) == 2


async def test_a_device_that_is_back_gets_no_page_that_was_accepted_meanwhile(box: Box) -> None:
    box.phones.outcomes = [AWAY]
    await box.activates("3-12")
    await box.accepts(NURSE)
    box.engine.lines["phones"].reachable("2001")
    await box.passes(60)
    assert len(box.phones.pages) == 1


async def test_a_page_that_was_on_its_way_when_the_line_was_lost_still_goes_out_first(box: Box) -> None:
    gate = box.pager.hold_back()
    await box.activates("3-12", "ROOM 12")
    box.pager.unplug()
    gate.set()
    await box.passes(0.1)
    await box.activates("3-13", "ROOM 13")
    box.pager.plug_in()
    await box.passes(1.5)  # less than the wait after a failed attempt
    assert [text for text in box.pager.texts if text.startswith("ROOM")] == ["ROOM 12", "ROOM 13"]


async def test_a_page_that_takes_the_line_down_again_and_again_lets_the_others_go_first(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = box.pager.send

    async def crash(page: Page) -> Receipt:
        if page.text != "ROOM 12":
            return await send(page)
        box.pager._lost.set()
        await settle(3)  # the line is down before the attempt has failed
        message = "the transmitter rebooted"
        raise LineDown(message)

    monkeypatch.setattr(box.pager, "send", crash)
    await box.activates("3-12", "ROOM 12")
    await box.passes(0.1)
    await box.activates("3-13", "ROOM 13")
    await box.passes(3)
    assert "ROOM 13" in box.pager.texts


async def test_a_device_that_says_it_stays_away_for_long_is_paged_when_it_is_back(box: Box) -> None:
    box.phones.outcomes = [Receipt(Outcome.FAILED, "480 do not disturb", retry_after=7200)]
    await box.activates("3-12")
    await box.passes(5)
    box.engine.lines["phones"].reachable("2001")
    await settle()
    assert [page.address for page in box.phones.pages] == ["2001", "2001"]
