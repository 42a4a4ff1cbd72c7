"""The line: what receipts mean, late replies, flow control, and a port that goes away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from drivers.waveware import DRIVER, SETTINGS
from drivers.waveware.driver import WaveWareDriver
from drivers.waveware.settings import WaveWareSettings
from gatewayd.driver import Outcome

if TYPE_CHECKING:
    from tests.encoder.site import Make


def test_package_exports_the_driver_and_its_settings() -> None:
    assert (DRIVER, SETTINGS, DRIVER.kind) == (WaveWareDriver, WaveWareSettings, "waveware")


@pytest.mark.parametrize(
    "wrong",
    [
        {"pager_type": "X"},
        {"rate": 300},
        {"reply_timeout": 0},
        {"hold_limit": 0},
        {"longest_text": 501},
        {"highest_capcode": 2_097_152},
        {"beeps": 5},
        {"unknown": 1},
    ],
)
def test_setting_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SETTINGS.model_validate({"port": "x"} | wrong)


async def test_settings_make_the_command(make: Make) -> None:
    site = await make(commas=False, rate=1200, pager_type="N")
    await site.sends("112")
    assert site.wrote == b"\x01N146180\x02112\x03\x04"


async def test_encoder_that_does_not_echo_is_understood(make: Make) -> None:
    site = await make({"echo": False})
    assert (await site.sends()).outcome is Outcome.SENT


@pytest.mark.parametrize(("fault", "detail"), [("overflow", "04 input overflow"), ("eeprom", "07 EEPROM error")])
async def test_trouble_inside_the_encoder_fails_the_page_for_now(make: Make, fault: str, detail: str) -> None:
    site = await make()
    site.encoder.faults.plan(fault)
    receipt = await site.sends()
    assert (receipt.outcome, receipt.detail[: len(detail)]) == (Outcome.FAILED, detail)
