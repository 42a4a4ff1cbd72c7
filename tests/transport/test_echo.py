"""The echo of a two-wire bus."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gatewayd.transport.echo import MARGIN, MISSING_LIMIT, Echo

BYTE = 0.001  # seconds


def test_what_we_sent_is_swallowed_and_the_answer_is_heard() -> None:
    echo = Echo(BYTE)
    echo.sent(b"\x05", 0.0)
    assert echo.received(b"\x05", 0.01) == b""
    assert echo.received(b"\x06", 0.02) == b"\x06"
    assert (echo.errors, echo.missing) == (0, 0)


def test_echo_and_answer_may_come_in_one_piece() -> None:
    echo = Echo(BYTE)
    echo.sent(b"hello", 0.0)
    assert echo.received(b"hello\x06more", 0.01) == b"\x06more"


def test_an_answer_that_equals_what_was_sent_is_heard_after_the_echo() -> None:
    echo = Echo(BYTE)
    echo.sent(b"2\x05", 0.0)
    assert echo.received(b"2\x052\x05", 0.01) == b"2\x05"


def test_a_damaged_byte_in_the_echo_is_swallowed_and_counted() -> None:
    echo = Echo(BYTE)
    echo.sent(b"hello", 0.0)
    assert echo.received(b"he#lo!", 0.01) == b"!"
    assert echo.errors == 1


def test_a_damaged_first_byte_is_swallowed_when_the_next_one_is_ours() -> None:
    echo = Echo(BYTE)
    echo.sent(b"hello", 0.0)
    assert echo.received(b"#ello!", 0.01) == b"!"
    assert echo.errors == 1


def test_bytes_lost_at_the_beginning_or_inside_are_counted() -> None:
    echo = Echo(BYTE)
    echo.sent(b"abcdefgh", 0.0)
    assert echo.received(b"cdegh!", 0.01) == b"!"
    assert echo.errors == 3


def test_an_answer_without_any_echo_is_not_taken_for_one() -> None:
    echo = Echo(BYTE)
    echo.sent(b"call", 0.0)
    assert echo.received(b"\x06\r", 0.01) == b"\x06\r"
    assert (echo.errors, echo.missing) == (4, 1)


def test_an_echo_that_does_not_come_in_time_is_given_up() -> None:
    echo = Echo(BYTE)
    echo.sent(b"call", 0.0)
    late = 4 * BYTE + MARGIN
    assert echo.received(b"c", late) == b""
    assert echo.received(b"all", late + 0.001) == b"all"
    assert echo.errors == 3


def test_the_time_for_an_echo_grows_with_what_is_on_the_wire() -> None:
    echo = Echo(1.0)
    echo.sent(b"aaaa", 0.0)
    echo.sent(b"bbbb", 0.0)
    assert echo.received(b"aaaab", 7.9) == b""
    assert echo.received(b"bbb!", 8.4) == b"!"


def test_several_pieces_without_any_echo_mean_that_there_is_none() -> None:
    echo = Echo(BYTE)
    for number in range(MISSING_LIMIT + 1):
        assert echo.is_missing == (number > MISSING_LIMIT)
        echo.sent(b"poll", float(number))
    assert echo.is_missing


def test_one_echo_proves_the_bus_again() -> None:
    echo = Echo(BYTE)
    for number in range(MISSING_LIMIT):
        echo.sent(b"poll", float(number))
    echo.received(b"poll", MISSING_LIMIT - 1 + 0.01)
    echo.sent(b"poll", float(MISSING_LIMIT))
    echo.sent(b"poll", float(MISSING_LIMIT + 1))
    assert not echo.is_missing


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=40), st.binary(max_size=40)), max_size=20), st.data())
def test_a_conversation_on_a_sound_bus_is_heard_without_our_half(
    turns: list[tuple[bytes, bytes]], data: st.DataObject
) -> None:
    echo, now, heard = Echo(BYTE), 0.0, b""
    for ours, theirs in turns:
        echo.sent(ours, now)
        wire = ours + theirs
        while wire:
            size = data.draw(st.integers(1, len(wire)))
            now += 0.001
            heard += echo.received(wire[:size], now)
            wire = wire[size:]
    assert heard == b"".join(theirs for _, theirs in turns)
    assert (echo.errors, echo.missing) == (0, 0)


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=30), st.floats(0, 2)), min_size=15, max_size=50))
def test_nothing_that_arrives_makes_it_invent_bytes_or_grow(turns: list[tuple[bool, bytes, float]]) -> None:
    echo, now = Echo(BYTE), 0.0
    for ours, data, pause in turns:
        now += pause
        if ours:
            echo.sent(data, now)
        else:
            assert data.endswith(echo.received(data, now))
    assert len(echo._expected) <= sum(len(data) for ours, data, _ in turns if ours)
