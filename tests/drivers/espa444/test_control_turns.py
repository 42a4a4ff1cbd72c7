"""How the control station opens and ends a turn: other ways to select, several blocks a turn, a pause after EOT."""

from __future__ import annotations

from drivers.espa444.protocol import (
    Bcc,
    Block,
    BlockEnded,
    Config,
    ControlStation,
    Ending,
    Hint,
    Select,
    SelfPoll,
    Suspicion,
)
from tests.drivers.espa444.conversation import (
    ACK,
    EOT,
    FIRE,
    FIRE_BLOCK,
    OPENING,
    POLL,
    SELECT,
    SELF_POLL,
    STATUS,
    STATUS_BLOCK,
    Conversation,
    calling,
    control,
    ending,
)

# --- other ways to select ---------------------------------------------------------------------------------------------


def test_select_may_do_without_an_address() -> None:
    line = control(self_poll=SelfPoll.ABSENT, select=Select.BARE)
    assert line.calls(FIRE_BLOCK) == EOT + b"\x05"
    assert line.hears(ACK) == FIRE


def test_block_may_go_out_without_a_select_and_is_repeated_when_it_is_not_answered() -> None:
    line = control(self_poll=SelfPoll.ABSENT, select=Select.NONE)
    assert line.calls(FIRE_BLOCK) == EOT + FIRE
    assert line.waits(2.1) == FIRE
    assert line.hears(ACK) == EOT
    assert ending(line) is Ending.TAKEN


def test_block_goes_out_without_a_check_character_where_there_is_none() -> None:
    line = control(bcc=Bcc.NONE)
    line.calls(FIRE_BLOCK)
    assert line.hears(ACK) == FIRE[:-1]


def test_station_that_acknowledges_the_self_poll_too_is_found_out_by_its_third_ack() -> None:
    line = calling()
    assert line.hears(ACK + ACK) == FIRE + EOT  # nothing tells the second one from an answer to the block
    assert line.event(Suspicion) == []
    line.hears(ACK)
    assert line.event(Suspicion) == [Suspicion(Hint.SELF_POLL_ANSWERED)]


def test_stray_ack_at_another_time_is_nothing_to_wonder_about() -> None:
    line = control()
    line.hears(ACK)
    line.calls(FIRE_BLOCK)
    line.hears(ACK)
    line.hears(ACK)
    line.waits(3)
    line.hears(ACK)
    assert line.event(Suspicion) == []


# --- several blocks a turn --------------------------------------------------------------------------------------------

NEXT_BLOCK = Block.of("1", {"1": "7"})
NEXT = NEXT_BLOCK.to_bytes()


def holding(**options: object) -> Conversation[ControlStation]:
    """Return a control station whose block was taken, and which holds the turn."""
    line = calling(hold_turn=0.01, **options)
    line.hears(ACK)
    assert line.hears(ACK) == b""
    assert ending(line) is Ending.TAKEN
    return line


def test_held_turn_ends_by_itself() -> None:
    line = holding()
    assert line.waits(0.009) == b""
    assert line.waits(0.002) == EOT


def test_next_call_follows_without_a_select_while_the_turn_is_held() -> None:
    line = holding()
    assert line.calls(NEXT_BLOCK) == NEXT
    assert line.hears(ACK) == b""
    assert line.waits(0.02) == EOT
    assert ending(line) is Ending.TAKEN


def test_status_that_waits_follows_too() -> None:
    line = calling(hold_turn=0.01)
    line.station.queue_status(STATUS_BLOCK, line.now)
    line.hears(ACK)
    assert line.hears(ACK) == STATUS


def test_call_for_another_station_has_a_turn_of_its_own() -> None:
    line = Conversation(ControlStation(Config("1", ("2", "4"), poll_interval=0, char_time=0, hold_turn=0.01), 0.0))
    line.calls(FIRE_BLOCK)
    line.hears(ACK)
    line.hears(ACK)
    line.station.send_call(NEXT_BLOCK, line.now, "4")
    assert line.station.data_to_send() == EOT + EOT + SELF_POLL + b"4\x05"


def test_station_that_does_not_answer_a_second_block_is_selected_for_it_and_ever_after() -> None:
    line = holding()
    line.calls(NEXT_BLOCK)
    assert line.waits(2.1) == OPENING
    assert line.hears(ACK) == NEXT
    assert line.waits(2.1) == NEXT
    assert line.hears(ACK) == EOT
    assert ending(line) is Ending.TAKEN


def test_station_that_ends_the_turn_itself_is_selected_at_once() -> None:
    line = holding()
    line.calls(NEXT_BLOCK)
    assert line.hears(EOT) == OPENING
    assert line.hears(ACK) == NEXT
    assert line.hears(ACK) == EOT
    other = holding()
    assert other.hears(EOT) == EOT
    assert other.calls(NEXT_BLOCK) == OPENING


def test_second_block_that_is_damaged_is_transmitted_again() -> None:
    line = holding()
    line.calls(NEXT_BLOCK)
    assert line.hears(b"1\x15") == NEXT
    line.hears(ACK)
    assert ending(line) is Ending.TAKEN


def test_second_call_that_is_taken_back_is_not_repeated() -> None:
    line = holding()
    line.calls(NEXT_BLOCK)
    line.station.cancel_call()
    assert line.hears(ACK) == EOT
    assert not line.event(BlockEnded)


# --- a pause after EOT ------------------------------------------------------------------------------------------------


def test_enquiries_keep_their_distance_from_the_eot_before_them() -> None:
    line = control(eot_pause=0.5, poll_interval=1)
    assert line.waits(0) == EOT
    assert line.hears(EOT) == b""  # some answer it
    assert line.waits(0.4) == b""
    assert line.waits(0.2) == POLL
    line.calls(FIRE_BLOCK)
    assert line.hears(EOT) == EOT
    assert line.waits(0.4) == b""
    assert line.waits(0.2) == SELECT
    assert line.hears(ACK) == FIRE
    assert line.hears(ACK) == EOT
    assert ending(line) is Ending.TAKEN


def test_answer_to_the_eot_is_no_sign_that_the_polled_station_lives() -> None:
    line = control("2", "4", eot_pause=0.5, poll_interval=1)
    line.waits(0)
    line.hears(EOT)
    assert line.events() == []


def test_call_that_is_taken_back_in_the_pause_leaves_nothing_on_the_line() -> None:
    line = control(eot_pause=0.5)
    assert line.calls(FIRE_BLOCK) == EOT
    line.station.cancel_call()
    assert line.waits(60) == EOT
    assert line.calls(FIRE_BLOCK) == EOT
    assert line.waits(0.6) == SELECT
