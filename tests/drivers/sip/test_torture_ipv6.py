"""Every message of RFC 5118: SIP with IPv6 addresses, and the answer that it calls for.

The texts are our own; the name and the number behind each message are those of the subject in the RFC.
"""

from __future__ import annotations

import pytest

from drivers.sip.grammar import Malformed, NameAddr, Via
from drivers.sip.message import parse_message
from drivers.sip.uri import Uri
from tests.drivers.sip.samples import request
from tests.drivers.sip.torture import OURS, TAKEN, answers, ids, register

SDP = (
    b"v=0\r\nc=IN IP6 2001:db8::10\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\nm=video 6024 RTP/AVP 1\r\nc=IN IP4 1.2.3.4\r\n"
)
MESSAGES = [
    (
        "ipv6-good 4.1: an IPv6 reference",
        register(via="SIP/2.0/UDP [2001:db8::9:1]:5099;branch={branch};rport", contact="<sip:2001@[2001:db8::9:1]>"),
        TAKEN,
    ),
    ("ipv6-bad 4.2: no brackets in the request URI", request("REGISTER", "sip:2001:db8::10", b""), 400),
    ("port-ambiguous 4.3: the port within the brackets", request(uri="sip:x@[2001:db8::10:5070]"), 404),
    ("port-unambiguous 4.4: the port behind the brackets", request(uri="sip:x@[2001:db8::10]:5070"), 404),
    (
        "via-received-param-with-delim 4.5",
        request(via="SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch={branch};rport"),
        200,
    ),
    (
        "via-received-param-no-delim 4.5",
        request(via="SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch={branch};rport"),
        200,
    ),
    ("ipv6-in-sdp 4.6", request("INVITE", OURS, SDP, content_type="application/sdp"), 603),
    (
        "mult-ip-in-header 4.7: IPv6 and IPv4 in one header",
        request(
            "BYE",
            OURS,
            b"",
            via="SIP/2.0/UDP 10.0.0.9:5099;branch={branch};rport, SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3",
        ),
        481,
    ),
    ("mult-ip-in-sdp 4.8", request("INVITE", OURS, SDP, content_type="application/sdp"), 603),
    (
        "ipv4-mapped-ipv6 4.9",
        request(
            "INVITE",
            OURS,
            b"",
            via="SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch={branch};rport",
            contact='"T. desk phone" <sip:ted@[::ffff:192.0.2.2]>',
        ),
        603,
    ),
    ("ipv6-bug-abnf-3-colons 4.10", request("OPTIONS", "sip:user@[2001:db8:::192.0.2.1]", b""), 404),
    ("ipv6-correct-abnf-2-colons 4.10", request("OPTIONS", "sip:user@[2001:db8::192.0.2.1]", b""), 404),
]


@pytest.mark.parametrize(("what", "data", "status"), MESSAGES, ids=ids(MESSAGES))
def test_a_message_with_ipv6_addresses_has_its_answer(what: str, data: bytes, status: int | None) -> None:
    assert answers(data) == [status], what


def test_what_is_within_the_brackets_is_the_address_and_nothing_else() -> None:
    within, behind = Uri.parse("sip:x@[2001:db8::10:5070]"), Uri.parse("sip:x@[2001:db8::10]:5070")
    assert (within.numeric_host, within.port) == ("2001:db8::10:5070", None)
    assert (behind.numeric_host, behind.port) == ("2001:db8::10", 5070)


def test_a_received_address_is_read_with_and_without_brackets() -> None:
    for text in ("[2001:db8::9:255]", "2001:db8::9:255"):
        assert Via.parse(f"SIP/2.0/UDP [2001:db8::9:1];received={text};branch=z9hG4bK1").params["received"] == text


def test_each_address_of_a_header_is_read_for_itself() -> None:
    message = parse_message(MESSAGES[7][1])
    assert [Via.parse(each).host for each in message.every("via")] == ["10.0.0.9", "[2001:db8::9:1]"]


def test_an_ipv4_address_within_an_ipv6_address_is_an_address() -> None:
    message = parse_message(MESSAGES[9][1])
    assert message.via.sent_by == "[::ffff:192.0.2.10]:19823"
    contact = Uri.parse(NameAddr.parse(message.first("contact")).uri)
    assert contact.numeric_host in ("::ffff:192.0.2.2", "::ffff:c000:202")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("[2001:db8:::192.0.2.1]", "2001:db8::192.0.2.1"),
        ("[2001:db8::192.0.2.1]", "2001:db8::192.0.2.1"),
        ("[:::192.0.2.1]", "::192.0.2.1"),
    ],
)
def test_a_third_colon_before_an_ipv4_address_is_forgiven(text: str, meant: str) -> None:
    assert Uri.parse(f"sip:x@{text}").host == f"[{meant}]"


@pytest.mark.parametrize("text", ["[2001:db8:::10]", "[2001:db8::::192.0.2.1]", "[2001:db8::1:::192.0.2.1]"])
def test_a_third_colon_anywhere_else_is_not(text: str) -> None:
    with pytest.raises(Malformed, match="impossible IPv6"):
        Uri.parse(f"sip:x@{text}")
