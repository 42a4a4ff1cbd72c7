"""Storms over a pool: whatever its lines do in whatever order, no page is lost, and none is on two of them at once."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatewayd.clock import settle, sleep
from gatewayd.driver import Outcome, Receipt
from gatewayd.errors import LineDown
from gatewayd.model import PageState
from tests.engine.test_pool import Box, Modem

if TYPE_CHECKING:
    from gatewayd.model import Page

SENDING = 1.0  # seconds that a page takes


class Storm(Box):
    """A box whose modems take their time, and swear that they never carry what another one carries."""

    def __init__(self, data: Path) -> None:
        self.carried: set[int] = set()
        self.arrived: list[int] = []
        super().__init__(data)

    def _modem(self, name: str) -> Modem:
        modem = super()._modem(name)

        async def send(page: Page) -> Receipt:
            assert page.id not in self.carried
            self.carried.add(page.id)
            try:
                await sleep(self.clock, SENDING)
            finally:
                self.carried.discard(page.id)
            if modem.broken:
                message = "unplugged"
                raise LineDown(message)
            receipt = modem.outcomes.pop(0) if modem.outcomes else Receipt(Outcome.SENT)
            if receipt.outcome is Outcome.SENT:
                self.arrived.append(page.id)
            return receipt

        modem.send = send  # type: ignore[method-assign]
        return modem

    async def happens(self, what: str, number: int) -> None:
        modem = (self.one, self.two)[number % 2]
        line = self.engine.lines[("sms1", "sms2")[number % 2]]
        match what:
            case "page":
                await self.sends(f"{number}", 20 + number)
            case "unplug":
                modem.unplug()
            case "plug":
                modem.plug_in()
            case "weak":
                line.degraded("weak")
            case "well":
                line.degraded("")
            case "fail":
                modem.outcomes.append(Receipt((Outcome.FAILED, Outcome.UNKNOWN, Outcome.REFUSED)[number % 3], "no"))
            case "restart":
                await self.restart()
            case _:
                await self.clock.advance(number / 3)


events = st.tuples(
    st.sampled_from(["page", "page", "page", "unplug", "plug", "weak", "well", "fail", "time", "time", "restart"]),
    st.integers(0, 9),
)


async def weather(story: list[tuple[str, int]], folder: Path) -> Storm:
    box = Storm(folder)
    await settle()
    for what, number in story:
        await box.happens(what, number)
        await settle(5)
    for modem in (box.one, box.two):
        modem.plug_in()
        modem.outcomes.clear()
    for name in ("sms1", "sms2"):
        box.engine.lines[name].degraded("")
    await box.clock.advance(400)
    return box


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(events, max_size=25))
def test_no_page_is_lost_and_none_is_on_two_lines_at_once(story: list[tuple[str, int]]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            box = await weather(story, Path(folder))
            for page in box.pages():
                assert page.state is not PageState.QUEUED
                assert page.state in {PageState.FAILED, PageState.UNKNOWN} or page.id in box.arrived
                assert page.state is not PageState.FAILED or "no" in page.detail  # every line refused it
            assert box.engine.lines["sms"].depth() == 0
            assert [box.engine.lines[name].room() for name in ("sms1", "sms2")] == [1, 1]
            await box.engine.stop()
            box.store.close()

    asyncio.run(run())
