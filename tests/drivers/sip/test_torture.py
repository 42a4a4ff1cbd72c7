"""Messages that torture a parser: every subject of RFC 4475, each with the answer that it calls for.

The texts are our own; the name and the number behind each message are those of the subject in the RFC. What it says of
an INVITE is shown with a MESSAGE where that makes no difference.
"""

from __future__ import annotations

import pytest

from drivers.sip.events import MessageReceived
from drivers.sip.message import Response, parse_message
from tests.drivers.sip.net import Site
from tests.drivers.sip.samples import request
from tests.drivers.sip.torture import IGNORED, OURS, SOURCE, TAKEN, VIA, answers, ids, raw, register

REST = ("To: <sip:alarm@gateway.local>", "From: <sip:2001@gateway.local>;tag=1", "Call-ID: 1", "CSeq: 9 MESSAGE")

VALID = [
    (
        "wsinv 3.1.1.1: white space and folding everywhere",
        raw(
            f"MESSAGE {OURS} SIP/2.0",
            "TO :",
            " <sip:alarm@gateway.local> ;  tag    = 1918181833n",
            'from   : "A \\\\\\"quoted\\\\\\" name" <sip:2001@gateway.local>',
            "  ;",
            "  tag = 98asjd8",
            "MaX-fOrWaRdS: 0068",
            "Call-ID: wsinv",
            "cseq: 0009",
            "  MESSAGE",
            "Via  : SIP  /   2.0",
            " /UDP",
            "    10.0.0.9:5099;branch=z9hG4bK390skdjuw;rport",
            "s :",
            "NewFangledHeader:   newfangled value",
            " continued newfangled value",
            "UnknownHeaderWithUnusualValue: ;;,,;;,;",
            "Content-Type: text/plain",
            "v:  SIP  / 2.0  / TCP     192.0.2.2   ;",
            "  branch  =   z9hG4bK9ikj8  ,",
            " SIP  /    2.0   / UDP  192.168.255.111   ; branch=",
            " z9hG4bK30239",
            "l: 2",
            body=b"OK",
        ),
        200,
    ),
    (
        "intmeth 3.1.1.2: every token character in a method, the oddest of the other characters elsewhere",
        request(
            "!interesting-Method0123456789_*+`.%indeed'~",
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@gateway.local",
            b"",
            cseq="139122385 !interesting-Method0123456789_*+`.%indeed'~",
            to='"BEL:\x07 NUL:\\\x00 DEL:\x7f" <sip:1_unusual.URI~(to-be!sure)@gateway.local>',
            extensionheader="\ufe40 \u5927\u505c\u96fb",
        ),
        501,
    ),
    ("esc01 3.1.1.3: escaped characters in the user", request(uri="sip:sips%3Auser%40example.com@gateway.local"), 200),
    ("escnull 3.1.1.4: escaped zero bytes in users", register(contact="<sip:%00@10.0.0.9>"), TAKEN),
    (
        "esc02 3.1.1.5: percent signs that escape nothing, in a method",
        request("RE%47IST%45R", OURS, b"", cseq="1 RE%47IST%45R"),
        501,
    ),
    (
        "lwsdisp 3.1.1.6: no space before the angle bracket",
        request(from_="caller<sip:2001@gateway.local>;tag=323"),
        200,
    ),
    (
        "longreq 3.1.1.7: long values in every header",
        request(
            from_=f'"{"I have a user name of extreme proportion " * 8}" <sip:2001@gateway.local>;tag={"1" * 300}',
            to=f'"{"I have a user name of extreme proportion " * 8}" <sip:alarm@gateway.local:5060>',
            call_id="longreq." + "a" * 500,
            via=f"SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bK{'0' * 500};rport, "
            + ", ".join(f"SIP/2.0/UDP sip{n}.example.com;branch=z9hG4bK{'1' * 60}" for n in range(33)),
            **{"a" * 300: "b" * 3_000},  # type: ignore[arg-type]
        ),
        200,
    ),
    ("dblreq 3.1.1.8: bytes behind the body", request() + b"INVITE sip:x SIP/2.0\r\n\r\n", 200),
    (
        "semiuri 3.1.1.9: a semicolon and a slash in the user part",
        request("OPTIONS", "sip:user;par=u%40example.net@gateway.local", b"", accept="application/sdp"),
        200,
    ),
    (
        "transports 3.1.1.10: Via names other transports",
        request(
            "OPTIONS",
            OURS,
            b"",
            via="SIP/2.0/UNKNOWN 10.0.0.9:5099;branch={branch};rport\r\nVia: SIP/2.0/SCTP t1;branch=z9hG4bK1",
        ),
        200,
    ),
    (
        "mpart01 3.1.1.11: parts with zero bytes",
        request(content_type='multipart/mixed;boundary="7a"', body=b"\x00"),
        415,
    ),
    ("a body of plain text with zero bytes", request(body=b"a\x00b"), 200),
]

