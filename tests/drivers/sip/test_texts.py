"""Texts of people: whom they are for, known again when they come again, under the name that was paged."""

from __future__ import annotations

import asyncio

import pytest

from drivers.sip.events import CallDeclined, CallReceived, MessageReceived
from drivers.sip.texts import KNOWN_FOR
from gatewayd.clock import settle
from gatewayd.driver import News, Progress
from gatewayd.model import Priority, Recorded, TextReceived
from tests.drivers.sip.net import FakeLine, Memory, Site, page
from tests.drivers.sip.samples import request
from tests.drivers.sip.test_line_on_sockets import gateway, phone
from tests.drivers.sip.test_pbx import FIRST, PbxSite, text_from

OPEN = {"authenticate": False}


def texts(site: Site) -> list[MessageReceived]:
    return site.of(MessageReceived)


@pytest.mark.parametrize(
    ("recipients", "user", "expected"),
    [
        ((), "alarm", ""),
        ((), "2002", "2002"),
        ((), "nurses", None),
        (("nurses",), "nurses", "nurses"),
        (("nurses",), "alarm", ""),
        (("nurses",), "2002", None),
        (("*",), "anybody", "anybody"),
    ],
)
def test_a_text_is_for_the_gateway_for_a_phone_or_for_whom_the_site_allows(
    recipients: tuple[str, ...], user: str, expected: str | None
) -> None:
    site = Site(**OPEN, recipients=recipients)
    answers = site.hand_in(request(uri=f"sip:{user}@gateway.local"))
    assert [each.recipient for each in texts(site)] == ([] if expected is None else [expected])
    assert [each.status for each in answers] == ([404] if expected is None else [])


def references(*requests: bytes) -> list[str]:
    """Return by what each request is known, each to a gateway that has seen none before."""
    found = []
    for data in requests:
        site = Site(**OPEN)
        site.hand_in(data)
        found += [each.reference for each in texts(site)]
    return found


def test_a_text_that_comes_again_to_a_gateway_that_forgot_it_is_known_by_the_same_reference() -> None:
    data = request(call_id="one")
    other_way = data.replace(b"z9hG4bK", b"z9hG4bKother")
    first, again, forked = references(data, data, other_way)
    assert first == again == forked
    digest, _, sender = first.partition(".")
    assert (len(digest), sender) == (32, "2001")


def test_another_text_is_never_taken_for_a_repetition() -> None:
    """Not even that of a phone which counts Call-ID, tag and CSeq from the start after each boot."""
    same: dict[str, str] = {"call_id": "1@10.0.0.9", "cseq": "1 MESSAGE"}
    tag = "<sip:2001@gateway.local>;tag=other"
    found = references(
        request(**same, body=b"help"),
        request(**same, body=b"fire"),
        request(**{**same, "cseq": "2 MESSAGE"}, body=b"help"),
        request(**{**same, "call_id": "2@10.0.0.9"}, body=b"help"),
        request(**same, body=b"help", from_=tag),
    )
    assert len(set(found)) == 5


def test_the_same_text_with_an_answer_to_another_challenge_is_another_text() -> None:
    """A phone whose dice fall alike after each boot: the second press of its button must not be taken for the first."""
    same: dict[str, str] = {"call_id": "1@10.0.0.9", "cseq": "2 MESSAGE"}
    first, again, rebooted = references(
        request(
            **same,
            body=b"help",
            authorization='Digest nonce="a", response="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", nc=00000001',
        ),
        request(
            **same,
            body=b"help",
            authorization='Digest nonce="a", response="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", nc=00000001',
        ),
        request(
            **same,
            body=b"help",
            authorization='Digest nonce="b", response="bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", nc=00000001',
        ),
    )
    assert first == again != rebooted


@pytest.mark.parametrize(
    ("said", "meant"),
    [("emergency", Priority.EMERGENCY), ("URGENT", Priority.HIGH), ("normal", Priority.NORMAL),
     ("non-urgent", Priority.LOW), ("whatever", None), (None, None)],
)  # fmt: skip
def test_the_sender_says_how_urgent_it_is(said: str | None, meant: Priority | None) -> None:
    site = Site(**OPEN)
    site.hand_in(request(priority=said))
    assert [each.priority for each in texts(site)] == [meant]


@pytest.mark.parametrize(
    ("said", "meant"), [("60", 60.0), ("0", 0.0), (None, None), ("soon", None), ("9" * 40, 2.0**32 - 1)]
)
def test_the_sender_says_for_how_long_it_is_worth_delivering(said: str | None, meant: float | None) -> None:
    site = Site(**OPEN)
    site.hand_in(request(expires=said))
    assert [each.lifetime for each in texts(site)] == [meant]


def test_a_text_of_ours_that_comes_back_from_the_pbx_is_a_loop() -> None:
    site = PbxSite()
    site.start()
    assert text_from(site, FIRST, "alarms") == [482]
    assert not texts(site)


