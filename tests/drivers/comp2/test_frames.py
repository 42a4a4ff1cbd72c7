"""COMP2 frames: the vectors of the manuals, what they may carry, and what the encoder says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.comp2.frames import Call
from drivers.comp2.replies import ErrorLines
from gatewayd.driver import Outcome
from gatewayd.encoder.exchange import Reply
from gatewayd.errors import Invalid, RemoteProtocolError

VECTOR = bytes.fromhex("7F 7F 7F 31 30 31 0D 46 49 52 45 0D")


def test_vector_of_the_fact_sheet_is_written_and_read() -> None:
    assert Call.of("101", "FIRE").to_bytes() == VECTOR
    assert Call.from_bytes(VECTOR) == Call("101", "FIRE")


def test_tilde_stands_for_the_carriage_return_and_never_in_the_text() -> None:
    assert Call.of("101", "text", b"~").to_bytes(b"~", resync=False) == b"101~text~"
    assert Call.of("101", "a~b", b"~").text == "a-b"
    assert Call.of("101", "a~b").text == "a~b"


def test_empty_text_is_a_tone() -> None:
    assert Call.of("101", "").to_bytes(resync=False) == b"101\r\r"


@pytest.mark.parametrize("address", ["1", "9999", "101A", "101D", "08A24", "08n10", "1234567150", "12345N20", " 101 "])
def test_pager_ids_of_both_kinds_are_taken(address: str) -> None:
    assert Call.of(address, "1").pager_id == address.strip()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "101E",
        "12345",
        "1A2A",
        "08A34",
        "08A25",
        "8A24",
        "12345678A24",
        "1\r1",
        "\u0661\u0660\u0661",
        "101 A",
        "+101",
    ],
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(Invalid, match="address"):
        Call.of(address, "FIRE")


def test_control_codes_never_reach_a_frame() -> None:
    frame = Call.of("101", "A\rB\x7fC\nD\x00E\x1e\x85F").to_bytes(resync=False)
    assert frame == b"101\rA B C D E  F\r"


def test_letters_that_seven_bits_do_not_have_are_spelled() -> None:
    assert Call.of("101", "Küche Ölraum \u2013 5 € é Ж").text == "Kueche Oelraum - 5 EUR e ?"


def test_frame_has_at_most_256_characters_and_the_cut_is_told() -> None:
    call = Call.of("1234567A10", "x" * 300)
    assert len(call.to_bytes(resync=False)) == 256
    assert call.note == "text cut to 244 of 300 characters"
    assert len(Call.of("1", "x" * 300).text) == 253
    assert Call.of("1", "FIRE ZONE", longest=4).text == "FIRE"


def test_numeric_pager_takes_what_it_can_show_and_nothing_else() -> None:
    assert Call.of("08N10", "112-u [3]").text == "112-U [3]"
    with pytest.raises(Invalid, match="numeric pager"):
        Call.of("08010", "FIRE")


@settings(deadline=None)
@given(st.text(max_size=400), st.sampled_from([b"\r", b"~"]))
def test_every_text_becomes_one_frame_that_reads_back(text: str, delimiter: bytes) -> None:
    call = Call.of("08A24", text, delimiter)
    frame = call.to_bytes(delimiter)
    assert frame.count(delimiter) == 2
    assert all(0x20 <= byte < 0x7F for byte in frame.removeprefix(b"\x7f\x7f\x7f").replace(delimiter, b""))
    assert Call.from_bytes(frame, delimiter).text == call.text


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_encoder_reads_any_bytes_or_says_that_they_are_no_frame(raw: bytes) -> None:
    try:
        call = Call.from_bytes(raw)
    except RemoteProtocolError:
        return
    assert raw.lstrip(b"\x7f").startswith(call.pager_id.encode() + b"\r")


# --- what the encoder says --------------------------------------------------------------------------------------------

BAD_ID = Reply(Outcome.REFUSED, "Invalid character in pager ID")


@pytest.mark.parametrize("size", [1, 3, 100])
def test_error_of_the_manual_is_one_refusal_however_it_arrives(size: int) -> None:
    data, lines = b"Invalid character in pager ID\r\r\x1e\r", ErrorLines()
    found = [lines.feed(data[begin : begin + size]) for begin in range(0, len(data), size)]
    assert [reply for replies, _ in found for reply in replies] == [BAD_ID]
    assert sum(noise for _, noise in found) == 0


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"Error buffer full\r\n", "Error buffer full"),
        (b"buffer full\x1e", "buffer full"),
        (b"\x15", "the encoder refused the page"),
        (b"\r\r\x1e\r", "the encoder refused the page"),
    ],
)
def test_other_errors_fail_a_page_for_now(data: bytes, detail: str) -> None:
    assert ErrorLines().feed(data) == ([Reply(Outcome.FAILED, detail)], 0)


def test_two_errors_are_two() -> None:
    assert len(ErrorLines().feed(b"Error a\r\r\x1e\rError b\r\r\x1e\r")[0]) == 2


def test_other_lines_are_noise() -> None:
    assert ErrorLines().feed(b"READY\r\n") == ([], 5)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=300), st.sampled_from([b"Invalid", b"\r", b"\x1e", b"\x15"]))))
def test_any_bytes_are_kept_in_bounds_and_the_next_error_is_understood(pieces: list[bytes]) -> None:
    lines = ErrorLines()
    for piece in pieces:
        replies, _ = lines.feed(piece)
        assert all(reply.detail.isprintable() and len(reply.detail) <= 120 for reply in replies)
    lines.feed(b"\rx\r")
    assert lines.feed(b"Invalid character in pager ID\r\r\x1e\r")[0] == [BAD_ID]
