from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.clock import ManualClock, settle
from gatewayd.errors import ConfigError
from gatewayd.transport.adapter import DatagramAdapter, StreamAdapter
from gatewayd.transport.capture import CURRENT, KINDS, Piece, Recorder
from gatewayd.transport.capturefile import FIRST_LINE, header, line, parse, readable, unreadable
from gatewayd.transport.memory import connect
from tests.transport.cores import LineCore, PacketCore

ALL_KINDS = sorted(KINDS)


def test_the_oldest_pieces_go_when_there_are_too_many_bytes() -> None:
    recorder = Recorder(ManualClock(), most_bytes=10)
    for number in range(5):
        recorder.record("in", "1", bytes([number]) * 4)
    assert [piece.data[0] for piece in recorder.pieces()] == [3, 4]
    assert (recorder.first_number, recorder.next_number) == (3, 5)


def test_the_oldest_pieces_go_when_there_are_too_many_small_ones() -> None:
    recorder = Recorder(ManualClock(), most_pieces=3)
    for number in range(9):
        recorder.record("out", "1", bytes([number]))
    assert [piece.data[0] for piece in recorder.pieces()] == [6, 7, 8]


def test_of_a_piece_longer_than_the_ring_the_beginning_is_kept() -> None:
    recorder = Recorder(ManualClock(), most_bytes=4)
    recorder.record("in", "1", b"123456")
    assert [piece.data for piece in recorder.pieces()] == [b"1234"]
    assert (recorder.forgotten, recorder.forgotten_bytes) == (0, 2)


def test_a_device_that_stays_away_does_not_fill_the_ring() -> None:
    recorder = Recorder(ManualClock())
    for _ in range(100):
        recorder.opening()
    assert len(recorder.pieces()) == 1


def test_a_device_server_that_hangs_up_at_once_does_not_fill_the_ring() -> None:
    recorder = Recorder(ManualClock())
    recorder.record("in", "0", b"what was there before")
    for _ in range(100):
        recorder.opening()
        recorder.record("connect", "1", b"192.0.2.1:1")
        recorder.record("close", "1", b"")
    assert [piece.what for piece in recorder.pieces()] == ["in", "open", "connect", "close"]
    assert recorder.pieces(recorder.next_number) == []
    assert recorder.forgotten == 0


def test_the_end_of_a_connection_that_carried_bytes_is_kept_when_the_line_opens_again() -> None:
    recorder = Recorder(ManualClock())
    for what in ("open", "connect", "in", "close"):
        recorder.record(what, "1", b"")
    recorder.opening()
    assert [piece.what for piece in recorder.pieces()] == ["open", "connect", "in", "close", "open"]


def test_the_ring_says_what_it_dropped() -> None:
    recorder = Recorder(ManualClock(), most_bytes=10)
    for _ in range(5):
        recorder.record("in", "1", b"1234")
    assert (recorder.forgotten, recorder.forgotten_bytes) == (3, 12)


def test_collapsing_attempts_gives_the_ring_its_bytes_back() -> None:
    recorder = Recorder(ManualClock(), most_bytes=100)
    for _ in range(1_000):
        recorder.opening()
        recorder.record("connect", "1", b"x" * 20)
    recorder.record("in", "1", b"y" * 70)
    assert recorder.forgotten == 0


def test_a_follower_hears_of_every_new_attempt() -> None:
    recorder = Recorder(ManualClock())
    recorder.opening()
    number = recorder.next_number
    recorder.opening()
    assert [piece.what for piece in recorder.pieces(number)] == ["open"]


def test_pieces_have_the_time_of_the_clock_and_only_input_counts_as_received() -> None:
    clock = ManualClock(100.0)
    recorder = Recorder(clock)
    recorder.record("out", "1", b"?")
    before = recorder.last_received
    clock.time = 107.5
    recorder.record("in", "1", b"!")
    assert (before, recorder.last_received) == (None, 107.5)
    assert [piece.time for piece in recorder.pieces()] == [100.0, 107.5]


