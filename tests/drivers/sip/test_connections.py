"""Phones on connections, without sockets: what becomes of a page when one breaks, and where a phone is called anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drivers.sip.answering import write_response
from drivers.sip.events import BindingsChanged, ConnectionWanted, PageDone, Reachability
from drivers.sip.flow import Flow
from drivers.sip.message import Request, parse_message
from drivers.sip.registrar import Binding
from gatewayd.driver import Outcome
from tests.drivers.sip.net import START, Site, page
from tests.drivers.sip.samples import request

if TYPE_CHECKING:
    from drivers.sip.connection import Connection

PHONE = ("10.0.0.9", 40_000)
LISTENS = ("10.0.0.9", 5070)


class TcpSite(Site):
    """A gateway with 2001 on a TCP connection; the phone listens on a port of its own as well."""

    def __init__(self) -> None:
        super().__init__(authenticate=False)
        self.connection = self.open()
        via = "SIP/2.0/TCP 10.0.0.9:5070;branch={branch}"
        contact = "<sip:2001@10.0.0.9:5070;transport=tcp>"
        headers = {"to": "<sip:2001@gateway.local>", "contact": contact}
        self.connection.receive_data(request("REGISTER", "sip:gateway.local", b"", via=via, **headers), self.net.now)
        self.save()
        self.connection.data_to_send()

    def open(self) -> Connection:
        connection = self.gateway.new_connection()
        self.gateway.connection_opened(connection, PHONE, self.net.now)
        return connection

    def lose(self) -> None:
        self.gateway.connection_lost(self.connection, self.net.now)
        self.net.run()

    def page(self) -> None:
        self.gateway.send_page(page(), self.net.now)
        self.net.run()

    def outcomes(self) -> list[Outcome]:
        return [event.receipt.outcome for event in self.of(PageDone)]


@pytest.fixture
def site() -> TcpSite:
    return TcpSite()


def answer(connection: Connection, now: float) -> Request:
    """Let the phone answer what was sent to it; returns that."""
    asked = parse_message(connection.data_to_send())
    assert isinstance(asked, Request)
    connection.receive_data(write_response(asked, 200, "tag"), now)
    return asked


def test_a_phone_is_paged_on_the_connection_on_which_it_registered_however_long_the_text(site: TcpSite) -> None:
    site.gateway.send_page(page("x" * 1999), site.net.now)
    asked = answer(site.connection, site.net.now)
    site.net.run()
    assert asked.via.transport == "TCP"
    assert len(asked.body) == 1999
    assert site.of(ConnectionWanted) == []
    assert site.outcomes() == [Outcome.RECEIVED]


def test_an_answer_that_went_out_on_a_connection_is_not_kept(site: TcpSite) -> None:
    """Nothing is repeated there: timer J is zero."""
    assert site.gateway.layer.size == 0


def test_a_connection_that_breaks_before_the_answer_leaves_open_whether_the_page_arrived(site: TcpSite) -> None:
    site.page()
    site.lose()
    assert site.outcomes() == [Outcome.UNKNOWN]


def test_a_phone_whose_connection_is_gone_is_called_where_it_listens(site: TcpSite) -> None:
    site.lose()
    assert site.of(Reachability) == [Reachability("2001", "sip:2001@10.0.0.9:5070;transport=tcp", reachable=False)]
    site.page()
    [wanted] = site.of(ConnectionWanted)
    assert wanted == ConnectionWanted(LISTENS, "TCP")
    fresh = site.open()
    site.gateway.connection_made(wanted, fresh.flow, site.net.now)
    answer(fresh, site.net.now)
    site.net.run()
    assert site.outcomes() == [Outcome.RECEIVED]
    assert site.of(Reachability)[-1].reachable


def test_a_phone_that_cannot_be_called_has_not_got_the_page(site: TcpSite) -> None:
    site.lose()
    site.page()
    [wanted] = site.of(ConnectionWanted)
    site.gateway.connection_made(wanted, None, site.net.now)
    site.net.run()
    assert site.outcomes() == [Outcome.FAILED]


def test_a_page_that_was_taken_back_meanwhile_does_not_go_out_over_the_new_connection(site: TcpSite) -> None:
    site.lose()
    handle = site.gateway.send_page(page(), site.net.now)
    assert isinstance(handle, int)
    site.net.run()
    [wanted] = site.of(ConnectionWanted)
    site.gateway.cancel_page(handle, site.net.now)
    fresh = site.open()
    site.gateway.connection_made(wanted, fresh.flow, site.net.now)
    assert fresh.data_to_send() == b""


def test_only_the_phones_on_the_connection_that_is_lost_are_out_of_reach(site: TcpSite) -> None:
    site.register(site.add_phone(("10.0.0.6", 5062), "2002"))
    site.lose()
    assert [event.user for event in site.of(Reachability)] == ["2001"]


def test_two_pages_that_wait_for_one_connection_ask_for_it_once(site: TcpSite) -> None:
    site.lose()
    for user in ("2001", "sip:2001@10.0.0.9:5070;transport=tcp"):
        site.gateway.send_page(page(address=user), site.net.now)
    site.net.run()
    [wanted] = site.of(ConnectionWanted)
    fresh = site.open()
    site.gateway.connection_made(wanted, fresh.flow, site.net.now)
    assert fresh.data_to_send().count(b"MESSAGE sip:2001@") == 2


def test_after_a_restart_a_phone_is_called_where_it_listens(site: TcpSite) -> None:
    [saved] = site.of(BindingsChanged)[-1].changes["bindings/2001"]
    assert (saved["transport"], saved["peer"]) == ("TCP", list(PHONE))
    after = Site(authenticate=False)
    after.gateway.restore(site.of(BindingsChanged)[-1].changes, after.net.now)
    after.gateway.send_page(page(), after.net.now)
    after.net.run()
    [wanted] = after.of(ConnectionWanted)
    assert wanted == ConnectionWanted(LISTENS, "TCP")
    after.gateway.connection_made(wanted, None, after.net.now)
    after.net.run()
    assert [event.receipt.outcome for event in after.of(PageDone)] == [Outcome.FAILED]


def test_a_long_page_takes_the_newest_connection_that_its_phone_has_and_that_is_not_being_closed(site: TcpSite) -> None:
    older, newer = site.open(), site.open()
    for expected in (newer, older):
        site.gateway.send_page(page("x" * 1400, "sip:9@10.0.0.9:40000"), site.net.now)
        site.net.run()
        answer(expected, site.net.now)
        expected.close()
    site.net.run()
    assert site.outcomes() == [Outcome.RECEIVED] * 2
    assert site.of(ConnectionWanted) == []


def test_a_pbx_whose_connection_breaks_is_registered_at_anew_at_once() -> None:
    server = ("10.0.0.2", 5060)
    site = Site(pbx={"servers": ("sip:10.0.0.2;transport=tcp",), "user": "alarms", "password": "pw"})
    site.gateway.start(site.net.now)
    for _ in range(2):
        site.net.run()
        assert site.of(ConnectionWanted)[-1] == ConnectionWanted(server, "TCP")
        connection = site.gateway.new_connection()
        site.gateway.connection_opened(connection, server, site.net.now)
        site.gateway.connection_made(site.of(ConnectionWanted)[-1], connection.flow, site.net.now)
        assert answer(connection, site.net.now).method == "REGISTER"
        site.gateway.connection_lost(connection, site.net.now)
    site.net.run()
    assert len(site.of(ConnectionWanted)) == 3


@pytest.mark.parametrize(
    ("contact", "peer"),
    [("sips:2001@10.0.0.9", ("10.0.0.9", 5061)), ("sip:2001@10.0.0.9:5071;transport=tls", ("10.0.0.9", 5071))],
)
def test_a_phone_with_tls_is_called_by_tls_only(contact: str, peer: tuple[str, int]) -> None:
    site = Site()
    saved = Binding(contact, START + 600, "c", 1, Flow("TLS", PHONE, 7)).to_json()
    site.gateway.restore({"bindings/2001": [saved]}, site.net.now)
    site.gateway.send_page(page(), site.net.now)
    site.net.run()
    assert site.of(ConnectionWanted) == [ConnectionWanted(peer, "TLS")]
