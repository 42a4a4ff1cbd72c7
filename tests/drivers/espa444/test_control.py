from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.espa444.protocol import (
    Bcc,
    Block,
    BlockEnded,
    BlockReceived,
    Config,
    ControlStation,
    Ending,
    Hint,
    LinkRestored,
    LinkSilent,
    NakReason,
    Select,
    SelfPoll,
    Suspicion,
)
from gatewayd.errors import LocalProtocolError
from tests.drivers.espa444.conversation import ACK, EOT, NAK, OPENING, POLL, SELECT, SELF_POLL, Conversation, control
from tests.drivers.espa444.vectors import FRAMES, frame

if TYPE_CHECKING:
    from drivers.espa444.protocol import Event

FIRE_BLOCK = FRAMES["E7"][1]
FIRE = frame("E7")
STATUS = frame("E10")
STATUS_BLOCK = FRAMES["E10"][1]


def calling(**options: object) -> Conversation[ControlStation]:
    line = control(**options)
    line.calls(FIRE_BLOCK)
    return line


def ready() -> Conversation[ControlStation]:
    """Return a control station whose block is on the line."""
    line = calling()
    assert line.hears(ACK) == FIRE
    return line


def ending(line: Conversation[ControlStation]) -> Ending:
    (event,) = line.event(BlockEnded)
    assert isinstance(event, BlockEnded)
    return event.ending


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


# --- polls ------------------------------------------------------------------------------------------------------------


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


# --- status blocks of ours --------------------------------------------------------------------------------------------


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
