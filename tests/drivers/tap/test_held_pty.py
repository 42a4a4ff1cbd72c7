"""The same over a real pseudo-terminal, where the kernel obeys XOFF and tells what has not left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from drivers.tap.driver import TapDriver
from drivers.tap.sending import Sender
from drivers.tap.settings import TapSettings
from gatewayd.clock import ManualClock, sleep
from gatewayd.errors import LineDown
from gatewayd.transport.pty import open_pty
from tests.drivers.tap.site import RecordingLine, page
from tests.transport.cores import Talker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

XON, XOFF = b"\x11", b"\x13"
ENOUGH = 5.0  # seconds of real time; everything here takes milliseconds


async def passes(clock: ManualClock, condition: Callable[[], bool]) -> None:
    """Let time pass, and the kernel and the thread that opens ports work, until a condition holds."""
    async with asyncio.timeout(ENOUGH):
        while not condition():
            await clock.advance(0.1)
            await asyncio.sleep(0.001)


def heard(driver: TapDriver) -> int:
    """Return how many bytes have come in on the connection that is open."""
    assert isinstance(driver._end, Sender)
    connection = driver._end._connection
    return connection.adapter.traffic.bytes_in if connection is not None else 0


async def supervise(driver: TapDriver, losses: list[str]) -> None:
    """Open the port anew a second after each loss."""
    while True:
        try:
            await driver.run()
        except LineDown as error:
            losses.append(str(error))
        await sleep(driver.line.clock, 1)


async def test_a_line_behind_xoff_is_up_when_a_byte_has_left_and_not_when_its_port_opens(tmp_path: Path) -> None:
    clock, port, losses = ManualClock(), tmp_path / "pager", list[str]()
    device, line = Talker(clock), RecordingLine(clock)
    pty = open_pty(device, port)
    driver = TapDriver(line, TapSettings(port=str(port), probe=False, flow="xonxoff"))
    running = asyncio.create_task(supervise(driver, losses))
    await passes(clock, lambda: line.ups == 1)
    device.say(XOFF + b"!")
    await passes(clock, lambda: heard(driver) == 1)  # the kernel takes XOFF out, and obeys
    sending = asyncio.create_task(driver.send(page()))
    await passes(clock, lambda: len(losses) > 2)
    assert sending.exception() is None or isinstance(sending.exception(), LineDown)
    assert (line.ups, device.traffic.bytes_in) == (1, 0)
    device.say(XON)
    await passes(clock, lambda: line.ups == 2)
    await passes(clock, lambda: device.traffic.bytes_in > 0)
    running.cancel()
    await passes(clock, running.done)
    pty.close()
    await device.wait_closed()
