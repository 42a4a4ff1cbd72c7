"""The simulated terminal, by itself: what a paging terminal has to answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.tap.admission import MAX_LOGON
from drivers.tap.blocks import ETB, ETX, MAX_BLOCK, Block
from drivers.tap.simulated import ReceivedPage, SimulatedTerminal, TerminalSettings
from drivers.tap.terminal import MAX_MESSAGE, State
from gatewayd.simulator import Faults
from tests.drivers.tap.bench import ACCEPTED, ASKED, EOT, FIRE, GO_AHEAD, GOODBYE, LOGON, LOGON_OK

READY = LOGON_OK + GO_AHEAD


class Called:
    """A terminal on the bench: the test plays the entry device and moves the time."""

    def __init__(self, **terminal: Any) -> None:  # noqa: ANN401 - any setting
        self.faults = Faults()
        self.pages: list[ReceivedPage] = []
        self.core = SimulatedTerminal(TerminalSettings(port="x", **terminal), self.faults, self.pages.append)
        self.now = 0.0

    def hears(self, data: bytes) -> bytes:
        self.core.receive_data(data, self.now)
        return self.core.data_to_send()

    def waits(self, seconds: float) -> bytes:
        until = self.now + seconds
        while (due := self.core.get_timer()) is not None and due <= until:
            self.now = due
            self.core.handle_timer(due)
        self.now = until
        return self.core.data_to_send()

    def logged_on(self) -> Called:
        assert self.hears(b"\r" + LOGON) == ASKED + READY
        return self


def block(info: bytes, terminator: int = ETX) -> bytes:
    return Block(info, terminator).to_bytes()


def test_good_session_is_that_of_the_specification_byte_for_byte() -> None:
    terminal = Called()
    assert terminal.hears(bytes.fromhex("0D")) == bytes.fromhex("49 44 3D")
    answer = bytes.fromhex("31 31 30 20 31 2E 38 0D 06 0D  1B 5B 70 0D")
    assert terminal.hears(bytes.fromhex("1B 50 47 31 0D")) == answer
    answer = bytes.fromhex("32 31 31 20 50 61 67 65 20 61 63 63 65 70 74 65 64 0D 06 0D")
    assert terminal.hears(bytes.fromhex("02 31 32 33 0D 41 42 43 0D 03 31 37 3B 0D")) == answer
    assert terminal.hears(bytes.fromhex("04 0D")) == bytes.fromhex("31 31 35 20 42 79 65 0D 1B 04 0D")
    assert terminal.pages == [ReceivedPage("123", "ABC", 0.0)]


@pytest.mark.parametrize(
    ("logon", "code"),
    [
        (b"\x1b", 507),
        (b"\x1bP\r", 507),
        (b"\x1bXX1", 508),
        (b"\x1bPG2", 508),
        (b"\x1bPG1wrong", 509),
        (b"\x1bPG1", 509),
    ],
)
def test_bad_logon_is_refused_with_its_code_and_ends_after_n3_repeats(logon: bytes, code: int) -> None:
    terminal = Called(passwords=("right",))
    terminal.hears(b"\r")
    answers = [terminal.hears(logon.strip(b"\r") + b"\r") for _ in range(4)]
    assert all(answer.startswith(b"%d " % code) for answer in answers)
    assert [answer.endswith(b"\r\x15\r") for answer in answers] == [True, True, True, False]
    assert answers[3].endswith(b"\r\x1b\x04\r")


def test_listed_password_is_let_in() -> None:
    terminal = Called(passwords=("left", "right"))
    assert terminal.hears(b"\r\x1bPG1right\r") == ASKED + READY


def test_ID_is_repeated_after_t5_n3_times_and_then_it_hangs_up() -> None:  # noqa: N802
    terminal = Called()
    assert terminal.hears(b"\r") == ASKED
    assert [terminal.waits(8) for _ in range(3)] == [ASKED] * 3
    assert terminal.waits(8).endswith(b"\x1b\x04\r")
    assert terminal.hears(b"\r") == ASKED


def test_anything_but_a_logon_is_asked_again() -> None:
    terminal = Called()
    assert terminal.hears(b"\rM\r") == ASKED + ASKED


def test_silence_of_t4_ends_the_session() -> None:
    terminal = Called().logged_on()
    assert terminal.waits(3.9) == b""
    assert terminal.waits(0.1).startswith(b"501 ")
    assert terminal.core._state is State.WAITING


def test_damaged_block_is_refused_and_too_many_of_them_end_the_session() -> None:
    terminal = Called().logged_on()
    damaged = FIRE.replace(b"FIRE", b"FIRZ")
    assert [terminal.hears(damaged)[:3] for _ in range(4)] == [b"514", b"514", b"514", b"503"]
    assert terminal.pages == []


def test_good_block_forgives_the_damaged_ones_before_it() -> None:
    terminal = Called().logged_on()
    damaged = FIRE.replace(b"FIRE", b"FIRZ")
    answers = [terminal.hears(data)[:3] for data in (damaged, damaged, damaged, FIRE, damaged)]
    assert answers == [b"514", b"514", b"514", b"211", b"514"]


@pytest.mark.parametrize(
    ("terminal", "info", "answer"),
    [
        ({"pagers": ("2001",)}, b"2002\rX\r", b"511 no such subscriber\r\x1e\r"),
        ({}, b"", b"515 format error\r\x1e\r"),
        ({}, b"2" * 65 + b"\rX\r", b"510 illegal pager ID\r\x1e\r"),
        ({}, b"20\x1aA01\rX\r", b"510 illegal pager ID\r\x1e\r"),
        ({}, b"\r", b"515 format error\r\x1e\r"),
        (
            {"max_chars": 3, "refuse_long": True},
            b"2001\rXXXX\r",
            b"517 003 character maximum, rejected\r\x1e\r",
        ),
    ],
)
def test_page_that_cannot_be_taken_is_refused_with_its_code(
    terminal: dict[str, Any], info: bytes, answer: bytes
) -> None:
    called = Called(**terminal).logged_on()
    assert called.hears(block(info)) == answer
    assert called.pages == []


def test_long_text_is_cut_and_that_is_said() -> None:
    called = Called(max_chars=3).logged_on()
    assert called.hears(FIRE).startswith(b"214 003 character maximum")
    assert called.pages == [ReceivedPage("2001", "FIR", 0.0)]


def test_full_queue_is_told() -> None:
    called = Called().logged_on()
    called.faults.plan("full")
    assert called.hears(FIRE).startswith(b"512 ")
    assert called.hears(FIRE) == ACCEPTED


def test_no_more_pages_than_allowed_are_taken_in_one_session() -> None:
    called = Called(max_pages=1).logged_on()
    called.hears(FIRE)
    assert called.hears(FIRE) == b"112 maximum of pages for this session\r\x1b\x04\r"
    assert len(called.pages) == 1


def test_blocks_of_one_transaction_are_joined() -> None:
    called = Called().logged_on()
    assert called.hears(block(b"2001\r", ETB)) == ACCEPTED
    assert called.hears(block(b"TE\x1aM", 0x1F)) == ACCEPTED
    assert called.pages == []
    assert called.hears(block(b"XT\r")) == ACCEPTED
    assert called.pages == [ReceivedPage("2001", "TE\rXT", 0.0)]


def test_further_fields_are_further_lines() -> None:
    called = Called().logged_on()
    called.hears(block(b"2001\rLINE 1\rLINE 2\r"))
    assert called.pages[0].text == "LINE 1\nLINE 2"


def test_transaction_that_never_ends_is_refused() -> None:
    called = Called().logged_on()
    answers = [called.hears(block(b"x" * 250, ETB))[:3] for _ in range(MAX_MESSAGE // 250 + 1)]
    assert answers[-1] == b"513"
    assert len(called.core._message) == 0


def test_characters_outside_a_block_are_complained_about_once() -> None:
    called = Called().logged_on()
    assert called.hears(b"2001\r").startswith(b"502 ")
    assert called.hears(b"FIRE 3\r\x03" + b"25;\r\r\n") == b""
    assert called.hears(FIRE) == ACCEPTED
    assert called.hears(EOT) == GOODBYE


def test_block_that_begins_again_counts_from_there() -> None:
    called = Called().logged_on()
    assert called.hears(FIRE[:7] + FIRE) == ACCEPTED


@pytest.mark.parametrize(
    ("fault", "answer", "taken"),
    [
        ("nak", b"514", 0),
        ("rs", b"511", 0),
        ("hangup", b"501", 0),
        ("drop", b"", 1),
        ("late", b"", 1),
        ("garble", b"211", 1),
    ],
)
def test_fault_happens_once_and_then_all_is_well(fault: str, answer: bytes, taken: int) -> None:
    called = Called(t4=30).logged_on()
    called.faults.plan(fault)
    assert called.hears(FIRE)[:3] == answer
    assert len(called.pages) == taken
    if fault == "hangup":
        called.logged_on()
    assert called.hears(FIRE) == ACCEPTED


def test_garbled_answer_has_no_control_byte() -> None:
    called = Called().logged_on()
    called.faults.plan("garble")
    assert called.hears(FIRE) == b"211 Page accepted\r#\r"


def test_late_answer_comes_after_late_by() -> None:
    called = Called(late_by=12, t4=30).logged_on()
    called.faults.plan("late")
    assert called.hears(FIRE) + called.waits(11.9) == b""
    assert called.waits(0.1) == ACCEPTED


def test_dead_terminal_says_nothing_until_it_is_repaired() -> None:
    called = Called().logged_on()
    called.faults.plan("dead")
    assert called.hears(FIRE) + called.waits(60) + called.hears(b"\r") == b""
    called.faults.repair("dead")
    assert called.logged_on().hears(FIRE) == ACCEPTED


def test_terminal_without_codes_sends_control_bytes_only() -> None:
    called = Called(codes=False)
    assert called.hears(b"\r" + LOGON + FIRE + EOT) == ASKED + b"\r\x06\r" + GO_AHEAD + b"\r\x06\r" + b"\r\x1b\x04\r"


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=300) | st.sampled_from([b"\r", LOGON, FIRE, EOT, b"\x02"]), max_size=10))
def test_any_bytes_are_survived_in_bounded_memory(pieces: list[bytes]) -> None:
    called = Called()
    for piece in pieces:
        called.hears(piece)
        assert len(called.core._input) <= MAX_BLOCK
        assert len(called.core._visitor._line) <= MAX_LOGON
        assert len(called.core._message) <= MAX_MESSAGE
    called.hears(b"\r")
    called.waits(60)
    called.logged_on()
    assert called.hears(FIRE) == ACCEPTED
