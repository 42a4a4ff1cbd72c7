"""Whether bytes leave a port: what one that took nothing has to show before it counts as working again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.errors import LineDown
from gatewayd.transport.passage import LOOK_EVERY, Passage
from tests.transport.cores import Talker, close, plug_in
from tests.transport.valve import Valve

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from gatewayd.clock import ManualClock
    from gatewayd.transport.pty import Pty

XON, XOFF = b"\x11", b"\x13"


class Bench:
    """A line and a device with a valve between them."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.valve, self.passage = clock, Valve(clock), Passage(clock)
        self.plug_in()

    def plug_in(self) -> None:
        self.line = Talker(self.clock)
        self.valve.connect(self.line, Talker(self.clock))

    async def is_held(self, seconds: float, after: bytes = b"") -> None:
        if after:
            self.line.say(after)
        self.valve.is_shut = True
        self.line.say(b"page\n")
        await self.clock.advance(seconds)
        self.passage.ended(self.line)
        self.plug_in()


async def test_a_port_is_open_until_nothing_leaves_it(clock: ManualClock) -> None:
    bench = Bench(clock)
    assert not bench.passage.blocked
    await bench.passage.opens(bench.line)
    await bench.is_held(0.9)
    assert not bench.passage.blocked
    await bench.is_held(1.0, after=b"what left before says nothing")
    assert bench.passage.blocked


async def test_a_port_that_took_nothing_opens_with_the_first_byte_that_leaves(clock: ManualClock) -> None:
    bench = Bench(clock)
    await bench.is_held(5)
    opening = asyncio.ensure_future(bench.passage.opens(bench.line))
    await clock.advance(60)
    assert not opening.done()  # nothing was written: that it was opened says nothing
    bench.line.say(b"x")
    await clock.advance(60)
    assert not opening.done()
    bench.valve.open()
    await clock.advance(LOOK_EVERY)
    assert opening.done()
    assert not bench.passage.blocked


async def test_a_port_that_is_lost_while_it_is_waited_for_is_line_down(clock: ManualClock) -> None:
    bench = Bench(clock)
    await bench.is_held(5)
    opening = asyncio.ensure_future(bench.passage.opens(bench.line))
    await settle()
    bench.line.fail(LineDown("unplugged"))
    await clock.advance(LOOK_EVERY)
    with pytest.raises(LineDown, match="unplugged"):
        await opening
    assert bench.passage.blocked


async def test_the_kernel_tells_that_xoff_holds_a_port_and_that_xon_lets_it_go(
    cable: Pty, device: Talker, clock: ManualClock
) -> None:
    passage, reasons = Passage(clock), list[str]()
    for _ in range(2):
        gateway = await plug_in(cable, clock, flow="xonxoff", hold_limit=10)
        device.say(XOFF + b"!\n")
        await asyncio.wait_for(gateway.hear(), 5)
        gateway.say(b"page\n")
        opening = asyncio.ensure_future(_ended(passage.opens(gateway)))
        await clock.advance(15)
        reasons.append(await opening)
        passage.ended(gateway)
        assert passage.blocked
        await asyncio.wait_for(gateway.wait_closed(), 5)
    assert reasons[0] == ""
    assert "sent XOFF and no XON" in reasons[1]
    gateway = await plug_in(cable, clock, flow="xonxoff")
    gateway.say(b"page\n")
    device.say(XON)
    assert await asyncio.wait_for(device.hear(), 5) == [b"page"]
    await passage.opens(gateway)
    assert not passage.blocked
    await close(gateway)


async def _ended(opening: Coroutine[None, None, None]) -> str:
    """Return why it failed, or nothing."""
    try:
        await opening
    except LineDown as error:
        return str(error)
    return ""
