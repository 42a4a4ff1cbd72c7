"""Encoders that reply: a page is sent when they say so, and no reply is taken for another page's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.driver import Outcome, Receipt
from gatewayd.model import AlarmReset, PageConfirmed, PageState
from tests.encoder.kinds import REPLYING

if TYPE_CHECKING:
    from tests.encoder.site import Make

pytestmark = pytest.mark.parametrize("kind", REPLYING, ids=lambda kind: kind.name, indirect=True)


async def test_page_is_sent_as_soon_as_the_encoder_says_so(make: Make) -> None:
    site = await make()
    task = await site.sending()
    assert site.wrote == site.kind.frame
    assert task.done()
    assert task.result() == Receipt(Outcome.SENT, site.kind.taken, "1.1")


@pytest.mark.parametrize(
    ("fault", "outcome", "retry_after"),
    [
        ("nak", Outcome.REFUSED, None),
        ("full", Outcome.FAILED, 15.0),
        ("drop", Outcome.UNKNOWN, None),
        ("garble", Outcome.UNKNOWN, None),
        ("late", Outcome.UNKNOWN, None),
        ("dead", Outcome.UNKNOWN, None),
    ],
)
async def test_fault_of_the_encoder_ends_as_its_receipt_says(
    make: Make, fault: str, outcome: Outcome, retry_after: float | None
) -> None:
    site = await make()
    site.encoder.faults.plan(fault)
    receipt = await site.sends(within=3.1)
    assert (receipt.outcome, receipt.retry_after) == (outcome, retry_after)


async def test_late_reply_is_told_about_its_own_page_and_not_taken_for_the_next_ones(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("late")
    assert (await site.sends(within=3.1)).outcome is Outcome.UNKNOWN
    site.encoder.faults.plan("drop")
    task = await site.sending("NEXT", number=2)
    assert b"NEXT" not in site.wrote
    await site.clock.advance(2)
    assert site.gateway.reports == [PageConfirmed("1.1", PageState.SENT, site.kind.taken)]
    assert b"NEXT" in site.wrote
    await site.clock.advance(4)
    assert task.result().outcome is Outcome.UNKNOWN


async def test_reply_long_after_is_nobodys(make: Make) -> None:
    site = await make()
    await site.sends()
    await site.clock.advance(60)
    await site.answers(site.kind.good)
    assert site.gateway.reports == []


async def test_withdrawn_page_is_not_sent_and_its_reply_is_not_taken_for_the_next_ones(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("late")
    taken = await site.sending("A")
    taken.cancel()
    waiting = await site.sending("B")
    waiting.cancel()
    await settle()
    task = await site.sending("C")
    await site.clock.advance(3.5)
    assert task.result().outcome is Outcome.SENT
    assert [sent.text for sent in site.encoder.pages] == ["A", "C"]


async def test_time_for_a_reply_begins_when_the_last_byte_has_left(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("dead")
    site.port.unsent = 5
    task = await site.sending()
    await site.clock.advance(20)
    site.port.unsent = 0
    await site.clock.advance(2.9)
    assert not task.done()
    await site.clock.advance(0.2)
    assert task.result().outcome is Outcome.UNKNOWN


async def test_encoder_that_stops_replying_is_a_fault_until_it_replies_again(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("dead")
    await site.sends("A", within=7)
    assert site.gateway.reports == []  # one reply may be lost
    await site.sends("B", within=7)
    await site.sends("C", within=7)
    assert [(each.key, each.fault) for each in site.gateway.reports] == [("encoder-silent", True)]  # type: ignore[union-attr]
    site.encoder.faults.repair("dead")
    await site.clock.advance(10)
    await site.sends("D")
    await site.sends("E")
    assert site.gateway.reports[1:] == [AlarmReset("encoder-silent")]


async def test_fault_of_an_encoder_that_was_silent_before_a_restart_ends_with_its_first_reply(make: Make) -> None:
    before = await make()
    before.encoder.faults.plan("dead")
    await before.sends("A", within=7)
    await before.sends("B", within=7)
    after = await make(memory=before.gateway.memory)
    await after.sends("C")
    assert after.gateway.reports == [AlarmReset("encoder-silent")]
    assert after.gateway.memory.items() == {}


async def test_encoder_that_was_never_silent_has_no_fault_to_end(make: Make) -> None:
    site = await make()
    await site.sends()
    assert site.gateway.reports == []


async def test_fault_that_a_kill_kept_from_being_raised_is_raised_after_it(make: Make) -> None:
    before = await make()
    before.encoder.faults.plan("dead")
    before.gateway.disk_full = True
    await before.sends("A", within=7)
    await before.sends("B", within=7)
    after = await make(memory=before.gateway.memory)
    after.encoder.faults.plan("dead")
    await after.sends("C", within=7)
    await after.sends("D", within=7)
    assert [each.key for each in after.gateway.reports] == ["encoder-silent"]  # type: ignore[union-attr]


async def test_silence_that_could_not_be_recorded_is_told_with_the_next_page(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("dead")
    site.gateway.disk_full = True
    await site.sends("A", within=7)
    await site.sends("B", within=7)
    site.gateway.disk_full = False
    await site.sends("C", within=7)
    assert len(site.gateway.reports) == 1


async def test_refusals_are_counted_and_are_no_silence(make: Make) -> None:
    site = await make()
    for text in ("A", "B", "C"):
        site.encoder.faults.plan("nak")
        await site.sends(text)
    assert site.gateway.counts["naks"] == 3
    assert site.gateway.reports == []
