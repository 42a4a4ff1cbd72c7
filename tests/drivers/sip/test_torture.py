"""Messages that torture a parser, after the subjects of RFC 4475 and RFC 5118, each with the answer that it calls for.

The texts are our own; the name behind each message is that of the subject in the RFC.
"""

from __future__ import annotations

import re

import pytest

from drivers.sip.events import MessageReceived
from drivers.sip.message import parse_message
from tests.drivers.sip.net import Site
from tests.drivers.sip.samples import request

SOURCE = ("10.0.0.9", 5099)
OURS = "sip:alarm@gateway.local"
IGNORED = 0


def answers(data: bytes) -> list[int]:
    """Return the statuses that the gateway answers; it asks for no password, so that the message itself is judged."""
    site = Site(authenticate=False, recipients=("*",))
    statuses = [answer.status for answer in site.hand_in(data, SOURCE)]
    return [*statuses, *[200 for _ in site.of(MessageReceived)]]


def raw(start: str, *lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join([start, *lines]).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def register(**headers: str | None) -> bytes:
    fields: dict[str, str | None] = {"to": "<sip:2001@gateway.local>", "contact": "<sip:2001@10.0.0.9>", **headers}
    return request("REGISTER", "sip:gateway.local", b"", **fields)  # type: ignore[arg-type]


VIA = "Via: SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bKtorture;rport"
REST = ("To: <sip:alarm@gateway.local>", "From: <sip:2001@gateway.local>;tag=1", "Call-ID: 1", "CSeq: 9 MESSAGE")
VALID = [
    (
        "wsinv: white space and folding everywhere",
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
            "Content-Type: text/plain",
            "l: 2",
            body=b"OK",
        ),
    ),
    (
        "intmeth: a method of every token character is unknown, not malformed",
        request(
            "!interesting-Method0123456789_*+`.%indeed'~",
            OURS,
            b"",
            cseq="1 !interesting-Method0123456789_*+`.%indeed'~",
        ),
    ),
    ("esc01: escaped characters in the user", request(uri="sip:sips%3Auser%40example.com@gateway.local")),
    ("escnull: an escaped zero byte in the user", request(uri="sip:null-%00-null@gateway.local")),
    (
        "esc02: percent signs that escape nothing, in a method",
        request("RE%47IST%45R", OURS, b"", cseq="1 RE%47IST%45R"),
    ),
    (
        "lwsdisp: no space between name and angle bracket",
        request(from_="caller<sip:2001@gateway.local>;tag=323"),
    ),
    (
        "longreq: long values in every header",
        request(
            from_=f'"{"I have a user name of extreme proportion " * 8}" <sip:2001@gateway.local>;tag={"1" * 300}',
            call_id="longreq." + "a" * 500,
            via="SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bK" + "0" * 500 + ";rport",
        ),
    ),
    ("dblreq: bytes behind the body belong to nobody", request() + b"INVITE sip:x SIP/2.0\r\n\r\n"),
    ("semiuri: a semicolon in the user part", request(uri="sip:user;par=u%40example.net@gateway.local")),
    ("transports: Via names other transports", request(via="SIP/2.0/UNKNOWN 10.0.0.9:5099;branch={branch};rport")),
    ("unreason: no Max-Forwards at all", request(max_forwards=None)),
    ("zeromf: an endpoint answers also at the last hop", request(max_forwards="0")),
    ("mpart01: a body with zero bytes in it", request(body=b"a\x00b", content_length="3")),
]
STATUS_OF_METHODS = {"intmeth": 501, "esc02": 501}


@pytest.mark.parametrize(("what", "data"), VALID, ids=[what.partition(":")[0] for what, _ in VALID])
def test_what_is_valid_is_understood_however_odd(what: str, data: bytes) -> None:
    assert answers(data) == [STATUS_OF_METHODS.get(what.partition(":")[0], 200)]


