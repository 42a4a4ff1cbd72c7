"""Whatever arrives: nothing escapes, nothing grows, and the next good message is understood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from drivers.sip.events import ConnectionWanted, MessageReceived
from drivers.sip.framing import Frame, Ping, StreamFramer
from drivers.sip.layer import DEFECTS_LOGGED
from drivers.sip.message import MAX_BODY, MAX_HEAD
from drivers.sip.registrar import Binding
from tests.drivers.sip.net import GATEWAY, Site, page
from tests.drivers.sip.samples import request

if TYPE_CHECKING:
    from drivers.sip.connection import Connection
    from drivers.sip.registrar import Bindings

STRANGER = ("10.0.0.9", 5099)
SEEDS = [
    request(),
    request(
        "REGISTER", "sip:gateway.local", b"", to="<sip:2001@gateway.local>", contact="<sip:2001@10.0.0.9>;expires=60"
    ),
    request("INVITE", body=b""),
    request("OPTIONS", "sip:gateway.local", b"", authorization='Digest username="2001", realm="gateway.local", nc=1'),
    (
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1\r\nFrom: <sip:a@b>\r\nTo: <sip:a@b>\r\n"
        b"Call-ID: 1\r\nCSeq: 1 MESSAGE\r\n\r\n"
    ),
]
SPLINTERS = st.sampled_from(
    [
        b'"',
        b"<",
        b">",
        b";",
        b",",
        b":",
        b"@",
        b"\r\n",
        b"\r\n ",
        b"\x00",
        b"\xff",
        b"%00",
        b"\\",
        b"[",
        b"z9hG4bK",
        b"-1",
    ]
)


REGISTRATIONS = [
    request("REGISTER", "sip:gateway.local", b"", to="<sip:2001@gateway.local>", contact=contact, **more)
    for contact, more in (
        ('<sip:2001@10.0.0.9:5099;transport=tcp>;q=0.7;+sip.instance="<urn:uuid:1>"', {"user_agent": "Phone/1"}),
        ('"A, B" <sip:%32001@[2001:db8::9]:5099;ob>, <sips:2001@phone.site>;expires=90', {"expires": "60"}),
        ("sip:2001@10.0.0.9", {"path": "<sip:10.0.0.7:5070;lr>, <sip:[::1];transport=udp;lr>", "require": "path"}),
        ("*", {"expires": "0"}),
    )
]


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes] = SEEDS) -> bytes:
    """A good message with a few bytes cut out, replaced or doubled."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = start + draw(st.integers(0, 20))
        data = data[:start] + draw(SPLINTERS | st.just(data[start:end] * 2)) + data[end:]
    return data


def still_works(site: Site) -> bool:
    """Whether the next good message is understood."""
    site.net.run()
    before = len(site.of(MessageReceived))
    site.hand_in(request(body=b"still here"))
    return [event.text for event in site.of(MessageReceived)[before:]] == ["still here"]


@examples(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=300) | mutated(), max_size=6))
def test_any_datagram_leaves_the_gateway_working(datagrams: list[bytes]) -> None:
    for authenticate in (False, True):
        site = Site(authenticate=authenticate)
        for data in datagrams:
            site.hand_in(data)
        site.net.advance(1)
        assert site.gateway.layer.size <= len(datagrams)
        assert authenticate or still_works(site)


@examples(max_examples=80, deadline=None)
@given(st.lists(mutated(REGISTRATIONS), min_size=1, max_size=4))
def test_whatever_registers_can_be_paged_and_asked(registrations: list[bytes]) -> None:
    site = Site(authenticate=False, options_interval=60)
    for data in registrations:
        site.hand_in(data)
        site.save()
    kept = [binding.to_json() for user in site.gateway.registrar.users() for binding in bindings(site, user)]
    assert [Binding.from_json(saved).to_json() for saved in kept] == kept
    for user in site.gateway.registrar.users():
        site.gateway.send_page(page("x" * 1200, user), site.net.now)
        site.gateway.send_page(page("FIRE", user), site.net.now)
    while (wanted := next(iter(site.of(ConnectionWanted)), None)) is not None:
        site.net.events[GATEWAY].remove(wanted)
        site.gateway.connection_made(wanted, None, site.net.now)
        site.net.run()
    site.net.advance(70)
    assert still_works(site)


