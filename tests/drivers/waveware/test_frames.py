"""WaveWare commands and replies: the vectors of the manuals, and what may not be in a command."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.waveware.frames import Call, Defaults
from drivers.waveware.replies import WaveWareReplies
from gatewayd.driver import Outcome
from gatewayd.encoder.exchange import Reply
from gatewayd.errors import Invalid, RemoteProtocolError

PLAIN = Defaults()
ALPHA = bytes.fromhex("01 41 2C 35 2C 34 36 31 38 30 2C 02") + b"FIRE 3" + bytes.fromhex("03 04")
NUMERIC = b"\x01N1765155\x02412-3433\x03\x04"
ACK = b"\x01\x06V9.01,02,0,0,00\x04"
QUEUED = Reply(Outcome.SENT, "queued by the encoder (2 waiting)")


def test_vectors_of_the_fact_sheet_are_written_and_read() -> None:
    assert Call.of("A,5,46180", "FIRE 3", PLAIN).to_bytes() == ALPHA
    assert Call.of("N,1,765155", "412-3433", PLAIN).to_bytes(commas=False) == NUMERIC
    assert Call.from_bytes(ALPHA) == Call("A", "5", "46180", "FIRE 3")
    assert Call.from_bytes(NUMERIC) == Call("N", "1", "765155", "412-3433")


def test_settings_hold_where_the_address_says_nothing() -> None:
    assert Call.of("46180", "5", Defaults("N", "2")) == Call("N", "2", "46180", "5")
    assert Call.of("A,46180", "5", Defaults("N", "2")) == Call("A", "2", "46180", "5")


def test_page_without_text_beeps() -> None:
    assert Call.of("46180", " ", Defaults(beeps="3")).to_bytes() == b"\x013,5,46180,\x04"
    assert Call.from_bytes(b"\x013,5,46180,\x04") == Call("3", "5", "46180")


def test_pager_that_only_beeps_tells_that_its_text_was_left_out() -> None:
    call = Call.of("2,46180", "FIRE 3", PLAIN)
    assert (call.text, call.note) == ("", "beeps only, without the 6 characters of its text")


@pytest.mark.parametrize(
    "address", ["", "A46180", "5,46180", "X,46180", "A,3,46180", "12345678", "46\r180", "\u0661", "7", "2007664"]
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(Invalid, match="address"):
        Call.of(address, "X", PLAIN)


@pytest.mark.parametrize("capcode", [2_007_664, 2_007_671, 2_045_056, 2_045_063])
def test_capcodes_of_the_idle_word_are_never_paged(capcode: int) -> None:
    everything = Defaults(highest_capcode=2_097_151)
    with pytest.raises(Invalid):
        Call.of(str(capcode), "X", everything)
    assert Call.of("2097151", "X", everything).capcode == "2097151"
    assert Call.of("8", "X", PLAIN).capcode == "8"


def test_numeric_pager_takes_what_it_can_show_and_nothing_else() -> None:
    assert Call.of("N,46180", "112-u [3]", PLAIN).text == "112-U [3]"
    with pytest.raises(Invalid, match="numeric pager"):
        Call.of("N,46180", "FIRE", PLAIN)


@settings(deadline=None)
@given(st.text(max_size=700), st.booleans())
def test_every_text_becomes_one_command_that_reads_back(text: str, commas: bool) -> None:  # noqa: FBT001
    call = Call.of("46180", text, replace(PLAIN, longest=500))
    frame = call.to_bytes(commas=commas)
    assert [byte for byte in frame if byte < 0x20 or byte > 0x7E] in ([1, 2, 3, 4], [1, 4])
    assert Call.from_bytes(frame).text == call.text


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=40), st.binary(max_size=10).map(lambda data: ALPHA[:8] + data + ALPHA[8:])))
def test_encoder_reads_any_bytes_or_says_that_they_are_no_command(raw: bytes) -> None:
    try:
        call = Call.from_bytes(raw)
    except RemoteProtocolError:
        return
    assert call.capcode.isdecimal()


# --- replies ----------------------------------------------------------------------------------------------------------


def nak(code: str) -> bytes:
    return b"\x01\x15" + code.encode() + b"\x04"


@pytest.mark.parametrize("echo", [b"", ALPHA, ALPHA + b"\r\n"])
@pytest.mark.parametrize("size", [1, 4, 100])
def test_acknowledgement_is_understood_behind_the_echo_however_it_arrives(echo: bytes, size: int) -> None:
    data, replies = echo + ACK + b"\r\n", WaveWareReplies()
    found = [replies.feed(data[begin : begin + size]) for begin in range(0, len(data), size)]
    assert [reply for some, _ in found for reply in some] == [QUEUED]
    assert sum(noise for _, noise in found) == 0


@pytest.mark.parametrize(
    ("code", "outcome", "retry_after"),
    [
        ("01", Outcome.FAILED, None),
        ("02", Outcome.FAILED, None),
        ("03", Outcome.REFUSED, None),
        ("04", Outcome.FAILED, None),
        ("05", Outcome.FAILED, 15.0),
        ("06", Outcome.FAILED, None),
        ("07", Outcome.FAILED, None),
        ("08", Outcome.FAILED, None),
        ("99", Outcome.FAILED, None),
        ("", Outcome.FAILED, None),
    ],
)
def test_every_error_has_its_outcome(code: str, outcome: Outcome, retry_after: float | None) -> None:
    ((reply,), _) = WaveWareReplies().feed(nak(code))
    assert (reply.outcome, reply.retry_after) == (outcome, retry_after)
    assert reply.detail.startswith(code)


def test_acknowledgement_in_few_words_is_one_too() -> None:
    assert WaveWareReplies().feed(b"\x01\x06\x04")[0] == [Reply(Outcome.SENT, "queued by the encoder")]


def test_new_command_ends_an_echo_that_was_cut() -> None:
    assert WaveWareReplies().feed(ALPHA[:9] + ACK)[0] == [QUEUED]


def test_bytes_outside_of_frames_are_noise() -> None:
    assert WaveWareReplies().feed(b"READY\r\n") == ([], 5)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=900), st.sampled_from([ALPHA, ACK[:-1], b"\x01", b"\x01\x15", b"\x04"]))))
def test_any_bytes_are_kept_in_bounds_and_the_next_reply_is_understood(pieces: list[bytes]) -> None:
    replies = WaveWareReplies()
    for piece in pieces:
        found, _ = replies.feed(piece)
        assert all(reply.detail.isprintable() and len(reply.detail) <= 120 for reply in found)
        assert len(replies._frame or b"") <= 600
    assert replies.feed(ACK)[0] == [QUEUED]
