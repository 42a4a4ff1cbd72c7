"""Pages on their way out: timers, outcomes, several devices, withdrawal."""

from __future__ import annotations

import gc

import pytest

from drivers.sip.answering import write_response
from drivers.sip.attempt import Attempt, judge
from drivers.sip.events import PageConfirmedLate, PageDone
from drivers.sip.message import Response
from drivers.sip.phone import TextArrived
from gatewayd.driver import Outcome, Receipt
from gatewayd.model import Priority
from gatewayd.simulator import Faults
from tests.drivers.sip.net import PHONE, Site, page

SECOND = ("10.0.0.6", 5062)


@pytest.fixture
def site() -> Site:
    """A gateway at which 2001 is registered."""
    site = Site()
    site.register()
    return site


def receipts(site: Site) -> list[Receipt]:
    return [event.receipt for event in site.of(PageDone)]


def test_a_page_carries_what_phones_look_at(site: Site) -> None:
    site.gateway.send_page(page("FIRE 3\nroom 12", priority=Priority.LOW, expires=site.net.now + 90), site.net.now)
    site.net.run()
    [text] = site.of(TextArrived, PHONE)
    assert text.text == "FIRE 3\nroom 12"
    assert {name: text.headers[name] for name in ("priority", "subject", "expires", "content-type", "to")} == {
        "priority": "non-urgent",
        "subject": "FIRE 3",
        "expires": "90",
        "content-type": "text/plain;charset=UTF-8",
        "to": "<sip:2001@gateway.local>",
    }
    assert "contact" not in text.headers
    assert text.headers["date"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert ";rport" in text.headers["via"]
    assert text.headers["from"].startswith('"ALARM" <sip:alarm@gateway.local>;tag=')
    assert site.net.requests(PHONE)[-1].uri == "sip:2001@10.0.0.5:5062"


def test_timer_e_doubles_to_t2_and_f_ends_it() -> None:
    """RFC 3261 17.1.2.2, seen on OPTIONS, whose retransmissions nothing cuts short."""
    pinged = Site(options_interval=100)
    pinged.register()
    pinged.faults.plan("dead")
    pinged.net.advance(99)
    begin = len(pinged.net.sent)
    pinged.net.advance(40)
    times = [round(at - 100, 3) for at, to, _ in pinged.net.sent[begin:] if to == PHONE]
    assert times == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


def test_a_page_is_unknown_after_eight_seconds_and_no_longer_repeated(site: Site) -> None:
    site.faults.plan("dead")
    site.gateway.send_page(page(), site.net.now)
    site.net.advance(7.99)
    assert not receipts(site)
    site.net.advance(60)
    [receipt] = receipts(site)
    assert (receipt.outcome, receipt.detail) == (Outcome.UNKNOWN, "no answer")
    assert site.net.times(PHONE, "MESSAGE") == [0.0, 0.5, 1.5, 3.5, 7.5]


@pytest.mark.parametrize("fault", ["", "dead", "late"])
def test_a_page_that_is_over_leaves_nothing_for_the_collector(site: Site, fault: str) -> None:
    """A circle of references lives until the collector stops everything to look for it."""
    if fault:
        site.faults.plan(fault)
    gc.collect()
    gc.disable()
    try:
        site.gateway.send_page(page(), site.net.now)
        site.net.advance(60)
        left = [each for each in gc.get_objects() if isinstance(each, Attempt)]
    finally:
        gc.enable()
    assert receipts(site)
    assert not left


def test_an_answer_after_the_deadline_confirms_the_page_late(site: Site) -> None:
    site.faults.plan("late")
    site.gateway.send_page(page(), site.net.now)
    site.net.advance(11)
    [receipt] = receipts(site)
    assert receipt.outcome is Outcome.UNKNOWN
    assert site.of(PageConfirmedLate) == [PageConfirmedLate(receipt.reference, Outcome.RECEIVED)]


def test_a_refusal_that_comes_late_is_not_tried_in_another_form(site: Site) -> None:
    """The page is over: its user has perhaps accepted elsewhere by now."""
    site.faults.plan("dead")
    site.gateway.send_page(page(), site.net.now)
    site.net.advance(9)
    sent = site.net.requests(PHONE)
    site.hand_in(write_response(sent[-1], 415, "t"), PHONE)
    site.net.advance(1)
    assert len(site.net.requests(PHONE)) == len(sent)


def test_a_lost_datagram_is_repeated_and_shown_once(site: Site) -> None:
    lost = iter([True, False, False])
    site.net.lose = lambda data, target: data.startswith(b"SIP/2.0 200") and target != PHONE and next(lost)
    site.gateway.send_page(page(), site.net.now)
    site.net.advance(2)
    assert receipts(site)[0].outcome is Outcome.RECEIVED
    assert len(site.of(TextArrived, PHONE)) == 1
    assert site.net.times(PHONE, "MESSAGE") == [0.0, 0.5]


def test_a_withdrawn_page_is_repeated_no_more_and_the_next_one_goes(site: Site) -> None:
    site.faults.plan("dead")
    handle = site.gateway.send_page(page("one"), site.net.now)
    assert isinstance(handle, int)
    site.gateway.send_page(page("two"), site.net.now)
    site.net.advance(1)
    site.gateway.cancel_page(handle, site.net.now)
    site.faults.repair("dead")
    site.net.advance(40)
    assert [text.text for text in site.of(TextArrived, PHONE)] == ["two"]
    assert [event.handle for event in site.of(PageDone)] == [handle + 1]
    bodies = [request.body for request in site.net.requests(PHONE) if request.method == "MESSAGE"]
    assert bodies == [b"one", b"one", b"two"]


def test_one_page_at_a_time_to_one_user_and_all_at_once_to_different_users(site: Site) -> None:
    site.register(site.add_phone(SECOND, "2002"))
    site.faults.plan("drop")
    for text, address in (("a", "2001"), ("b", "sip:2001@gateway.local"), ("c", "2002")):
        site.gateway.send_page(page(text, address), site.net.now)
    site.net.run()
    assert [text.text for text in site.of(TextArrived, SECOND)] == ["c"]
    assert not site.of(TextArrived, PHONE)
    site.net.advance(1)
    assert [text.text for text in site.of(TextArrived, PHONE)] == ["a", "b"]


def test_an_urgent_page_goes_ahead_of_those_that_wait_for_the_same_user(site: Site) -> None:
    site.faults.plan("drop")
    priorities = {
        "first": Priority.LOW,
        "low": Priority.LOW,
        "fire": Priority.EMERGENCY,
        "fire too": Priority.EMERGENCY,
    }
    for text, priority in priorities.items():
        site.gateway.send_page(page(text, priority=priority), site.net.now)
    site.net.advance(1)
    assert [text.text for text in site.of(TextArrived, PHONE)] == ["first", "fire", "fire too", "low"]


def test_a_page_to_a_phone_that_was_silent_before_has_failed_and_is_still_confirmed_late(site: Site) -> None:
    """The first may be on its display; a phone that stays silent is gone, and gets the page when it is back."""
    site.faults.plan("dead")
    site.gateway.send_page(page(), site.net.now)
    site.net.advance(10)
    site.gateway.send_page(page(), site.net.now)
    site.net.advance(10)
    assert [(each.outcome, each.detail) for each in receipts(site)] == [
        (Outcome.UNKNOWN, "no answer"),
        (Outcome.FAILED, "no answer, like before"),
    ]
    answer_once(site, "200 OK")
    assert site.of(PageConfirmedLate) == [PageConfirmedLate(receipts(site)[1].reference, Outcome.RECEIVED)]


def test_a_page_of_which_one_device_was_heard_lately_may_have_arrived(site: Site) -> None:
    site.faults.plan("dead")
    site.gateway.send_page(page(), site.net.now)
    site.net.advance(10)
    faults = Faults()
    site.register(site.add_phone(SECOND, "2001", faults))
    faults.plan("dead")
    site.gateway.send_page(page(), site.net.now)
    site.net.advance(10)
    assert receipts(site)[-1].outcome is Outcome.UNKNOWN


def test_every_device_of_a_user_shows_the_page(site: Site) -> None:
    site.register(site.add_phone(SECOND, "2001"))
    site.gateway.send_page(page(), site.net.now)
    site.net.run()
    assert len(site.of(TextArrived, PHONE)) == len(site.of(TextArrived, SECOND)) == 1
    assert [receipt.outcome for receipt in receipts(site)] == [Outcome.RECEIVED]


def test_a_dead_second_device_delays_the_receipt_by_two_seconds(site: Site) -> None:
    faults = Faults({"dead": 1})
    site.register(site.add_phone(SECOND, "2001", Faults()))
    site.net.cores[SECOND].faults = faults  # type: ignore[attr-defined]
    site.gateway.send_page(page(), site.net.now)
    site.net.advance(1.9)
    assert not receipts(site)
    site.net.advance(0.2)
    assert receipts(site)[0].outcome is Outcome.RECEIVED


def test_a_phone_that_refuses_fails_for_now_or_for_good(site: Site) -> None:
    site.faults.plan("nak")
    site.gateway.send_page(page(), site.net.now)
    site.net.run()
    assert (receipts(site)[0].outcome, receipts(site)[0].detail) == (Outcome.FAILED, "486 Busy Here")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.RECEIVED), (202, Outcome.SENT), (302, Outcome.REFUSED), (404, Outcome.REFUSED),
        (405, Outcome.REFUSED), (408, Outcome.FAILED), (410, Outcome.REFUSED), (415, Outcome.REFUSED),
        (480, Outcome.FAILED), (486, Outcome.FAILED), (500, Outcome.FAILED), (503, Outcome.FAILED),
        (600, Outcome.REFUSED), (603, Outcome.REFUSED), (606, Outcome.REFUSED),
    ],
)  # fmt: skip
def test_an_answer_means_what_rfc_3428_says(status: int, outcome: Outcome) -> None:
    receipt = judge(Response({"retry-after": ["120 (meeting)"]}, b"", status, "because\x1b[2J"))
    assert receipt.outcome is outcome
    assert "\x1b" not in receipt.detail
    assert receipt.retry_after == (120.0 if outcome is Outcome.FAILED else None)


