"""The control station calls: the sequence, refusals, silence, calls that are taken back, noise, slow lines."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.espa444.protocol import Block, BlockEnded, BlockReceived, Ending, SelfPoll
from gatewayd.errors import LocalProtocolError
from tests.drivers.espa444.conversation import (
    ACK,
    EOT,
    FIRE,
    FIRE_BLOCK,
    NAK,
    OPENING,
    POLL,
    SELF_POLL,
    calling,
    control,
    ending,
    ready,
)

# --- calls ------------------------------------------------------------------------------------------------------------


def test_call_follows_the_sequence_of_the_specification() -> None:
    line = control()
    assert line.calls(FIRE_BLOCK) == OPENING
    assert line.hears(ACK) == FIRE
    assert line.hears(ACK) == EOT
    assert ending(line) is Ending.TAKEN


def test_call_to_a_panel_that_knows_no_self_poll_selects_at_once() -> None:
    assert control(self_poll=SelfPoll.ABSENT).calls(FIRE_BLOCK) == EOT + POLL


@pytest.mark.parametrize("answer", [b"2\x15", NAK, b"1\x15", b"3\x15"])
def test_refused_select_ends_the_turn_as_busy(answer: bytes) -> None:
    line = calling()
    assert line.hears(answer) == EOT
    assert ending(line) is Ending.BUSY


@pytest.mark.parametrize("answer", [b"1\x15", NAK, b"7\x15"])
def test_damaged_block_is_transmitted_twice_more(answer: bytes) -> None:
    line = ready()
    assert line.hears(answer) == FIRE
    assert line.hears(answer) == FIRE
    assert line.hears(answer) == EOT
    assert ending(line) is Ending.GARBLED


def test_damaged_block_that_arrives_the_second_time_is_taken() -> None:
    line = ready()
    assert line.hears(b"1\x15") == FIRE
    assert line.hears(ACK) == EOT
    assert ending(line) is Ending.TAKEN


def test_block_that_is_not_understood_is_not_repeated() -> None:
    line = ready()
    assert line.hears(b"3\x15") == EOT
    assert ending(line) is Ending.INVALID


def test_block_that_is_refused_as_busy_is_not_repeated_in_this_turn() -> None:
    line = ready()
    assert line.hears(b"2\x15") == EOT
    assert ending(line) is Ending.BUSY


def test_unanswered_select_is_repeated_and_then_the_block_was_never_sent() -> None:
    line = calling()
    assert line.waits(2.1) == OPENING
    assert line.waits(2) == OPENING
    assert line.waits(2) == EOT
    assert ending(line) is Ending.NOT_READY


def test_select_that_is_answered_eot_is_explained_to_the_installer() -> None:
    line = calling()
    line.hears(EOT)
    line.waits(7)
    (event,) = line.event(BlockEnded)
    assert isinstance(event, BlockEnded)
    assert "self_poll" in event.detail


def test_block_without_any_answer_may_have_been_taken() -> None:
    line = ready()
    assert line.waits(2.1) == FIRE
    assert line.waits(2) == FIRE
    assert line.waits(2) == EOT
    assert ending(line) is Ending.UNANSWERED


def test_block_that_was_once_not_answered_and_then_refused_as_damaged_may_have_been_taken() -> None:
    line = ready()
    assert line.waits(2.1) == FIRE
    assert line.hears(b"1\x15") == FIRE
    assert line.hears(b"1\x15") == EOT
    assert ending(line) is Ending.UNANSWERED


def test_a_stray_eot_of_the_station_does_no_harm() -> None:
    line = ready()
    line.hears(ACK)
    line.calls(FIRE_BLOCK)
    assert line.hears(EOT) == b""
    assert line.hears(ACK) == FIRE


def test_time_for_an_answer_begins_when_a_slow_line_has_sent_the_block() -> None:
    line = calling(char_time=11 / 300)
    line.hears(ACK)
    wire_time = (len(OPENING) + len(FIRE)) * 11 / 300
    assert line.waits(wire_time + 1.9) == b""
    assert line.waits(0.2) == FIRE


def test_one_call_at_a_time() -> None:
    with pytest.raises(LocalProtocolError):
        calling().calls(FIRE_BLOCK)


# --- taken back -------------------------------------------------------------------------------------------------------


def test_call_that_is_taken_back_before_its_turn_leaves_no_trace() -> None:
    line = control(poll_interval=1)
    assert line.waits(0) == EOT + POLL
    assert line.calls(FIRE_BLOCK) == b""
    line.station.cancel_call()
    assert line.hears(EOT) == b""
    assert not line.event(BlockEnded)


def test_call_that_is_taken_back_after_the_select_is_not_transmitted() -> None:
    line = calling()
    line.station.cancel_call()
    assert line.hears(ACK) == EOT
    assert line.waits(60) == b""
    assert not line.event(BlockEnded)


@pytest.mark.parametrize("answer", [ACK, b"1\x15", b"2\x15"])
def test_call_that_is_taken_back_after_the_block_is_not_repeated(answer: bytes) -> None:
    line = ready()
    line.station.cancel_call()
    assert line.hears(answer) == EOT
    assert line.waits(60) == b""
    assert not line.event(BlockEnded)


def test_turn_of_a_call_that_was_taken_back_ends_even_without_an_answer() -> None:
    line = ready()
    line.station.cancel_call()
    assert line.waits(60) == EOT


def test_next_call_waits_for_the_late_answer_to_the_one_that_was_taken_back() -> None:
    line = ready()
    line.station.cancel_call()
    assert line.calls(Block.of("1", {"1": "7"})) == b""
    assert line.hears(ACK) == EOT + OPENING
    assert line.hears(ACK) == Block.of("1", {"1": "7"}).to_bytes()


# --- slow lines -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("baudrate", [300, 1_200, 2_400, 9_600])
def test_what_a_character_takes_is_added_to_every_timeout(baudrate: int) -> None:
    line = calling(char_time=11 / baudrate)
    opening = len(OPENING) * 11 / baudrate
    assert line.waits(opening + 1.9) == b""
    assert line.hears(ACK) == FIRE
    block, answer = len(FIRE) * 11 / baudrate, len(SELF_POLL) * 11 / baudrate
    assert line.waits(block + answer + 1.999) == b""
    assert line.waits(0.002) == FIRE


@given(st.binary(max_size=200))
@settings(max_examples=150)
def test_after_any_noise_the_next_call_can_be_made(noise: bytes) -> None:
    line = control(poll_interval=1)
    line.waits(0)
    line.hears(noise)
    if line.event(BlockReceived):
        line.accepts()
    line.waits(15)
    line.hears(EOT)
    assert line.calls(FIRE_BLOCK).endswith(OPENING) or line.hears(EOT).endswith(OPENING)
    assert line.hears(ACK) == FIRE
    assert line.hears(ACK) == EOT
    assert ending(line) is Ending.TAKEN
