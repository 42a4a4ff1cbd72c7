"""Every driver and its simulated encoder over a real pseudo-terminal, in real time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from gatewayd import registry
from gatewayd.clock import SystemClock
from gatewayd.driver import Outcome
from gatewayd.errors import LineDown
from tests.encoder.site import Gateway, page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gatewayd.encoder.driver import EncoderDriver
    from gatewayd.encoder.simulator import EncoderSimulator
    from tests.encoder.site import Kind

ENOUGH = 5.0  # seconds; everything here takes milliseconds
HOLD = 0.6  # seconds for which an encoder stops us


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(ENOUGH):
        while not condition():  # noqa: ASYNC110 - what it waits for is a file or another's state
            await asyncio.sleep(0.001)


class Bench:
    """A line and its encoder, each at its end of a PTY."""

    def __init__(self, kind: Kind, port: Path, **line: Any) -> None:  # noqa: ANN401 - any setting
        clock = SystemClock()
        self.port = port
        self.gateway = Gateway(clock)
        settings: Any = kind.simulator.Settings
        simulator: Any = kind.simulator
        self.encoder: EncoderSimulator = simulator(clock, settings(port=str(port), late_by=HOLD))
        values = {"port": str(port), "baudrate": 115_200} | kind.line | line
        self.driver: EncoderDriver = kind.driver(self.gateway, kind.settings.model_validate(values))
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self.tasks.append(asyncio.create_task(self.encoder.run()))
        await until(self.port.exists)
        self.tasks.append(asyncio.create_task(self.driver.run()))
        await until(lambda: self.gateway.ups == 1)

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def test_page_goes_over_a_pty_and_a_pulled_plug_is_line_down(kind: Kind, tmp_path: Path) -> None:
    bench = Bench(kind, tmp_path / "encoder")
    await bench.start()
    async with asyncio.timeout(ENOUGH):
        assert (await bench.driver.send(page(kind.address))).outcome is Outcome.SENT
        assert (await bench.encoder.expect("FIRE 3")).address.endswith((kind.address, f"{kind.address}A"))
        bench.tasks[0].cancel()
        with pytest.raises(LineDown):
            await bench.tasks[1]
    await bench.stop()


async def test_encoder_that_stops_us_gets_the_next_page_when_it_lets_us_go_on(kind: Kind, tmp_path: Path) -> None:
    bench = Bench(kind, tmp_path / "encoder", flow="xonxoff")
    await bench.start()
    bench.encoder.faults.plan("hold")
    async with asyncio.timeout(ENOUGH):
        sent = asyncio.create_task(bench.driver.send(page(kind.address, "FIRST")))
        await bench.encoder.expect("FIRST")
        held = asyncio.get_running_loop().time()
        assert (await sent).outcome is Outcome.SENT
        assert (await bench.driver.send(page(kind.address, "SECOND"))).outcome is Outcome.SENT
        await bench.encoder.expect("SECOND")
    assert [taken.text for taken in bench.encoder.pages] == ["FIRST", "SECOND"]
    assert "noise_bytes" not in bench.gateway.counts
    assert asyncio.get_running_loop().time() - held > HOLD / 2
    await bench.stop()


def test_simulator_is_found_by_its_name(kind: Kind) -> None:
    assert registry.simulators()[kind.name] is kind.simulator
    assert kind.simulator.Settings().faults == {}
