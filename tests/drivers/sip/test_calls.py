"""Calls are refused, and their refusals are repeated until somebody acknowledges them (RFC 3261 17.2.1)."""

from __future__ import annotations

import pytest

from drivers.sip.events import CallDeclined, CallReceived, MessageReceived
from drivers.sip.layer import MAX_UNACKNOWLEDGED
from tests.drivers.sip.net import Site
from tests.drivers.sip.samples import request

CALLER = ("10.0.0.9", 5099)
VIA = "SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bKcall;rport"


@pytest.fixture
def site() -> Site:
    """A gateway that asks nobody for a password."""
    return Site(authenticate=False)


def refusals(site: Site) -> list[float]:
    return [round(at, 3) for at, to, data in site.net.sent if to == CALLER and b" 603 " in data]


def test_a_refusal_that_nobody_acknowledges_is_repeated_every_t2_and_given_up_after_timer_h(site: Site) -> None:
    site.hand_in(request("INVITE", body=b"", via=VIA, call_id="call"))
    site.net.advance(100)
    assert refusals(site) == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert site.gateway.layer.size == 0


def test_a_call_that_comes_again_is_refused_again_and_is_the_same_call(site: Site) -> None:
    data = request("INVITE", body=b"", via=VIA, call_id="call")
    site.hand_in(data)
    site.net.advance(0.1)
    assert [each.status for each in site.hand_in(data)] == [603]
    assert len(site.events) == 1


@pytest.mark.parametrize("cseq", ["1 INVITE", "x", None], ids=["another method", "no number", "missing"])
def test_an_ack_is_never_answered_not_even_one_that_is_malformed(site: Site, cseq: str | None) -> None:
    assert site.hand_in(request("ACK", body=b"", via=VIA, cseq=cseq)) == []
    assert site.counters["malformed"] == 1


def test_an_acknowledged_call_is_remembered_for_timer_i(site: Site) -> None:
    site.hand_in(request("INVITE", body=b"", via=VIA, call_id="call"))
    ack = request("ACK", body=b"", via=VIA, call_id="call")
    site.hand_in(ack)
    site.net.advance(4.9)
    assert site.gateway.layer.size == 1
    assert site.hand_in(ack) == []
    site.net.advance(0.2)
    assert site.gateway.layer.size == 0
    assert refusals(site) == [0.0]


def test_over_a_connection_no_refusal_is_repeated(site: Site) -> None:
    connection = site.gateway.new_connection()
    site.gateway.connection_opened(connection, CALLER, site.net.now)
    via = "SIP/2.0/TCP 10.0.0.9:5099;branch=z9hG4bKcall"
    connection.receive_data(request("INVITE", body=b"", via=via, call_id="call"), site.net.now)
    assert connection.data_to_send().count(b"SIP/2.0 603 ") == 1
    site.net.advance(20)
    assert connection.data_to_send() == b""
    connection.receive_data(request("ACK", body=b"", via=via, call_id="call"), site.net.now)
    site.net.advance(0)
    assert site.gateway.layer.size == 0


def test_an_ack_before_the_refusal_acknowledges_nothing() -> None:
    site = Site(authenticate=False, accept_by_call=True)
    site.hand_in(request("INVITE", body=b"", via=VIA, call_id="call"))
    [call] = site.of(CallReceived)
    assert site.hand_in(request("ACK", body=b"", via=VIA, call_id="call")) == []
    site.gateway.answer(call.transaction, 603, site.net.now)
    site.net.advance(8)
    assert refusals(site) == [0.0, 0.5, 1.5, 3.5, 7.5]


def test_a_flood_of_calls_is_refused_and_leaves_little_behind(site: Site) -> None:
    for _ in range(MAX_UNACKNOWLEDGED + 500):
        assert [each.status for each in site.hand_in(request("INVITE", body=b""))] == [603]
    assert len(site.of(CallDeclined)) == MAX_UNACKNOWLEDGED + 500
    assert site.gateway.layer.size <= MAX_UNACKNOWLEDGED + 1
    assert site.hand_in(request()) == []
    assert len(site.of(MessageReceived)) == 1
    before = len(site.net.sent)
    site.net.advance(40)
    assert len(site.net.sent) - before <= 10 * (MAX_UNACKNOWLEDGED + 1)
    assert site.gateway.layer.size <= 1


def test_a_refusal_beyond_those_that_are_repeated_takes_its_ack_in_silence(site: Site) -> None:
    via = "SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bKlast;rport"
    for _ in range(MAX_UNACKNOWLEDGED + 1):
        site.hand_in(request("INVITE", body=b""))
    assert [each.status for each in site.hand_in(request("INVITE", body=b"", via=via, call_id="last"))] == [603]
    assert site.hand_in(request("ACK", body=b"", via=via, call_id="last")) == []
