"""A device that was away comes back: what failed for it goes out at once, and nothing else does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gatewayd.clock import settle
from gatewayd.driver import Outcome, Receipt
from tests.engine.conftest import NURSE

if TYPE_CHECKING:
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
