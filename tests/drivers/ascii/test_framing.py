"""Bytes become records, however they arrive."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.ascii.assembly import Assembler, Assembly, TextLine
from drivers.ascii.framing import LONGEST_MARKER, Frame, Framer, FrameRules, Framing
from drivers.ascii.text import Reader, Reading
from gatewayd.charset import CodePage


def frames(data: bytes, size: int = 0, **rules: Any) -> list[bytes]:  # noqa: ANN401 - any rule
    """Return the frames of `data` that are not blank, fed `size` bytes at a time, and what a flush adds."""
    framer = Framer(FrameRules(**rules))
    found: list[Frame] = []
    for begin in range(0, len(data), size or len(data) or 1):
        found += framer.feed(data[begin : begin + (size or len(data))])
    return [frame.data for frame in found + framer.flush() if frame.data.strip()]


MARKED: dict[str, Any] = {"framing": Framing.MARKERS, "start": b":", "end": b";"}
STX_ETX: dict[str, Any] = {"framing": Framing.MARKERS, "start": b"\x02", "end": b"\x03"}


@pytest.mark.parametrize("ending", [b"\r", b"\n", b"\r\n", b"\n\r"])
@pytest.mark.parametrize("size", [0, 1, 3])
def test_every_usual_line_end_ends_a_line(ending: bytes, size: int) -> None:
    assert frames(ending.join([b"ONE", b"TWO", b"THREE", b""]), size) == [b"ONE", b"TWO", b"THREE"]


def test_line_is_complete_at_its_carriage_return_and_the_line_feed_adds_no_blank_line() -> None:
    framer = Framer(FrameRules())
    assert framer.feed(b"FIRE\r") == [Frame(b"FIRE")]
    assert framer.feed(b"\nNEXT\r\n") == [Frame(b"NEXT")]


def test_blank_lines_are_told_because_they_may_be_heartbeats() -> None:
    assert Framer(FrameRules()).feed(b"\r\r\r\n") == [Frame(b"")] * 3


def test_own_terminators_end_lines_and_others_do_not() -> None:
    assert frames(b"A\rB;C\x0cD", terminators=(b";", b"\x0c")) == [b"A\rB", b"C", b"D"]


def test_wildcard_in_a_terminator_stands_for_any_byte() -> None:
    assert frames(b"ONE*1*TWO*2*", terminators=(b"*?*",), wildcard=b"?") == [b"ONE", b"TWO"]


@pytest.mark.parametrize("size", [0, 1, 5])
def test_record_lies_between_its_markers_though_the_start_marker_occurs_in_it(size: int) -> None:
    data = b":ALARM 12/08 01:23;\r\n:RESET 12/08 01:31;\r\n"
    assert frames(data, size, **MARKED) == [b":ALARM 12/08 01:23;", b":RESET 12/08 01:31;"]


def test_offsets_cut_the_markers_off() -> None:
    assert frames(b":ALARM;", **MARKED, start_offset=1, end_offset=1) == [b"ALARM"]


def test_what_stands_outside_the_markers_is_a_record_of_its_own_and_not_complete() -> None:
    framer = Framer(FrameRules(**MARKED))
    assert framer.feed(b"LOST COLON 1;:A;") == [Frame(b"LOST COLON 1;", complete=False), Frame(b":A;")]
    assert framer.feed(b"BANNER") == []
    assert framer.flush() == [Frame(b"BANNER", complete=False)]


def test_start_marker_that_is_a_control_code_begins_anew_when_an_end_was_lost() -> None:
    framer = Framer(FrameRules(**STX_ETX))
    assert framer.feed(b"\x02ONE\x02TWO\x03") == [Frame(b"\x02ONE", complete=False), Frame(b"\x02TWO\x03")]


def test_marked_record_that_is_too_long_is_cut_and_loses_nothing() -> None:
    framer = Framer(FrameRules(**MARKED, max_length=16, start_offset=1))
    found = framer.feed(b":" + b"x" * 20 + b";") + framer.feed(b":OK;")
    assert b"".join(frame.data for frame in found) == b"x" * 20 + b";" + b"OK;"
    assert [frame.complete for frame in found] == [False, False, True]


def test_rest_of_a_marked_record_that_was_cut_while_it_arrived_ends_at_its_marker() -> None:
    framer = Framer(FrameRules(**MARKED, max_length=16, start_offset=1))
    assert framer.feed(b":" + b"x" * 18) == [Frame(b":" + b"x" * 15, complete=False)]
    assert framer.feed(b"yy;") == [Frame(b"xxxyy;", complete=False)]


def test_record_behind_one_that_is_much_too_long_is_found_in_the_same_piece() -> None:
    data = b":" + b"x" * 100 + b";\r\n:OK;"
    found = Framer(FrameRules(**MARKED, max_length=16)).feed(data)
    assert b"".join(frame.data for frame in found) == data
    assert found[-1] == Frame(b":OK;")
    assert not any(frame.complete for frame in found[:-1])


class Spied:
    """A pattern that notes how many bytes it was shown."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self._pattern = pattern
        self.shown = 0

    def search(self, data: bytearray, begin: int = 0, end: int = sys.maxsize) -> re.Match[bytes] | None:
        found = self._pattern.search(data, begin, end)
        self.shown += (found.end() if found is not None else min(end, len(data))) - begin
        return found


