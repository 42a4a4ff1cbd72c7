"""The promise about dead devices, on real PTYs and the real clock: noticed, back again, nothing lost, order kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.transport.box import running

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

NOTICED, SENDING_AGAIN = 10.0, 5.0  # seconds; the promises


async def test_a_pulled_plug_is_noticed_and_pages_go_on_in_order_soon_after_it_is_back(tmp_path: Path) -> None:
    async with running(tmp_path, str(tmp_path / "terminal")) as box:
        await box.comes(up=True, within=5)
        await box.alarm(1)
        await box.shown(1, within=5)
        box.cable.unplug()
        assert await box.comes(up=False, within=NOTICED) < NOTICED
        await box.alarm(2, 3, 4, 5, 6)
        box.cable.replug()
        assert await box.shown(2, within=SENDING_AGAIN) < SENDING_AGAIN
        await box.shown(6, within=SENDING_AGAIN)
        assert box.alarms() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("fault", ["drop", "dead"])  # the terminal takes the page and says nothing; hears nothing
async def test_a_plug_pulled_in_the_middle_of_a_page_loses_none_and_keeps_the_order(tmp_path: Path, fault: str) -> None:
    async with running(tmp_path, str(tmp_path / "terminal"), probe=False) as box:
        await box.comes(up=True, within=5)
        box.terminal.faults.plan(fault)
        await box.alarm(1, 2, 3, 4, 5, 6)
        while box.line.recorder.tallies["bytes_out"] == 0:
            await box.line.recorder.wait_for(box.line.recorder.next_number)
        box.cable.unplug()
        assert await box.comes(up=False, within=NOTICED) < NOTICED
        box.terminal.faults.repair(fault)
        box.cable.replug()
        await box.shown(1, within=SENDING_AGAIN)
        await box.shown(6, within=SENDING_AGAIN)
        assert box.alarms() == [1, 2, 3, 4, 5, 6]
