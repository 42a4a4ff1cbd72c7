"""What phones ask of the gateway, and how retransmissions, refusals and floods are treated."""

from __future__ import annotations

import pytest

from drivers.sip.content import MAX_TEXT
from drivers.sip.events import BindingsChanged, CallDeclined, MessageReceived
from drivers.sip.grammar import Via
from drivers.sip.message import Response, parse_message
from drivers.sip.phone import Said
from tests.drivers.sip.net import GATEWAY, PHONE, Site
from tests.drivers.sip.samples import request

STRANGER = ("10.0.0.9", 5099)


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def open_site() -> Site:
    """A gateway that asks nobody for a password."""
    return Site(authenticate=False)


def statuses(responses: list[Response]) -> list[int]:
    return [response.status for response in responses]


def test_nobody_writes_without_a_password(site: Site) -> None:
    [answer] = site.hand_in(request())
    assert answer.status == 401
    assert len(answer.headers["www-authenticate"]) == 2
    assert not site.events
    assert site.gateway.layer.size == 0


def test_a_text_is_answered_when_the_driver_says_so_and_not_before(site: Site) -> None:
    site.phone.say("help", site.net.now)
    site.net.run()
    [event] = site.of(MessageReceived)
    assert (event.sender, event.recipient, event.text) == ("2001", "", "help")
    assert not site.of(Said, PHONE)
    site.gateway.answer(event.transaction, 202, site.net.now)
    site.net.run()
    assert site.of(Said, PHONE) == [Said(1, 202)]


def test_a_retransmission_is_answered_again_and_reported_once(open_site: Site) -> None:
    data = request()
    assert open_site.hand_in(data) == []
    assert open_site.hand_in(data) == []
    [event] = open_site.of(MessageReceived)
    open_site.gateway.answer(event.transaction, 200, open_site.net.now)
    open_site.net.run()
    first = open_site.net.responses(STRANGER)[-1]
    assert open_site.hand_in(data) == [first]
    open_site.net.advance(31.9)
    assert statuses(open_site.hand_in(data)) == [200]
    assert len(open_site.of(MessageReceived)) == 1
    open_site.net.advance(0.2)
    assert open_site.hand_in(data) == []
    assert len(open_site.of(MessageReceived)) == 2


def test_no_100_before_the_clients_timer_has_reached_t2(open_site: Site) -> None:
    data = request()
    open_site.hand_in(data)
    open_site.net.advance(1.5)
    assert open_site.hand_in(data) == []
    open_site.net.advance(2.0)
    assert statuses(open_site.hand_in(data)) == [100]


def test_no_answer_is_given_when_the_client_has_given_up(open_site: Site) -> None:
    open_site.hand_in(request())
    [event] = open_site.of(MessageReceived)
    open_site.net.advance(32)
    open_site.gateway.answer(event.transaction, 200, open_site.net.now)
    open_site.net.run()
    assert not open_site.net.responses(STRANGER)
    assert open_site.gateway.layer.size == 0


def test_two_requests_of_an_old_client_without_magic_branch_are_told_apart(open_site: Site) -> None:
    open_site.hand_in(request(via="SIP/2.0/UDP 10.0.0.9;branch=1", call_id="one"))
    open_site.hand_in(request(via="SIP/2.0/UDP 10.0.0.9;branch=1", call_id="two"))
    open_site.hand_in(request(via="SIP/2.0/UDP 10.0.0.9;branch=1", call_id="two"))
    assert len(open_site.of(MessageReceived)) == 2


CAPTURED = {"via": "SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bKcaptured;rport", "call_id": "captured"}


def test_a_device_that_sends_one_branch_for_ever_is_heard_each_time(open_site: Site) -> None:
    """Whoever wrote its firmware took a message from a capture; what changes is the text, or the count, or the call."""
    said = [
        *(request(body=body, **CAPTURED) for body in (b"fire 1", b"fire 2", b"fire 1")),
        request(body=b"fire 1", **{**CAPTURED, "cseq": "2 MESSAGE"}),
        request(body=b"fire 1", **{**CAPTURED, "call_id": "other"}),
    ]
    for data in said:
        open_site.hand_in(data)
        for event in open_site.of(MessageReceived):
            open_site.gateway.answer(event.transaction, 200, open_site.net.now)
        open_site.net.run()
    assert [event.text for event in open_site.of(MessageReceived)] == ["fire 1", "fire 2", "fire 1", "fire 1"]
    answers = open_site.net.responses(STRANGER)
    assert [(answer.status, answer.cseq[0], answer.call_id) for answer in answers[-2:]] == [
        (200, 2, "captured"),
        (200, 1, "other"),
    ]


def test_a_503_asks_to_come_back(open_site: Site) -> None:
    open_site.hand_in(request())
    open_site.gateway.answer(open_site.of(MessageReceived)[0].transaction, 503, open_site.net.now)
    open_site.net.run()
    assert open_site.net.responses(STRANGER)[-1].first("retry-after") == "10"