@pytest.mark.parametrize("flood", [b"\x02", b"\x02A", b"\x02\x03", b"A"])
def test_no_byte_of_a_flood_is_looked_at_more_often_than_a_record_is_long(flood: bytes) -> None:
    framer: Any = Framer(FrameRules(**STX_ETX, max_length=16))
    framer._start, framer._end = Spied(framer._start), Spied(framer._end)
    data = flood * (32 * 1024 // len(flood))
    framer.feed(data)
    assert framer._start.shown + framer._end.shown <= len(data) * 2 * (16 + LONGEST_MARKER)


@pytest.mark.parametrize("size", [0, 1, 7])
def test_records_of_a_fixed_length_need_no_end(size: int) -> None:
    assert frames(b"AAAABBBBCCCC", size, framing=Framing.FIXED, length=4) == [b"AAAA", b"BBBB", b"CCCC"]


def test_record_that_only_silence_ends_is_complete_at_the_flush() -> None:
    framer = Framer(FrameRules(framing=Framing.GAP))
    assert framer.feed(b"FIRE\r\nZONE 3") == []
    assert framer.flush() == [Frame(b"FIRE\r\nZONE 3")]
    assert framer.flush() == []


def test_line_without_its_end_is_not_complete() -> None:
    framer = Framer(FrameRules())
    framer.feed(b"FIRE ZO")
    assert framer.pending
    assert framer.flush() == [Frame(b"FIRE ZO", complete=False)]
    assert not framer.pending


def test_line_of_exactly_the_longest_length_stays_whole() -> None:
    framer = Framer(FrameRules(max_length=16))
    assert framer.feed(b"x" * 16) == []
    assert framer.feed(b"\r") == [Frame(b"x" * 16)]
    assert [frame.complete for frame in framer.feed(b"x" * 17 + b"\r")] == [False, False]


RULES: list[dict[str, Any]] = [
    {"terminators": (b"\r", b"\n")},
    MARKED,
    STX_ETX,
    {"framing": Framing.FIXED, "length": 7},
    {"framing": Framing.GAP},
]
noise = st.lists(st.one_of(st.binary(max_size=50), st.sampled_from([b"\r\n", b":", b";", b"\x02", b"\x03"])))


@settings(max_examples=150, deadline=None)
@given(noise, st.sampled_from(RULES))
def test_any_bytes_are_kept_in_bounds_and_none_is_lost(pieces: list[bytes], rules: dict[str, Any]) -> None:
    framer = Framer(FrameRules(**rules, max_length=32))
    found: list[Frame] = []
    for piece in pieces:
        found += framer.feed(piece)
        assert len(framer._buffer) <= 32
    found += framer.flush()
    assert all(len(frame.data) <= 32 for frame in found)
    ends = b"\r\n" if rules.get("terminators") else b""
    assert b"".join(frame.data for frame in found) == b"".join(pieces).translate(None, ends)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.binary(min_size=1, max_size=20).filter(lambda data: not set(data) & set(b"\r\n"))), st.integers(1, 9)
)
def test_lines_are_the_same_however_they_are_split(lines: list[bytes], size: int) -> None:
    data = b"".join(line + b"\r\n" for line in lines)
    framer = Framer(FrameRules())
    found = [frame.data for begin in range(0, len(data), size) for frame in framer.feed(data[begin : begin + size])]
    assert found == lines


