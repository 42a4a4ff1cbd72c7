"""The control station polls: stations in their turn, their status blocks, and those that are silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drivers.espa444.protocol import BlockReceived, LinkRestored, LinkSilent, NakReason
from tests.drivers.espa444.conversation import (
    ACK,
    EOT,
    FIRE,
    FIRE_BLOCK,
    NAK,
    OPENING,
    POLL,
    SELF_POLL,
    STATUS,
    control,
)
from tests.drivers.espa444.vectors import FRAMES

if TYPE_CHECKING:
    from drivers.espa444.protocol import Event


def test_stations_are_polled_in_turn() -> None:
    line = control("2", "4", poll_interval=1)
    assert line.waits(0) == EOT + b"2\x05"
    line.hears(EOT)
    assert line.waits(0.5) == EOT + b"4\x05"
    line.hears(EOT)
    assert line.waits(0.5) == EOT + b"2\x05"


def test_call_waits_for_the_end_of_a_poll() -> None:
    line = control(poll_interval=1)
    line.waits(0)
    assert line.calls(FIRE_BLOCK) == b""
    assert line.hears(EOT) == OPENING


def test_call_is_made_although_the_polled_station_is_silent() -> None:
    line = control(poll_interval=1)
    line.waits(0)
    line.calls(FIRE_BLOCK)
    assert line.waits(2.1) == EOT + OPENING


def test_status_of_a_polled_station_is_acknowledged_once_the_driver_accepts() -> None:
    line = control(poll_interval=1)
    assert line.waits(0) == EOT + POLL
    assert line.hears(SELF_POLL) == ACK
    assert line.hears(STATUS) == b""
    assert line.event(BlockReceived) == [BlockReceived(FRAMES["E10"][1], "2")]
    assert line.accepts() == ACK
    assert line.hears(EOT) == b""
    assert line.waits(1) == EOT + POLL


def test_select_of_a_polled_station_is_answered_again_when_the_answer_was_lost() -> None:
    line = control(poll_interval=1)
    line.waits(0)
    assert line.hears(SELF_POLL) == ACK
    assert line.hears(SELF_POLL) == ACK


def test_a_digit_after_a_refusal_does_not_spoil_the_next_address() -> None:
    line = control(poll_interval=1)
    line.waits(0)
    line.hears(b"\x152")
    line.waits(1)
    assert line.hears(SELF_POLL) == ACK


def test_status_may_be_refused_and_comes_again() -> None:
    line = control(poll_interval=1)
    line.waits(0)
    line.hears(SELF_POLL + STATUS)
    assert line.rejects(NakReason.BUSY) == b"2\x15"


def test_half_a_status_is_asked_for_again_and_half_a_block_of_nobody_is_not() -> None:
    line = control(poll_interval=1)
    line.waits(0)
    line.hears(SELF_POLL + STATUS[:10])
    assert line.waits(3.1) == b"1\x15"
    quiet = control()
    quiet.hears(STATUS[:10])
    assert quiet.waits(3.1) == b""


def test_status_without_a_select_is_taken_from_the_polled_station() -> None:
    line = control(poll_interval=1)
    line.waits(0)
    line.hears(STATUS)
    assert len(line.event(BlockReceived)) == 1
    assert line.accepts() == ACK


@pytest.mark.parametrize("answer", [ACK, NAK, b"2\x15"])
def test_odd_answer_to_a_poll_ends_the_turn(answer: bytes) -> None:
    line = control(poll_interval=1)
    line.waits(0)
    assert line.hears(answer) == EOT


def test_line_is_taken_back_from_a_station_that_stalls_for_ten_seconds() -> None:
    line = control(poll_interval=1)
    line.waits(0)
    assert line.hears(SELF_POLL) == ACK
    assert line.waits(9.9) == b""
    assert line.waits(0.2) == EOT


def test_calls_go_out_although_a_status_cannot_be_recorded() -> None:
    line = control(poll_interval=1)
    line.waits(0)
    line.hears(SELF_POLL + STATUS)
    line.calls(FIRE_BLOCK)
    assert line.waits(10.1) == EOT + OPENING
    assert line.accepts() == b""


def test_the_same_block_of_another_station_is_another_block_although_the_first_was_never_answered() -> None:
    line = control("2", "4", poll_interval=1)
    line.waits(0)
    line.hears(SELF_POLL + FIRE)
    assert line.waits(10.1) == EOT  # the decision took too long
    line.accepts()
    assert line.waits(0.6) == EOT + b"4\x05"
    assert line.hears(SELF_POLL + FIRE) == ACK
    assert line.event(BlockReceived) == [BlockReceived(FIRE_BLOCK, "2"), BlockReceived(FIRE_BLOCK, "4")]


def test_each_station_is_missed_and_welcomed_by_itself() -> None:
    line = control("2", "4", poll_interval=1)
    seen: list[Event] = []
    said = line.waits(0)
    for _ in range(50):
        if said.endswith(POLL):
            line.hears(EOT)
        said = line.waits(1)
        seen += line.events()
    assert seen == [LinkRestored("2"), LinkSilent("4")]


def test_station_that_leaves_its_polls_unanswered_is_asked_less_often() -> None:
    line = control("2", "4", poll_interval=1, absent_interval=10)
    asked = []
    said = line.waits(0)
    for _ in range(60):
        asked.append(said)
        if said.endswith(POLL):
            line.hears(EOT)
        said = line.waits(0.5)
    polls = b"".join(asked[30:])
    assert polls.count(b"4\x05") in (1, 2)
    assert polls.count(POLL) > 15
