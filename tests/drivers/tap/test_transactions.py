"""Step 8: blocks, the answers to them, silence, and pages of several blocks."""

from __future__ import annotations

import pytest

from drivers.tap.blocks import ETX, US, Block
from drivers.tap.pages import BlockRefused, BlockSent, LineReady, LoggedOff, LogonFailed, PageSettled
from drivers.tap.responses import CODES
from drivers.tap.session import State
from drivers.tap.timing import MAX_WAITS
from gatewayd.driver import Outcome
from tests.drivers.tap.bench import (
    ACCEPTED,
    EOT,
    FIRE,
    GOODBYE,
    LONG_TEXT,
    TIMING,
    Bench,
)

NAK = b"\r\x15\r"
RS = b"\r\x1e\r"
HANG_UP = b"\r\x1b\x04\r"

REFUSED = {504, 505, 506, 507, 508, 509, 510, 511, 513, 515, 517}
LATER = {112: 1.0, 113: 1.0, 501: 5.0, 502: 5.0, 503: 5.0, 512: 15.0, 516: 60.0}
SAYS_NOTHING = [None, 110, 114, 115, 211, 599]


def message(code: int | None, control: bytes) -> bytes:
    return control if code is None else b"%d Words\r%b\r" % (code, control.strip(b"\r"))


def test_good_session_is_that_of_the_specification_byte_for_byte() -> None:
    bench = Bench()
    assert bench.page(pager_id="123", text="ABC") == bytes.fromhex("0D")
    assert bench.hears(bytes.fromhex("49 44 3D")) == bytes.fromhex("1B 50 47 31 0D")
    assert bench.hears(bytes.fromhex("31 31 30 20 31 2E 38 0D 06 0D")) == b""
    block = bytes.fromhex("02 31 32 33 0D 41 42 43 0D 03 31 37 3B 0D")
    assert bench.hears(bytes.fromhex("1B 5B 70 0D")) == block
    assert bench.hears(bytes.fromhex("32 31 31 20 50 61 67 65 20 61 63 63 65 70 74 65 64 0D 06 0D")) == b""
    assert bench.waits(1) == bytes.fromhex("04 0D")
    assert bench.hears(bytes.fromhex("31 31 35 20 42 79 65 0D 1B 04 0D")) == b""
    assert bench.events() == [
        LineReady(),
        BlockSent("1", again=False),
        PageSettled("1", Outcome.SENT, "211 Page accepted", 211),
        LoggedOff("logged off"),
    ]


# --- the disposition table --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [None, *CODES, 599])
def test_ACK_means_sent_whatever_the_code(code: int | None) -> None:  # noqa: N802
    bench = Bench()
    bench.in_block()
    if code == 111:
        bench.hears(b"111 Words\r")
    bench.hears(message(code, b"\x06"))
    assert bench.settled() == PageSettled(
        "1",
        Outcome.SENT,
        {None: "the terminal answered ACK", 111: "111 Words / 111 Words"}.get(code, f"{code} Words"),
        code,
    )


@pytest.mark.parametrize("control", [NAK, RS, HANG_UP], ids=["NAK", "RS", "ESC EOT"])
@pytest.mark.parametrize("code", sorted(REFUSED))
def test_code_that_blames_the_page_refuses_it_for_good(code: int, control: bytes) -> None:
    bench = Bench()
    bench.in_block()
    assert bench.hears(message(code, control)) == b""
    assert bench.settled() == PageSettled("1", Outcome.REFUSED, f"{code} Words", code)


@pytest.mark.parametrize("control", [NAK, RS, HANG_UP], ids=["NAK", "RS", "ESC EOT"])
@pytest.mark.parametrize(("code", "retry_after"), LATER.items())
def test_code_that_asks_for_patience_fails_the_page_for_now(code: int, retry_after: float, control: bytes) -> None:
    bench = Bench()
    bench.in_block()
    assert bench.hears(message(code, control)) == b""
    assert bench.settled() == PageSettled("1", Outcome.FAILED, f"{code} Words", code, retry_after)


@pytest.mark.parametrize("code", [*SAYS_NOTHING, 514])
def test_NAK_gets_the_block_again_n2_times(code: int | None) -> None:  # noqa: N802
    bench = Bench()
    block = bench.in_block()
    assert [bench.hears(message(code, NAK)) for _ in range(4)] == [block, block, block, b""]
    *resends, refused, settled = bench.events()
    assert [*resends, refused] == [BlockRefused(), BlockSent("1", again=True)] * 3 + [BlockRefused()]
    assert isinstance(settled, PageSettled)
    assert (settled.outcome, settled.retry_after) == (Outcome.FAILED, 5.0)
    assert bench.core.state is State.READY


@pytest.mark.parametrize("code", SAYS_NOTHING)
def test_RS_refuses_the_page_when_no_code_says_otherwise(code: int | None) -> None:  # noqa: N802
    bench = Bench()
    bench.in_block()
    bench.hears(message(code, RS))
    assert bench.settled().outcome is Outcome.REFUSED


@pytest.mark.parametrize("code", SAYS_NOTHING)
def test_hanging_up_fails_the_page_for_now_when_no_code_says_otherwise(code: int | None) -> None:
    bench = Bench()
    bench.in_block()
    bench.hears(message(code, HANG_UP))
    settled = bench.settled()
    assert (settled.outcome, settled.retry_after) == (Outcome.FAILED, 5.0)
    assert bench.core.state is State.OFF


@pytest.mark.parametrize("control", [RS, HANG_UP], ids=["RS", "ESC EOT"])
def test_bad_checksum_with_anything_but_NAK_fails_the_page_for_now(control: bytes) -> None:  # noqa: N802
    bench = Bench()
    bench.in_block()
    assert bench.hears(message(514, control)) == b""
    assert bench.settled().outcome is Outcome.FAILED


