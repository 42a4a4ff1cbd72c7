"""The line: what receipts mean, late replies, flow control, and a port that goes away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from drivers.scope import DRIVER, SETTINGS
from drivers.scope.driver import ScopeDriver
from drivers.scope.settings import ScopeSettings
from gatewayd.driver import Outcome

if TYPE_CHECKING:
    from tests.encoder.site import Make

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
    await site.sends(tone="C")
    assert site.encoder.pages[0].address == "AN0012300C"