# 3.1.2: a server may be liberal where a person's text would be lost for nothing; where it may not, 400.
INVALID = [
    (
        "badinv01 3.1.2.1: separators that separate nothing",
        request(contact='"Joe" <sip:joe@a>;;;;', to='"Q" sip:a@b>'),
        400,
    ),
    ("clerr 3.1.2.2: Content-Length larger than the body", request(content_length="9999"), 400),
    ("ncl 3.1.2.3: a negative Content-Length", request(content_length="-999"), 400),
    ("scalar02 3.1.2.4: numbers far too large", request(cseq="36893488147419103232 MESSAGE"), 400),
    (
        "scalar02 3.1.2.4: an expiry far too large counts as the longest that there is",
        register(contact="<sip:2001@10.0.0.9>;expires=280297596632815", expires="1000000000000000"),
        TAKEN,
    ),
    ("quotbal 3.1.2.6: a quoted string that never ends", request(to='"Mr. J. User <sip:alarm@gateway.local>'), 400),
    ("ltgtruri 3.1.2.7: angle brackets round the request URI", request(uri=f"<{OURS}>"), 400),
    ("lwsruri 3.1.2.8: spaces in the request URI", request(uri="sip:alarm@gateway.local; lr"), 400),
    ("lwsstart 3.1.2.9: spaces between the parts of the start line", request(uri=f" {OURS} "), 400),
    (
        "trws 3.1.2.10: spaces behind the start line do no harm",
        request().replace(b" SIP/2.0\r", b" SIP/2.0  \r", 1),
        200,
    ),
    (
        "escruri 3.1.2.11: headers in the request URI are not looked at",
        request(uri="sip:alarm@gateway.local?Route=%3Csip:example.com%3E"),
        200,
    ),
    ("baddate 3.1.2.12: a time zone that is not GMT", request(date="Fri, 01 Jan 2010 16:00:00 EST"), 200),
    (
        "regbadct 3.1.2.13: a contact with headers and no brackets",
        register(contact="sip:u@10.0.0.9?Route=%3Csip:x%3E"),
        400,
    ),
    ("badaspec 3.1.2.14: spaces within the brackets", request(to='"Watson, Thomas" < sip:alarm@gateway.local >'), 200),
    (
        "baddn 3.1.2.15: a comma in a name without quotes",
        request(from_="Bell, Al <sip:2001@gateway.local>;tag=43"),
        200,
    ),
    ("badvers 3.1.2.16: another version of SIP", request().replace(b" SIP/2.0\r\n", b" SIP/7.0\r\n", 1), 505),
    ("mismatch01 3.1.2.17: CSeq names another method", request(cseq="8 INVITE"), 400),
    ("mismatch02 3.1.2.18: so it does of an unknown method", request("NEWMETHOD", OURS, b"", cseq="8 MESSAGE"), 400),
]

