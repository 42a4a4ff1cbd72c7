import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.espa444.outbox import MAX_WAITING
from drivers.espa444.protocol import (
    Block,
    BlockReceived,
    BlockRefused,
    Config,
    LinkRestored,
    LinkSilent,
    NakReason,
    Neglected,
    Noise,
    PolledStation,
    SelfPoll,
)
from gatewayd.errors import LocalProtocolError
from tests.drivers.espa444.conversation import (
    ACK,
    EOT,
    NAK,
    OPENING,
    POLL,
    SELECT,
    SELF_POLL,
    Conversation,
    paging,
)
from tests.drivers.espa444.vectors import FRAMES, TRAPS, frame, trap

FIRE = frame("E7")
STATUS = frame("E10")
STATUS_BLOCK = FRAMES["E10"][1]


def selected(self_poll: SelfPoll = SelfPoll.STRICT) -> Conversation[PolledStation]:
    line = paging(self_poll)
    assert line.hears(OPENING) == ACK
    return line


# --- poll or select ---------------------------------------------------------------------------------------------------


def test_idle_poll_is_answered_by_eot() -> None:
    line = paging()
    assert line.hears(EOT + POLL) == EOT
    assert line.hears(EOT + POLL) == EOT


def test_our_own_eot_makes_the_next_enquiry_a_poll_too() -> None:
    line = paging()
    assert line.hears(EOT + POLL) == EOT
    assert line.hears(POLL) == EOT


def test_enquiry_after_the_self_poll_is_a_select() -> None:
    line = paging()
    assert line.hears(EOT) == b""
    assert line.hears(SELF_POLL) == b""
    assert line.hears(POLL) == ACK


def test_select_is_answered_again_when_the_answer_was_lost() -> None:
    assert selected().hears(POLL) == ACK


def test_other_stations_are_left_alone() -> None:
    line = paging()
    assert line.hears(EOT + b"3\x05") == b""
    assert line.hears(b"1\x05" + ACK + frame("E10") + EOT) == b""
    assert line.hears(EOT + SELF_POLL + b"3\x05" + FIRE) == b""
    assert not line.event(BlockReceived)


def test_a_station_that_was_polled_may_select_us() -> None:
    assert paging().hears(EOT + b"3\x05" + POLL) == ACK


@pytest.mark.parametrize(("polled", "sender"), [("3", "3"), ("1", "1"), ("9", "1")])
def test_block_is_from_the_station_that_was_polled(polled: str, sender: str) -> None:
    line = Conversation(PolledStation(Config("2", ("1", "3"), silent_after=None, char_time=0), 0.0))
    assert line.hears(EOT + polled.encode() + b"\x05" + POLL) == ACK
    line.hears(FIRE)
    assert line.event(BlockReceived) == [BlockReceived(FRAMES["E7"][1], sender)]


def test_strict_takes_no_block_after_a_poll() -> None:
    line = paging(SelfPoll.STRICT)
    assert line.hears(EOT + POLL) == EOT
    assert line.hears(FIRE) == b""
    assert not line.event(BlockReceived)


def test_optional_still_tells_polls_from_selects_by_the_self_poll() -> None:
    line = paging(SelfPoll.OPTIONAL)
    assert line.hears(EOT + POLL) == EOT
    assert line.hears(EOT + POLL) == EOT
    assert line.hears(OPENING) == ACK


def test_optional_takes_an_enquiry_without_an_eot_of_the_panel_as_a_select() -> None:
    line = paging(SelfPoll.OPTIONAL)
    assert line.hears(EOT + POLL) == EOT
    assert line.hears(POLL) == ACK


def test_optional_takes_a_block_that_follows_a_poll_at_once() -> None:
    line = paging(SelfPoll.OPTIONAL)
    assert line.hears(EOT + POLL) == EOT
    assert line.hears(FIRE) == b""
    assert line.event(BlockReceived) == [BlockReceived(FRAMES["E7"][1], "1")]
    assert line.accepts() == ACK


def test_optional_takes_no_block_after_an_eot_of_the_panel() -> None:
    line = paging(SelfPoll.OPTIONAL)
    line.hears(EOT + POLL + EOT + FIRE)
    assert not line.event(BlockReceived)