async def test_a_text_to_another_phone_is_stored_first_and_answered_202() -> None:
    line = FakeLine()
    line.recorded = Recorded.REPEAT
    accounts = {user: {"password": "s3cret"} for user in ("2001", "2002")}
    async with gateway(line, accounts=accounts) as driver, phone(driver) as handset:
        line.gate.clear()
        answer = asyncio.create_task(handset.say("come please", "2002"))
        await asyncio.wait_for(line.reported.wait(), 5)
        await settle()
        assert not answer.done()
        line.gate.set()
        assert await answer == 202
    [report] = line.reports
    assert isinstance(report, TextReceived)
    assert (report.sender, report.text, report.recipient) == ("2001", "come please", "2002")
    assert report.known_for == KNOWN_FOR == 120.0


async def test_an_answer_comes_under_the_address_that_was_paged_also_after_a_restart() -> None:
    memory = Memory()
    async with gateway(FakeLine(memory=memory)) as driver, phone(driver):
        await driver.send(page(address="sip:2001@127.0.0.1"))
        await settle()
    line = FakeLine(memory=memory)
    async with gateway(line) as driver, phone(driver) as handset:
        assert await handset.say("OK") == 200
    assert line.said == [("sip:2001@127.0.0.1", "OK")]


# --- what became of it ------------------------------------------------------------------------------------------------

TOLD = {"accepted_text": "{who} is coming", "unreached_text": "Nobody could be reached"}


def news(progress: Progress, sender: str = "2001") -> News:
    return News(f"{'0' * 32}.{sender}", progress, "Nurse {who}", 7)


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress.ACCEPTED, "Nurse {who} is coming"),
        (Progress.UNREACHED, "Nobody could be reached"),
        (Progress.FAILED, "Nobody could be reached"),
    ],
)
async def test_the_phone_is_told_what_became_of_its_text(progress: Progress, text: str) -> None:
    async with gateway(FakeLine(), **TOLD) as driver, phone(driver) as handset:
        assert driver.capabilities.follows
        driver.tell(news(Progress.PAGED))
        driver.tell(news(progress))
        await asyncio.wait_for(handset.expect(text), 5)
        assert len(handset.messages) == 1


async def test_only_a_phone_with_an_account_here_is_told_and_only_what_the_site_wants() -> None:
    async with gateway(FakeLine(), accepted_text="{who} is coming") as driver, phone(driver) as handset:
        driver.tell(news(Progress.ACCEPTED, "777"))
        driver.tell(news(Progress.UNREACHED))
        driver.tell(News("an alarm of another kind", Progress.ACCEPTED, "", 1))
        assert driver._session is not None
        assert not driver._session._tasks
        assert handset.messages == []
    async with gateway(FakeLine()) as driver:
        assert not driver.capabilities.follows


async def test_a_phone_that_cannot_be_told_is_counted() -> None:
    line = FakeLine()
    async with gateway(line, **TOLD) as driver:
        driver.tell(news(Progress.ACCEPTED))
        await settle()
    assert line.counters["notices_failed"] == 1
    driver.tell(news(Progress.ACCEPTED))  # the line is closed: nobody is told, and nothing breaks


# --- calls ------------------------------------------------------------------------------------------------------------


def test_a_call_is_taken_for_an_answer_only_when_the_site_says_so() -> None:
    site = Site(**OPEN)
    assert [each.status for each in site.hand_in(request("INVITE", body=b""))] == [603]
    assert site.of(CallDeclined) == [CallDeclined("2001")]
    site = Site(**OPEN, accept_by_call=True)
    assert site.hand_in(request("INVITE", body=b"")) == []
    [call] = site.of(CallReceived)
    site.gateway.answer(call.transaction, 603, site.net.now)
    site.net.run()
    assert [each.status for each in site.net.responses(("10.0.0.9", 5099))] == [603]


def test_a_call_to_somebody_else_accepts_nothing() -> None:
    site = Site(**OPEN, accept_by_call=True)
    assert [each.status for each in site.hand_in(request("INVITE", "sip:2002@gateway.local", b""))] == [603]
    assert site.of(CallReceived) == []


async def call(line: FakeLine, *, paged: bool, broken: bool = False) -> bytes:
    """Call the gateway from 2001 and return the final answer."""
    async with gateway(line, accept_by_call=True, authenticate=False) as driver:
        if paged:
            await driver.send(page())
        line.broken = broken
        assert driver.bound is not None
        reader, writer = await asyncio.open_connection(*driver.bound)
        via = "SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKcall"
        writer.write(request("INVITE", "sip:alarm@127.0.0.1", b"", via=via))
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 5)
        writer.close()
        await writer.wait_closed()
        return answer


async def test_a_call_from_a_phone_that_was_paged_accepts_and_is_declined_after_that_is_on_disk() -> None:
    line = FakeLine()
    assert (await call(line, paged=True)).startswith(b"SIP/2.0 603 ")
    assert line.said == [("2001", "OK")]
    assert [each.known_for for each in line.reports if isinstance(each, TextReceived)] == [KNOWN_FOR]
    assert line.counters["calls_accepted"] == 1


async def test_a_call_that_could_not_be_recorded_is_not_taken_for_noted() -> None:
    line = FakeLine()
    assert (await call(line, paged=True, broken=True)).startswith(b"SIP/2.0 503 ")


async def test_a_call_from_a_phone_that_was_never_paged_accepts_nothing() -> None:
    line = FakeLine()
    assert (await call(line, paged=False)).startswith(b"SIP/2.0 603 ")
    assert line.reports == []
    assert line.counters["calls_declined"] == 1
