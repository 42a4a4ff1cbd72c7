"""The line: what receipts mean, late replies, flow control, and a port that goes away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.scope import DRIVER, SETTINGS
from drivers.scope.driver import ScopeDriver
from drivers.scope.protocol import LateReply, PageSettled, Timing, sender
from drivers.scope.settings import ScopeSettings
from gatewayd.clock import settle
from gatewayd.driver import Capabilities, Outcome, Receipt
from gatewayd.errors import LineDown
from gatewayd.model import PageConfirmed, PageState
from tests.drivers.scope.site import page

if TYPE_CHECKING:
    from tests.drivers.scope.conftest import Make

FRAME = b"AN0012300AFIRE 3\r"
GOOD = b"Page Queued Okay\r\n"
TAKEN = "Page Queued Okay"


def test_package_exports_the_driver_and_its_settings() -> None:
    assert (DRIVER, SETTINGS, DRIVER.kind) == (ScopeDriver, ScopeSettings, "scope")


@pytest.mark.parametrize(
    "wrong",
    [
        {"pager_type": "X"},
        {"rate": 300},
        {"reply_timeout": 0},
        {"hold_limit": 0},
        {"longest_text": 501},
        {"highest_capcode": 2_097_152},
        {"dialect": "x"},
        {"unknown": 1},
    ],
)
def test_setting_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SETTINGS.model_validate({"port": "x"} | wrong)


async def test_line_sends_and_is_up_as_soon_as_the_port_is_open(make: Make) -> None:
    site = await make()
    assert site.gateway.ups == 1
    assert site.driver.capabilities == Capabilities(sends=True, longest_text=240)
    assert site.driver.port == "memory"


async def test_page_leaves_at_once_and_is_sent_as_soon_as_the_encoder_says_so(make: Make) -> None:
    site = await make()
    task = await site.sending()
    assert site.wrote == FRAME
    assert task.done()
    assert task.result() == Receipt(Outcome.SENT, TAKEN, "1.1")
    assert site.encoder.pages[0].text == "FIRE 3"
    assert site.gateway.counts == {"frames": 1}


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
    site.encoder.faults.repair(fault)
    assert (await site.sends(page("NEXT"), within=4)).outcome is Outcome.SENT
    assert site.encoder.pages[-1].text == "NEXT"


async def test_late_reply_is_told_about_its_own_page_and_not_taken_for_the_next_ones(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("late")
    assert (await site.sends(within=3.1)).outcome is Outcome.UNKNOWN
    site.encoder.faults.plan("drop")
    task = await site.sending(page("NEXT", number=2))
    assert b"NEXT" not in site.wrote
    await site.clock.advance(2)
    assert site.gateway.reports == [PageConfirmed("1.1", PageState.SENT, TAKEN)]
    assert b"NEXT" in site.wrote
    await site.clock.advance(4)
    assert task.result().outcome is Outcome.UNKNOWN


async def test_reply_long_after_is_nobodys(make: Make) -> None:
    site = await make()
    await site.sends()
    await site.clock.advance(60)
    site.answers(GOOD)
    await settle()
    assert site.gateway.reports == []


async def test_full_disk_does_not_end_the_line_at_a_late_reply(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("late")
    await site.sends(within=3.1)
    site.gateway.disk_full = True
    await site.clock.advance(6)
    assert (await site.sends(page("NEXT"))).outcome is Outcome.SENT


async def test_address_or_text_that_cannot_be_sent_is_refused_without_a_byte(make: Make) -> None:
    site = await make()
    assert (await site.sends(page(address="+49151"))).outcome is Outcome.REFUSED
    assert (await site.sends(page(address="N12300"))).outcome is Outcome.REFUSED
    assert site.wrote == b""


async def test_cut_text_is_told_in_the_receipt(make: Make) -> None:
    site = await make(longest_text=10)
    assert "text cut to 10 of 20 characters" in (await site.sends(page("x" * 20))).detail


async def test_units_without_replies_have_the_page_when_its_last_byte_has_left(make: Make) -> None:
    site = await make({"replies": False}, dialect="scope")
    receipt = await site.sends(within=0.1)
    assert (receipt.outcome, receipt.detail) == (Outcome.SENT, "handed to the encoder, which acknowledges nothing")
    assert site.wrote == b"A0012300AFIRE 3\r"


async def test_units_without_replies_may_be_said_to_reply(make: Make) -> None:
    site = await make(dialect="scope", replies=True)
    assert (await site.sends()).detail == TAKEN


async def test_tone_of_a_page_is_its_beep(make: Make) -> None:
    site = await make()
    await site.sends(page(tone="C"))
    assert site.encoder.pages[0].head == "AN0012300C"


async def test_withdrawn_page_is_not_sent_and_its_reply_is_not_taken_for_the_next_ones(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("late")
    taken = await site.sending(page("A"))
    taken.cancel()
    waiting = await site.sending(page("B"))
    waiting.cancel()
    await settle()
    task = await site.sending(page("C"))
    await site.clock.advance(3.5)
    assert task.result().outcome is Outcome.SENT
    assert [sent.text for sent in site.encoder.pages] == ["A", "C"]


@pytest.mark.parametrize(("unsent", "outcome"), [(1_000, Outcome.FAILED), (5, Outcome.UNKNOWN)])
async def test_line_that_stays_held_is_down_and_the_page_is_told_honestly(
    make: Make, unsent: int, outcome: Outcome
) -> None:
    site = await make()
    site.encoder.faults.plan("dead")
    site.port.unsent = unsent
    receipt = await site.sends(within=31)
    assert (receipt.outcome, receipt.detail) == (outcome, "the device has held the line up for 30 s")
    assert "flow control" in await site.down()


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


async def test_lost_port_is_line_down_for_the_line_and_the_page_under_way(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("dead")
    task = await site.sending()
    assert site.near is not None
    site.near.cut(OSError("unplugged"))
    await settle()
    with pytest.raises(LineDown, match="unplugged"):
        task.result()
    assert "unplugged" in await site.down()
    with pytest.raises(LineDown, match="not open"):
        await site.driver.send(page())


async def test_stopping_fails_the_page_under_way(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("dead")
    task = await site.sending()
    site.tasks[0].cancel()
    await asyncio.wait([site.tasks[0]])
    await settle()
    with pytest.raises(LineDown, match="stopped"):
        task.result()


async def test_noise_is_counted_and_harmless(make: Make) -> None:
    site = await make()
    site.answers(b"READY\r\n")
    await settle()
    assert site.gateway.counts == {"noise_bytes": 5}


TELLING = [GOOD, b"\x15", b"\r\n", b"Error - Invalid Pager ID\r\n", b"\x01\x1503\x04"]
noise = st.lists(st.tuples(st.one_of(st.binary(max_size=60), st.sampled_from(TELLING)), st.floats(0, 5)), max_size=12)


@settings(max_examples=80)
@given(noise)
def test_every_page_is_settled_exactly_once_whatever_the_encoder_says(pieces: list[tuple[bytes, float]]) -> None:
    core, now, settled = sender(Timing(3.0)), 0.0, list[str]()
    for number, (data, pause) in enumerate(pieces):
        core.send_page(str(number), FRAME, now)
        core.receive_data(data, now)
        now += pause
        while (due := core.get_timer()) is not None and due <= now:
            core.handle_timer(due)
    for _ in range(3 * len(pieces)):
        now += 60
        core.handle_timer(now)
    while (event := core.next_event()) is not None:
        assert not isinstance(event, LateReply) or int(event.ref) < len(pieces)
        settled += [event.ref] if isinstance(event, PageSettled) else []
    assert sorted(settled) == sorted(str(number) for number in range(len(pieces)))
    core.receive_data(b"\r\n", now)
    core.send_page("good", FRAME, now)
    core.receive_data(GOOD, now)
    events = list(iter(core.next_event, None))
    assert any(isinstance(event, PageSettled) and event.reply.outcome is Outcome.SENT for event in events)
