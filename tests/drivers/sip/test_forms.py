"""What a page looks like to each make of phone, what is remembered of it, and what phones say became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drivers.sip.attempt import Target
from drivers.sip.content import Kind, read_content
from drivers.sip.digest import Account, answer_challenge
from drivers.sip.events import HabitsLearned, MessageReceived, Notified, PageDone
from drivers.sip.flow import Flow
from drivers.sip.habits import MAX_HABITS, REFUSAL_LIFETIME, Habits
from drivers.sip.phone import TextArrived
from drivers.sip.profiles import PROFILES, Form
from drivers.sip.render import Outgoing, render
from gatewayd.driver import Outcome
from gatewayd.model import PageState, Priority
from tests.drivers.sip.net import GATEWAY, PASSWORD, PHONE, START, Site, page
from tests.drivers.sip.samples import request

if TYPE_CHECKING:
    from drivers.sip.message import Request

IMDN = (
    '<?xml version="1.0"?><imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>{about}</message-id>'
    "<datetime>2026-01-01T00:00:00Z</datetime><{kind}-notification><status><{status}/></status></{kind}-notification>"
    "</imdn>"
)


def imdn(about: str, kind: str, status: str) -> bytes:
    return IMDN.format(about=about, kind=kind, status=status).encode()


def wrapped(body: bytes) -> bytes:
    head = b"From: <sip:2001@gateway.local>\r\nTo: <sip:alarm@gateway.local>\r\nNS: imdn <urn:ietf:params:imdn>\r\n\r\n"
    part = b"Content-Type: message/imdn+xml\r\nContent-Disposition: notification\r\n\r\n"
    return head + part + body


def sent_by_phone(site: Site, body: bytes, content_type: str, user: str = "2001") -> None:
    """Send a MESSAGE with the right password."""
    own = f"<sip:{user}@gateway.local>;tag=x"
    [refused] = site.hand_in(request())
    uri = "sip:alarm@gateway.local"
    challenges = refused.headers["www-authenticate"]
    value = answer_challenge(challenges, Account(user, PASSWORD), "MESSAGE", uri, "c")
    site.hand_in(request(body=body, authorization=value, content_type=content_type, from_=own))


def page_with_wish() -> tuple[Site, str]:
    """Page a phone that is asked for notifications; returns the site and the reference of the page."""
    site = Site(notifications=True)
    site.register()
    site.gateway.send_page(page("FIRE 3"), site.net.now)
    site.net.run()
    [done] = site.of(PageDone)
    return site, done.receipt.reference


def messages(site: Site) -> list[Request]:
    return [each for each in site.net.requests(PHONE) if each.method == "MESSAGE"]


def test_the_wish_names_the_sender_without_quotes_which_some_phones_refuse() -> None:
    site, _ = page_with_wish()
    [sent] = messages(site)
    assert sent.body.startswith(b"From: <sip:alarm@gateway.local>\r\n")


def test_a_page_is_known_by_its_call_id_too() -> None:
    """Linphone names by it a text that did not come in CPIM."""
    site = Site()
    site.register()
    for address in ("2001", "sip:2001@10.0.0.5:5062"):
        site.gateway.send_page(page(address=address), site.net.now)
        site.net.run()
    plain, full = [done.receipt.reference for done in site.of(PageDone)]
    assert messages(site)[0].call_id == plain
    assert "@" in full
    assert "@" not in messages(site)[1].call_id


def test_a_wish_for_notifications_goes_out_in_cpim() -> None:
    site, reference = page_with_wish()
    [sent] = messages(site)
    assert sent.first("content-type") == "message/cpim"
    head, mime, text = sent.body.decode().split("\r\n\r\n")
    assert f"imdn.Message-ID: {reference}" in head.split("\r\n")
    assert "imdn.Disposition-Notification: positive-delivery, negative-delivery, display" in head.split("\r\n")
    assert "DateTime: 2023-11-14T22:13:20Z" in head.split("\r\n")
    assert head.index("NS: imdn <urn:ietf:params:imdn>") < head.index("imdn.Message-ID")
    assert mime == "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: 6"
    assert text == "FIRE 3"
    assert [shown.text for shown in site.of(TextArrived, PHONE)] == ["FIRE 3"]


@pytest.mark.parametrize(
    ("kind", "status", "state"),
    [
        ("display", "displayed", PageState.READ),
        ("delivery", "delivered", PageState.RECEIVED),
        ("delivery", "failed", PageState.FAILED),
    ],
)
def test_what_a_phone_says_of_a_page_is_told(kind: str, status: str, state: PageState) -> None:
    site, reference = page_with_wish()
    for body, media in ((wrapped(imdn(reference, kind, status)), "message/cpim"),):
        sent_by_phone(site, body, media)
    sent_by_phone(site, imdn(reference, kind, status), "message/imdn+xml")
    assert [(event.reference, event.state) for event in site.of(Notified)] == [(reference, state)] * 2
    assert not site.of(MessageReceived)


def test_another_phone_cannot_say_what_became_of_a_page() -> None:
    site, reference = page_with_wish()
    sent_by_phone(site, imdn(reference, "display", "displayed"), "message/imdn+xml", user="2002")
    assert not site.of(Notified)


def test_a_notification_is_never_answered_by_one() -> None:
    site, reference = page_with_wish()
    before = len(site.net.requests(PHONE))
    sent_by_phone(site, wrapped(imdn(reference, "display", "displayed")), "message/cpim")
    site.gateway.answer(site.of(Notified)[0].transaction, 200, site.net.now)
    site.net.advance(40)
    assert len(site.net.requests(PHONE)) == before


@pytest.mark.parametrize(
    "body", [b"", b"<imdn>", imdn("x", "processing", "processed"), imdn("x", "display", "error"), b"<" * 9_000]
)
def test_a_notification_that_says_nothing_of_use_is_accepted_in_silence(body: bytes) -> None:
    assert read_content("message/imdn+xml", body).kind is Kind.SILENT


def test_a_phone_may_ask_for_notifications_alone() -> None:
    accounts = {"2001": {"password": PASSWORD, "notifications": True, "profile": "snom"}}
    site = Site(accounts=accounts)
    site.register()
    site.gateway.send_page(page(), site.net.now)
    site.net.run()
    assert messages(site)[0].first("content-type") == "message/cpim"


class Choosy:
    """A phone that takes one content type only."""

    def __init__(self, site: Site, takes: str, status: int = 415) -> None:
        self.seen: list[str] = []
        phone = site.phone
        take = phone.on_request

        def on_request(asked: Request, flow: Flow, now: float) -> None:
            self.seen.append(asked.first("content-type"))
            if asked.first("content-type") == takes:
                take(asked, flow, now)
            else:
                phone.layer.reply(asked, flow, status)

        phone.layer._on_request = on_request


def test_a_phone_that_does_not_know_a_form_gets_the_next_and_is_remembered() -> None:
    site = Site(notifications=True)
    site.register()
    phone = Choosy(site, "text/plain")
    for _ in range(2):
        site.gateway.send_page(page(), site.net.now)
        site.net.run()
    assert [done.receipt.outcome for done in site.of(PageDone)] == [Outcome.RECEIVED] * 2
    assert phone.seen == ["message/cpim", "text/plain;charset=UTF-8", "text/plain", "text/plain"]
    site.register()
    site.gateway.send_page(page(), site.net.now)
    site.net.run()
    assert phone.seen[4:] == ["text/plain"]


def test_what_a_phone_does_not_know_is_remembered_over_a_restart() -> None:
    before = Site(notifications=True)
    before.register()
    Choosy(before, "text/plain")
    before.gateway.send_page(page(), before.net.now)
    before.net.run()
    [learned] = before.of(HabitsLearned)
    after = Site(notifications=True)
    after.gateway.restore(learned.changes, after.net.now)
    after.register()
    phone = Choosy(after, "text/plain")
    after.gateway.send_page(page(), after.net.now)
    after.net.run()
    assert phone.seen == ["text/plain"]
    assert after.of(HabitsLearned) == []


def test_a_memory_that_cannot_be_read_does_no_harm() -> None:
    habits = Habits(_nobody)
    habits.restore({"habits/2001/x": {"form": "GONE"}, "habits/2002/x": "?", "bindings/2003": {"form": "PLAIN"}})
    target = Target("2001", "sip:a", Flow("UDP", PHONE), model="x")
    assert habits.first_form(target, (Form.CPIM, Form.PLAIN)) == 0
    assert habits.willing([target], START) == [target]


def test_a_phone_that_takes_no_form_refuses_the_page() -> None:
    site = Site()
    site.register()
    Choosy(site, "nothing")
    site.gateway.send_page(page(), site.net.now)
    site.net.run()
    assert [done.receipt.outcome for done in site.of(PageDone)] == [Outcome.REFUSED]


def _nobody(_: object) -> None:
    """Learn nothing."""


def test_a_device_without_message_is_left_out_for_a_day_while_the_user_has_another() -> None:
    habits = Habits(_nobody)
    flow = Flow("UDP", PHONE)
    deaf, good = Target("2001", "sip:a", flow), Target("2001", "sip:b", flow)
    habits.refuses_messages(deaf, START)
    assert habits.willing([deaf, good], START + REFUSAL_LIFETIME - 1) == [good]
    assert habits.willing([deaf], START) == [deaf]
    assert habits.willing([deaf, good], START + REFUSAL_LIFETIME) == [deaf, good]


def test_a_device_that_takes_a_message_after_all_is_one_of_those_that_do() -> None:
    saved: list[dict[str, object]] = []
    habits = Habits(saved.append)
    flow = Flow("UDP", PHONE)
    deaf, good = Target("2001", "sip:a", flow), Target("2001", "sip:b", flow)
    habits.refuses_messages(deaf, START)
    habits.took(deaf, None)
    assert habits.willing([deaf, good], START) == [deaf, good]
    habits.took(deaf, None)
    assert len(saved) == 2


def test_405_is_remembered_of_a_device() -> None:
    site = Site()
    site.register()
    Choosy(site, "nothing", status=405)
    site.gateway.send_page(page(), site.net.now)
    site.net.run()
    other = Target("2001", "sip:other", Flow("UDP", PHONE))
    [binding] = site.gateway.registrar.current("2001", site.net.now)
    same = Target("2001", "sip:elsewhere", binding.flow, model=binding.model)
    assert site.gateway._pager.habits.willing([same, other], site.net.now) == [other]


def test_no_more_habits_are_kept_than_may_be() -> None:
    saved: dict[str, object] = {}
    habits = Habits(saved.update)
    for number in range(MAX_HABITS + 5):
        habits.refuses_messages(Target(str(number), "", Flow("UDP", PHONE)), START)
    assert len(habits._known) == MAX_HABITS
    assert [key for key, value in saved.items() if value is None] == [f"habits/{number}/" for number in range(5)]


def outgoing(text: str, profile: str, priority: Priority = Priority.EMERGENCY) -> Outgoing:
    return Outgoing("2001", "sip:2001@g", text, "r", profile=PROFILES[profile], priority=priority, wall=START)


def test_braces_never_hide_text_from_innovaphone_phones() -> None:
    """Their first part in curly brackets is a command, and is not shown."""
    assert render(outgoing("FIRE {3}", "innovaphone"), Form.TYPED) == b"FIRE (3)"
    assert render(outgoing("FIRE {3}", "plain"), Form.TYPED) == b"FIRE {3}"


@pytest.mark.parametrize("priority", Priority)
def test_a_dect_base_gets_an_alert_of_its_own_for_each_priority(priority: Priority) -> None:
    body = render(outgoing("A<B>&C\x07", "ip-dect", priority), Form.ALERT)
    assert body.endswith(b"</header><body>A&lt;B&gt;&amp;C</body></text>")
    pattern = PROFILES["ip-dect"].patterns[priority].encode()
    assert b"<alert-pattern>" + pattern + b"</alert-pattern>" in body
    patterns = set(PROFILES["ip-dect"].patterns.values())
    assert len(patterns) == len(Priority)


def test_snom_phones_get_the_bare_type_first() -> None:
    site = Site(profile="snom", reply_to="desk")
    site.register()
    site.gateway.send_page(page(), site.net.now)
    site.net.run()
    assert messages(site)[0].first("content-type") == "text/plain"
    assert messages(site)[0].first("reply-to") == "<sip:desk@gateway.local>"
    assert GATEWAY in site.net.cores
