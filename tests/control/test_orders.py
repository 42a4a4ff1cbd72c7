from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING

from gatewayd.clock import ManualClock, settle
from gatewayd.driver import Capabilities, Driver, Outcome, Receipt
from gatewayd.engine.line import RunningLine
from gatewayd.model import Page, Priority, Recorded
from gatewayd.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayd.model import Report
    from gatewayd.store import Store


class Host:
    def __init__(self, store: Store) -> None:
        self.clock = ManualClock()
        self.store = store

    async def report(self, line: str, report: Report) -> Recorded:
        return Recorded.NOTED

    async def settle(self, page: Page, receipt: Receipt) -> None:
        pass

    async def hasten(self, page: Page) -> None:
        pass

    def wake_at(self, when: float | None) -> None:
        pass


class Slow(Driver):
    """Answers the first page at once and the others never."""

    kind = "slow"
    capabilities = Capabilities(sends=True)
    port = "nowhere"

    async def run(self) -> None:
        self.line.up()
        await asyncio.Event().wait()

    async def send(self, page: Page) -> Receipt:
        if page.id > 1:
            await asyncio.Event().wait()
        return Receipt(Outcome.SENT)


async def test_a_capture_has_the_orders_that_the_driver_got(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        line = RunningLine("pager", Host(store))
        line.driver = Slow(line)
        running = asyncio.create_task(line.supervise())
        now = line.clock.now()
        for number in (1, 2):
            line.push(Page(number, 9, "pager", "2001", "FIRE", Priority.HIGH, now, now, now + 60, now, tone="B"))
        line.pump()
        await settle()
        line.drop(2)
        await settle()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert [piece[1:] for piece in line.recorder.pieces()] == [
        ("open", "-", b""),
        ("page", "1", b"2001\x1f2\x1fB\x1fFIRE"),
        ("page", "2", b"2001\x1f2\x1fB\x1fFIRE"),
        ("withdraw", "2", b""),
    ]