# --- text -------------------------------------------------------------------------------------------------------------


def read(data: bytes, code_page: CodePage = CodePage.ASCII, **reading: Any) -> tuple[str, bool]:  # noqa: ANN401
    return Reader(Reading(code_page, **reading)).read(data)


@pytest.mark.parametrize(
    ("code_page", "data", "text"),
    [
        (CodePage.LATIN1, b"K\xfcche", "Küche"),
        (CodePage.CP437, b"K\x81che", "Küche"),
        (CodePage.CP850, b"K\x81che \xb5", "Küche Á"),
        (CodePage.UTF8, b"K\xc3\xbcche", "Küche"),
        (CodePage.DIN66003, b"K}che [\\] {|}~", "Küche ÄÖÜ äöüß"),
        (CodePage.ASCII, b"K\xfcche", "Kche"),
    ],
)
def test_code_pages_are_read(code_page: CodePage, data: bytes, text: str) -> None:
    assert read(data, code_page) == (text, True)


def test_parity_bits_are_stripped() -> None:
    assert read(bytes(byte | 0x80 for byte in b"FIRE"), strip_parity=True) == ("FIRE", True)


def test_control_codes_go_and_white_space_becomes_blanks() -> None:
    assert read(b"\x02FI\x07RE\tZONE\x0c\r\n") == ("FIRE ZONE", True)


def test_what_nobody_could_see_goes_and_other_blanks_become_blanks() -> None:
    hidden = "FIRE\u202e\u200b ZONE\u00a03 \u07b2\ue000"
    assert read(hidden.encode(), CodePage.UTF8) == ("FIRE ZONE 3", True)
    assert read(b"FIRE\xff3", CodePage.CP437) == ("FIRE 3", True)


def test_fill_characters_are_no_noise() -> None:
    assert read(b"\x00\x00\x00\x00\x7f\x7fOK") == ("OK", True)


def test_mostly_noise_is_unreadable() -> None:
    assert read(b"\x80\xf8\x1c\xe6FI")[1] is False
    assert read(b"FIRE ZONE \x80")[1] is True


def test_runs_of_blanks_are_shortened() -> None:
    assert read(b"A     B  C D", most_blanks=2)[0] == "A  B  C D"
    assert read(b"A     B", most_blanks=0)[0] == "A     B"


def test_columns_of_a_fixed_record_keep_their_place() -> None:
    assert read(b"   3 FIRE  ", strip=False)[0] == "   3 FIRE"


# --- records of several lines -----------------------------------------------------------------------------------------


def assemble(lines: list[str], following: int | None) -> list[TextLine]:
    assembler = Assembler(Assembly(re.compile("^#"), following, "|"))
    return [record for line in lines for record in assembler.add(TextLine(line))] + assembler.flush()


def test_fixed_number_of_lines_follows_the_first() -> None:
    assert assemble(["#1", "a", "#2", "b"], 1) == [TextLine("#1|a"), TextLine("#2|b")]


def test_without_a_number_the_record_lasts_until_the_next_first_line() -> None:
    assert assemble(["#1", "a", "b", "#2"], None) == [TextLine("#1|a|b"), TextLine("#2")]


def test_record_that_lacks_its_lines_is_told_and_not_complete() -> None:
    assert assemble(["#1", "#2", "b"], 1) == [TextLine("#1", complete=False), TextLine("#2|b")]


def test_line_that_follows_nothing_is_a_record_of_its_own() -> None:
    assert assemble(["stray", "#1", "a", "more"], 1) == [TextLine("stray"), TextLine("#1|a"), TextLine("more")]


def test_first_line_that_nothing_follows_is_a_record_at_once() -> None:
    assembler = Assembler(Assembly(re.compile("^#"), 0))
    assert assembler.add(TextLine("#1")) == [TextLine("#1")]


def test_endless_record_is_kept_in_bounds() -> None:
    records = assemble(["#1", *["x" * 100] * 50], None)
    assert all(len(record.text) <= 1_024 for record in records)
    assert sum(record.text.count("x") for record in records) == 5_000
