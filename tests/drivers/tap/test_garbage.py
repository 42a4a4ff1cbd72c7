"""Any bytes at any time: nothing escapes, nothing grows, and the next good session works."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.tap.pages import PageSettled
from drivers.tap.scanner import MAX_LINE, MAX_LINES
from drivers.tap.session import State
from gatewayd.driver import Outcome
from tests.drivers.tap.bench import ACCEPTED, ASKED, FIRE, GO_AHEAD, LOGON_OK, Bench

TELLING = [
    ASKED,
    LOGON_OK,
    GO_AHEAD,
    ACCEPTED,
    b"\x15",
    b"\x1e",
    b"\x1b\x04",
    b"\x1b",
    b"[",
    b"p",
    b"111\r",
    b"\r",
    b"\n",
]
noise = st.lists(st.one_of(st.binary(max_size=60), st.sampled_from(TELLING)), max_size=12)


def rests(bench: Bench) -> None:
    """Let every wait of the device run out."""
    while bench.core.state is not State.OFF:
        bench.waits(60)
    bench.events()


@settings(max_examples=200)
@given(noise, st.booleans(), st.booleans())
def test_good_session_works_after_any_bytes(pieces: list[bytes], permanent: bool, multi_block: bool) -> None:  # noqa: FBT001
    bench = Bench(permanent=permanent, multi_block=multi_block)
    bench.page("0", text="NOISE " * 60)
    for piece in pieces:
        bench.hears(piece)
    bench.core.hang_up(bench.now)
    bench.sent()
    rests(bench)
    bench.waits(60)
    bench.hears(b"\r")
    assert bench.page() == b"\r"
    assert bench.logs_on() == FIRE
    bench.hears(ACCEPTED)
    assert bench.settled() == PageSettled("1", Outcome.SENT, "211 Page accepted", 211)


@settings(max_examples=100)
@given(noise)
def test_every_page_is_settled_exactly_once_whatever_the_terminal_says(pieces: list[bytes]) -> None:
    bench = Bench()
    for ref in "123":
        bench.page(ref)
    for piece in pieces:
        bench.hears(piece)
        bench.waits(3)
    bench.waits(3_600)
    settled = [event.page_ref for event in bench.events() if isinstance(event, PageSettled)]
    assert sorted(settled) == ["1", "2", "3"]


def test_endless_text_is_kept_in_bounds() -> None:
    bench = Bench()
    bench.in_block()
    for _ in range(100):
        bench.hears(b"x" * 1_000 + b"\r" + b"y" * 1_000)
    scanner = bench.core._scanner
    assert len(scanner._line) <= MAX_LINE
    assert len(scanner._lines) <= MAX_LINES
    bench.hears(b"\r\x06")
    assert len(bench.settled().detail) <= (MAX_LINE + 3) * MAX_LINES


def test_terminal_that_asks_without_end_gets_no_more_than_its_logons() -> None:
    bench = Bench()
    bench.page()
    bench.hears(ASKED * 1_000)
    bench.waits(60)
    assert len(bench.log) < 100


def test_what_the_terminal_says_is_shown_without_control_codes() -> None:
    bench = Bench()
    bench.in_block()
    bench.hears(b"511 \x07no\x00\x08 such\x7f\r\x1e")
    assert bench.settled().detail == "511 no such"