def test_block_is_acknowledged_after_a_resend() -> None:
    bench = Bench()
    bench.in_block()
    assert bench.hears(message(514, NAK)) == FIRE
    bench.hears(ACCEPTED)
    assert bench.settled().outcome is Outcome.SENT


def test_pager_id_that_TAP_cannot_carry_is_refused_without_a_byte() -> None:  # noqa: N802
    bench = Bench()
    assert bench.page(pager_id="20\r01") == b""
    assert bench.settled().outcome is Outcome.REFUSED


# --- silence ----------------------------------------------------------------------------------------------------------


def test_page_without_an_answer_for_t3_is_unknown_and_not_sent_again() -> None:
    bench = Bench()
    bench.in_block()
    assert bench.waits(9.9) == b""
    assert bench.waits(0.1) == EOT
    assert bench.settled() == PageSettled("1", Outcome.UNKNOWN, "the terminal did not answer the page")
    assert bench.log.count(FIRE) == 1


def test_terminal_that_did_not_answer_a_page_has_to_prove_that_it_lives() -> None:
    bench = Bench()
    bench.in_block()
    bench.waits(10)
    assert bench.waits(1) == b"\r"
    assert bench.waits(6) == EOT + b"\x03000\r" + EOT
    assert any(isinstance(event, LogonFailed) for event in bench.events())


def test_answer_that_comes_too_late_is_not_taken_for_the_next_page() -> None:
    bench = Bench()
    bench.in_block()
    bench.waits(10)
    bench.hears(ACCEPTED)
    bench.page("2", text="FIRE 4")
    bench.waits(1)
    bench.hears(ACCEPTED)
    bench.events()
    assert bench.logs_on().startswith(b"\x022001\rFIRE 4")
    assert not any(isinstance(event, PageSettled) for event in bench.events())


def test_t3_counts_from_the_end_of_the_block_on_a_slow_line() -> None:
    bench = Bench(timing=type(TIMING)(byte_time=10 / 300))
    bench.in_block("x" * 240)
    assert bench.core.get_timer() == pytest.approx(1_000 + 10 + (252 + 100) / 30)


def test_111_extends_t3_but_not_for_ever() -> None:
    bench = Bench()
    bench.in_block()
    for _ in range(MAX_WAITS):
        bench.waits(9)
        bench.hears(b"111 Processing, wait\r")
    assert bench.events() == []
    bench.waits(9)
    bench.hears(b"111 Processing, wait\r")
    bench.waits(1)
    assert bench.settled().outcome is Outcome.UNKNOWN


def test_each_page_may_be_waited_for_anew() -> None:
    bench = Bench()
    bench.in_block()
    for number in "23":
        for _ in range(MAX_WAITS):
            bench.waits(9)
            bench.hears(b"111 Processing, wait\r")
        bench.hears(ACCEPTED)
        bench.page(number)
    assert bench.core.state is State.BLOCK


def test_garbage_does_not_extend_t3() -> None:
    bench = Bench()
    bench.in_block()
    for _ in range(10):
        bench.hears(b"\x00\x7fnoise\xff\r")
        bench.waits(1)
    assert bench.settled().outcome is Outcome.UNKNOWN


# --- several blocks ---------------------------------------------------------------------------------------------------


def test_long_page_goes_block_by_block_and_is_settled_by_the_last_answer() -> None:
    bench = Bench(multi_block=True, max_chars=1000)
    blocks = [bench.in_block(LONG_TEXT)]
    blocks += [bench.hears(ACCEPTED), bench.hears(NAK), bench.hears(ACCEPTED)]
    assert blocks[1] == blocks[2]
    read = [Block.from_bytes(raw) for raw in (blocks[0], blocks[1], blocks[3])]
    assert [block.terminator for block in read] == [US, US, ETX]
    assert b"".join(block.info for block in read) == f"2001\r{LONG_TEXT}\r".encode()
    bench.hears(ACCEPTED)
    assert bench.settled().detail == "211 Page accepted (sent in 3 blocks)"


def test_resends_are_counted_for_each_block() -> None:
    bench = Bench(multi_block=True, max_chars=1000)
    bench.in_block(LONG_TEXT)
    for _ in range(3):
        assert [bool(bench.hears(NAK)) for _ in range(3)] == [True] * 3
        bench.hears(ACCEPTED)
    assert bench.settled().outcome is Outcome.SENT


@pytest.mark.parametrize("refusal", [NAK * 4, b"511 No\r\x15\r"])
def test_page_given_up_in_the_middle_is_not_continued_by_the_next_one(refusal: bytes) -> None:
    bench = Bench(multi_block=True, max_chars=1000)
    bench.in_block(LONG_TEXT)
    bench.hears(ACCEPTED)
    bench.core.send_page("2", "2001", "FIRE 3", bench.now)
    sent = b"".join(bench.hears(refusal[i : i + 1]) for i in range(len(refusal)))
    assert sent.endswith(EOT)
    assert bench.hears(GOODBYE) == b"\r"
    assert bench.logs_on() == FIRE


def test_RS_in_the_middle_of_a_page_lets_the_next_one_follow_in_the_same_session() -> None:  # noqa: N802
    bench = Bench(multi_block=True, max_chars=1000)
    bench.in_block(LONG_TEXT)
    bench.hears(ACCEPTED)
    bench.page("2")
    assert bench.hears(b"511 No\r\x1e\r") == FIRE


def test_silence_before_the_last_block_is_a_failure_not_a_doubt() -> None:
    bench = Bench(multi_block=True, max_chars=1000)
    bench.in_block(LONG_TEXT)
    assert bench.waits(10) == EOT
    assert bench.settled().outcome is Outcome.FAILED
