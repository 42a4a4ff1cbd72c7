"""A port that is lost takes nothing with it that the modem has passed on and does not keep."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from drivers.gsm.address import Address
from drivers.gsm.inbox import REPORT_REST
from drivers.gsm.pdu import StatusReport
from drivers.gsm.protocol import QUIET
from drivers.gsm.recording import PATIENCE, RETRY_AFTER
from gatewayd.clock import settle
from gatewayd.errors import NotDurable
from gatewayd.model import PageState, Recorded, Report, TextReceived
from tests.drivers.gsm.site import ANNA, Site
from tests.drivers.gsm.test_following import SECOND, Queue, begins
from tests.drivers.gsm.test_heeding import PASSES_ON

if TYPE_CHECKING:
    import pytest


def lose(site: Site) -> None:
    assert site.ends is not None
    site.ends[0].cut(OSError("unplugged"))


async def test_a_text_that_was_passed_on_is_recorded_although_the_port_is_lost_at_once() -> None:
    site = Site({"refuses": PASSES_ON})
    await site.start()
    site.modem._arrives(ANNA, "OK #1")
    site.modem._arrives(ANNA, "OK #2")
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # the driver has read them
    lose(site)
    await settle()
    assert "unplugged" in site.down()
    assert site.line.texts == [(ANNA, "OK #1"), (ANNA, "OK #2")]


async def test_a_text_that_could_not_be_recorded_before_the_port_was_lost_is_recorded_afterwards() -> None:
    site = Site({"refuses": PASSES_ON})
    await site.start()
    site.line.disk_full = True
    await site.modem.receives(ANNA, "OK #1")
    await site.modem.receives(ANNA, "OK #2")
    await settle()
    lose(site)
    await site.clock.advance(RETRY_AFTER)
    assert "unplugged" in site.down()
    site.line.disk_full = False
    await site.start()
    assert site.line.texts == [(ANNA, "OK #1"), (ANNA, "OK #2")]
    await site.clock.advance(10 * RETRY_AFTER)
    assert len(site.line.texts) == 2


async def test_a_report_that_rested_when_the_port_was_lost_is_recorded_afterwards() -> None:
    site = Site()
    await site.start()
    receipt = await site.sends()
    await site.clock.advance(REPORT_REST / 2)
    lose(site)
    await site.clock.advance(REPORT_REST)
    await site.start()
    assert site.line.confirmed == [(receipt.reference, PageState.RECEIVED)]


async def test_a_report_that_could_not_be_recorded_before_the_port_was_lost_is_recorded_afterwards() -> None:
    site = Site()
    await site.start()
    receipt = await site.sends()
    site.line.disk_full = True
    await site.clock.advance(REPORT_REST)
    lose(site)
    await site.clock.advance(RETRY_AFTER)
    assert site.running is not None
    assert site.running.done()
    site.line.disk_full = False
    await site.start()
    assert site.line.confirmed == [(receipt.reference, PageState.RECEIVED)]


async def test_a_report_that_came_while_nothing_was_told_is_recorded_although_the_port_is_lost() -> None:
    site = Site({"send_time": 1.0, "reports": False})
    _, first = await begins(Queue(SECOND), site)
    await site.clock.advance(1.0)
    assert not first.done()
    assert site.modem._core is not None
    header, body = site.modem._core.show(StatusReport(77, Address.parse("+491709999999"), 0))
    site.says(f"\r\n+CDS: {header.removeprefix(',')}\r\n{body}\r\n")
    await site.clock.advance(QUIET / 3)
    assert "delivery_reports" not in site.line.counts
    lose(site)
    await site.clock.advance(REPORT_REST)
    await site.start()
    assert site.line.confirmed == [("77/9999999", PageState.RECEIVED)]


async def test_a_text_that_the_modem_keeps_is_not_asked_for_again_by_the_connection_before() -> None:
    site = Site()
    await site.start()
    right, asked = site.line.report, list[Report]()

    async def report(what: Report) -> Recorded:
        if isinstance(what, TextReceived):
            asked.append(what)
            raise NotDurable("not on disk")
        return await right(what)

    site.line.report = report  # type: ignore[method-assign, assignment]
    await site.modem.receives(ANNA, "OK #1")
    await settle()
    assert len(asked) == 1
    lose(site)
    await settle()
    site.line.report = right  # type: ignore[method-assign]
    await site.start(RETRY_AFTER * 3)
    assert site.line.texts == [(ANNA, "OK #1")]


async def test_a_store_that_says_nothing_holds_the_next_opening_up_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Site({"refuses": PASSES_ON})
    await site.start()

    async def report(_: Report) -> Recorded:
        await asyncio.Event().wait()
        return Recorded.NOTED

    monkeypatch.setattr(site.line, "report", report)
    await site.modem.receives(ANNA, "OK #1")
    await settle()
    lose(site)
    assert site.running is not None
    await site.clock.advance(PATIENCE * 0.9)
    assert not site.running.done()
    await site.clock.advance(PATIENCE * 0.1)
    assert "unplugged" in site.down()
    monkeypatch.undo()
    await site.start()
    assert site.line.texts == [(ANNA, "OK #1")]


async def test_a_line_that_is_stopped_while_it_waits_for_the_store_closes_its_port() -> None:
    site = Site({"refuses": PASSES_ON})
    await site.start()
    site.line.report = _never  # type: ignore[method-assign, assignment]
    await site.modem.receives(ANNA, "OK #1")
    site.modem.faults.plan("dead")
    assert site.running is not None
    await site.clock.advance(30)
    assert site.ends is not None
    site.running.cancel()
    await settle()
    assert site.running.done()
    assert site.ends[0].is_closing()


async def _never(_: Report) -> Recorded:
    await asyncio.Event().wait()
    return Recorded.NOTED
