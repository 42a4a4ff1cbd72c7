"""Signs of life: silence, heartbeats, and what noise is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.drivers.ascii import samples
from tests.drivers.ascii.samples import FIRE

if TYPE_CHECKING:
    from tests.drivers.ascii.conftest import Make


async def test_silence_is_a_fault_that_the_next_byte_ends(make: Make) -> None:
    site = await make(FIRE, silent_after=120)
    await site.clock.advance(119)
    assert site.gateway.faults == []
    await site.clock.advance(2)
    assert site.gateway.faults == ["fault silent"]
    await site.clock.advance(1_000)
    assert site.gateway.faults == ["fault silent"]
    await site.says("FIRE 3")
    assert site.gateway.resets == ["fault silent"]
    await site.clock.advance(121)
    assert site.gateway.faults == ["fault silent"] * 2


async def test_fault_that_was_raised_before_a_restart_ends_when_the_line_is_heard(make: Make) -> None:
    site = await make(FIRE, silent_after=120)
    await site.clock.advance(121)
    await site.stop()
    again = await make(FIRE, silent_after=120, gateway=site.gateway)
    await again.says("FIRE 3")
    assert site.gateway.resets == ["fault silent"]
    assert "fault silent" not in site.gateway.memory.kept


async def test_fault_of_a_supervision_that_was_switched_off_ends_at_the_start(make: Make) -> None:
    site = await make(FIRE, silent_after=120)
    await site.clock.advance(121)
    await site.stop()
    await make(FIRE, gateway=site.gateway)
    assert site.gateway.resets == ["fault silent"]


async def test_heartbeats_are_answered_at_once_even_while_the_store_is_slow(make: Make) -> None:
    site = await make(samples.MLR2, panel={"heartbeat_every": 60})
    site.gateway.store_is_free.clear()
    await site.says("ALARM 1")
    await site.clock.advance(61)
    assert site.panel.heard == b"\x06"


async def test_three_missed_heartbeats_are_a_fault_that_the_next_one_ends(make: Make) -> None:
    site = await make(samples.MLR2, panel={"heartbeat_every": 60})
    await site.clock.advance(600)
    assert site.gateway.faults == []
    assert site.gateway.counts["heartbeats"] == 10
    site.panel.faults.plan("dead")
    await site.clock.advance(209)
    assert site.gateway.faults == []
    await site.clock.advance(2)
    assert site.gateway.faults == ["fault heartbeat-missing"]
    site.panel.faults.repair("dead")
    await site.clock.advance(60)
    assert site.gateway.resets == ["fault heartbeat-missing"]


async def test_noise_is_no_heartbeat(make: Make) -> None:
    site = await make(samples.MLR2)
    for _ in range(30):
        await site.clock.advance(10)
        await site.sends(b"\x80\xf8\x1c\xe6\r\n")
    assert "fault heartbeat-missing" in site.gateway.faults
