"""The line: what receipts mean, what flow control does, what happens when the port goes away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.comp2 import DRIVER, SETTINGS
from drivers.comp2.driver import Comp2Driver
from drivers.comp2.protocol import PageSettled, Reply, Timing, sender
from drivers.comp2.settings import Comp2Settings
from gatewayd.clock import settle
from gatewayd.driver import Capabilities, Outcome
from gatewayd.errors import LineDown
from gatewayd.model import PageConfirmed, PageState
from tests.drivers.comp2.site import page

if TYPE_CHECKING:
    from tests.drivers.comp2.conftest import Make


def test_package_exports_the_driver_and_its_settings() -> None:
    assert (DRIVER, SETTINGS, DRIVER.kind) == (Comp2Driver, Comp2Settings, "comp2")


@pytest.mark.parametrize(
    "wrong", [{"delimiter": "lf"}, {"error_wait": -1}, {"hold_limit": 0}, {"longest_text": 254}, {"unknown": 1}]
)
def test_setting_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SETTINGS.model_validate({"port": "x"} | wrong)


async def test_line_sends_and_is_up_as_soon_as_the_port_is_open(make: Make) -> None:
    site = await make()
    assert site.gateway.ups == 1
    assert site.driver.capabilities == Capabilities(sends=True, longest_text=240)
    assert site.driver.port == "memory"


async def test_frame_leaves_at_once_and_silence_means_sent(make: Make) -> None:
    site = await make()
    task = await site.sending()
    assert site.wrote == b"\x7f\x7f\x7f101\rFIRE 3\r"
    await site.clock.advance(0.3)
    assert not task.done()
    await site.clock.advance(0.1)
    receipt = task.result()
    assert (receipt.outcome, receipt.reference) == (Outcome.SENT, "1.1")
    assert site.encoder.pages[0].text == "FIRE 3"
    assert site.gateway.counts == {"frames": 1}


async def test_without_errors_to_wait_for_a_page_is_sent_when_its_last_byte_has_left(make: Make) -> None:
    site = await make(error_wait=0)
    task = await site.sending()
    await site.clock.advance(14 * 10 / 9600 - 0.001)
    assert not task.done()
    await site.clock.advance(0.002)
    assert task.result().outcome is Outcome.SENT


@pytest.mark.parametrize(
    ("fault", "outcome", "detail"),
    [
        ("nak", Outcome.REFUSED, "Invalid character in pager ID"),
        ("full", Outcome.FAILED, "Error page buffer full"),
        ("drop", Outcome.SENT, "acknowledges nothing"),
        ("dead", Outcome.SENT, "acknowledges nothing"),
    ],
)
async def test_fault_of_the_encoder_ends_as_its_receipt_says(
    make: Make, fault: str, outcome: Outcome, detail: str
) -> None:
    site = await make()
    site.encoder.faults.plan(fault)
    receipt = await site.sends()
    assert receipt.outcome is outcome
    assert detail in receipt.detail
    site.encoder.faults.repair(fault)
    assert (await site.sends(page("NEXT"))).outcome is Outcome.SENT
    assert site.encoder.pages[-1].text == "NEXT"


async def test_damaged_error_fails_the_page(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("garble")
    assert (await site.sends()).outcome is Outcome.FAILED


async def test_error_that_comes_late_is_told_about_the_page_that_counted_as_sent(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("late")
    assert (await site.sends()).outcome is Outcome.SENT
    await site.clock.advance(6)
    assert site.gateway.reports == [PageConfirmed("1.1", PageState.FAILED, "Invalid character in pager ID")]
    await site.clock.advance(20)
    site.answers(b"Invalid character in pager ID\r\r\x1e\r")
    await settle()
    assert len(site.gateway.reports) == 1


async def test_full_disk_does_not_end_the_line_at_a_late_error(make: Make) -> None:
    site = await make()
    site.encoder.faults.plan("late")
    await site.sends()
    site.gateway.disk_full = True
    await site.clock.advance(6)
    assert (await site.sends(page("NEXT"))).outcome is Outcome.SENT


async def test_address_or_text_that_cannot_be_sent_is_refused_without_a_byte(make: Make) -> None:
    site = await make()
    assert (await site.sends(page(address="+49151"))).outcome is Outcome.REFUSED
    assert (await site.sends(page(address="08N10"))).outcome is Outcome.REFUSED
    assert site.wrote == b""


async def test_cut_text_is_told_in_the_receipt(make: Make) -> None:
    site = await make(longest_text=10)
    assert "text cut to 10 of 20 characters" in (await site.sends(page("x" * 20))).detail


async def test_delimiter_and_resynchronisation_follow_the_settings(make: Make) -> None:
    site = await make({"delimiter": "~"}, delimiter="tilde", resync=False)
    await site.sends()
    assert site.wrote == b"101~FIRE 3~"
    assert site.encoder.pages[0].address == "101"


async def test_pages_go_one_after_the_other(make: Make) -> None:
    site = await make()
    first, second = await site.sending(page("A", number=1)), await site.sending(page("B", number=2))
    assert b"B" not in site.wrote
    await site.clock.advance(1)
    assert (first.result().reference, second.result().reference) == ("1.1", "2.2")
    assert [sent.text for sent in site.encoder.pages] == ["A", "B"]


async def test_withdrawn_page_is_not_sent_and_the_next_one_is(make: Make) -> None:
    site = await make()
    await site.sending(page("A"))
    waiting = await site.sending(page("B"))
    waiting.cancel()
    await settle()
    assert (await site.sends(page("C"))).outcome is Outcome.SENT
    assert [sent.text for sent in site.encoder.pages] == ["A", "C"]


async def test_error_about_a_withdrawn_page_is_not_taken_for_the_next_pages(make: Make) -> None:
    site = await make(error_wait=2)
    site.encoder.faults.plan("dead")
    taken = await site.sending(page("A"))
    taken.cancel()
    await settle()
    site.encoder.faults.repair("dead")
    task = await site.sending(page("B"))
    site.answers(b"Invalid character in pager ID\r\r\x1e\r")
    await site.clock.advance(3)
    assert task.result().outcome is Outcome.SENT
    assert [sent.text for sent in site.encoder.pages] == ["B"]


# --- flow control -----------------------------------------------------------------------------------------------------


async def test_held_line_delays_the_receipt_until_the_last_byte_has_left(make: Make) -> None:
    site = await make()
    site.port.unsent = 5
    task = await site.sending()
    await site.clock.advance(20)
    assert not task.done()
    site.port.unsent = 0
    await site.clock.advance(0.5)
    assert task.result().outcome is Outcome.SENT


@pytest.mark.parametrize(("unsent", "outcome"), [(1_000, Outcome.FAILED), (5, Outcome.UNKNOWN)])
async def test_line_that_stays_held_is_down_and_the_page_is_told_honestly(
    make: Make, unsent: int, outcome: Outcome
) -> None:
    site = await make()
    site.port.unsent = unsent
    receipt = await site.sends(within=31)
    assert (receipt.outcome, receipt.detail) == (outcome, "the device has held the line up for 30 s")
    assert "flow control" in await site.down()


# --- the port ---------------------------------------------------------------------------------------------------------


async def test_port_that_cannot_be_opened_is_line_down_for_the_line_and_its_pages(make: Make) -> None:
    site = await make()
    assert site.near is not None
    site.near.cut(OSError("unplugged"))
    await settle()
    assert "unplugged" in await site.down()
    with pytest.raises(LineDown):
        await site.driver.send(page())
    with pytest.raises(LineDown, match="cannot open"):
        await site.driver.run()


async def test_lost_port_is_line_down_for_the_page_under_way(make: Make) -> None:
    site = await make()
    task = await site.sending()
    assert site.near is not None
    site.near.cut(OSError("unplugged"))
    await settle()
    with pytest.raises(LineDown, match="unplugged"):
        task.result()


async def test_stopping_fails_the_page_under_way(make: Make) -> None:
    site = await make()
    task = await site.sending()
    site.tasks[0].cancel()
    await asyncio.wait([site.tasks[0]])
    await settle()
    with pytest.raises(LineDown, match="stopped"):
        task.result()


async def test_banner_of_the_encoder_is_counted_and_harmless(make: Make) -> None:
    site = await make()
    site.answers(b"ENCODER V1.2\r\n")
    await settle()
    assert site.gateway.counts == {"noise_bytes": 12}


# --- any bytes --------------------------------------------------------------------------------------------------------

TELLING = [b"Invalid character in pager ID\r\r\x1e\r", b"\x1e", b"\x15", b"\r\n", b"Error"]
noise = st.lists(st.tuples(st.one_of(st.binary(max_size=60), st.sampled_from(TELLING)), st.floats(0, 5)), max_size=12)


@settings(max_examples=80)
@given(noise)
def test_every_page_is_settled_exactly_once_whatever_the_encoder_says(pieces: list[tuple[bytes, float]]) -> None:
    core, now, settled = sender(Timing(0.3)), 0.0, list[str]()
    for number, (data, pause) in enumerate(pieces):
        core.send_page(str(number), b"101\rFIRE\r", now)
        core.receive_data(data, now)
        now += pause
        while (due := core.get_timer()) is not None and due <= now:
            core.handle_timer(due)
    for _ in range(3 * len(pieces)):
        now += 60
        core.handle_timer(now)
    while (event := core.next_event()) is not None:
        settled += [event.ref] if isinstance(event, PageSettled) else []
    assert sorted(settled) == sorted(str(number) for number in range(len(pieces)))
    core.send_page("good", b"x", now)
    core.handle_timer(now)
    core.handle_timer(now + 1)
    core.next_event()
    assert core.next_event() == PageSettled("good", Reply(Outcome.SENT, core._silence.detail))
