"""Status blocks of the control station: offered again, given up, told."""

from __future__ import annotations

from drivers.espa444.protocol import Block, BlockEnded, Ending
from tests.drivers.espa444.conversation import (
    ACK,
    EOT,
    FIRE,
    FIRE_BLOCK,
    NAK,
    OPENING,
    POLL,
    SELECT,
    SELF_POLL,
    STATUS,
    STATUS_BLOCK,
    control,
)


def test_status_goes_out_by_itself_and_after_a_call() -> None:
    line = control("2", "4", poll_interval=1)
    line.waits(0)
    line.station.queue_status(STATUS_BLOCK, line.now, "4")
    line.station.send_call(FIRE_BLOCK, line.now)
    assert line.hears(EOT) == OPENING
    assert line.hears(ACK) == FIRE
    assert line.hears(ACK) == EOT + EOT + SELF_POLL + b"4\x05"
    assert line.hears(ACK) == STATUS
    assert line.hears(ACK) == EOT
    assert [event.block for event in line.event(BlockEnded) if isinstance(event, BlockEnded)] == [
        FIRE_BLOCK,
        STATUS_BLOCK,
    ]


def test_refused_status_is_offered_again_after_a_pause_in_which_calls_go_out() -> None:
    line = control()
    line.station.queue_status(STATUS_BLOCK, line.now)
    assert line.station.data_to_send() == OPENING
    assert line.hears(b"2\x15") == EOT
    assert line.calls(FIRE_BLOCK) == OPENING
    line.hears(ACK)
    assert line.hears(ACK) == EOT
    assert line.waits(1.1) == OPENING
    line.hears(ACK)
    assert line.hears(ACK) == EOT
    assert line.station.waiting_status == 0


def test_status_that_is_always_refused_is_given_up_after_nine_turns_and_told() -> None:
    line = control()
    line.station.queue_status(STATUS_BLOCK, line.now)
    said = line.station.data_to_send()
    for _ in range(12):
        line.hears(NAK)
        said += line.waits(1.1)
    assert said.count(SELECT) == 9
    (event,) = line.event(BlockEnded)
    assert isinstance(event, BlockEnded)
    assert event.ending is Ending.BUSY


def test_status_for_a_station_that_is_not_there_is_given_up_with_all_others_for_it() -> None:
    line = control("2", "4")
    for address in ("1", "2"):
        line.station.queue_status(Block.of("2", {"1": address, "7": "3"}), line.now, "2")
    line.station.queue_status(STATUS_BLOCK, line.now, "4")
    said = line.waits(30)
    assert said.count(SELF_POLL + POLL) == 9
    assert len(line.event(BlockEnded)) == 2
    assert line.station.waiting_status <= 1
    line.hears(ACK)
    assert line.hears(ACK) == EOT