def answer_once(site: Site, head: str) -> None:
    """Let the phone answer the next MESSAGE with `head` only."""
    request = next(each for each in reversed(site.net.requests(PHONE)) if each.method == "MESSAGE")
    via, to = request.first("via"), request.first("to")
    data = (
        f"SIP/2.0 {head}\r\nVia: {via}\r\nFrom: {request.first('from')}\r\nTo: {to}\r\nCall-ID: {request.call_id}\r\n"
        f"CSeq: {request.first('cseq')}\r\n\r\n"
    )
    site.gateway.receive_datagram(data.encode(), PHONE, site.net.now)
    site.net.run()


def test_415_is_answered_with_the_bare_type_once(site: Site) -> None:
    site.faults.plan("drop", 2)
    site.gateway.send_page(page(), site.net.now)
    site.net.run()
    answer_once(site, "415 Unsupported Media Type")
    assert site.net.requests(PHONE)[-1].first("content-type") == "text/plain"
    answer_once(site, "415 Unsupported Media Type")
    assert receipts(site)[0].outcome is Outcome.REFUSED


def test_a_challenge_is_answered_once_when_there_is_a_password() -> None:
    accounts = {"2001": {"password": "s3cret"}, "alarm": {"password": "own"}}
    site = Site(accounts=accounts)
    site.register()
    site.faults.plan("drop", 2)
    site.gateway.send_page(page(), site.net.now)
    site.net.run()
    challenge = '401 Unauthorized\r\nWWW-Authenticate: Digest realm="pbx", nonce="n", qop="auth"'
    answer_once(site, challenge)
    again = site.net.requests(PHONE)[-1]
    assert 'username="alarm"' in again.first("authorization")
    assert again.cseq == (2, "MESSAGE")
    answer_once(site, challenge)
    assert receipts(site)[0].outcome is Outcome.REFUSED


