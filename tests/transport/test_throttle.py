"""Simulated devices are as slow as their wire where that is asked for."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

import pytest

from drivers.espa444.simulator import PagerSettings, SimulatedPager
from gatewayd import registry
from gatewayd.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

SERIAL = ("ascii-panel", "comp2", "espa444-pager", "espa444-panel", "gsm", "scope", "tap", "waveware")


@pytest.mark.parametrize("name", SERIAL)
def test_every_simulated_device_on_a_serial_port_can_be_throttled(name: str) -> None:
    fields = registry.simulator(name).Settings.model_fields
    assert {"port", "baudrate", "throttle"} <= fields.keys()
    assert fields["throttle"].default is False


@pytest.mark.parametrize(("throttle", "slow"), [(True, True), (False, False)])
async def test_a_throttled_pager_answers_as_late_as_its_wire_makes_it(
    tmp_path: Path, *, throttle: bool, slow: bool
) -> None:
    link = tmp_path / "pager"
    pager = SimulatedPager(SystemClock(), PagerSettings(port=str(link), baudrate=300, throttle=throttle))
    running = asyncio.create_task(pager.run())
    await asyncio.sleep(0)
    port = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    heard = asyncio.Event()
    asyncio.get_running_loop().add_reader(port, heard.set)
    began = time.monotonic()
    os.write(port, b"1\x052\x05")  # ten bits a byte: four bytes and the answer take 5 / 30 s
    await asyncio.wait_for(heard.wait(), 10)
    taken = time.monotonic() - began
    asyncio.get_running_loop().remove_reader(port)
    os.close(port)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (taken >= 5 / 30) == slow