def test_absent_takes_every_enquiry_as_a_select() -> None:
    line = paging(SelfPoll.ABSENT)
    assert line.hears(POLL) == ACK
    assert line.hears(EOT + POLL) == ACK
    assert line.hears(EOT + b"\x05") == ACK
    assert line.hears(EOT + b"3\x05") == b""


def test_absent_takes_a_block_without_any_enquiry() -> None:
    line = paging(SelfPoll.ABSENT)
    line.hears(FIRE)
    assert line.event(BlockReceived) == [BlockReceived(FRAMES["E7"][1], "1")]
    assert line.accepts() == ACK


# --- calls ------------------------------------------------------------------------------------------------------------


def test_nothing_is_acknowledged_before_the_driver_accepts() -> None:
    line = selected()
    assert line.hears(FIRE) == b""
    assert line.waits(60) == b""
    assert line.event(BlockReceived) == [BlockReceived(FRAMES["E7"][1], "1")]
    assert line.accepts() == ACK
    assert line.hears(EOT) == b""


@pytest.mark.parametrize("text", TRAPS)
def test_call_whose_check_character_is_a_control_code_gets_one_answer(text: str) -> None:
    line = selected()
    assert line.hears(trap(text)) == b""
    assert len(line.event(BlockReceived)) == 1
    assert line.accepts() == ACK


def test_several_calls_fit_into_one_turn() -> None:
    line = selected()
    for name in ("E7", "E8", "E4"):
        line.hears(frame(name))
        assert line.event(BlockReceived) == [BlockReceived(FRAMES[name][1], "1")]
        assert line.accepts() == ACK


@pytest.mark.parametrize("reason", NakReason)
def test_refusals_carry_their_reason(reason: NakReason) -> None:
    line = selected()
    line.hears(FIRE)
    assert line.rejects(reason) == reason.value.encode() + NAK


def test_damaged_block_is_refused_as_a_transmission_error_and_may_come_again() -> None:
    line = selected()
    assert line.hears(FIRE[:-1] + b"\x00") == b"1\x15"
    assert line.events() == [LinkRestored("1"), BlockRefused(NakReason.TRANSMISSION, "damaged on the way")]
    assert line.hears(FIRE) == b""
    assert line.accepts() == ACK


def test_block_without_records_is_refused_as_invalid() -> None:
    line = selected()
    assert line.hears(b"\x011\x02\x030") == b"3\x15"
    assert line.event(BlockRefused) == [BlockRefused(NakReason.INVALID, "a block without records")]


def test_a_decision_that_nobody_asked_for_is_our_own_fault() -> None:
    with pytest.raises(LocalProtocolError):
        paging().accepts()


# --- copies -----------------------------------------------------------------------------------------------------------


def test_copy_of_an_acknowledged_block_is_acknowledged_again_and_not_reported_again() -> None:
    line = selected()
    line.hears(FIRE)
    line.accepts()
    assert line.hears(FIRE) == ACK
    assert len(line.event(BlockReceived)) == 1


def test_the_same_call_in_another_turn_is_a_new_call() -> None:
    line = selected()
    line.hears(FIRE)
    line.accepts()
    line.hears(EOT)
    line.hears(OPENING + FIRE)
    assert len(line.event(BlockReceived)) == 2


def test_the_same_call_after_another_select_is_a_new_call() -> None:
    line = selected()
    line.hears(FIRE)
    line.accepts()
    assert line.hears(POLL + FIRE) == ACK
    assert len(line.event(BlockReceived)) == 2


def test_the_same_call_much_later_in_one_turn_is_a_new_call() -> None:
    line = selected()
    line.hears(FIRE)
    line.accepts()
    for _ in range(3):
        line.waits(4)
        line.hears(FIRE)
    assert len(line.event(BlockReceived)) == 2


def test_a_refused_block_that_comes_again_is_reported_again() -> None:
    line = selected()
    line.hears(FIRE)
    line.rejects(NakReason.BUSY)
    line.hears(FIRE)
    assert len(line.event(BlockReceived)) == 2


def test_copies_that_come_while_the_first_is_undecided_get_one_answer() -> None:
    line = selected()
    assert line.hears(FIRE + FIRE + FIRE) == b""
    assert len(line.event(BlockReceived)) == 1
    assert line.accepts() == ACK


