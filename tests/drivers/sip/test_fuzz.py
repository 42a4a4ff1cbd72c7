"""Good messages, broken by the rules of their grammar: nothing escapes, nothing grows, the next good one is understood.

The breakage is drawn from seeds, so that a failure comes back; its length is bounded by MUTANTS.
"""

from __future__ import annotations

import gc
import random
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from drivers.sip import digest, grammar
from drivers.sip.content import read_content
from drivers.sip.events import MessageReceived
from drivers.sip.framing import StreamFramer
from drivers.sip.grammar import Malformed, NameAddr
from drivers.sip.message import COMPACT, MAX_BODY, MAX_HEAD, Request, Response, parse_message
from drivers.sip.uri import Uri
from tests.drivers.sip.breakage import MUTANTS, mutants
from tests.drivers.sip.net import Site
from tests.drivers.sip.samples import request

if TYPE_CHECKING:
    from collections.abc import Callable

SEEDS = range(6)
STRANGER = ("10.0.0.9", 5099)


# --- what has to hold -------------------------------------------------------------------------------------------------


def look_everywhere(message: Request | Response) -> None:
    """Look at all that is ever looked at."""
    message.check()
    _ = (message.via.branch, message.from_.tag, message.to.uri, message.cseq, message.call_id)
    for contact in message.every("contact"):
        Uri.parse(NameAddr.parse(contact).uri)
    for value in message.headers.get("authorization", []):
        digest.parse_scheme(value)
    if isinstance(message, Request):
        Uri.parse(message.uri)
    read_content(message.first("content-type"), message.body)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_broken_message_is_malformed_or_understood_and_nothing_else(seed: int) -> None:
    statuses = []
    for data in mutants(seed):
        try:
            look_everywhere(parse_message(data))
            statuses.append(200)
        except Malformed as error:
            statuses.append(error.status)
    assert set(statuses) <= {200, 400, 413, 416, 505}
    assert MUTANTS / 10 < statuses.count(200) < MUTANTS * 9 / 10, "the breakage is too strong or too weak"


