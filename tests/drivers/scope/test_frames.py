"""Scope frames and replies: the vectors of the manuals, and what may not be in a frame."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.scope.frames import Call, Defaults, Dialect
from drivers.scope.replies import ScopeReplies
from gatewayd.driver import Outcome
from gatewayd.encoder.exchange import Reply
from gatewayd.errors import Invalid, RemoteProtocolError

SCOPE = Defaults()
WAVEWARE = Defaults(Dialect.WAVEWARE)
QUEUED = Reply(Outcome.SENT, "Page Queued Okay")
BAD_ID = Reply(Outcome.REFUSED, "Error - Invalid Pager ID")


@pytest.mark.parametrize(
    ("address", "text", "defaults", "frame"),
    [
        ("A0012300A", "This is a message", SCOPE, b"A0012300AThis is a message\r"),
        ("N0012300A", "1234567890", SCOPE, b"N0012300A1234567890\r"),
        ("AN0046180D", "This is a test", WAVEWARE, b"AN0046180DThis is a test\r"),
        ("AF0145678C", "", WAVEWARE, b"AF0145678C\r"),
        ("12300", "X", SCOPE, b"A0012300AX\r"),
        ("12300B", "X", WAVEWARE, b"AN0012300BX\r"),
        ("NS12300", "1", WAVEWARE, b"NS0012300A1\r"),
    ],
)
def test_frames_are_those_of_the_manuals(address: str, text: str, defaults: Defaults, frame: bytes) -> None:
    call = Call.of(address, text, defaults)
    assert call.to_bytes() == frame
    assert Call.from_bytes(frame[:-1]) == call


def test_settings_hold_where_the_address_says_nothing() -> None:
    defaults = Defaults(Dialect.WAVEWARE, pager_type="N", rate="S", beep="C")
    assert Call.of("12300", "5", defaults).to_bytes() == b"NS0012300C5\r"


@pytest.mark.parametrize(("tone", "beep"), [("B", "B"), ("", "A"), ("5", "A"), ("siren", "A")])
def test_tone_of_a_page_is_its_beep_where_it_can_be(tone: str, beep: str) -> None:
    assert Call.of("12300", "X", SCOPE, tone).beep == beep
    assert Call.of("12300D", "X", SCOPE, tone).beep == "D"


@pytest.mark.parametrize(
    "address",
    ["", "X12300", "12345678", "12300E", "FN12300", "A 12300", "123\r00", "\u0661", "7", "2007664", "AN12300"],
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(Invalid, match="address"):
        Call.of(address, "X", SCOPE)


@pytest.mark.parametrize("capcode", [2_007_664, 2_007_671, 2_045_056, 2_045_063])
def test_capcodes_of_the_idle_word_are_never_paged(capcode: int) -> None:
    everything = Defaults(highest_capcode=2_097_151)
    with pytest.raises(Invalid):
        Call.of(str(capcode), "X", everything)
    assert Call.of("2097151", "X", everything).capcode == 2_097_151
    assert Call.of("8", "X", SCOPE).capcode == 8


def test_numeric_pager_takes_twenty_characters_that_it_can_show() -> None:
    assert Call.of("N12300", "112-u [3]", SCOPE).text == "112-U [3]"
    assert Call.of("N12300", "1" * 30, SCOPE).note == "text cut to 20 of 30 characters"
    with pytest.raises(Invalid, match="numeric pager"):
        Call.of("N12300", "FIRE", SCOPE)


@settings(deadline=None)
@given(st.text(max_size=700))
def test_every_text_becomes_one_frame_that_reads_back(text: str) -> None:
    call = Call.of("12300", text, replace(WAVEWARE, longest=500))
    frame = call.to_bytes()
    assert len(frame) <= 512
    assert all(0x20 <= byte < 0x7F for byte in frame[:-1])
    assert Call.from_bytes(frame[:-1]).text == call.text


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=40), st.binary(max_size=10).map(lambda data: b"AN0046180D" + data)))
def test_encoder_reads_any_bytes_or_says_why_not(raw: bytes) -> None:
    try:
        call = Call.from_bytes(raw)
    except RemoteProtocolError:
        return
    assert raw.startswith(call.pager_type.encode())


# --- replies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"Page Queued Okay\r\n", [QUEUED]),
        (b"Error - Invalid Pager ID\r\n", [BAD_ID]),
        (
            b"Error - Invalid pager type. Expected A or N\r\x15\r\n",
            [Reply(Outcome.FAILED, "Error - Invalid pager type. Expected A or N")],
        ),
        (
            b"Error - Beep code invalid. Expected A,B,C,D\r\x15\r\n",
            [Reply(Outcome.FAILED, "Error - Beep code invalid. Expected A,B,C,D")],
        ),
        (b"\x15\r\n", [Reply(Outcome.FAILED, "the encoder refused the frame (NAK)")]),
        (b"Error - Page buffer full\r\n", [Reply(Outcome.FAILED, "Error - Page buffer full", 15.0)]),
        (b"Error \x96 Invalid Pager ID\r\n", [Reply(Outcome.REFUSED, "Error   Invalid Pager ID")]),
        (b"Page Queued Okay\rError - Invalid Pager ID\r\n\x15Page Queued Okay\r\n", [QUEUED, BAD_ID, QUEUED]),
        (b"\x15\x15", [Reply(Outcome.FAILED, "the encoder refused the frame (NAK)")] * 2),
    ],
)
@pytest.mark.parametrize("size", [1, 4, 100])
def test_replies_are_understood_however_they_arrive(data: bytes, expected: list[Reply], size: int) -> None:
    replies = ScopeReplies()
    found = [reply for begin in range(0, len(data), size) for reply in replies.feed(data[begin : begin + size])[0]]
    assert found == expected


def test_other_lines_are_noise() -> None:
    assert ScopeReplies().feed(b"XLITE V2\r\n") == ([], 8)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=300), st.sampled_from([b"Error", b"\r\n", b"\x15", b"Page Queued"]))))
def test_any_bytes_are_kept_in_bounds_and_the_next_reply_is_understood(pieces: list[bytes]) -> None:
    replies = ScopeReplies()
    for piece in pieces:
        found, _ = replies.feed(piece)
        assert all(reply.detail.isprintable() and len(reply.detail) <= 120 for reply in found)
    replies.feed(b"\r\n")
    assert replies.feed(b"Page Queued Okay\r\n")[0] == [QUEUED]
