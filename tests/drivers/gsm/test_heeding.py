"""What a person has just answered is heard before anything more leaves, but no page waits long for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drivers.gsm.protocol import MOST_CHORES, QUIET
from drivers.gsm.session import HEED
from gatewayd.driver import Outcome
from gatewayd.model import Recorded, TextReceived
from tests.drivers.gsm.site import ANNA, BERT, Site, page
from tests.drivers.gsm.test_following import FIRST, SECOND, Queue, begins, commands, texts

if TYPE_CHECKING:
    from gatewayd.model import Page, Report

PASSES_ON = ("AT+CNMI=2,1,*", "AT+CNMI=1,*")


class Answered(Queue):
    """The pages of an alarm: whoever answers, the rest of them is withdrawn."""

    def __init__(self, site: Site, *pages: Page) -> None:
        super().__init__(*pages)
        self.site = site
        site.line.report = self.report  # type: ignore[method-assign]

    async def report(self, report: Report) -> Recorded:
        if isinstance(report, TextReceived):
            self.pages.clear()
        self.site.line.reports.append(report)
        return Recorded.ANSWERED


@pytest.mark.parametrize("refuses", [(), PASSES_ON])
@pytest.mark.parametrize("after", [1.0, 1.0 + QUIET])
async def test_an_answer_that_comes_with_the_ok_is_heard_before_the_next_page_is_chosen(
    refuses: tuple[str, ...], after: float
) -> None:
    site = Site({"refuses": refuses, "slow": {"AT+CMGS=*": 1.0}})
    _, first = await begins(Answered(site, SECOND), site)
    answers = site.modem._core
    assert answers is not None
    take = answers._submit

    def submit(recipient: str, text: bytes, now: float) -> None:
        site.modem._arrives(ANNA, "OK #1")  # it comes in the same piece as the OK, before it
        take(recipient, text, now)

    answers._submit = submit  # type: ignore[method-assign]
    await site.clock.advance(after + 1.0)
    assert first.result().outcome is Outcome.SENT
    assert site.line.texts[0] == (ANNA, "OK #1")
    assert commands(site).count("AT+CMGS") == 1
    assert texts(site) == ["FIRST"]


async def test_a_page_that_waits_for_a_text_to_be_read_waits_until_the_gateway_has_looked_at_it() -> None:
    site = Site({"slow": {"AT+CMGR=*": 1.0}})
    await site.start()
    site.line.disk_full = True
    await site.modem.receives(ANNA, "OK #1")
    sending = await site.sending(FIRST)
    await site.clock.advance(1.0 + HEED / 2)
    sending.cancel()  # that is what the answer meant
    await site.clock.advance(5)
    assert texts(site) == []


async def test_a_page_leaves_at_once_when_the_text_before_it_is_recorded() -> None:
    site = Site({"slow": {"AT+CMGR=*": 1.0}})
    await site.start()
    await site.modem.receives(ANNA, "OK #1")
    sending = await site.sending(FIRST)
    await site.clock.advance(1.0)
    assert sending.result().outcome is Outcome.SENT


async def test_a_text_that_cannot_be_recorded_holds_a_page_up_for_a_moment_only() -> None:
    site = Site()
    await site.start()
    site.line.disk_full = True
    await site.modem.receives(ANNA, "OK #1")
    sending = await site.sending(FIRST)
    await site.clock.advance(HEED * 0.9)
    assert not sending.done()
    await site.clock.advance(HEED * 0.1)
    assert sending.result().outcome is Outcome.SENT
    assert (await site.sends(SECOND)).outcome is Outcome.SENT


async def test_a_text_for_which_there_is_no_room_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    await site.start()
    monkeypatch.setattr("drivers.gsm.recording.MAX_WAITING", 0)
    await site.modem.receives(ANNA, "OK #1")
    await site.clock.advance(HEED / 2)
    monkeypatch.undo()
    assert (await site.sends(FIRST)).outcome is Outcome.SENT


async def test_a_flood_of_texts_that_cannot_be_recorded_lets_a_page_pass() -> None:
    site = Site({"slow": {"AT+CMGR=*": 0.06}}, strangers_per_hour=0)
    await site.start()
    site.line.disk_full = True
    for number in range(20):
        await site.modem.receives(BERT, f"TEXT {number}")
    assert (await site.sends(page(), within=(MOST_CHORES + 1) * 0.06 + 2 * HEED)).outcome is Outcome.SENT
    assert site.wrote.partition(b"AT+CMGS")[0].count(b"AT+CMGR") == MOST_CHORES + 1


async def test_an_answer_is_told_at_once_although_the_end_of_the_last_message_is_kept_for_later() -> None:
    site = Site({"refuses": PASSES_ON, "slow": {"AT+CMGS=*": 1.0}})
    await begins(Answered(site, SECOND), site)
    await site.clock.advance(1.0)
    assert commands(site).count("AT+CMGS") == 2
    await site.modem.receives(ANNA, "OK #1")
    await site.clock.advance(QUIET / 3)
    assert site.line.texts == [(ANNA, "OK #1")]


async def test_texts_that_never_end_and_cannot_be_recorded_do_not_hold_a_page_up_for_longer() -> None:
    site = Site({"refuses": PASSES_ON}, strangers_per_hour=0)
    await site.start()
    site.line.disk_full = True
    await site.modem.receives(BERT, "TEXT")
    sending = await site.sending(FIRST)
    for number in range(4):
        await site.clock.advance(HEED / 4)
        await site.modem.receives(BERT, f"TEXT {number}")
    assert sending.result().outcome is Outcome.SENT
