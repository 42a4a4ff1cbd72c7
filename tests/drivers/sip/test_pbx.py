"""The gateway as a client of the site's PBX: registration, failover, pages, and texts that come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from drivers.sip.authenticator import Authenticator, Verdict
from drivers.sip.core import Core
from drivers.sip.events import ConnectionWanted, MessageReceived, PageDone, PbxState
from drivers.sip.message import parse_message
from gatewayd.driver import Outcome, Receipt
from tests.drivers.sip.net import GATEWAY, PHONE, Site, outside, page, settings
from tests.drivers.sip.samples import request

if TYPE_CHECKING:
    from drivers.sip.flow import Flow
    from drivers.sip.message import Request
    from gatewayd.driver import Address

FIRST, SECOND = ("10.0.0.2", 5060), ("10.0.0.3", 5060)
PBX = {"servers": ("sip:10.0.0.2", "sip:10.0.0.3"), "domain": "pbx.site", "user": "alarms", "password": "pw"}


class FakePbx(Core[None]):
    """A PBX that wants passwords; `answers` are the statuses (and headers) of the next authenticated requests."""

    def __init__(self, address: Address) -> None:
        from collections import Counter

        super().__init__(outside(Counter(), address[1] + int(address[0][-1])), address, 600)
        self.judge = Authenticator("pbx.site", {"alarms": "pw"}, self.outside.tokens)
        self.taken: list[Request] = []
        self.answers: list[tuple[int, dict[str, list[str]]]] = []
        self.dead = False
        self.challenge = (401, "www-authenticate", "authorization")

    def connection_made(self, wanted: ConnectionWanted, flow: Flow | None, now: float) -> None:
        """Never wanted."""

    def receive_datagram(self, data: bytes, source: Address, now: float) -> None:
        if not self.dead:
            super().receive_datagram(data, source, now)

    def on_request(self, request: Request, flow: Flow, now: float) -> None:
        status, header, answer = self.challenge
        if self.judge.check(request.headers.get(answer, []), request.method, now)[0] is not Verdict.RIGHT:
            self.layer.reply(request, flow, status, {header: self.judge.challenges(now)})
            return
        self.taken.append(request)
        status, headers = self.answers.pop(0) if self.answers else (200, {})
        granted = {"contact": [f"{request.first('contact')};expires=100"]} if request.method == "REGISTER" else {}
        self.layer.reply(request, flow, status, {**granted, **headers})

    def of(self, method: str) -> list[Request]:
        return [each for each in self.taken if each.method == method]


class PbxSite(Site):
    """A gateway behind two addresses of a PBX."""

    def __init__(self, changes: dict[str, object] | None = None, **pbx: object) -> None:
        super().__init__(**(changes or {}), pbx={**PBX, **pbx})
        self.first, self.second = FakePbx(FIRST), FakePbx(SECOND)
        self.net.add(FIRST, self.first)
        self.net.add(SECOND, self.second)

    def start(self) -> None:
        self.gateway.start(self.net.now)
        self.net.run()

    def states(self) -> list[tuple[str, bool]]:
        return [(event.server, event.reached) for event in self.of(PbxState)]

    def pages(self, address: str, text: str = "FIRE") -> Receipt:
        found = self.gateway.send_page(page(text, address), self.net.now)
        if isinstance(found, Receipt):
            return found
        self.net.run()
        receipt: Receipt = self.of(PageDone)[-1].receipt
        return receipt


@pytest.fixture
def site() -> PbxSite:
    """A gateway that is registered at the first address."""
    site = PbxSite()
    site.start()
    return site


def test_the_gateway_registers_with_its_password_and_refreshes_in_time(site: PbxSite) -> None:
    assert site.states() == [("sip:10.0.0.2", True)]
    [register] = site.first.of("REGISTER")
    assert register.uri == "sip:pbx.site"
    assert register.first("to") == "<sip:alarms@pbx.site>"
    assert register.first("expires") == "120"
    site.net.advance(101)
    assert len(site.first.of("REGISTER")) == 3
    numbers = [each.cseq[0] for each in site.first.of("REGISTER")]
    assert numbers == sorted(set(numbers))
    assert len({each.call_id for each in site.first.of("REGISTER")}) == 1


def test_a_page_to_somebody_without_account_goes_through_the_pbx(site: PbxSite) -> None:
    assert site.pages("777").outcome is Outcome.RECEIVED
    [message] = site.first.of("MESSAGE")
    assert message.uri == "sip:777@pbx.site"
    assert message.first("to") == "<sip:777@pbx.site>"
    assert message.first("route") == "<sip:10.0.0.2;lr>"
    assert message.first("from").startswith('"alarms" <sip:alarms@pbx.site>;tag=')
    assert "contact" not in message.headers


def test_an_address_in_the_domain_of_the_pbx_goes_there_too(site: PbxSite) -> None:
    assert site.pages("sip:2001@pbx.site").outcome is Outcome.RECEIVED
    assert site.first.of("MESSAGE")[0].uri == "sip:2001@pbx.site"


def test_a_phone_with_an_account_here_never_goes_through_the_pbx(site: PbxSite) -> None:
    assert site.pages("2001").detail == "not registered"
    site.register()
    assert site.pages("2001").outcome is Outcome.RECEIVED
    assert site.first.of("MESSAGE") == []


def test_a_proxy_challenge_is_answered_as_well(site: PbxSite) -> None:
    site.first.challenge = (407, "proxy-authenticate", "proxy-authorization")
    assert site.pages("777").outcome is Outcome.RECEIVED


def test_the_next_address_is_taken_when_the_first_is_dead() -> None:
    site = PbxSite()
    site.first.dead = True
    site.start()
    site.net.advance(3.9)
    assert site.states() == []
    site.net.advance(0.2)
    assert site.states() == [("sip:10.0.0.3", True)]
    assert site.pages("777").outcome is Outcome.RECEIVED
    assert site.second.of("MESSAGE")[0].first("route") == "<sip:10.0.0.3;lr>"


def test_without_any_pbx_a_page_fails_for_now_and_the_addresses_are_asked_again() -> None:
    site = PbxSite()
    site.first.dead = site.second.dead = True
    site.start()
    site.net.advance(10)
    receipt = site.pages("777")
    assert (receipt.outcome, receipt.detail) == (Outcome.FAILED, "registered at no PBX")
    site.second.dead = False
    site.net.advance(20)
    assert site.states() == [("sip:10.0.0.3", True)]
    assert site.pages("777").outcome is Outcome.RECEIVED


def test_pauses_grow_to_a_minute_and_a_wish_of_the_pbx_is_kept() -> None:
    site = PbxSite()
    site.first.answers = [(503, {"retry-after": ["40"]})] * 9
    site.second.answers = [(503, {"retry-after": ["40"]})] * 9
    site.start()
    site.net.advance(39)
    assert len(site.second.taken) == 1
    site.net.advance(2)
    assert len(site.second.taken) == 2
    site.net.advance(200)
    assert len(site.second.taken) < 9


def test_the_pauses_between_two_rounds_double_up_to_a_minute() -> None:
    site = PbxSite()
    site.first.answers = [(403, {})] * 20
    site.second.answers = [(403, {})] * 20
    site.start()
    site.net.advance(256)
    assert sorted(set(site.net.times(FIRST, "REGISTER"))) == [0, 5, 15, 35, 75, 135, 195, 255]


def test_a_pbx_that_asks_for_hours_of_quiet_gets_minutes() -> None:
    site = PbxSite()
    site.first.answers = [(503, {"retry-after": ["86400"]})]
    site.second.answers = [(503, {"retry-after": ["86400"]})]
    site.start()
    site.net.advance(299)
    assert site.states() == []
    site.net.advance(2)
    assert site.states() == [("sip:10.0.0.2", True)]


def test_a_text_too_long_for_a_datagram_goes_to_the_port_of_the_pbx_over_tcp() -> None:
    first = ("10.0.0.2", 5070)
    site = PbxSite(servers=("sip:10.0.0.2:5070",))
    site.net.add(first, FakePbx(first))
    site.start()
    site.gateway.send_page(page("x" * 1400, "777"), site.net.now)
    site.net.run()
    assert site.of(ConnectionWanted) == [ConnectionWanted(first, "TCP")]


def test_a_longer_registration_is_asked_for_when_the_pbx_wants_it() -> None:
    site = PbxSite()
    site.first.answers = [(423, {"min-expires": ["300"]})]
    site.start()
    assert [each.first("expires") for each in site.first.of("REGISTER")] == ["120", "300"]
    assert site.states() == [("sip:10.0.0.2", True)]


def test_a_pbx_that_wants_ever_longer_registrations_is_lost_instead_of_asked_for_ever() -> None:
    site = PbxSite()
    site.first.answers = [(423, {"min-expires": ["90000"]})] * 50
    site.start()
    assert len(site.first.of("REGISTER")) == 1
    assert site.states() == [("sip:10.0.0.3", True)]


@pytest.mark.parametrize("granted", [0, 1])
def test_a_pbx_that_grants_no_time_at_all_is_not_asked_without_end(granted: int) -> None:
    site = PbxSite()
    own = site.gateway._trunk.contact_user  # type: ignore[union-attr]
    site.first.answers = [(200, {"contact": [f"<sip:{own}@10.0.0.1>;expires={granted}"]})] * 100
    site.start()
    site.net.advance(14)
    assert len(site.first.of("REGISTER")) == 3


def test_the_time_that_counts_is_that_of_our_own_contact() -> None:
    site = PbxSite()
    own = site.gateway._trunk.contact_user  # type: ignore[union-attr]
    contacts = ["<sip:desk@10.0.0.77>;expires=20", "nonsense>", f"<sip:{own}@10.0.0.1>;expires=60"]
    site.first.answers = [(200, {"contact": contacts})]
    site.start()
    site.net.advance(29)
    assert len(site.first.of("REGISTER")) == 1
    site.net.advance(2)
    assert len(site.first.of("REGISTER")) == 2


def test_a_user_that_has_moved_is_followed_once(site: PbxSite) -> None:
    site.first.answers = [(302, {"contact": ["<sip:778@pbx.site>"]})]
    assert site.pages("777").outcome is Outcome.RECEIVED
    assert [each.uri for each in site.first.of("MESSAGE")] == ["sip:777@pbx.site", "sip:778@pbx.site"]
    site.first.answers = [(302, {"contact": ["<sip:778@pbx.site>"]}), (302, {"contact": ["<sip:779@pbx.site>"]})]
    assert site.pages("777").outcome is Outcome.REFUSED
    assert len(site.first.of("MESSAGE")) == 4


def test_a_phone_of_ours_sends_nobody_elsewhere(site: PbxSite) -> None:
    site.register()
    layer = site.phone.layer
    moved = {"contact": ["<sip:spy@10.0.0.66>"]}
    layer._on_request = lambda asked, flow, _now: layer.reply(asked, flow, 302, moved)
    assert site.pages("2001").outcome is Outcome.REFUSED
    assert len(site.net.times(PHONE, "MESSAGE")) == 1


def test_a_wish_to_wait_is_handed_on(site: PbxSite) -> None:
    site.first.answers = [(503, {"retry-after": ["17 (overload)"]})]
    receipt = site.pages("777")
    assert (receipt.outcome, receipt.retry_after) == (Outcome.FAILED, 17.0)


def text_from(site: PbxSite, source: Address, user: str) -> list[int]:
    own = f"<sip:{user}@pbx.site>;tag=z"
    data = request(uri=f"sip:{site.gateway._trunk.contact_user}@{GATEWAY[0]}", from_=own)  # type: ignore[union-attr]
    return [each.status for each in site.hand_in(data, source)]


def test_a_text_from_the_pbx_needs_no_password(site: PbxSite) -> None:
    assert text_from(site, FIRST, "777") == []
    [event] = site.of(MessageReceived)
    assert (event.sender, event.recipient, event.text) == ("777", "", "OK")


def test_neither_another_source_nor_another_contact_passes_for_the_pbx(site: PbxSite) -> None:
    assert text_from(site, ("10.0.0.66", 5060), "777") == [401]
    assert [each.status for each in site.hand_in(request(), FIRST)] == [401]
    assert not site.of(MessageReceived)


def test_the_pbx_registers_nobody_here(site: PbxSite) -> None:
    uri, own = f"sip:{site.gateway._trunk.contact_user}@{GATEWAY[0]}", "<sip:777@gateway.local>"  # type: ignore[union-attr]
    data = request("REGISTER", uri, b"", to=own, from_=f"{own};tag=z", contact="<sip:777@10.0.0.2>")
    assert [each.status for each in site.hand_in(data, FIRST)] == [401]


@pytest.mark.parametrize("user", ["2001", "sip%3A2001%40gateway.local", "2001%40gateway.local"])
def test_the_pbx_cannot_speak_for_a_user_of_ours(site: PbxSite, user: str) -> None:
    assert text_from(site, FIRST, user) == [401]


def test_the_name_that_goes_with_the_password_may_be_another() -> None:
    site = PbxSite(login="id-4711")
    for pbx in (site.first, site.second):
        pbx.judge = Authenticator("pbx.site", {"id-4711": "pw"}, pbx.outside.tokens)
    site.start()
    [register] = site.first.of("REGISTER")
    assert register.first("to") == "<sip:alarms@pbx.site>"
    assert 'username="id-4711"' in register.first("authorization")
    assert site.pages("777").outcome is Outcome.RECEIVED


def test_the_contact_is_not_to_be_guessed(site: PbxSite) -> None:
    contact = parse_message(next(data for _, to, data in site.net.sent if to == FIRST)).first("contact")
    assert contact == f"<sip:{site.gateway._trunk.contact_user}@10.0.0.1:5060>"  # type: ignore[union-attr]
    assert len(site.gateway._trunk.contact_user) == 16  # type: ignore[union-attr]


def test_the_contact_is_the_same_after_a_restart(site: PbxSite) -> None:
    """Some PBXs take one only, and what the PBX repeats after a kill still comes from it."""
    after = PbxSite()
    after.gateway.restore({**site.gateway.things_to_keep(), "pbx_contact": "before"}, after.net.now)
    after.start()
    assert after.first.of("REGISTER")[0].first("contact") == "<sip:before@10.0.0.1:5060>"
    assert after.gateway.things_to_keep()["pbx_contact"] == "before"
    assert "pbx_contact" not in Site().gateway.things_to_keep()
    for nonsense in ("", "a b>", 7, None):
        other = PbxSite()
        fresh = other.gateway._trunk.contact_user  # type: ignore[union-attr]
        other.gateway.restore({"pbx_contact": nonsense}, other.net.now)
        assert other.gateway._trunk.contact_user == fresh  # type: ignore[union-attr]


@pytest.mark.parametrize("servers", [(), ("sip:pbx.site",), ("http://10.0.0.2",)])
def test_addresses_of_a_pbx_are_numeric(servers: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        settings(pbx={**PBX, "servers": servers})