INVALID = [
    ("badinv01: separators that separate nothing", request(from_='"Quoted" sip:a@b>;tag=1'), 400),
    ("clerr: Content-Length larger than the body", request(content_length="9999"), 400),
    ("ncl: a negative Content-Length", request(content_length="-999"), 400),
    ("scalar02: CSeq far too large", request(cseq="36893488147419103232 MESSAGE"), 400),
    ("quotbal: a quoted string that never ends", request(to='"Mr. J. User <sip:alarm@gateway.local>'), 400),
    ("ltgtruri: angle brackets round the request URI", request(uri=f"<{OURS}>"), 400),
    ("lwsruri: spaces in the request URI", request(uri="sip:alarm@gateway.local; lr"), 400),
    ("lwsstart: spaces between the parts of the start line", request(uri=f" {OURS} "), 400),
    ("mcl01: two Content-Lengths", request().replace(b"content-length", b"content-length: 5\r\ncontent-length"), 400),
    ("multi01: two values of what has one", request().replace(b"call-id", b"call-id: other\r\ncall-id"), 400),
    ("mismatch01: CSeq names another method", request(cseq="8 INVITE"), 400),
    ("mismatch02: an unknown method, and CSeq names another", request("NEWMETHOD", OURS, b"", cseq="8 MESSAGE"), 400),
    ("badvers: another version of SIP", request().replace(b" SIP/2.0\r\n", b" SIP/7.0\r\n", 1), 505),
    ("insuf: From, To, Call-ID and CSeq are missing", raw(f"MESSAGE {OURS} SIP/2.0", VIA), IGNORED),
    ("insuf: only To is missing", request(to=None), 400),
    ("unkscm: a scheme that nobody knows", request(uri="nobodyKnowsThisScheme:totallyopaquecontent"), 416),
    ("novelsc: a scheme of somebody else", request(uri="soap.beep://192.0.2.103:3002"), 416),
    (
        "bext01: an extension that is required and unknown",
        request(require="nothingSupportsThis, nothingSupportsThisEither"),
        420,
    ),
    ("invut: a body that nobody here can read", request(content_type="application/unknownformat"), 415),
    (
        "regbadct: a contact with parameters and no brackets",
        register(contact="sip:2001@10.0.0.9?Route=%3Csip:x%3E"),
        400,
    ),
    (
        "regaut01: credentials of an unknown scheme, and no password is asked for",
        register(authorization="NoOneKnows x=y"),
        None,
    ),
    ("sdp01: a header line without colon", request().replace(b"max-forwards: 70", b"max-forwards 70"), 400),
    ("no Via: nobody can be answered", request().replace(b"via:", b"x-via:"), IGNORED),
    ("a Via with an impossible port", request(via="SIP/2.0/UDP 10.0.0.9:99999;branch=z9hG4bK1"), IGNORED),
    ("ipv6-bad: an address without brackets in the request URI", request(uri="sip:[2001:db8::10:0"), 400),
    (
        "ipv6-correct-port: brackets tell address and port apart, the host is not ours",
        request(uri="sip:x@[2001:db8::10]:5070"),
        404,
    ),
    ("ipv6-ambiguous: without brackets a port is part of the address", request(uri="sip:x@2001:db8::10:5070"), 400),
    (
        "via-received-delim: brackets round a received address",
        request(via="SIP/2.0/UDP [2001:db8::9];received=[2001:db8::9:255];branch={branch};rport"),
        200,
    ),
    (
        "via-received: no brackets round it",
        request(via="SIP/2.0/UDP [2001:db8::9];received=2001:db8::9:255;branch={branch};rport"),
        200,
    ),
    ("mult-ip: IPv6 and IPv4 in one header", request(contact="<sip:2001@[2001:db8::9]>, <sip:2001@10.0.0.9>"), 200),
    ("ipv4-mapped: an IPv4 address inside an IPv6 one", request(uri="sip:x@[::ffff:192.0.2.10]:5070"), 404),
]


@pytest.mark.parametrize(("what", "data", "status"), INVALID, ids=[re.split("[ :]", each[0])[0] for each in INVALID])
def test_what_is_invalid_has_its_answer(what: str, data: bytes, status: int | None) -> None:
    found = answers(data)
    expected = {IGNORED: [], None: []}.get(status, [status])
    assert found == expected, what


RESPONSES = [
    ("bcast: a response for somebody else", "SIP/2.0 200 OK", "Via: SIP/2.0/UDP 1.1.1.1;branch=z9hG4bKx", VIA),
    ("badbranch: a branch of the cookie alone", "SIP/2.0 200 OK", "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK"),
    ("bigcode: a status beyond all classes", "SIP/2.0 4294967301 better not break the receiver", VIA),
    ("noreason: no reason phrase", "SIP/2.0 100 ", VIA),
    ("unreason: a reason in another script", "SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое", VIA),
    ("scalarlg: numbers beyond everything", "SIP/2.0 503 No", VIA, "Retry-After: 949302838503028349304023988"),
]


@pytest.mark.parametrize(
    "lines", [each[1:] for each in RESPONSES], ids=[each[0].partition(":")[0] for each in RESPONSES]
)
def test_a_response_that_nobody_waits_for_is_never_answered_and_changes_nothing(lines: tuple[str, ...]) -> None:
    site = Site()
    site.register()
    assert site.hand_in(raw(*lines, *REST), SOURCE) == []
    assert site.gateway.registrar.current("2001", site.net.now)


def test_escapes_and_header_values_survive_as_they_came() -> None:
    message = parse_message(request(subject='"%zz" ; x = \\"', uri="sip:%61larm@gateway.local"))
    assert message.first("subject") == '"%zz" ; x = \\"'
