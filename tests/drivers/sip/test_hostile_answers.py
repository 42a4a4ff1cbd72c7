"""Whatever a PBX or a phone answers to requests of ours: nothing escapes, and the next good answer is understood."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from drivers.sip.events import PageDone
from drivers.sip.message import Request, Response, parse_message
from gatewayd.driver import Outcome
from tests.drivers.sip.net import PHONE, Site, page
from tests.drivers.sip.test_hostile import SPLINTERS
from tests.drivers.sip.test_pbx import FIRST, PbxSite

if TYPE_CHECKING:
    from gatewayd.driver import Address

DIGEST = 'Digest realm="pbx.site", nonce="n", qop="auth,auth-int", algorithm=SHA-256, opaque="o", stale=true'
HEADS = [
    "200 OK\r\nContact: <sip:x@10.0.0.1>;expires=5;q=0.1\r\nExpires: 7",
    "202 Accepted",
    "100 Trying",
    f"401 Unauthorized\r\nWWW-Authenticate: {DIGEST}\r\nWWW-Authenticate: Digest realm=r, nonce=n",
    f"407 Proxy\r\nProxy-Authenticate: {DIGEST}",
    "302 Moved\r\nContact: <sip:778@pbx.site;transport=tcp>;q=0.5, sip:779@pbx.site",
    "415 Type\r\nAccept: text/plain",
    "423 Brief\r\nMin-Expires: 4000",
    "503 Busy\r\nRetry-After: 120 (in a meeting);duration=3600",
]


@st.composite
def heads(draw: st.DrawFn) -> str:
    """The start line and further headers of an answer, damaged here and there."""
    text = draw(st.sampled_from(HEADS))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        splinter = draw(SPLINTERS).decode("latin-1") if draw(st.booleans()) else draw(st.text(max_size=8))
        text = text[:start] + splinter + text[start + draw(st.integers(0, 8)) :]
    return text


def answer(site: Site, asked: Request, head: str, source: Address) -> None:
    """Answer one request of the gateway."""
    lines = [f"SIP/2.0 {head}", f"Via: {asked.first('via')}", f"From: {asked.first('from')}"]
    lines += [f"To: {asked.first('to')};tag=x", f"Call-ID: {asked.call_id}", f"CSeq: {asked.first('cseq')}", "", ""]
    site.gateway.receive_datagram("\r\n".join(lines).encode("utf-8", "surrogatepass"), source, site.net.now)
    site.net.run()


def unanswered(site: Site, target: Address) -> list[Request]:
    """Return the requests of ours that nobody has answered, each once."""
    asked = {message.first("via"): message for message in site.net.requests(target)}
    return list(asked.values())


@examples(max_examples=60, deadline=None)
@given(st.lists(heads(), min_size=1, max_size=6))
def test_any_answer_of_a_pbx_leaves_the_gateway_working(answers: list[str]) -> None:
    site = PbxSite()
    site.first.dead = site.second.dead = True
    site.start()
    for head in answers:
        for asked in unanswered(site, FIRST):
            answer(site, asked, head, FIRST)
        site.gateway.send_page(page("FIRE", "777"), site.net.now)
        site.net.advance(5)
    assert site.gateway.layer.size < 100
    site.first.dead = site.second.dead = False
    site.net.advance(200)
    site.net.sent.clear()
    assert site.pages("777").outcome is Outcome.RECEIVED


@examples(max_examples=60, deadline=None)
@given(st.lists(heads(), min_size=1, max_size=6))
def test_any_answer_of_a_phone_leaves_the_gateway_working(answers: list[str]) -> None:
    site = Site(notifications=True, accounts={"2001": {"password": "s3cret"}, "alarm": {"password": "own"}})
    site.register()
    site.faults.plan("drop", 1000)
    for head in answers:
        site.gateway.send_page(page(), site.net.now)
        site.net.run()
        for asked in unanswered(site, PHONE):
            answer(site, asked, head, PHONE)
        site.net.advance(2)
    site.faults.repair("drop")
    site.net.advance(60)
    done = len(site.of(PageDone))
    assert done == len(answers)
    site.gateway.send_page(page("after"), site.net.now)
    site.net.advance(5)
    assert site.of(PageDone)[-1].receipt.outcome is Outcome.RECEIVED


def test_a_good_answer_is_one_that_the_test_can_make() -> None:
    """Or the two above would show nothing."""
    site = Site()
    site.register()
    site.faults.plan("drop", 10)
    site.gateway.send_page(page(), site.net.now)
    site.net.run()
    [asked] = [each for each in unanswered(site, PHONE) if each.method == "MESSAGE"]
    answer(site, asked, HEADS[1], PHONE)
    assert isinstance(parse_message(b"SIP/2.0 202 Accepted\r\n\r\n"), Response)
    assert site.of(PageDone)[-1].receipt.outcome is Outcome.SENT
