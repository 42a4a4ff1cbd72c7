"""Which way a page takes: by datagram what fits into one, else over a connection, and to where the phone listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from drivers.sip.answering import write_response
from drivers.sip.events import ConnectionWanted, PageDone, Reachability
from drivers.sip.flow import MAX_DATAGRAM_REQUEST
from drivers.sip.message import parse_message
from drivers.sip.phone import TextArrived
from gatewayd.driver import Outcome, Receipt
from tests.drivers.sip.net import PHONE, Site, page, settings
from tests.drivers.sip.samples import request
from tests.drivers.sip.test_pbx import FIRST, PBX, PbxSite

if TYPE_CHECKING:
    from gatewayd.driver import Address

LONG = "x" * 1400
SOURCE, LISTENING = ("10.0.0.9", 5099), ("10.0.0.9", 5060)


def datagrams(site: Site, target: Address) -> list[int]:
    """Return the sizes of the pages that went to `target`."""
    return [len(data) for _, to, data in site.net.sent if to == target and data.startswith(b"MESSAGE ")]


@pytest.mark.parametrize("size", range(450, 800, 50))
def test_a_page_that_grows_too_large_by_its_credentials_goes_over_tcp(size: int) -> None:
    site = PbxSite()
    site.start()
    site.gateway.send_page(page("x" * size, "777"), site.net.now)
    site.net.run()
    assert max(datagrams(site, FIRST)) <= MAX_DATAGRAM_REQUEST
    assert (site.of(ConnectionWanted) == [ConnectionWanted(FIRST, "TCP")]) is (site.first.of("MESSAGE") == [])


def test_a_page_of_1300_bytes_is_a_datagram_and_one_of_1301_takes_a_connection() -> None:
    """RFC 3261 18.1.1."""
    sent, asked = set(), set()
    for size in range(700, 1_000):
        site = Site()
        site.register()
        site.gateway.send_page(page("x" * size), site.net.now)
        site.net.run()
        sent |= set(datagrams(site, PHONE))
        asked.add((len(site.of(ConnectionWanted)), len(datagrams(site, PHONE))))
    assert max(sent) == 1300
    assert asked == {(0, 1), (1, 0)}


def test_the_proxies_on_the_way_count_too() -> None:
    site = Site(authenticate=False)
    path = ", ".join(f"<sip:{'e' * 300}{number}.site;lr>" for number in range(4))
    register(site, path=path)
    site.gateway.send_page(page("FIRE"), site.net.now)
    site.net.run()
    assert datagrams(site, SOURCE) == []
    assert len(site.of(ConnectionWanted)) == 1


def test_a_phone_that_takes_no_connection_gets_a_long_page_as_a_datagram_after_all() -> None:
    """Where a firewall swallows what opens a connection, nobody says no for a long time."""
    site = Site()
    site.register()
    site.gateway.send_page(page(LONG), site.net.now)
    site.net.advance(1.9)
    assert site.of(ConnectionWanted) == [ConnectionWanted(PHONE, "TCP")]
    assert not datagrams(site, PHONE)
    site.net.advance(0.2)
    assert [text.text for text in site.of(TextArrived, PHONE)] == [LONG]
    assert [done.receipt.outcome for done in site.of(PageDone)] == [Outcome.RECEIVED]


def test_a_pbx_that_takes_no_connection_costs_a_long_page_that_time_once() -> None:
    site = PbxSite()
    site.start()
    site.gateway.send_page(page(LONG, "777"), site.net.now)
    site.net.advance(2.1)
    assert len(datagrams(site, FIRST)) == 2
    assert [done.receipt.outcome for done in site.of(PageDone)] == [Outcome.RECEIVED]


def test_a_connection_that_is_there_after_the_datagram_went_out_gets_no_second_copy() -> None:
    site = Site()
    site.register()
    site.faults.plan("dead")
    site.gateway.send_page(page(LONG), site.net.now)
    site.net.advance(3)
    [wanted] = site.of(ConnectionWanted)
    connection = site.gateway.new_connection()
    site.gateway.connection_opened(connection, PHONE, site.net.now)
    site.gateway.connection_made(wanted, connection.flow, site.net.now)
    site.net.advance(1)
    assert connection.data_to_send() == b""
    assert len(datagrams(site, PHONE)) == 3


def test_credentials_of_a_phone_that_asks_for_long_ones_are_measured() -> None:
    site = Site(accounts={"2001": {"password": "s3cret"}, "alarm": {"password": "own"}})
    site.register()
    site.faults.plan("drop")
    site.gateway.send_page(page("FIRE"), site.net.now)
    site.net.run()
    asked = site.net.requests(PHONE)[-1]
    challenge = {"www-authenticate": [f'Digest realm="phone", nonce="{"n" * 1000}", qop="auth"']}
    site.gateway.receive_datagram(write_response(asked, 401, "t", challenge), PHONE, site.net.now)
    site.net.run()
    assert site.of(ConnectionWanted) == [ConnectionWanted(PHONE, "TCP")]
    assert len(datagrams(site, PHONE)) == 1


def test_a_connection_that_could_not_be_made_costs_no_time_and_one_that_comes_late_changes_nothing() -> None:
    site = Site()
    site.register()
    site.gateway.send_page(page(LONG), site.net.now)
    site.net.run()
    [wanted] = site.of(ConnectionWanted)
    site.gateway.connection_made(wanted, None, site.net.now)
    site.net.run()
    assert len(site.of(PageDone)) == 1
    site.gateway.connection_made(wanted, None, site.net.now)
    site.net.advance(10)
    assert len(datagrams(site, PHONE)) == 1


def test_the_pbx_and_static_phones_are_answered_whatever_the_networks() -> None:
    site = PbxSite({"networks": ("10.9.0.0/24",), "static": {"2009": "sip:2009@10.0.0.6:5062"}})
    site.start()
    assert site.states() == [("sip:10.0.0.2", True)]
    assert site.pages("777").outcome is Outcome.RECEIVED
    site.add_phone(("10.0.0.6", 5062), "2009")
    assert site.pages("2009").outcome is Outcome.RECEIVED
    assert site.hand_in(request("OPTIONS", "sip:gateway.local", b"")) == []


# --- where a phone listens ------------------------------------------------------------------------------------------


def register(site: Site, **headers: str) -> None:
    """Register 2001 from SOURCE, and let the disk take it."""
    fields = {"to": "<sip:2001@gateway.local>", "contact": "<sip:2001@10.0.0.9>", **headers}
    site.hand_in(request("REGISTER", "sip:gateway.local", b"", **fields), SOURCE)
    site.save()


@pytest.mark.parametrize(
    ("what", "headers", "target"),
    [
        ("it listens on another port", {}, LISTENING),
        ("it wants answers where it sends from", {"via": "SIP/2.0/UDP 10.0.0.9;branch={branch};rport"}, None),
        ("its address was translated", {"contact": "<sip:2001@192.168.1.2>"}, None),
        ("its address is a name", {"contact": "<sip:2001@phone.site>"}, None),
        ("a proxy stands before it", {"path": "<sip:10.0.0.9;lr>"}, None),
        ("it speaks TCP too", {"contact": "<sip:2001@10.0.0.9;transport=tcp>"}, None),
    ],
)
def test_a_page_goes_to_the_port_from_which_a_phone_registered_unless_it_says_that_it_listens_on_another(
    what: str, headers: dict[str, str], target: Address | None
) -> None:
    site = Site(authenticate=False)
    register(site, **{"via": "SIP/2.0/UDP 10.0.0.9;branch={branch}", **headers})
    site.gateway.send_page(page("FIRE"), site.net.now)
    site.net.run()
    assert len(datagrams(site, target or SOURCE)) == 1, what


def test_a_phone_that_listens_on_another_port_is_heard_when_it_registers() -> None:
    site = Site(authenticate=False, options_interval=60)
    via = "SIP/2.0/UDP 10.0.0.9;branch={branch}"
    register(site, via=via, call_id="boot", cseq="1 REGISTER")
    site.net.advance(70)
    register(site, via=via, call_id="boot", cseq="2 REGISTER")
    assert [each.reachable for each in site.of(Reachability)] == [False, True]


# --- addresses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["\ud800", "sip:\ud800@10.0.0.6", "sip:a@10.0.0.6;x=\ud800", "sip:a@10.0.0.6?\ud800", "a\r\nb", "777\x00"],
    ids=ascii,
)
def test_an_address_that_no_message_can_carry_is_refused_and_holds_up_nobody(address: str) -> None:
    site = PbxSite()
    site.start()
    refused = site.gateway.send_page(page(address=address), site.net.now)
    assert isinstance(refused, Receipt)
    assert refused.outcome is Outcome.REFUSED
    assert site.gateway._pager._lanes == {}
    parse_message(request(subject=refused.detail))
    assert site.pages("777").outcome is Outcome.RECEIVED


@pytest.mark.parametrize("transport", ["sctp", "ws", "tls-sctp"])
def test_only_transports_that_are_spoken_here_are_taken(transport: str) -> None:
    refused = Site().gateway.send_page(page(address=f"sip:a@10.0.0.6;transport={transport}"), 0.0)
    assert isinstance(refused, Receipt)
    assert refused.outcome is Outcome.REFUSED
    uri = f"sip:10.0.0.6;transport={transport}"
    for changes in ({"static": {"2009": uri}}, {"pbx": {**PBX, "servers": (uri,)}}):
        with pytest.raises(ValidationError, match="udp, tcp or tls"):
            settings(**changes)


def test_a_static_phone_over_tls_needs_somebody_who_vouches_for_it() -> None:
    with pytest.raises(ValidationError, match="tls_authority"):
        settings(static={"2009": "sips:2009@10.0.0.6"})
    assert settings(static={"2009": "sips:2009@10.0.0.6"}, tls_authority="site.pem").static
