"""What a line to any encoder does: one page at a time, flow control, withdrawn pages, a port that goes away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.driver import Capabilities, Outcome
from gatewayd.errors import LineDown

if TYPE_CHECKING:
    from tests.encoder.site import Make


async def test_line_sends_and_is_up_as_soon_as_the_port_is_open(make: Make) -> None:
    site = await make()
    assert site.gateway.ups == 1
    assert site.driver.capabilities == Capabilities(sends=True, longest_text=240)
    assert (site.driver.port, site.driver.kind) == ("memory", site.kind.name)


async def test_page_leaves_at_once_and_arrives(make: Make) -> None:
    site = await make()
    await site.sending()
    assert [taken.text for taken in site.encoder.pages] == ["FIRE 3"]
    assert site.gateway.counts == {"frames": 1}


async def test_pages_go_one_after_the_other(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("dead")
    first, second = await site.sending("AAA", number=1), await site.sending("BBB", number=2)
    assert b"AAA" in site.wrote
    assert b"BBB" not in site.wrote
    site.encoder.faults.repair("dead")
    await site.clock.advance(10)
    assert (first.result().reference, second.result().reference) == ("1.1", "2.2")
    assert [taken.text for taken in site.encoder.pages][-1] == "BBB"


async def test_cut_text_is_told_in_the_receipt(make: Make) -> None:
    site = await make(longest_text=10)
    assert "text cut to 10 of 20 characters" in (await site.sends("x" * 20)).detail


async def test_address_or_text_that_cannot_be_sent_is_refused_without_a_byte(make: Make) -> None:
    site = await make()
    for address in ("+49151", "x" * 500, "12\r3", "1e3", "\u0661"):
        assert (await site.sends(address=address)).outcome is Outcome.REFUSED
    assert (await site.sends("LETTERS", address=site.kind.numeric)).outcome is Outcome.REFUSED
    assert site.wrote == b""


async def test_withdrawn_page_that_waits_is_not_sent_and_the_next_one_is(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("drop")
    await site.sending("AAA")
    waiting = await site.sending("BBB")
    waiting.cancel()
    await settle()
    assert (await site.sends("CCC", within=10)).outcome is Outcome.SENT
    assert [taken.text for taken in site.encoder.pages] == ["CCC"]


async def test_full_disk_does_not_end_the_line_at_a_late_word(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("late")
    await site.sends(within=3.1)
    site.gateway.disk_full = True
    await site.clock.advance(6)
    assert (await site.sends("NEXT")).outcome is Outcome.SENT


@pytest.mark.parametrize("fault", ["drop", "garble", "late", "nak", "full", "dead"])
async def test_line_goes_on_after_every_fault_of_the_encoder(make: Make, fault: str) -> None:
    site = await make()
    site.encoder.faults.plan(fault)
    await site.sends(within=10)
    site.encoder.faults.repair(fault)
    assert (await site.sends("NEXT", within=10)).outcome is Outcome.SENT
    assert site.encoder.pages[-1].text == "NEXT"


# --- flow control -----------------------------------------------------------------------------------------------------


async def test_held_line_delays_the_receipt_until_the_last_byte_has_left(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("dead")
    site.port.unsent = 5
    task = await site.sending()
    await site.clock.advance(20)
    site.port.unsent = 0
    await site.clock.advance(0.2)
    assert not task.done()
    await site.clock.advance(3)
    assert task.done()


@pytest.mark.parametrize(("unsent", "outcome"), [(1_000, Outcome.FAILED), (5, Outcome.UNKNOWN)])
async def test_line_that_stays_held_is_down_and_the_page_is_told_honestly(
    make: Make, unsent: int, outcome: Outcome
) -> None:
    site = await make()
    site.encoder.faults.plan("dead")
    site.port.unsent = unsent
    receipt = await site.sends(within=31)
    assert (receipt.outcome, receipt.detail) == (outcome, "the device has held the line up for 30 s")
    assert "flow control" in site.down()


async def test_line_that_was_held_is_not_up_again_before_something_has_left(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("dead")
    site.port.unsent = 5
    await site.sends(within=31)
    assert site.gateway.ups == 1
    site.replug()
    await site.start()
    await site.clock.advance(20)
    assert site.gateway.ups == 1
    assert site.wrote == site.driver.nothing
    site.port.unsent = 0
    await site.clock.advance(1)
    assert site.gateway.ups == 2
    assert (await site.sends("NEXT")).outcome is Outcome.SENT
    assert [taken.text for taken in site.encoder.pages] == ["NEXT"]


async def test_line_that_is_still_held_and_lost_is_down(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("dead")
    site.port.unsent = 5
    await site.sends(within=31)
    site.replug()
    await site.start()
    await site.unplug()
    await site.clock.advance(1)
    assert "unplugged" in site.down()
    assert site.gateway.ups == 1


# --- the port ---------------------------------------------------------------------------------------------------------


async def test_lost_port_is_line_down_for_the_line_and_the_page_under_way(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("dead")
    task = await site.sending()
    await site.unplug()
    with pytest.raises(LineDown, match="unplugged"):
        task.result()
    assert "unplugged" in site.down()
    with pytest.raises(LineDown, match="not open"):
        await site.driver.send(site.page())


async def test_port_that_cannot_be_opened_is_line_down(make: Make) -> None:
    site = await make()
    await site.unplug()
    with pytest.raises(LineDown, match="cannot open"):
        await site.driver.run()
    assert site.gateway.ups == 1


async def test_stopping_fails_the_page_under_way(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("dead")
    task = await site.sending()
    site.tasks[0].cancel()
    await asyncio.wait([site.tasks[0]])
    await settle()
    with pytest.raises(LineDown, match="stopped"):
        task.result()


async def test_banner_of_the_encoder_is_counted_and_harmless(make: Make) -> None:
    site = await make()
    await site.answers(b"ENCODER V1.2\r\n")
    assert site.gateway.counts == {"noise_bytes": 12}
    assert (await site.sends()).outcome is Outcome.SENT