async def test_a_follower_wakes_up_with_the_piece_it_waits_for_and_leaves_nothing_behind() -> None:
    recorder = Recorder(ManualClock())
    recorder.record("in", "1", b"a")
    waiting = asyncio.create_task(recorder.wait_for(1))
    await settle()
    assert not waiting.done()
    recorder.record("in", "1", b"b")
    await waiting
    assert [piece.data for piece in recorder.pieces(1)] == [b"b"]
    assert recorder._followers == []


async def test_every_adapter_that_a_line_builds_is_recorded_each_connection_on_its_own_channel() -> None:
    clock = ManualClock()
    recorder = Recorder(clock)
    far: list[StreamAdapter[object]] = [StreamAdapter(LineCore(), clock) for _ in range(2)]  # outside of the line
    token = CURRENT.set(recorder)
    near: list[StreamAdapter[object]] = [StreamAdapter(LineCore(), clock) for _ in range(2)]
    CURRENT.reset(token)
    for here, there in zip(near, far, strict=True):
        a, b = connect(here, there, clock)
        b.write(b"in\n")
        a.write(b"")
    await settle()
    received = [(piece.channel, piece.data) for piece in recorder.pieces() if piece.what == "in"]
    assert received == [("1", b"in\n"), ("2", b"in\n")]
    for adapter in (*near, *far):
        adapter.abort()


def test_a_datagram_is_recorded_with_its_other_end() -> None:
    recorder = Recorder(ManualClock())
    recorder.datagrams("in", b"MESSAGE", ("10.0.0.5", 5060))
    assert recorder.pieces()[0].channel == "10.0.0.5:5060"
    token = CURRENT.set(recorder)
    try:
        adapter: DatagramAdapter[object] = DatagramAdapter(PacketCore(), ManualClock())
    finally:
        CURRENT.reset(token)
    assert adapter._trace == recorder.datagrams


@given(st.binary(max_size=40))
def test_readable_bytes_come_back_exactly_and_never_hold_a_control_code(data: bytes) -> None:
    text = readable(data)
    assert unreadable(text) == data
    assert text.isascii()
    assert text == "" or text.isprintable()
    assert text == text.strip()


def test_control_codes_have_their_names() -> None:
    assert readable(b"\x02a b\x03\x7f\xff\x0c< ") == "<STX>a b<ETX><DEL><0xFF><FF><0x3C><0x20>"


pieces = st.builds(
    Piece,
    st.integers(0, 10_000_000).map(lambda microseconds: microseconds / 1_000_000),
    st.sampled_from(ALL_KINDS),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=8),
    st.binary(max_size=20),
)


@given(st.lists(pieces, max_size=6).map(lambda found: sorted(found, key=lambda piece: piece.time)))
def test_a_file_gives_back_what_was_written(found: list[Piece]) -> None:
    text = header({"kind": "tap", "line": "a\nb"}) + "".join(line(piece, 0.0) for piece in found)
    capture = parse(text, "x")
    assert list(capture.pieces) == found
    assert capture.headers == {"kind": "tap", "line": "a?b"}


@given(st.text(max_size=80))
def test_any_text_is_a_capture_or_refused_with_its_lines(text: str) -> None:
    try:
        parse(f"{FIRST_LINE}\n{text}", "x")
    except ConfigError as error:
        wrong = [problem for problem in error.problems if not problem.where.startswith("line ")]
        assert not wrong


@pytest.mark.parametrize(
    "wrong",
    [
        "1.0 in",
        "x in 1 a",
        "nan in 1 a",
        "inf in 1 a",
        "-1 in 1 a",
        "0 up 1 a",
        "0 in 1 <XYZ>",
        "0 in 1 a<",
        "0 in 1 ä",
    ],
)
def test_a_line_that_cannot_be_read_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(f"{FIRST_LINE}\n{wrong}\n", "x")
    assert refused.value.problems[0].where == "line 2"


def test_another_file_is_no_capture() -> None:
    with pytest.raises(ConfigError, match="is no capture"):
        parse("hello\n", "x")