@pytest.mark.parametrize(
    ("what", "data", "status", "header"),
    [
        ("an unknown scheme", request(uri="soap.beep://192.0.2.103:3002"), 416, ""),
        ("a foreign domain", request(uri="sip:alarm@example.com"), 404, ""),
        ("an unknown recipient", request(uri="sip:nobody@gateway.local"), 404, ""),
        ("an unknown extension", request(require="nothingSupportsThis"), 420, "unsupported"),
        ("unknown content", request(content_type="application/unknown"), 415, "accept"),
        ("compressed content", request(content_encoding="compress"), 415, "accept-encoding"),
        ("an unheard-of method", request("!interesting-Method0123456789_*+`.%indeed'~"), 501, ""),
        ("an escaped method is no REGISTER", request("RE%47IST%45R"), 501, ""),
        ("a method that is of no use", request("SUBSCRIBE"), 405, "allow"),
        ("a call that does not exist", request("BYE"), 481, ""),
        ("nothing to cancel", request("CANCEL"), 481, ""),
        ("broken CPIM", request(content_type="message/cpim", body=b"x"), 400, ""),
    ],
)
def test_what_cannot_be_served_is_refused(open_site: Site, what: str, data: bytes, status: int, header: str) -> None:
    [answer] = open_site.hand_in(data)
    assert answer.status == status, what
    assert not header or answer.first(header)
    assert not open_site.of(MessageReceived)


def test_an_endpoint_answers_options_even_when_max_forwards_is_zero(site: Site) -> None:
    [answer] = site.hand_in(request("OPTIONS", "sip:gateway.local", b"", max_forwards="0"))
    assert answer.status == 200
    assert "MESSAGE" in answer.first("allow")
    assert "contact" not in answer.headers


def test_who_writes_under_another_name_is_refused(site: Site) -> None:
    forged = site.add_phone(("10.0.0.6", 5062), "2002")
    forged._aor = lambda user: f"sip:{'2001' if user == '2002' else user}@gateway.local"  # type: ignore[method-assign]
    forged.say("I am 2001", site.net.now)
    site.net.run()
    assert site.of(Said, ("10.0.0.6", 5062)) == [Said(1, 403)]


def test_typing_notifications_are_accepted_and_ignored(open_site: Site) -> None:
    wrapped = b"From: <im:a>\r\n\r\nContent-Type: message/imdn+xml\r\n\r\n<imdn/>"
    for content_type, body in (("application/im-iscomposing+xml", b"<x/>"), ("message/cpim", wrapped)):
        assert statuses(open_site.hand_in(request(body=body, content_type=content_type))) == [200]
    assert not open_site.events


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain", "Grüße\r\nzwei".encode(), "Grüße\nzwei"),
        ("text/plain;charset=ISO-8859-1", "Grüße".encode("latin-1"), "Grüße"),
        ("Text/Plain; charset=utf-99", b"OK", "OK"),
        (None, b"OK", "OK"),
        ("text/plain", b"a\x00\x1b[31mb\xff", "a[31mb\ufffd"),
        ("message/cpim", b"From: <im:a>\r\nDateTime: x\r\n\r\nContent-Type: text/plain\r\n\r\nOK #1", "OK #1"),
    ],
)
def test_text_comes_out_of_its_wrapping(open_site: Site, content_type: str | None, body: bytes, text: str) -> None:
    open_site.hand_in(request(body=body, content_type=content_type))
    assert [event.text for event in open_site.of(MessageReceived)] == [text]


def test_wrappings_within_wrappings_are_not_opened_one_after_the_other(open_site: Site) -> None:
    nested = b"a:b\r\n\r\nContent-Type: message/cpim\r\n\r\n"
    for depth in (1, 400):
        body = nested * depth + b"a:b\r\n\r\nContent-Type: text/plain\r\n\r\nOK"
        assert statuses(open_site.hand_in(request(content_type="message/cpim", body=body))) == [415]


def test_a_text_that_is_too_long_is_seen_to_be_cut(open_site: Site) -> None:
    for text in ("x" * MAX_TEXT, "x" * (MAX_TEXT + 1)):
        open_site.hand_in(request(body=text.encode()))
    whole, cut = [event.text for event in open_site.of(MessageReceived)]
    assert whole == "x" * MAX_TEXT
    assert cut == "x" * (MAX_TEXT - 1) + "…"


def test_a_call_is_declined_until_it_is_acknowledged(open_site: Site) -> None:
    via = "SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bKcall;rport"
    invite = request("INVITE", body=b"", via=via, call_id="call")
    assert statuses(open_site.hand_in(invite)) == [603]
    assert open_site.of(CallDeclined) == [CallDeclined("2001")]
    open_site.net.advance(4)
    resent = [at for at, to, data in open_site.net.sent if to == STRANGER and b" 603 " in data]
    assert resent == [0.0, 0.5, 1.5, 3.5]
    assert statuses(open_site.hand_in(request("CANCEL", body=b"", via=via, call_id="call"))) == [200]
    assert open_site.hand_in(request("ACK", body=b"", via=via, call_id="call")) == []
    before = len(open_site.net.sent)
    open_site.net.advance(40)
    assert len(open_site.net.sent) == before
    assert open_site.gateway.layer.size == 0


