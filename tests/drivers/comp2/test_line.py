"""The line: what receipts mean, what flow control does, what happens when the port goes away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from drivers.comp2 import DRIVER, SETTINGS
from drivers.comp2.driver import Comp2Driver
from drivers.comp2.settings import Comp2Settings
from gatewayd.clock import settle
from gatewayd.driver import Outcome
from gatewayd.model import PageConfirmed, PageState

if TYPE_CHECKING:
    from tests.encoder.site import Make


def test_package_exports_the_driver_and_its_settings() -> None:
    assert (DRIVER, SETTINGS, DRIVER.kind) == (Comp2Driver, Comp2Settings, "comp2")


@pytest.mark.parametrize(
    "wrong", [{"delimiter": "lf"}, {"error_wait": -1}, {"hold_limit": 0}, {"longest_text": 254}, {"unknown": 1}]
)
def test_setting_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SETTINGS.model_validate({"port": "x"} | wrong)


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
    assert (await site.sends("NEXT")).outcome is Outcome.SENT
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
    await site.answers(b"Invalid character in pager ID\r\r\x1e\r")
    await settle()
    assert len(site.gateway.reports) == 1


async def test_delimiter_and_resynchronisation_follow_the_settings(make: Make) -> None:
    site = await make({"delimiter": "~"}, delimiter="tilde", resync=False)
    await site.sends()
    assert site.wrote == b"101~FIRE 3~"
    assert site.encoder.pages[0].address == "101"


async def test_error_about_a_withdrawn_page_is_not_taken_for_the_next_pages(make: Make) -> None:
    site = await make(error_wait=2)
    site.encoder.faults.plan("dead")
    taken = await site.sending("A")
    taken.cancel()
    await settle()
    site.encoder.faults.repair("dead")
    task = await site.sending("B")
    await site.answers(b"Invalid character in pager ID\r\r\x1e\r")
    await site.clock.advance(3)
    assert task.result().outcome is Outcome.SENT
    assert [sent.text for sent in site.encoder.pages] == ["B"]
