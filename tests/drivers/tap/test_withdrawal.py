"""Somebody accepted: after a withdrawal no byte of that page leaves, wherever the session stands."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.tap.pages import PageSettled
from drivers.tap.session import State
from gatewayd.driver import Outcome
from tests.drivers.tap.bench import ACCEPTED, ASKED, EOT, FIRE, GO_AHEAD, GOODBYE, LOGON_OK, LONG_TEXT, Bench

SECRET = "WITHDRAWN "
ANSWERS = [ACCEPTED, b"514 Bad\r\x15\r", b"511 No\r\x1e\r", b"501\r\x1b\x04\r", ASKED, b"111 wait\r", GO_AHEAD]


@pytest.mark.parametrize("progress", [[], [ASKED], [ASKED, LOGON_OK]])
def test_page_that_waits_for_the_logon_is_dropped(progress: list[bytes]) -> None:
    bench = Bench()
    bench.page(text=SECRET)
    for step in progress:
        bench.hears(step)
    assert bench.withdraw() == b""
    for step in [ASKED, LOGON_OK, GO_AHEAD][len(progress) :]:
        bench.hears(step)
    assert bench.page("2") == FIRE
    assert SECRET.encode() not in bench.log


def test_page_that_waits_behind_another_is_dropped() -> None:
    bench = Bench()
    bench.in_block()
    bench.page("2", text=SECRET)
    bench.withdraw("2")
    assert bench.hears(ACCEPTED) == b""


def test_block_that_was_not_fetched_yet_is_taken_back() -> None:
    bench = Bench()
    bench.page(text=SECRET)
    bench.hears(ASKED)
    bench.core.receive_data(LOGON_OK + GO_AHEAD, bench.now)
    assert bench.withdraw() == b""
    assert bench.core.state is State.READY
    assert bench.page("2") == FIRE


@pytest.mark.parametrize("answer", ANSWERS[:4])
def test_block_that_is_out_is_left_to_its_answer_which_nobody_hears(answer: bytes) -> None:
    bench = Bench()
    bench.in_block(SECRET)
    assert bench.withdraw() == b""
    assert SECRET.encode() not in bench.hears(answer)
    assert not any(isinstance(event, PageSettled) for event in bench.events())


def test_silence_after_a_withdrawn_block_settles_nothing() -> None:
    bench = Bench()
    bench.in_block(SECRET)
    bench.withdraw()
    assert bench.waits(10) == EOT
    assert not any(isinstance(event, PageSettled) for event in bench.events())


def test_NAK_after_a_withdrawal_gets_the_next_page_instead() -> None:  # noqa: N802
    bench = Bench()
    bench.in_block(SECRET)
    bench.page("2")
    bench.withdraw()
    assert bench.hears(b"514 Bad\r\x15\r") == FIRE


def test_answer_to_a_withdrawn_block_is_not_taken_for_the_next_page() -> None:
    bench = Bench()
    bench.in_block(SECRET)
    bench.withdraw()
    assert bench.page("2") == b""
    assert bench.hears(b"511 No\r\x1e\r") == FIRE
    bench.hears(ACCEPTED)
    settled = bench.settled()
    assert (settled.page_ref, settled.outcome) == ("2", Outcome.SENT)


def test_ID_after_a_withdrawal_does_not_bring_the_page_back() -> None:  # noqa: N802
    bench = Bench()
    bench.in_block(SECRET)
    bench.withdraw()
    bench.hears(ASKED)
    assert bench.hears(LOGON_OK + GO_AHEAD) == b""


def test_rest_of_a_withdrawn_page_stays_here_and_the_terminal_begins_anew() -> None:
    bench = Bench(multi_block=True, max_chars=1000)
    bench.in_block(LONG_TEXT)
    bench.page("2")
    bench.withdraw()
    assert bench.hears(ACCEPTED) == EOT
    assert bench.hears(GOODBYE) == b"\r"
    assert bench.logs_on() == FIRE


def test_withdrawn_page_is_not_doubted_at_log_off() -> None:
    bench = Bench()
    bench.in_block(SECRET)
    bench.withdraw()
    bench.hears(ACCEPTED)
    bench.waits(1)
    bench.events()
    bench.hears(b"\x1e\r")
    assert bench.events() == []


def test_withdrawal_of_an_unknown_page_changes_nothing() -> None:
    bench = Bench()
    bench.in_block()
    bench.withdraw("7")
    bench.hears(ACCEPTED)
    assert bench.settled().outcome is Outcome.SENT


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from([ASKED, LOGON_OK, GO_AHEAD, *ANSWERS]), max_size=8),
    st.lists(st.sampled_from([ASKED, LOGON_OK, GO_AHEAD, *ANSWERS, b""]), max_size=8),
)
def test_no_byte_of_a_page_leaves_after_its_withdrawal_whatever_happens(
    before: list[bytes], after: list[bytes]
) -> None:
    bench = Bench(multi_block=True, max_chars=1000)
    bench.page(text=SECRET * 60)
    for answer in before:
        bench.hears(answer)
    bench.events()
    sent = bench.withdraw()
    for answer in after:
        sent += bench.hears(answer) if answer else bench.waits(10)
    assert SECRET.encode() not in sent
    assert not any(isinstance(event, PageSettled) for event in bench.events())
