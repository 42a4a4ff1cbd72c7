"""One message after the other: the next leaves with the OK of the last, and it is the one that is next by then."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from drivers.gsm import pdu
from drivers.gsm.composing import Composer
from drivers.gsm.pdu import Submit
from drivers.gsm.protocol import QUIET
from gatewayd.clock import settle
from gatewayd.driver import Outcome
from gatewayd.errors import LineDown
from tests.drivers.gsm.site import ANNA, BERT, Site, page

if TYPE_CHECKING:
    import asyncio

    from drivers.gsm.composing import Composed
    from gatewayd.driver import Receipt
    from gatewayd.model import Page

FIRST = page("FIRST", number=1)
SECOND = page("SECOND", BERT, number=2)
URGENT = page("URGENT", "+491709999999", number=3)


class Queue:
    """The pages that wait, as the driver sees them; `after` has what it said that it was done with."""

    def __init__(self, *pages: Page) -> None:
        self.pages = list(pages)
        self.after: list[int] = []
        self.looks = 0

    def peek(self) -> Page | None:
        self.looks += 1
        return self.pages[0] if self.pages else None

    def take(self, after: int) -> Page | None:
        self.after.append(after)
        return self.pages.pop(0) if self.pages else None


async def begins(queue: Queue, site: Site | None = None) -> tuple[Site, asyncio.Task[Receipt]]:
    """Start a line whose modem takes a second for a message, and let the first page be on its way."""
    site = site or Site({"send_time": 1.0})
    site.driver.look_ahead(queue)
    await site.start()
    return site, await site.sending(FIRST)


def texts(site: Site) -> list[str]:
    """Return what the network has taken."""
    return [message.text for message in site.modem.sent]


def commands(site: Site) -> list[str]:
    """Return the commands that were given since the first message, without what follows `=`."""
    written = [part.split(b"=")[0].decode("latin-1") for part in re.split(rb"[\r\x1a]", site.wrote)]
    return [part for part in written[written.index("AT+CMGS") :] if part.startswith("AT")]


def validities(site: Site) -> list[object]:
    found = [pdu.read(part.split(b"\r")[-1].decode()) for part in site.wrote.split(b"\x1a")[:-1]]
    return [message.validity for message in found if isinstance(message, Submit)]


# --- the next one -----------------------------------------------------------------------------------------------------


async def test_the_next_message_leaves_before_anything_is_told_of_the_last() -> None:
    site, first = await begins(queue := Queue(SECOND))
    await site.clock.advance(1.0)
    assert commands(site).count("AT+CMGS") == 2
    assert texts(site) == ["FIRST", "SECOND"]  # the simulated modem has a text at once, and says OK a second later
    assert not first.done()
    await site.clock.advance(QUIET)
    assert first.done()
    assert first.result().outcome is Outcome.SENT
    assert queue.after == [1]


async def test_a_message_that_left_in_this_way_is_seen_through_by_send_and_not_sent_again() -> None:
    site, first = await begins(Queue(SECOND))
    await site.clock.advance(1.01)
    second = await site.sending(SECOND)
    await site.clock.advance(5)
    assert (first.result().outcome, second.result().outcome) == (Outcome.SENT, Outcome.SENT)
    assert first.result().reference != second.result().reference
    assert texts(site) == ["FIRST", "SECOND"]
    assert site.line.counts["messages"] == 2


async def test_many_messages_follow_one_another_and_every_one_is_told() -> None:
    pages = [page(f"PAGE {number}", f"+4917000000{number:02}", number) for number in range(2, 12)]
    site, first = await begins(queue := Queue(*pages), Site())
    assert texts(site) == ["FIRST", *(one.text for one in pages)]
    assert queue.looks >= len(pages)  # each was prepared, although nothing has been told yet
    assert not first.done()
    await site.clock.advance(QUIET)
    receipts = [first.result(), *[await site.sends(one, within=QUIET) for one in pages]]
    assert {receipt.outcome for receipt in receipts} == {Outcome.SENT}
    assert len({receipt.reference for receipt in receipts}) == 11
    assert texts(site) == ["FIRST", *(one.text for one in pages)]


async def test_a_long_message_follows_and_is_followed() -> None:
    site, _ = await begins(Queue(page("x" * 300, BERT, 2), URGENT))
    await site.clock.advance(1.01)
    second = await site.sending(page("x" * 300, BERT, 2))
    await site.clock.advance(5)
    assert second.result().outcome is Outcome.SENT
    assert texts(site) == ["FIRST", "x" * 300, "URGENT"]


async def test_what_was_prepared_waits_for_a_more_urgent_page() -> None:
    site, _ = await begins(queue := Queue(SECOND))
    assert queue.looks
    queue.pages.insert(0, URGENT)
    await site.clock.advance(1.01)
    await site.sending(URGENT)
    await site.clock.advance(5)
    assert texts(site) == ["FIRST", "URGENT", "SECOND"]


async def test_what_was_prepared_and_withdrawn_is_not_sent() -> None:
    site, first = await begins(queue := Queue(SECOND))
    assert queue.looks
    queue.pages.clear()
    await site.clock.advance(5)
    assert first.result().outcome is Outcome.SENT
    assert texts(site) == ["FIRST"]


async def test_after_a_message_that_failed_the_gateway_decides_first() -> None:
    site, first = await begins(queue := Queue(SECOND), Site({"send_time": 1.0, "faults": {"nak": 1}}))
    await site.clock.advance(5)
    assert first.result().outcome is Outcome.FAILED
    assert queue.after == []
    assert texts(site) == []


async def test_a_text_that_came_meanwhile_is_read_before_the_next_page_leaves() -> None:
    site, _ = await begins(Queue(SECOND))
    await site.modem.receives(ANNA, "OK #1")
    await site.clock.advance(5)
    order = commands(site)
    assert order.index("AT+CMGR") < len(order) - 1 - order[::-1].index("AT+CMGS")
    assert site.line.texts == [(ANNA, "OK #1")]


async def test_without_a_network_the_next_page_is_left_to_the_gateway() -> None:
    site, first = await begins(queue := Queue(SECOND))
    site.driver._tidings.coverage.registered = False
    await site.clock.advance(1.01)
    assert first.result().outcome is Outcome.SENT
    assert queue.after == []


async def test_messages_that_follow_count_against_the_limit_of_the_sim() -> None:
    site, _ = await begins(Queue(SECOND), Site({"send_time": 1.0}, per_minute=2))
    await site.clock.advance(1.01)
    assert site.driver.held_back() > 50


# --- preparing --------------------------------------------------------------------------------------------------------


async def test_preparing_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made = composed_texts(monkeypatch)
    site, _ = await begins(Queue(SECOND))
    assert made == ["FIRST", "SECOND"]
    assert commands(site) == ["AT+CMGS"]
    await site.clock.advance(0.9)
    assert commands(site) == ["AT+CMGS"]


async def test_what_was_prepared_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = composed_texts(monkeypatch)
    site, _ = await begins(Queue(SECOND))
    await site.clock.advance(1.0)
    assert texts(site) == ["FIRST", "SECOND"]
    assert made == ["FIRST", "SECOND"]


async def test_an_error_while_preparing_is_neither_the_end_of_the_line_nor_of_the_page(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site, first = await begins(Queue())
    right = Composer.compose

    def fails(*_: object, **__: object) -> Composed:
        raise ZeroDivisionError

    site.driver.look_ahead(queue := Queue(SECOND))
    monkeypatch.setattr(Composer, "compose", fails)
    await site.clock.advance(1.01)
    assert first.result().outcome is Outcome.SENT
    assert queue.after == [1]
    assert "cannot be made ready" in caplog.text
    assert site.running is not None
    assert not site.running.done()
    monkeypatch.setattr(Composer, "compose", right)
    assert (await site.sends(SECOND, within=5)).outcome is Outcome.SENT
    assert texts(site) == ["FIRST", "SECOND"]


async def test_a_page_that_cannot_be_prepared_is_refused_when_its_turn_has_come() -> None:
    wrong = page("WRONG", "nobody", 2)
    site, first = await begins(Queue(wrong))
    await site.clock.advance(1.01)
    assert first.result().outcome is Outcome.SENT
    assert (await site.sends(wrong)).outcome is Outcome.REFUSED
    assert (await site.sends(SECOND, within=5)).outcome is Outcome.SENT


@pytest.mark.parametrize(("seconds", "minutes"), [(1.0, 10), (65.0, 5)])
async def test_what_was_prepared_long_ago_is_made_anew(seconds: float, minutes: int) -> None:
    site = Site({"send_time": seconds}, send_timeout=150)
    await begins(Queue(page("SECOND", BERT, 2, expires=site.clock.now() + 1.0 + 630.0)), site)
    await site.clock.advance(seconds + 0.01)
    assert validities(site)[-1] == timedelta(minutes=minutes)


async def test_a_page_that_was_prepared_for_a_modem_that_is_gone_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    made = composed_texts(monkeypatch)
    site, first = await begins(queue := Queue(SECOND))
    await site.restart()
    queue.pages.clear()
    assert first.exception() is not None or first.result().outcome is Outcome.UNKNOWN
    assert (await site.sends(SECOND, within=5)).outcome is Outcome.SENT
    assert made.count("SECOND") == 2


async def test_what_was_prepared_in_another_dialect_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    made = composed_texts(monkeypatch)
    site, _ = await begins(Queue(SECOND))
    connection = site.driver._connection
    assert connection is not None
    connection.core._session.character_set = "UCS2"
    await site.clock.advance(1.01)
    assert texts(site) == ["FIRST", "SECOND"]
    assert made == ["FIRST", "SECOND", "SECOND"]


async def test_what_was_prepared_serves_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = composed_texts(monkeypatch)
    site, first = await begins(Queue(SECOND))
    site.modem.faults.plan("nak")
    await site.clock.advance(5)
    assert first.result().outcome is Outcome.SENT
    assert (await site.sends(SECOND, within=5)).outcome is Outcome.FAILED
    assert (await site.sends(SECOND, within=5)).outcome is Outcome.SENT
    assert made == ["FIRST", "SECOND", "SECOND"]


async def test_a_page_that_waits_for_its_turn_goes_to_the_modem_that_is_there_then() -> None:
    site = Site(per_minute=1)
    await site.start()
    await site.sends(FIRST)
    waiting = await site.sending(SECOND)
    await site.restart()
    await site.clock.advance(60)
    assert waiting.result().outcome is Outcome.SENT
    assert texts(site) == ["FIRST", "SECOND"]


# --- how it ends ------------------------------------------------------------------------------------------------------


async def test_a_message_that_followed_and_is_withdrawn_at_the_prompt_does_not_leave() -> None:
    site = Site({"slow": {"AT+CMGS=*": 1.0}})
    _, first = await begins(Queue(SECOND), site)
    await site.clock.advance(1.0 + QUIET)
    assert first.result().outcome is Outcome.SENT
    second = await site.sending(SECOND)
    second.cancel()
    await site.clock.advance(5)
    assert second.cancelled()
    assert texts(site) == ["FIRST"]
    assert (await site.sends(URGENT, within=5)).outcome is Outcome.SENT


async def test_a_message_that_was_sent_is_told_although_the_port_is_lost_before_it_was() -> None:
    site = Site({"slow": {"AT+CMGS=*": 1.0}})
    _, first = await begins(Queue(SECOND), site)
    await site.clock.advance(1.0)
    assert not first.done()
    assert site.ends is not None
    site.ends[1].close()
    await settle()
    assert first.result().outcome is Outcome.SENT
    with pytest.raises(LineDown):
        await site.driver.send(SECOND)
    assert texts(site) == ["FIRST"]


async def test_a_message_that_followed_and_had_left_whole_when_the_port_was_lost_is_unknown() -> None:
    site, first = await begins(Queue(SECOND))
    await site.clock.advance(1.0)
    assert site.ends is not None
    site.ends[1].close()
    await settle()
    assert first.result().outcome is Outcome.SENT
    assert (await site.driver.send(SECOND)).outcome is Outcome.UNKNOWN


def composed_texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the texts of which messages are made, as they are."""
    made: list[str] = []
    right = Composer.compose

    def compose(self: Composer, number: str, text: str, lifetime: float, *, text_mode: bool) -> Composed:
        made.append(text)
        return right(self, number, text, lifetime, text_mode=text_mode)

    monkeypatch.setattr(Composer, "compose", compose)
    return made


async def test_a_modem_that_says_ok_while_its_line_is_ended_starts_nothing(caplog: pytest.LogCaptureFixture) -> None:
    site, first = await begins(queue := Queue(SECOND))
    connection = site.driver._connection
    assert connection is not None
    site.driver._connection = None  # as it is while the port is being closed
    await site.clock.advance(1.0)
    assert (queue.after, commands(site).count("AT+CMGS")) == ([], 1)
    assert "a protocol failed" not in caplog.text
    site.driver._connection = connection
    assert (await first).outcome is Outcome.SENT


async def test_what_is_kept_for_later_is_told_soon_although_messages_follow_one_another_faster() -> None:
    pages = [page(f"PAGE {number}", f"+4917000000{number:02}", number) for number in range(2, 6)]
    _, first = await begins(Queue(*pages), site := Site({"send_time": QUIET * 2 / 3}))
    await site.clock.advance(QUIET * 2 / 3 + QUIET)
    assert first.done()