def test_a_200_without_a_to_tag_is_accepted(site: Site) -> None:
    site.faults.plan("drop")
    site.gateway.send_page(page(), site.net.now)
    site.net.run()
    answer_once(site, "200 Ok")
    assert receipts(site)[0].outcome is Outcome.RECEIVED


def test_garbage_instead_of_an_answer_is_no_answer(site: Site) -> None:
    site.faults.plan("garble")
    site.gateway.send_page(page(), site.net.now)
    site.net.advance(1)
    assert receipts(site)[0].outcome is Outcome.RECEIVED
    assert site.net.times(PHONE, "MESSAGE") == [0.0, 0.5]


def test_who_is_not_registered_fails_for_now_and_who_is_not_configured_for_good(site: Site) -> None:
    unregistered = site.gateway.send_page(page(address="2002"), site.net.now)
    assert unregistered == Receipt(Outcome.FAILED, "not registered", retry_after=30.0)
    unknown = site.gateway.send_page(page(address="2999"), site.net.now)
    assert isinstance(unknown, Receipt)
    assert unknown.outcome is Outcome.REFUSED
    named = site.gateway.send_page(page(address="sip:2001@phones.example"), site.net.now)
    assert isinstance(named, Receipt)
    assert named.outcome is Outcome.REFUSED


def test_a_full_address_elsewhere_is_written_to_directly(site: Site) -> None:
    site.add_phone(SECOND, "2002")
    site.gateway.send_page(page(address="sip:77@10.0.0.6:5062"), site.net.now)
    site.net.run()
    assert site.of(TextArrived, SECOND)[0].headers["to"] == "<sip:77@10.0.0.6:5062>"