def test_an_answer_that_nobody_waits_for_is_not_sent() -> None:
    line = selected()
    line.hears(FIRE + EOT)
    assert line.accepts() == b""


def test_another_block_meanwhile_is_told_busy_and_never_gets_the_first_ones_answer() -> None:
    line = selected()
    line.hears(FIRE)
    assert line.hears(frame("E4")) == b"2\x15"
    assert line.accepts() == b""


def test_a_call_recorded_after_the_panel_gave_up_is_acknowledged_when_it_comes_again() -> None:
    line = selected()
    line.hears(FIRE + EOT)
    line.accepts()
    assert line.hears(OPENING) == ACK
    assert line.hears(FIRE) == ACK
    assert len(line.event(BlockReceived)) == 1


def test_a_call_that_comes_again_in_a_new_turn_while_undecided_is_answered_by_the_decision() -> None:
    line = selected()
    line.hears(FIRE + EOT)
    assert line.hears(OPENING + FIRE) == ACK
    assert line.accepts() == ACK
    assert len(line.event(BlockReceived)) == 1


# --- time -------------------------------------------------------------------------------------------------------------


def test_half_a_block_is_asked_for_again_when_it_stops() -> None:
    line = selected()
    line.hears(FIRE[:10])
    assert line.waits(2.9) == b""
    assert line.waits(0.2) == b"1\x15"
    assert line.hears(FIRE) == b""
    assert line.accepts() == ACK


def test_half_a_block_for_somebody_else_is_dropped_in_silence() -> None:
    line = paging()
    line.hears(FIRE[:10])
    assert line.waits(5) == b""
    assert line.hears(OPENING) == ACK


def test_turn_that_nobody_ends_is_over_after_the_watchdog() -> None:
    line = selected()
    line.waits(9.9)
    assert line.hears(POLL) == ACK
    line.waits(10.1)
    assert line.hears(POLL) == EOT


def test_a_block_that_takes_longer_than_the_watchdog_is_still_taken() -> None:
    line = selected()
    for byte in FIRE:
        assert line.hears(bytes((byte,))) == b""
        line.waits(1)
    assert len(line.event(BlockReceived)) == 1
    assert line.accepts() == ACK


def test_silence_is_told_once_and_so_is_its_end() -> None:
    line = paging(silent_after=120)
    line.hears(EOT)
    assert line.events() == [LinkRestored("1")]
    line.waits(60)
    line.hears(EOT)
    line.waits(119)
    assert line.events() == []
    line.waits(500)
    assert line.events() == [LinkSilent("1")]
    line.hears(EOT + POLL)
    assert line.events() == [LinkRestored("1")]
    line.waits(121)
    assert line.events() == [LinkSilent("1")]


def test_noise_is_no_sign_of_life() -> None:
    line = paging(silent_after=120)
    line.waits(119)
    line.hears(b"\xff\x00\xff")
    line.waits(2)
    assert line.events() == [Noise(3), LinkSilent("1")]


def test_panel_that_asks_for_others_and_never_for_us_is_noticed_once() -> None:
    line = paging(silent_after=30)
    for _ in range(40):
        line.hears(EOT + b"3\x05" + EOT)
        line.waits(1)
    assert line.event(Neglected) == [Neglected("3")]
    line.hears(EOT + POLL)
    assert line.event(Neglected) == [Neglected("")]


def test_panel_that_asks_for_us_as_well_or_for_nobody_neglects_nobody() -> None:
    line = paging(silent_after=30)
    for _ in range(3):
        line.waits(25)
        line.hears(EOT + b"3\x05" + EOT + POLL)
    for _ in range(40):
        line.hears(EOT + SELF_POLL)
        line.waits(1)
    assert line.event(Neglected) == []


# --- status blocks ----------------------------------------------------------------------------------------------------


def polled_with_status() -> Conversation[PolledStation]:
    line = paging()
    line.station.queue_status(STATUS_BLOCK, line.now)
    assert line.hears(EOT + POLL) == SELF_POLL
    return line


def waiting(line: Conversation[PolledStation]) -> int:
    return line.station.waiting_status


