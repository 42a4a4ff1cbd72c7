"""Parsing and writing: tolerant in what is taken, strict in what is said. In the spirit of RFC 4475 and RFC 5118."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.sip.answering import stamped, write_response
from drivers.sip.grammar import Malformed, NameAddr, Via, parse_cseq, split_list
from drivers.sip.message import MAX_HEAD, Request, Response, parse_message
from drivers.sip.uri import Uri
from gatewayd.errors import LocalProtocolError
from tests.drivers.sip.samples import request


def parsed(data: bytes) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


def status_of(data: bytes, *, stream: bool = False) -> int:
    """Return what a request is answered with because of its form; 0 when nothing is wrong with it."""
    try:
        parsed(data).check(stream=stream)
    except Malformed as error:
        return error.status
    return 0


def test_whitespace_folding_compact_forms_and_odd_case_are_understood() -> None:
    message = parsed(
        b"MESSAGE sip:alarm@gateway.local;unknownparam SIP/2.0\r\n"
        b"TO :\r\n sip:alarm@gateway.local ;   tag    = 1918181833n\r\n"
        b'f: "J Rosenberg \\\\\\""       <sip:2001@gateway.local>\r\n  ;\r\n  tag = 98asjd8\r\n'
        b"MaX-fOrWaRdS: 0068\r\nI: 98shd\r\ncseq: 0009\r\n  MESSAGE\r\n"
        b"Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\n"
        b"s :\r\nNewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
        b"v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n"
        b" SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\nl: 2\r\n\r\nOK"
    )
    message.check()
    assert message.to.tag == "1918181833n"
    assert message.from_ == NameAddr("sip:2001@gateway.local", 'J Rosenberg \\"', {"tag": "98asjd8"})
    assert message.cseq == (9, "MESSAGE")
    assert [Via.parse(each).sent_by for each in message.every("via")] == [
        "192.0.2.2:5060", "spindle.example.com:5060", "192.168.255.111:5060",
    ]  # fmt: skip
    assert message.first("newfangledheader") == "newfangled value continued newfangled value"
    assert message.body == b"OK"


@pytest.mark.parametrize(
    ("what", "data", "status"),
    [
        ("another version", request().replace(b" SIP/2.0\r\n", b" SIP/7.0\r\n", 1), 505),
        ("no Call-ID", request(call_id=None), 400),
        ("no From", request(from_=None), 400),
        ("no To", request(to=None), 400),
        ("no CSeq", request(cseq=None), 400),
        ("CSeq of another method", request(cseq="1 INVITE"), 400),
        ("CSeq out of range", request(cseq="36893488147419103232 MESSAGE"), 400),
        ("CSeq twice", request(cseq="1 MESSAGE\r\nCSeq: 2 MESSAGE"), 400),
        ("Content-Length twice", request(content_length="2\r\nl: 1"), 400),
        ("a negative Content-Length", request(content_length="-999"), 400),
        ("a body that is too short", request(content_length="9999"), 400),
        ("an enormous Content-Length", request(content_length="99999"), 413),
        ("an endless quoted string", request(to='"Mr. J. User <sip:j.user@example.com>'), 400),
        ("angle brackets around the request URI", request(uri="<sip:alarm@gateway.local>"), 400),
        ("white space in the request URI", request(uri="sip:alarm@gateway.local; lr"), 400),
        ("a line without a colon", request(subject="x\r\nthis is no header"), 400),
        ("a Via with empty parameters only is fine", request(via="SIP/2.0/UDP 10.0.0.9;;,;,,"), 0),
        ("an unbracketed address with a question mark", request(from_="sip:a@b?Route=%3Csip:c%3E"), 400),
    ],
)
def test_a_defect_has_its_answer(what: str, data: bytes, status: int) -> None:
    assert status_of(data) == status, what


def test_content_length_is_mandatory_on_a_stream_only() -> None:
    assert status_of(request(content_length=None)) == 0
    assert status_of(request(content_length=None), stream=True) == 400


def test_bytes_behind_the_body_of_a_datagram_are_ignored() -> None:
    assert parsed(request(body=b"OK") + b"INVITE sip:x SIP/2.0\r\n").body == b"OK"


def test_a_binary_body_stays_as_it_is() -> None:
    body = bytes(range(256)) + b"\r\n\r\n"
    assert parsed(request(body=body)).body == body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"hello",
        b"SIP/2.0 4294967301 better not break the receiver\r\nCSeq: 1 OPTIONS\r\n\r\n",
        b"SIP/2.0 99 low\r\n\r\n",
        b"OPTIONS sip:x\r\n\r\n",
        b"X" * MAX_HEAD + b" sip:a SIP/2.0\r\n\r\n",
        b"OPTIONS sip:x SIP/2.0\r\n" + b"a:b\r\n" * 300 + b"\r\n",
        b"OPTIONS sip:x SIP/2.0\r\nVia: a\rb\r\n\r\n",
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse_message(data)


def test_a_response_without_reason_or_with_a_foreign_one_is_understood() -> None:
    head = (
        b"\r\nVia: SIP/2.0/UDP 1.2.3.4;branch=z9hG4bK1\r\nFrom: <sip:a@b>\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\n"
        b"CSeq: 1 X\r\n\r\n"
    )
    for start, reason in ((b"SIP/2.0 100 ", ""), ("SIP/2.0 200 = 2**3 * 5**2 но".encode(), "= 2**3 * 5**2 но")):
        message = parse_message(start + head)
        assert isinstance(message, Response)
        message.check()
        assert message.reason == reason


def test_a_response_with_two_vias_belongs_to_somebody_else() -> None:
    message = parse_message(
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 1.2.3.4, SIP/2.0/UDP 5.6.7.8\r\nFrom: <sip:a@b>\r\nTo: <sip:a@b>\r\n"
        b"Call-ID: 1\r\nCSeq: 1 X\r\n\r\n"
    )
    with pytest.raises(Malformed):
        message.check()


def test_a_line_break_in_a_value_of_ours_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        Request({"subject": ["x\r\nInjected: y"]}, b"", "MESSAGE", "sip:a@b").to_bytes()


def test_a_response_copies_what_it_has_to_and_adds_a_tag_once() -> None:
    message = parsed(request(to='"x;tag=fake" <sip:alarm@gateway.local>'))
    response = parse_message(write_response(message, 200, "mine"))
    assert response.to.tag == "mine"
    assert response.headers["via"] == message.headers["via"]
    assert parse_message(write_response(parsed(request(to="<sip:a@b>;tag=theirs")), 200, "mine")).to.tag == "theirs"


@pytest.mark.parametrize(
    ("to", "tag"),
    [
        ('<sip:alarm@gateway.local>;note=";tag=fake"', "mine"),
        ("<sip:alarm@gateway.local>\t;\tTag\t=\ttheirs", "theirs"),
        ("sip:alarm@gateway.local;tag=theirs", "theirs"),
        ("<sip:alarm@gateway.local>;tag", ""),
    ],
)
def test_a_response_has_one_tag_wherever_the_word_stands_in_to(to: str, tag: str) -> None:
    written = write_response(parsed(request(to=to)), 200, "mine")
    answered = parse_message(written)
    assert answered.to.tag == tag
    assert written.count(b"mine") == (tag == "mine")


def test_a_to_that_cannot_be_read_is_answered_with_a_tag_too() -> None:
    assert b"\r\nTo: <sip:a@b;tag=mine\r\n" in write_response(parsed(request(to="<sip:a@b")), 400, "mine")


@pytest.mark.parametrize("params", [";x=<a;tag=7", ';x=<;tag=7;y=">"'])
def test_angle_brackets_hide_nothing_in_parameters(params: str) -> None:
    assert NameAddr.parse(f"<sip:a@b>{params}").tag == "7"


@pytest.mark.parametrize("params", [';x="', ';x="a', ';x=a"b', ';y;x="a"b"'])
def test_a_quote_that_stands_alone_is_refused_wherever_it_stands(params: str) -> None:
    for text in (f"<sip:a@b>{params}", f"sip:a@b{params}"):
        with pytest.raises(Malformed):
            NameAddr.parse(text)
    with pytest.raises(Malformed):
        Via.parse(f"SIP/2.0/UDP a{params}")


def test_a_phone_may_leave_out_the_brackets_and_quote_some_in_a_parameter() -> None:
    contact = NameAddr.parse('sip:2001@10.0.0.9;expires=60;+sip.instance="<urn:uuid:1>"')
    assert contact.uri == "sip:2001@10.0.0.9"
    assert contact.params == {"expires": "60", "+sip.instance": "<urn:uuid:1>"}


def test_a_name_with_stray_quotes_is_still_a_name() -> None:
    assert NameAddr.parse('Room "3" <sip:2001@10.0.0.9>').uri == "sip:2001@10.0.0.9"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("sip:2001@gateway.local", 0),
        ("sip:2001:pw@gateway.local:5061;transport=tcp?Subject=x", 0),
        ("sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d@example.com", 0),
        ("sip:user;par=u%40example.net@example.com", 0),
        ("sip:null-%00-null@example.com", 0),
        ("sip:[2001:db8::10]:5070", 0),
        ("sip:[::ffff:192.0.2.1]", 0),
        ("tel:+1-201-555-0123;phone-context=example.com", 0),
        ("sip:2001:db8::10", 400),
        ("sip:[2001:db8::10::1]", 400),
        ("sip:@host", 400),
        ("sip:host:70000", 400),
        ("sip:", 400),
        ("2001", 400),
        ("nobodyKnowsThisScheme:totallyopaquecontent", 416),
        ("soap.beep://192.0.2.103:3002", 416),
    ],
)
def test_uris_are_judged(text: str, status: int) -> None:
    if not status:
        uri = Uri.parse(text)
        assert Uri.parse(str(uri)) == uri
        return
    with pytest.raises(Malformed) as caught:
        Uri.parse(text)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", True),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", True),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5", True),
        ("sip:a@b?to=x&from=y", "sip:a@b?from=y&to=x", True),
        ("SIP:ALICE@b", "sip:alice@b", False),
        ("sip:bob@b", "sip:bob@b:5060", False),
        ("sip:bob@b", "sip:bob@b;transport=udp", False),
        ("sip:a@b;x=on", "sip:a@b;x=off", False),
        ("sip:a@b", "sips:a@b", False),
    ],
)
def test_uris_are_compared_by_rfc_3261_19_1_4(one: str, other: str, equal: bool) -> None:  # noqa: FBT001
    assert Uri.parse(one).matches(Uri.parse(other)) is equal
    assert Uri.parse(other).matches(Uri.parse(one)) is equal


def test_lists_split_outside_quotes_and_brackets() -> None:
    assert split_list('"a, b" <sip:x@y;m=1,2>;q=0.5 , <sip:z>') == ['"a, b" <sip:x@y;m=1,2>;q=0.5', "<sip:z>"]
    with pytest.raises(Malformed):
        split_list("," * 1000)


def test_the_top_via_learns_where_the_request_came_from() -> None:
    via = Via.parse("SIP/2.0/UDP [2001:db8::9:1]:5062;rport;branch=z9hG4bKx")
    stamped = via.stamped(("2001:db8::5", 40000))
    assert stamped.params == {"rport": "40000", "branch": "z9hG4bKx", "received": "2001:db8::5"}
    assert Via.parse(str(stamped)) == stamped
    assert via.reply_address(("2001:db8::5", 40000)) == ("2001:db8::5", 40000)
    same_host = Via.parse("SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bKx;rport").stamped(("10.0.0.9", 40000))
    assert (same_host.params["received"], same_host.params["rport"]) == ("10.0.0.9", "40000")
    plain = Via.parse("SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bKx")
    assert plain.stamped(("10.0.0.9", 40000)) is plain
    assert plain.reply_address(("10.0.0.9", 40000)) == ("10.0.0.9", 5070)


@pytest.mark.parametrize(
    "after", [";rport", ";rport;x=1", ";rport=", ";RPORT", "; rport", ";rport=7", "; rport=7;rport", ";rportal", ""]
)
@pytest.mark.parametrize("before", ["", ";received=10.9.9.9", ';note="a;rport;b"', ";rport"])
@pytest.mark.parametrize("more", ["", ", SIP/2.0/TCP 10.0.0.7;branch=z9hG4bKy;rport"])
def test_the_text_of_a_stamped_via_says_what_its_parameters_say(before: str, after: str, more: str) -> None:
    text = f"SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bKx{before}{after}"
    came = Request({"via": [text + more, "SIP/2.0/UDP 10.0.0.8"]}, b"", "MESSAGE", "sip:a@b")
    top, *others = Request({"via": stamped(came, ("10.0.0.5", 40000))}).every("via")
    assert Via.parse(top) == Via.parse(text).stamped(("10.0.0.5", 40000))
    assert others == [*filter(None, [more[2:]]), "SIP/2.0/UDP 10.0.0.8"]


@pytest.mark.parametrize(
    ("text", "transport"),
    [("sip:a@b", "UDP"), ("sip:a@b;transport=TCP", "TCP"), ("sips:a@b", "TLS"), ("sips:a@b;transport=tcp", "TLS")],
)
def test_the_transport_of_a_uri_is_that_of_its_scheme_or_as_it_says(text: str, transport: str) -> None:
    assert Uri.parse(text).transport == transport


def test_of_two_parameters_with_one_name_the_first_counts() -> None:
    """Or what one reader took for the branch or the tag would be another's for the next."""
    assert Via.parse("SIP/2.0/UDP a;branch=one;branch=two").branch == "one"
    assert NameAddr.parse("<sip:a@b>;tag=one;TAG=two").tag == "one"
    assert Uri.parse("sip:a@b;transport=tcp;transport=udp").transport == "TCP"


def test_numbers_are_ascii_digits() -> None:
    with pytest.raises(Malformed):
        parse_cseq("\u0661 MESSAGE")


WORD = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="\x7f\x85\xa0\xad"), min_size=1, max_size=20
)


@settings(max_examples=60)
@given(display=WORD, user=WORD, body=st.binary(max_size=200), subject=WORD)
def test_what_is_written_is_read_back(display: str, user: str, body: bytes, subject: str) -> None:
    uri = Uri("sip", user, "gateway.local", 5060, {"transport": "udp"})
    address = NameAddr(str(uri), display, {"tag": "abc"})
    headers = {
        "via": ["SIP/2.0/UDP 1.2.3.4:5060;branch=z9hG4bK1;rport"], "from": [str(address)], "to": [f"<{uri}>"],
        "call-id": ["c"], "cseq": ["7 MESSAGE"], "subject": [subject],
    }  # fmt: skip
    again = parsed(Request(headers, body, "MESSAGE", str(uri)).to_bytes())
    again.check(stream=True)
    assert again.from_ == address
    assert Uri.parse(again.uri) == uri
    assert (again.body, again.first("subject")) == (body, subject)
