"""A flood from whoever has shown no password leaves time for the phones that we know."""

from __future__ import annotations

import pytest

from drivers.sip import crowd
from drivers.sip.crowd import Crowd
from drivers.sip.events import BindingsChanged, MessageReceived, PageDone
from gatewayd.driver import Outcome
from tests.drivers.sip.net import PHONE, Site, page
from tests.drivers.sip.samples import request

STRANGER = ("10.0.0.9", 5099)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "MOST_STRANGERS", 5)


def flood(site: Site, amount: int = 20) -> int:
    """Let strangers send that many requests at once; return how many were answered."""
    return sum(len(site.hand_in(request(), STRANGER)) for _ in range(amount))


def test_no_more_strangers_are_heard_in_a_second_than_there_is_time_for() -> None:
    site = Site()
    assert flood(site) == 5
    assert site.counters["flooded"] == 15
    site.net.advance(1)
    assert flood(site) == 5


def test_a_phone_that_has_shown_its_password_is_heard_in_a_flood() -> None:
    site = Site()
    site.register()
    flood(site)
    site.phone.say("help", site.net.now)
    site.net.run()
    assert [event.text for event in site.of(MessageReceived)] == ["help"]
    site.gateway.send_page(page(), site.net.now)
    site.net.run()
    assert [done.receipt.outcome for done in site.of(PageDone)] == [Outcome.RECEIVED]


def test_a_phone_that_was_registered_before_a_restart_is_heard_in_a_flood() -> None:
    before = Site()
    before.register()
    [saved] = before.of(BindingsChanged)
    after = Site()
    after.gateway.restore(saved.changes, after.net.now)
    flood(after)
    after.phone.say("help", after.net.now)
    after.net.run()
    assert [event.text for event in after.of(MessageReceived)] == ["help"]


@pytest.mark.parametrize(
    "changes", [{"static": {"2005": "sip:2005@10.0.0.5:5062"}}, {}], ids=["a static phone", "an address elsewhere"]
)
def test_the_answer_of_whom_we_page_is_heard_in_a_flood(changes: dict[str, object]) -> None:
    site = Site(**changes)
    flood(site)
    site.gateway.send_page(page(address="2005" if changes else f"sip:2005@{PHONE[0]}:{PHONE[1]}"), site.net.now)
    site.net.run()
    assert [done.receipt.outcome for done in site.of(PageDone)] == [Outcome.RECEIVED]


def test_a_flood_from_a_foreign_network_takes_nobodys_place() -> None:
    site = Site(networks=("10.0.0.0/24",))
    for _ in range(20):
        site.hand_in(request(), ("192.0.2.1", 5060))
    assert flood(site) == 5
    assert (site.counters["foreign"], site.counters["flooded"]) == (20, 15)


def test_where_no_passwords_are_asked_for_nobody_is_a_stranger() -> None:
    site = Site(authenticate=False)
    flood(site)
    assert len(site.of(MessageReceived)) == 20


def test_no_more_hosts_are_known_than_a_site_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "MAX_KNOWN", 2)
    known = Crowd()
    for host in "abc":
        known.meet(host)
    assert [[known.hears(host, 0.0) for _ in range(9)].count(True) for host in "abc"] == [9, 9, 5]