def test_an_ack_that_belongs_to_nothing_is_ignored(site: Site) -> None:
    assert site.hand_in(request("ACK", body=b"")) == []


def test_answers_go_where_the_request_came_from(open_site: Site) -> None:
    options = request("OPTIONS", "sip:gateway.local", b"", via="SIP/2.0/UDP 192.0.2.1:7777;branch=z9hG4bKnat;rport")
    [answer] = open_site.hand_in(options)
    assert answer.via.params["received"] == "10.0.0.9"
    assert answer.via.params["rport"] == "5099"
    without_rport = request("OPTIONS", "sip:gateway.local", b"", via="SIP/2.0/UDP 192.0.2.1:7777;branch=z9hG4bKold")
    assert open_site.hand_in(without_rport) == []
    assert open_site.net.sent[-1][1] == ("10.0.0.9", 7777)


def test_an_answer_names_every_hop_in_the_order_in_which_they_came(site: Site) -> None:
    """The one who asked is found through them; those of one line count like those of several."""
    top = "SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bKtop;rport"
    via = f"{top}, SIP/2.0/TCP b.site;branch=z9hG4bKb\r\nv: SIP/2.0/TLS c.site;branch=z9hG4bKc, SIP/2.0/UDP d;branch=d"
    [answer] = site.hand_in(request("OPTIONS", "sip:gateway.local", b"", via=via))
    hops = [Via.parse(each) for each in answer.every("via")]
    assert [hop.branch for hop in hops] == ["z9hG4bKtop", "z9hG4bKb", "z9hG4bKc", "d"]
    assert [hop.params.get("received") for hop in hops] == ["10.0.0.9", None, None, None]


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"\x00" * 100,
        request(via="what is this"),
        b"MESSAGE sip:alarm@gateway.local SIP/2.0\r\n\r\n",
        parse_message(request()).to_bytes().replace(b"MESSAGE sip:alarm@gateway.local SIP/2.0", b"SIP/2.0 200 OK"),
    ],
)
def test_garbage_gets_no_answer(site: Site, data: bytes) -> None:
    assert site.hand_in(data) == []


def test_a_foreign_network_is_not_answered() -> None:
    site = Site(networks=("10.0.0.0/30", "fd00::/8"))
    assert site.hand_in(request("OPTIONS", "sip:gateway.local", b"")) == []
    assert site.counters["foreign"] == 1
    assert statuses(site.hand_in(request("OPTIONS", "sip:gateway.local", b""), ("10.0.0.2", 5099))) == [200]
    assert statuses(site.hand_in(request("OPTIONS", "sip:gateway.local", b""), ("::ffff:10.0.0.2", 5099))) == [200]


def test_a_challenge_is_not_much_longer_than_the_request(site: Site) -> None:
    data = request()
    site.hand_in(data)
    assert len(site.net.sent[-1][2]) < len(data) + 600


def test_too_many_requests_that_wait_for_the_disk_are_told_to_come_back(
    open_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.sip.layer.MAX_PENDING", 2)
    for _ in range(2):
        assert open_site.hand_in(request()) == []
    assert statuses(open_site.hand_in(request())) == [503]


def test_kept_answers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.sip.layer.MAX_ANSWERS", 10_000)
    open_site = Site(authenticate=False)
    sizes = []
    for call_id in ("x", "x" * 4_000):
        for number in range(50):
            open_site.hand_in(request(call_id=f"{number}{call_id}"))
            open_site.gateway.answer(open_site.of(MessageReceived)[-1].transaction, 200, open_site.net.now)
        sizes.append(open_site.gateway.layer.size)
    assert 20 < sizes[0] < 50
    assert sizes[1] == 2


def test_registrations_of_one_user_are_written_one_after_the_other(open_site: Site) -> None:
    uri = "sip:gateway.local"
    for cseq in (1, 2):
        open_site.hand_in(
            request("REGISTER", uri, b"", to="<sip:2001@gateway.local>", call_id="r", cseq=f"{cseq} REGISTER",
                    contact=f"<sip:2001@10.0.0.9:509{cseq}>")
        )  # fmt: skip
    [first] = open_site.of(BindingsChanged)
    open_site.gateway.bindings_saved(first.transaction, open_site.net.now, saved=True)
    open_site.net.run()
    _, second = open_site.of(BindingsChanged)
    assert len(second.changes["bindings/2001"]) == 2
    open_site.gateway.bindings_saved(second.transaction, open_site.net.now, saved=True)
    open_site.net.run()
    assert statuses(open_site.net.responses(STRANGER)) == [200, 200]
    assert GATEWAY in open_site.net.cores
