"""Are the phones still there? Who does not answer OPTIONS is silent, is paged all the same, and is heard again."""

from __future__ import annotations

from drivers.sip.events import PageDone, Reachability
from drivers.sip.message import Response, parse_message
from gatewayd.driver import Outcome
from tests.drivers.sip.net import PHONE, Site, page

SECOND = ("10.0.0.6", 5062)


def outcomes(site: Site) -> list[Outcome]:
    return [event.receipt.outcome for event in site.of(PageDone)]


def test_a_phone_that_does_not_answer_options_is_silent_but_still_paged() -> None:
    site = Site(options_interval=60)
    site.register()
    site.faults.plan("dead")
    site.net.advance(69)
    assert site.of(Reachability) == [Reachability("2001", "sip:2001@10.0.0.5:5062", reachable=False)]
    site.faults.repair("dead")
    site.gateway.send_page(page(), site.net.now)
    site.net.run()
    assert outcomes(site)[-1] is Outcome.RECEIVED
    assert [each.reachable for each in site.of(Reachability)] == [False, True]
    assert isinstance(parse_message(site.net.sent[-1][2]), Response)


def test_a_phone_that_never_registers_is_asked_too() -> None:
    site = Site(options_interval=60, static={"2009": "sip:2009@10.0.0.6:5062"})
    site.gateway.start(site.net.now)
    site.net.advance(70)
    assert site.of(Reachability) == [Reachability("2009", "sip:2009@10.0.0.6:5062", reachable=False)]
    site.gateway.send_page(page(address="2009"), site.net.now)
    site.net.advance(10)
    assert outcomes(site)[-1] is Outcome.FAILED
    site.add_phone(SECOND, "2009")
    site.net.advance(60)
    assert [each.reachable for each in site.of(Reachability)] == [False, True]


def test_a_phone_that_never_registers_and_listens_on_a_stream_is_not_asked() -> None:
    site = Site(options_interval=60, static={"2009": "sip:2009@10.0.0.6:5062;transport=tcp"})
    site.gateway.start(site.net.now)
    assert site.gateway.get_timer() is None


def test_a_phone_is_asked_again_and_again_as_long_as_it_is_registered() -> None:
    site = Site(options_interval=60)
    site.register()
    site.net.advance(310)
    assert site.net.times(PHONE, "OPTIONS") == [60.0, 120.0, 180.0, 240.0]  # its 300 s are over


def test_a_device_that_registers_says_nothing_of_the_users_other_one() -> None:
    site = Site(options_interval=60)
    site.register()
    site.faults.plan("dead")
    site.net.advance(70)
    site.register(site.add_phone(SECOND, "2001"))
    assert [each.reachable for each in site.of(Reachability)] == [False]
    site.faults.repair("dead")
    site.register()
    assert [each.reachable for each in site.of(Reachability)] == [False, True]