@pytest.mark.parametrize("seed", SEEDS)
def test_after_a_broken_message_the_next_good_one_is_understood(seed: int) -> None:
    for authenticate in (False, True):
        site = Site(authenticate=authenticate)
        for number, data in enumerate(mutants(seed, MUTANTS // 2)):
            site.hand_in(data, STRANGER)
            if authenticate or number % 10:
                continue
            site.hand_in(request(body=b"still here %d" % number))
            assert site.of(MessageReceived)[-1].text == f"still here {number}"
        assert not authenticate or [each.status for each in site.hand_in(request())] == [401]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_broken_stream_holds_no_more_than_a_message_and_ends_or_goes_on(seed: int) -> None:
    rng = random.Random(seed)
    framer = StreamFramer()
    for data in mutants(seed):
        position = 0
        while position < len(data) and not framer._broken:
            size = rng.choice([1, 7, 100, 5_000])
            for _ in framer.receive(data[position : position + size]):
                pass
            position += size
            assert len(framer._buffer) <= MAX_HEAD + MAX_BODY
        if framer._broken:
            framer = StreamFramer()
    good_one, framer = request(), StreamFramer()
    assert [item.data for item in framer.receive(good_one) if hasattr(item, "data")] == [good_one]


def test_broken_messages_leave_no_memory_behind() -> None:
    site = Site()
    for data in mutants(1, 400):  # fills what is remembered on purpose
        site.hand_in(data, STRANGER)
    site.net.advance(60)
    sizes = []
    tracemalloc.start()
    try:
        for seed in (2, 3):
            for data in mutants(seed, 300):
                site.hand_in(data, STRANGER)
            site.net.advance(60)
            for kept in (site.net.sent, *site.net.events.values()):
                kept.clear()
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sizes[1] - sizes[0] < 1_000_000
    assert site.gateway.layer.size <= 1


LONG = MAX_HEAD - 1_500
RUNS = {
    "spaces": " " * LONG + "x",
    "spaces before a fold": " " * LONG + "\r\n x",
    "spaces and a fold elsewhere": " " * LONG + "x\r\n y",
    "folds": "\r\n " * (LONG // 3) + "x",
    "quotes": '"' * LONG,
    "quotes that end": '""' * (LONG // 2),
    "escapes": '"' + "\\\\" * (LONG // 2),
    "brackets": "<" * LONG,
    "semicolons": ";" * LONG,
    "commas": "," * LONG,
    "an endless name": "a" * LONG + '"',
    "an endless address": "sip:" + "a." * (LONG // 2) + "@",
    "digits": "9" * LONG,
    "equal signs": "a=" * (LONG // 2),
    "percent signs": "%" * LONG,
}
PREFIXES = {
    "via": "SIP/2.0/UDP host",
    "from": "",
    "to": '"A"',
    "cseq": "1",
    "contact": "<sip:a@b",
    "authorization": 'Digest realm="gateway.local", a=',
    "content-length": "1",
    "content-type": "text/plain;charset",
}


@pytest.mark.parametrize("name", PREFIXES)
@pytest.mark.parametrize("run", RUNS)
def test_no_header_however_long_holds_up_the_others(name: str, run: str) -> None:
    value = PREFIXES[name] + RUNS[run]
    data = request(**{name.replace("-", "_") + "_": value})  # type: ignore[arg-type]
    started = time.thread_time()
    Site(authenticate=name == "authorization").hand_in(data, STRANGER)
    assert time.thread_time() - started < 0.25, "far from linear: this takes a few milliseconds"


# --- what means the same ----------------------------------------------------------------------------------------------

FOLDS = [" ", "\r\n ", "\r\n\t", "  \r\n  "]


@examples(max_examples=60, deadline=None)
@given(st.data())
def test_what_is_written_in_another_way_is_understood_as_the_same(data: st.DataObject) -> None:
    plain = request(via="SIP/2.0/UDP 10.0.0.9:5099;branch=z9hG4bKsame;rport", subject="two words", to="<sip:a@b>;tag=7")
    head, _, body = plain.partition(b"\r\n\r\n")
    start, *lines = head.decode().split("\r\n")
    short = {name: letter for letter, name in COMPACT.items()}
    for number, line in enumerate(lines):
        name, _, value = line.partition(": ")
        name = data.draw(st.sampled_from([name, name.upper(), name.title(), short.get(name, name)]))
        space = data.draw(st.sampled_from(["", " "]))
        fold = data.draw(st.sampled_from(FOLDS))
        lines[number] = f"{name}{space}:{fold}{value.replace(' ', fold)}"
    other = "\r\n".join([start, *data.draw(st.permutations(lines))]).encode() + b"\r\n\r\n" + body
    one, two = parse_message(plain), parse_message(other)
    two.check()
    assert (one.via, one.from_, one.to, one.cseq, one.body) == (two.via, two.from_, two.to, two.cseq, two.body)
    assert two.first("subject").split() == ["two", "words"]


@examples(max_examples=200, deadline=None)
@example(['cnonce=y"z', 'uri="'])
@given(
    st.lists(
        st.sampled_from(
            (
                *('realm="b"', "qop=d", ' uri="f, g"', 'nonce="\\""', " nc = j", "opaque=", "l", '"', "=", " m =\tn"),
                *("QOP=o", 'cnonce=y"z', 'response=""b""', 'uri="', "algorithm=MD5", ' username="a"'),
            )
        )
    )
)
def test_credentials_are_read_alike_the_short_and_the_long_way(parts: list[str]) -> None:
    text = ",".join(parts)
    plain = digest._parse_plain_pairs(text)
    assert plain is None or plain == digest._parse_rare_pairs(text)


def test_what_nearly_everybody_sends_is_read_the_short_way() -> None:
    text = 'username="2001", realm="pbx, \\"x\\"", nonce="n", uri="sip:a@b"'
    assert digest._parse_plain_pairs(text) is None
    text = 'username="2001", realm="pbx", nonce="n", uri="sip:a@b", response="r", algorithm=MD5, qop=auth, nc=00000001'
    assert digest._parse_plain_pairs(text) == digest._parse_rare_pairs(text) != {}


def outcome(parse: Callable[[str], NameAddr], text: str) -> NameAddr | None:
    """Return the address, or None when it is malformed."""
    try:
        return parse(text)
    except Malformed:
        return None


ADDRESS_PIECES = ["sip:a@b", "<", ">", ";tag=", "x1", ";p=1", '"', " ", ">;tag=7", "A, B", "\\", "<sip:a@b>", ";tag=7"]


@examples(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(ADDRESS_PIECES), max_size=7))
def test_addresses_are_read_alike_the_short_and_the_long_way(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert outcome(NameAddr.parse, text) == outcome(grammar._parse_address, text)