# 3.3: what the application has to say. INVITE is declined whatever it offers: there is no voice here.
APPLICATION = [
    ("insuf 3.3.1: From, To, Call-ID and CSeq are missing", raw(f"MESSAGE {OURS} SIP/2.0", VIA), IGNORED),
    ("insuf 3.3.1: only To is missing", request(to=None), 400),
    (
        "unkscm 3.3.2: a scheme that nobody knows",
        request("OPTIONS", "nobodyKnowsThisScheme:totallyopaquecontent", b""),
        416,
    ),
    ("novelsc 3.3.3: a scheme of somebody else", request("OPTIONS", "soap.beep://192.0.2.103:3002", b""), 416),
    (
        "unksm2 3.3.4: other schemes in To, From and Contact",
        register(to="isbn:2983792873", from_="<http://a>;tag=1"),
        416,
    ),
    ("bext01 3.3.5: required and unknown", request(require="nothingSupportsThis", proxy_require="norThis"), 420),
    ("invut 3.3.6: a body that nobody here can read", request(content_type="application/unknownformat"), 415),
    (
        "regaut01 3.3.7: credentials of an unknown scheme, though none are asked for",
        register(authorization="NoOneKnows x=y"),
        TAKEN,
    ),
    ("multi01 3.3.8: two values of what has one", request().replace(b"call-id", b"call-id: other\r\ncall-id"), 400),
    ("mcl01 3.3.9: two Content-Lengths", request().replace(b"content-length", b"content-length: 5\r\nl"), 400),
    ("zeromf 3.3.11: an endpoint answers also at the last hop", request("OPTIONS", OURS, b"", max_forwards="0"), 200),
    ("cparam01 3.3.12: an unknown parameter of a contact", register(contact="<sip:2001@10.0.0.9>;unknownparam"), TAKEN),
    ("cparam02 3.3.13: an unknown parameter of its URI", register(contact="<sip:2001@10.0.0.9;unknownparam>"), TAKEN),
    ("regescrt 3.3.14: a contact with an escaped Route", register(contact="<sip:u@10.0.0.9?Route=%3Csip:x%3E>"), TAKEN),
    (
        "sdp01 3.3.15: an offer and an Accept that lead nowhere",
        request("INVITE", OURS, b"v=0", accept="text/nobody"),
        603,
    ),
    (
        "inv2543 3.3.16: an INVITE of RFC 2543, without tag, cookie and Max-Forwards",
        request(
            "INVITE", OURS, b"", from_="sip:2001@gateway.local", via="SIP/2.0/UDP 10.0.0.9:5099", max_forwards=None
        ),
        603,
    ),
    ("no Via: nobody can be answered", request().replace(b"via:", b"x-via:"), IGNORED),
    ("a Via with an impossible port", request(via="SIP/2.0/UDP 10.0.0.9:99999;branch=z9hG4bK1"), IGNORED),
    ("a header line without colon", request().replace(b"max-forwards: 70", b"max-forwards 70"), 400),
]


@pytest.mark.parametrize(("what", "data", "status"), VALID, ids=ids(VALID))
def test_what_is_valid_is_understood_however_odd(what: str, data: bytes, status: int | None) -> None:
    assert answers(data) == [status], what


@pytest.mark.parametrize(("what", "data", "status"), [*INVALID, *APPLICATION], ids=ids([*INVALID, *APPLICATION]))
def test_what_is_invalid_has_its_answer(what: str, data: bytes, status: int | None) -> None:
    assert answers(data) == ([] if status == IGNORED else [status]), what


def test_an_unknown_scheme_of_credentials_is_challenged_where_they_are_asked_for() -> None:
    site = Site()
    assert [each.status for each in site.hand_in(register(authorization="NoOneKnowsThisScheme x=y"), SOURCE)] == [401]


def test_two_requests_whose_branch_is_the_cookie_alone_are_two() -> None:
    """badbranch 3.2.1: such a branch names no transaction; the request itself has to (17.2.3)."""
    site = Site(authenticate=False)
    for _ in range(2):
        site.hand_in(request(via="SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bK;rport"), SOURCE)
    assert len(site.of(MessageReceived)) == 2


RESPONSES = [
    ("bcast 3.3.10: a response for somebody else", "SIP/2.0 200 OK", "Via: SIP/2.0/UDP 1.1.1.1;branch=z9hG4bKx", VIA),
    ("bigcode 3.1.2.19: a status beyond all classes", "SIP/2.0 4294967301 better not break the receiver", VIA),
    ("noreason 3.1.1.13: no reason phrase", "SIP/2.0 100 ", VIA),
    (
        "unreason 3.1.1.12: a reason in another script",
        "SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое",
        VIA,
    ),
    ("scalarlg 3.1.2.5: numbers beyond everything", "SIP/2.0 503 No", VIA, "Retry-After: 949302838503028349304023988"),
]


@pytest.mark.parametrize("lines", [each[1:] for each in RESPONSES], ids=ids(RESPONSES))
def test_a_response_that_nobody_waits_for_is_never_answered_and_changes_nothing(lines: tuple[str, ...]) -> None:
    site = Site()
    site.register()
    assert site.hand_in(raw(*lines, *REST), SOURCE) == []
    assert site.gateway.registrar.current("2001", site.net.now)


def test_reasons_are_read_as_they_are() -> None:
    for start, reason in (("SIP/2.0 100 ", ""), ("SIP/2.0 200 = 2**3 но сто", "= 2**3 но сто")):
        message = parse_message(raw(start, VIA, *REST))
        assert isinstance(message, Response)
        assert message.reason == reason


def test_escapes_and_header_values_survive_as_they_came() -> None:
    message = parse_message(request(subject='"%zz" ; x = \\"', uri="sip:%61larm@gateway.local"))
    assert message.first("subject") == '"%zz" ; x = \\"'