TINY = (
    b"%b sip:a@gateway.local SIP/2.0\r\nv:SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bK1\r\nf:<sip:a@b>;tag=1\r\n"
    b"t:<sip:a@b>\r\ni:1\r\nCSeq:1 %b\r\n\r\n"
)


@pytest.mark.parametrize("method", [b"MESSAGE", b"REGISTER", b"INVITE"])
def test_a_forged_source_gains_nothing_by_a_tiny_request(method: bytes) -> None:
    site = Site()
    site.hand_in(TINY % (method, method), STRANGER)
    assert not site.net.responses(STRANGER)
    assert site.counters["would_amplify"] == 1


def test_whoever_is_connected_has_shown_where_he_is_and_gets_the_whole_challenge() -> None:
    site = Site()
    connection = open_stream(site)
    connection.receive_data(TINY.replace(b"CSeq", b"l:0\r\nCSeq") % (b"MESSAGE", b"MESSAGE"), site.net.now)
    assert connection.data_to_send().startswith(b"SIP/2.0 401 ")


@examples(max_examples=200, deadline=None)
@given(mutated() | st.sampled_from([TINY % (method, method) for method in (b"OPTIONS", b"BYE", b"INFO", b"X")]))
def test_a_source_that_has_shown_no_password_gets_at_most_three_times_what_it_sent(data: bytes) -> None:
    site = Site()
    site.hand_in(data, STRANGER)
    site.net.advance(120)
    sent = sum(len(answer) for _, target, answer in site.net.sent if target == STRANGER)
    assert sent <= 3 * len(data)


@pytest.mark.parametrize("data", SEEDS[:4])
def test_a_phone_s_own_request_is_long_enough_for_a_whole_challenge(data: bytes) -> None:
    site = Site()
    site.hand_in(data, STRANGER)
    [answer] = site.net.responses(STRANGER)
    assert answer.status == (200 if data.startswith(b"OPTIONS") else 401)
    assert len(answer.headers.get("www-authenticate", [])) == (0 if answer.status == 200 else 2)


def bindings(site: Site, user: str) -> Bindings:
    return site.gateway.registrar.current(user, site.net.now)


def open_stream(site: Site) -> Connection:
    connection = site.gateway.new_connection()
    site.gateway.connection_opened(connection, STRANGER, site.net.now)
    return connection


@examples(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=300) | mutated() | st.just(b"\r\n\r\n"), max_size=6))
def test_any_stream_is_bounded_and_harms_nobody_else(chunks: list[bytes]) -> None:
    site = Site(authenticate=False)
    connection = open_stream(site)
    for chunk in chunks:
        connection.receive_data(chunk, site.net.now)
        connection.data_to_send()
        assert len(connection._framer._buffer) <= MAX_HEAD + MAX_BODY
    assert still_works(site)


@examples(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(0, 3))
def test_a_stream_is_understood_however_it_is_cut(sizes: list[int], pings: int) -> None:
    messages = [request(body=b"one"), request(body=b"two\r\n\r\n"), request(body=b"")]
    stream = (b"\r\n\r\n" * pings).join([b"", *messages])
    framer, items, position = StreamFramer(), [], 0
    for size in (*sizes, len(stream)):
        items += list(framer.receive(stream[position : position + size]))
        position += size
    assert [item.data for item in items if isinstance(item, Frame)] == messages
    assert sum(isinstance(item, Ping) for item in items) == 3 * pings


@pytest.mark.parametrize("length", ["Content-Length:\r\n 2", "l :\r\n\t2", "Content-length  :  \r\n  2", "L:2"])
def test_a_length_is_found_however_it_is_written(length: str) -> None:
    data = request(content_length=None).replace(b"via:", length.encode() + b"\r\nvia:", 1)
    site = Site(authenticate=False)
    open_stream(site).receive_data(data, site.net.now)
    site.net.run()
    assert [event.text for event in site.of(MessageReceived)] == ["OK"]


