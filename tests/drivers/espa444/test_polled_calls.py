"""Calls of a station that has to wait until it is polled."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.espa444.protocol import Block, BlockEnded, Ending, PolledStation
from gatewayd.errors import LocalProtocolError
from tests.drivers.espa444.conversation import ACK, EOT, NAK, OPENING, POLL, SELF_POLL, Conversation, paging
from tests.drivers.espa444.vectors import FRAMES, frame

FIRE_BLOCK = FRAMES["E7"][1]
FIRE = frame("E7")
STATUS_BLOCK = FRAMES["E10"][1]
STATUS = frame("E10")
ASKED = EOT + POLL


def calling() -> Conversation[PolledStation]:
    line = paging()
    line.station.send_call(FIRE_BLOCK, line.now)
    assert line.station.data_to_send() == b""
    return line


def ending(line: Conversation[PolledStation]) -> list[Ending]:
    return [event.ending for event in line.event(BlockEnded) if isinstance(event, BlockEnded)]


def test_call_goes_out_when_the_control_station_polls() -> None:
    line = calling()
    assert line.hears(ASKED) == SELF_POLL
    assert line.hears(ACK) == FIRE
    assert line.hears(ACK) == EOT
    assert ending(line) == [Ending.TAKEN]


def test_call_goes_before_status_and_both_fit_into_one_turn() -> None:
    line = paging()
    line.station.queue_status(STATUS_BLOCK, line.now)
    line.station.send_call(FIRE_BLOCK, line.now)
    line.hears(ASKED)
    assert line.hears(ACK) == FIRE
    assert line.hears(ACK) == STATUS
    assert line.hears(ACK) == EOT
    assert ending(line) == [Ending.TAKEN, Ending.TAKEN]


def test_one_call_at_a_time() -> None:
    line = calling()
    with pytest.raises(LocalProtocolError):
        line.station.send_call(FIRE_BLOCK, line.now)


def test_call_that_nobody_polls_for_ends_and_was_never_sent() -> None:
    line = calling()
    assert line.waits(29.9) == b""
    assert ending(line) == []
    line.waits(0.2)
    assert ending(line) == [Ending.NOT_READY]
    assert line.hears(ASKED) == EOT


def test_call_that_is_on_the_line_when_its_time_is_up_comes_to_its_own_end() -> None:
    line = calling()
    line.waits(29.5)
    line.hears(ASKED)
    line.hears(ACK)
    assert line.waits(1) == b""
    assert line.hears(ACK) == EOT
    assert ending(line) == [Ending.TAKEN]


def test_call_that_was_broken_off_and_is_never_polled_for_again_ends_too() -> None:
    line = calling()
    line.waits(29.5)
    line.hears(ASKED)
    line.waits(1)
    line.hears(EOT)
    line.waits(15)
    assert ending(line) == [Ending.NOT_READY]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(b"2\x15", Ending.BUSY), (b"3\x15", Ending.INVALID)],
)
def test_refused_call_ends_for_its_reason(answer: bytes, expected: Ending) -> None:
    line = calling()
    line.hears(ASKED + ACK)
    assert line.hears(answer) == EOT
    assert ending(line) == [expected]


def test_refused_select_ends_the_call_as_busy() -> None:
    line = calling()
    line.hears(ASKED)
    assert line.hears(NAK) == EOT
    assert ending(line) == [Ending.BUSY]


def test_damaged_call_is_transmitted_twice_more() -> None:
    line = calling()
    line.hears(ASKED + ACK)
    assert line.hears(b"1\x15") == FIRE
    assert line.hears(b"1\x15") == FIRE
    assert line.hears(b"1\x15") == EOT
    assert ending(line) == [Ending.GARBLED]


def test_unanswered_call_may_have_been_taken() -> None:
    line = calling()
    line.hears(ASKED + ACK)
    assert line.waits(6.5) == FIRE + FIRE + EOT
    assert ending(line) == [Ending.UNANSWERED]


def test_call_is_offered_again_at_the_next_poll_when_its_select_was_not_answered() -> None:
    line = calling()
    for _ in range(2):
        assert line.hears(ASKED) == SELF_POLL
        assert line.waits(2.1) == EOT
    assert ending(line) == []
    assert line.hears(ASKED) == SELF_POLL
    line.waits(2.1)
    assert ending(line) == [Ending.NOT_READY]


def test_call_whose_turn_the_control_station_ends_is_made_in_the_next_one() -> None:
    line = calling()
    line.hears(ASKED + ACK)
    assert line.hears(EOT + POLL) == SELF_POLL
    assert line.hears(ACK) == FIRE
    assert line.hears(ACK) == EOT
    assert ending(line) == [Ending.TAKEN]


def test_call_whose_turn_is_always_ended_may_have_been_taken() -> None:
    line = calling()
    for _ in range(3):
        assert line.hears(ASKED) == SELF_POLL
        assert line.hears(ACK) == FIRE
        line.hears(EOT)
    assert ending(line) == [Ending.UNANSWERED]
    assert line.hears(ASKED) == EOT


def test_calls_of_the_control_station_are_taken_while_ours_waits() -> None:
    line = calling()
    assert line.hears(OPENING) == ACK
    line.hears(frame("E4"))
    assert line.accepts() == ACK
    assert line.hears(ASKED) == SELF_POLL


# --- taken back -------------------------------------------------------------------------------------------------------


def test_call_that_is_taken_back_before_the_poll_leaves_no_trace() -> None:
    line = calling()
    line.station.cancel_call()
    assert line.hears(ASKED) == EOT
    assert ending(line) == []


@pytest.mark.parametrize("answer", [ACK, NAK, b"1\x15"])
@pytest.mark.parametrize("ready", [False, True])
def test_call_that_is_taken_back_on_the_line_is_not_repeated(answer: bytes, ready: bool) -> None:  # noqa: FBT001
    line = calling()
    line.hears(ASKED + (ACK if ready else b""))
    line.station.cancel_call()
    assert line.hears(answer) == EOT
    assert line.waits(60) == b""
    assert ending(line) == []


def test_turn_of_a_call_that_was_taken_back_ends_even_without_an_answer() -> None:
    line = calling()
    line.hears(ASKED + ACK)
    line.station.cancel_call()
    assert line.waits(60) == EOT
    line.station.send_call(STATUS_BLOCK, line.now)
    assert line.hears(ASKED) == SELF_POLL


@given(st.binary(max_size=200))
@settings(max_examples=100)
def test_after_any_noise_the_call_can_be_made(noise: bytes) -> None:
    line = paging()
    line.hears(noise)
    line.waits(15)
    if line.station.waiting_status == 0:
        line.events()
    line.station.send_call(Block.of("1", {"1": "7"}), line.now)
    assert line.hears(EOT + EOT + POLL).endswith(SELF_POLL)
    assert line.hears(ACK).endswith(b"\x03" + bytes((0x31 ^ 2 ^ 0x31 ^ 0x1F ^ 0x37 ^ 3,)))
    assert line.hears(ACK) == EOT
    assert Ending.TAKEN in ending(line)
