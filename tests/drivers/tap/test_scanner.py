"""Cutting what a terminal sends: every end of line, with and without text, and never more memory than promised."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.tap.responses import Control
from drivers.tap.scanner import MAX_LINE, MAX_LINES, Answer, Scanner


def scan(data: bytes) -> list[Answer]:
    return list(Scanner().feed(data))


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\n\r"])
def test_every_end_of_line_is_understood(end: bytes) -> None:
    assert scan(end + b"211 Page accepted" + end + b"\x06" + end) == [Answer(Control.ACK, 211, "211 Page accepted")]


@pytest.mark.parametrize("prefix", [b"", b"\r", b"211 Page accepted"])
def test_control_byte_needs_neither_text_nor_an_end_of_line_before_it(prefix: bytes) -> None:
    assert [answer.control for answer in scan(prefix + b"\x06")] == [Control.ACK]


def test_bit_8_is_ignored() -> None:
    assert scan(bytes(byte | 0x80 for byte in b"511\r\x1e\r")) == [Answer(Control.RS, 511, "511")]


@pytest.mark.parametrize(
    ("data", "control"),
    [
        (b"\x06", Control.ACK),
        (b"\x15", Control.NAK),
        (b"\x1e", Control.RS),
        (b"\x1b\x04", Control.HANG_UP),
        (b"\x04", Control.HANG_UP),
        (b"\x1b[p", Control.GO_AHEAD),
        (b"\x1b\x1b[p", Control.GO_AHEAD),
        (b"111 processing\r", Control.WAIT),
        (b"ID=", Control.ASKED),
    ],
)
def test_each_control_sequence_is_an_answer(data: bytes, control: Control) -> None:
    assert [answer.control for answer in scan(data)] == [control]


@pytest.mark.parametrize("data", [b"\x1b[q", b"\x1bp", b"\x1b[P", b"[p", b"111", b"ID", b"id="])
def test_what_only_resembles_a_control_sequence_is_no_answer(data: bytes) -> None:
    assert scan(data) == []


def test_prompt_counts_at_once_whatever_stood_before_it() -> None:
    assert scan(b"\r\nWelcome to Paging\r\nEnter ID=") == [Answer(Control.ASKED, None, "Enter")]
    assert scan(b"\r\r\nID=\r") == [Answer(Control.ASKED)]


def test_code_is_that_of_the_final_message() -> None:
    answers = scan(b"114 Welcome\r111 wait\r211 Page accepted\r\x06")
    assert [(answer.control, answer.code) for answer in answers] == [(Control.WAIT, 111), (Control.ACK, 211)]
    assert answers[1].text == "114 Welcome / 111 wait / 211 Page accepted"


def test_code_of_the_page_wins_over_a_later_courtesy() -> None:
    assert scan(b"211 Page accepted\r115 Bye\r\x06")[0].code == 211


def test_continuation_line_and_longer_numbers_are_no_codes() -> None:
    assert scan(b"Sorry\r 511 calls today\r5110 in all\r\x15") == [
        Answer(Control.NAK, None, "Sorry / 511 calls today / 5110 in all")
    ]


def test_text_of_one_answer_does_not_leak_into_the_next() -> None:
    assert scan(b"511 no such subscriber\r\x1e\r\x06") == [
        Answer(Control.RS, 511, "511 no such subscriber"),
        Answer(Control.ACK),
    ]


def test_bare_code_is_explained() -> None:
    assert scan(b"511\r\x1e")[0].said == "511 no such subscriber"
    assert scan(b"599\r\x1e")[0].said == "599"
    assert scan(b"\x1e")[0].said == "the terminal answered RS"


@given(st.lists(st.binary(max_size=400), max_size=8))
def test_any_bytes_are_survived_in_bounded_memory(pieces: list[bytes]) -> None:
    scanner = Scanner()
    for piece in pieces:
        for answer in scanner.feed(piece):
            assert len(answer.text) <= (MAX_LINE + 3) * (MAX_LINES + 1)
            assert answer.text.isprintable()
        assert len(scanner._line) <= MAX_LINE
        assert len(scanner._lines) <= MAX_LINES


@given(st.binary(max_size=200), st.integers(1, 7))
def test_how_the_bytes_are_cut_makes_no_difference(data: bytes, size: int) -> None:
    scanner = Scanner()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert [answer for piece in pieces for answer in scanner.feed(piece)] == scan(data)