def test_a_stream_that_never_ends_its_headers_is_given_up() -> None:
    framer = StreamFramer()
    items = [item for _ in range(100) for item in framer.receive(b"x" * 1000)]
    assert [item.last for item in items if isinstance(item, Frame)] == [True]
    assert not framer._buffer


@pytest.mark.parametrize("lengths", ["2\r\nContent-Length: 1", "2\r\nl: one", "\r\nl : 2"])
def test_a_stream_with_two_lengths_is_given_up(lengths: str) -> None:
    [item] = StreamFramer().receive(request(content_length=lengths))
    assert isinstance(item, Frame)
    assert item.last


def test_a_body_that_is_too_large_is_not_waited_for() -> None:
    site = Site(authenticate=False)
    connection = open_stream(site)
    connection.receive_data(request(content_length=str(MAX_BODY + 1)), site.net.now)
    assert connection.data_to_send().startswith(b"SIP/2.0 413 ")
    assert connection.closing


def test_an_idle_connection_is_closed_even_when_single_bytes_drip_in() -> None:
    site = Site(idle_timeout=60)
    connection = open_stream(site)
    for _ in range(80):
        connection.receive_data(b"x", site.net.now)
        site.net.advance(1)
    assert connection.closing


def test_one_host_cannot_take_every_connection() -> None:
    site = Site(connections_per_host=2)
    first, second, third = open_stream(site), open_stream(site), open_stream(site)
    other = site.gateway.new_connection()
    site.gateway.connection_opened(other, ("10.0.0.8", 5060), site.net.now)
    assert [each.closing for each in (first, second, third, other)] == [False, False, True, False]
    assert site.counters["crowded"] == 1
    site.gateway.connection_lost(third, site.net.now)
    site.gateway.connection_lost(first, site.net.now)
    assert not open_stream(site).closing


def test_a_peer_that_does_not_read_is_given_up() -> None:
    site = Site()
    connection = open_stream(site)
    while connection.write(b"x" * 10_000):
        assert len(connection._unsent) < 300_000
    assert connection.closing


def test_a_lost_connection_leaves_nothing_behind() -> None:
    site = Site(authenticate=False)
    connection = open_stream(site)
    connection.receive_data(request(via="SIP/2.0/TCP 10.0.0.9:5099;branch=z9hG4bKlost"), site.net.now)
    site.gateway.connection_lost(connection, site.net.now)
    site.net.run()
    site.gateway.answer(site.of(MessageReceived)[0].transaction, 200, site.net.now)
    assert site.gateway.layer.size == 0
    assert still_works(site)


def test_a_connection_that_is_used_stays_open() -> None:
    site = Site(idle_timeout=60)
    connection = open_stream(site)
    for _ in range(20):
        connection.receive_data(request("OPTIONS", "sip:gateway.local", b""), site.net.now)
        site.net.advance(10)
    assert not connection.closing


def test_a_defect_of_ours_costs_the_message_that_meets_it_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(authenticate=False)
    site.counters["defects_expected"] = 1
    with monkeypatch.context() as broken:
        broken.setattr(site.gateway._uas, "handle", _stumble)
        for _ in range(DEFECTS_LOGGED + 5):
            assert site.hand_in(request()) == []
    assert site.counters["defects"] == DEFECTS_LOGGED + 5
    assert len(caplog.records) == DEFECTS_LOGGED
    assert still_works(site)


def test_a_defect_leaves_no_place_taken_among_those_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(authenticate=False)
    site.counters["defects_expected"] = 1
    with monkeypatch.context() as broken:
        broken.setattr("drivers.sip.uas.read_content", _stumble)
        assert [answer.status for answer in site.hand_in(request())] == [500]
    assert site.counters["defects"] == 1
    assert site.gateway.layer._by_number == {}
    assert still_works(site)


def _stumble(*_: object) -> None:
    message = "a defect"
    raise ZeroDivisionError(message)