def test_status_is_returned_when_the_panel_polls() -> None:
    line = polled_with_status()
    assert line.hears(ACK) == STATUS
    assert line.hears(ACK) == EOT
    assert waiting(line) == 0
    assert line.hears(EOT + POLL) == EOT


def test_calls_are_taken_while_status_waits() -> None:
    line = paging()
    line.station.queue_status(STATUS_BLOCK, line.now)
    assert line.hears(OPENING) == ACK
    line.hears(FIRE)
    assert line.accepts() == ACK
    assert waiting(line) == 1


@pytest.mark.parametrize("answer", [b"1\x15", b"\x15"])
def test_status_is_transmitted_twice_more_and_then_kept(answer: bytes) -> None:
    line = polled_with_status()
    assert line.hears(ACK) == STATUS
    assert line.hears(answer) == STATUS
    assert line.hears(answer) == STATUS
    assert line.hears(answer) == EOT
    assert waiting(line) == 1


def test_status_that_is_not_understood_is_dropped() -> None:
    line = polled_with_status()
    line.hears(ACK)
    assert line.hears(b"3\x15") == EOT
    assert waiting(line) == 0


@pytest.mark.parametrize("answer", [b"2\x15", EOT])
def test_status_is_kept_when_the_panel_is_busy_or_takes_the_line_back(answer: bytes) -> None:
    line = polled_with_status()
    line.hears(ACK)
    line.hears(answer)
    assert waiting(line) == 1
    assert line.hears(EOT + POLL) == SELF_POLL


def test_status_is_kept_when_the_panel_refuses_or_ignores_the_select() -> None:
    line = polled_with_status()
    assert line.hears(b"2\x15") == EOT
    assert line.hears(EOT + POLL) == SELF_POLL
    assert line.waits(2.1) == EOT
    assert waiting(line) == 1


def test_status_that_is_not_answered_is_transmitted_again() -> None:
    line = polled_with_status()
    line.hears(ACK)
    assert line.waits(4.1) == STATUS + STATUS
    assert line.waits(2) == EOT
    assert waiting(line) == 1


def test_panel_that_polls_again_without_eot_is_answered() -> None:
    assert polled_with_status().hears(POLL) == SELF_POLL
    assert polled_with_status().hears(SELECT) == ACK


def test_panel_that_polls_again_while_our_block_is_under_way_is_answered() -> None:
    line = polled_with_status()
    line.hears(ACK)
    assert line.hears(POLL) == SELF_POLL
    assert waiting(line) == 1


def test_acknowledgement_never_removes_a_block_that_was_not_sent() -> None:
    line = polled_with_status()
    line.hears(ACK)
    for number in range(MAX_WAITING):
        line.station.queue_status(Block.of("2", {"1": str(number), "7": "3"}), line.now)
    assert b"1\x1f0\x1e" in line.hears(ACK)
    assert waiting(line) == MAX_WAITING


def test_status_for_a_panel_that_never_polls_is_bounded_and_the_newest_stay() -> None:
    line = paging()
    for number in range(MAX_WAITING + 5):
        line.station.queue_status(Block.of("2", {"1": str(number), "7": "3"}), line.now)
    assert waiting(line) == MAX_WAITING
    line.hears(EOT + POLL)
    assert b"1\x1f5\x1e" in line.hears(ACK)


# --- garbage ----------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=200), st.sampled_from(list(SelfPoll)))
@settings(max_examples=200)
def test_after_any_noise_and_a_pause_the_next_call_is_understood(noise: bytes, mode: SelfPoll) -> None:
    line = paging(mode)
    line.hears(noise)
    if line.event(BlockReceived):
        line.accepts()
    line.waits(15)
    assert line.hears(OPENING)[-1:] == ACK
    line.hears(FIRE)
    assert line.event(BlockReceived) == [BlockReceived(FRAMES["E7"][1], "1")]
    assert line.accepts() == ACK


def test_ten_kilobytes_of_noise_leave_nothing_behind() -> None:
    line = paging()
    for start in range(10):
        line.hears(bytes((start * 7 + index * index) % 256 for index in range(1000)))
        line.hears(b"\x01" + b"x" * 1000)
        assert len(line.events()) < 200
    assert line.hears(EOT + OPENING) == ACK
