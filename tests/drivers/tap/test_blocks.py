"""The codec against the vectors T1 to T9, and against anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.tap.blocks import (
    ETB,
    ETX,
    MAX_BLOCK,
    MAX_INFO,
    MAX_PAGER_ID,
    TERMINATORS,
    US,
    Block,
    compose,
    escape,
    split,
    to_seven_bits,
    unescape,
)
from drivers.tap.profile import Profile
from gatewayd.errors import Invalid, RemoteProtocolError

CONTROLS = "\r\n\x1b\x02\x03\x1f\x17\x04\x1a"

VECTORS = {
    "T1": ("123", "ABC", "02 31 32 33 0D 41 42 43 0D 03 31 37 3B 0D"),
    "T2": ("123", "", "02 31 32 33 0D 0D 03 30 3B 35 0D"),
    "T3": ("", "", "02 0D 0D 03 30 31 3F 0D"),
    "T4": (
        "5551212",
        "FIRE ZONE 3 ROOM 214",
        "02 35 35 35 31 32 31 32 0D 46 49 52 45 20 5A 4F 4E 45 20 33 20 52 4F 4F 4D 20 32 31 34 0D 03 36 36 3D 0D",
    ),
    "T5": (
        "2001",
        "LINE1\r\nLINE2",
        "02 32 30 30 31 0D 4C 49 4E 45 31 1A 4D 1A 4A 4C 49 4E 45 32 0D 03 34 36 30 0D",
    ),
    "T6": (
        "2001",
        CONTROLS,
        "02 32 30 30 31 0D 1A 4D 1A 4A 1A 5B 1A 42 1A 43 1A 5F 1A 57 1A 44 1A 5A 0D 03 34 39 37 0D",
    ),
}

info = st.binary(max_size=MAX_INFO).map(lambda data: bytes(byte & 0x7F for byte in data if byte & 0x7F >= 0x20))
text = st.text(st.characters(max_codepoint=0x7E))


def fields(pager_id: str, message: str) -> bytes:
    return f"{escape(pager_id)}\r{escape(message)}\r".encode("ascii")


@pytest.mark.parametrize(("pager_id", "message", "wire"), VECTORS.values(), ids=VECTORS)
def test_block_is_built_and_read_as_the_vector_says(pager_id: str, message: str, wire: str) -> None:
    block = Block(fields(pager_id, message), ETX)
    assert block.to_bytes() == bytes.fromhex(wire)
    assert Block.from_bytes(bytes.fromhex(wire)) == block
    assert [unescape(field).decode() for field in block.info.split(b"\r")] == [pager_id, message, ""]


def test_T7_checksum_keeps_the_low_twelve_bits_of_a_full_block() -> None:  # noqa: N802
    block = Block(fields("1", "z" * 247), ETX).to_bytes()
    assert len(block) == MAX_BLOCK
    assert sum(block[:-4]) == 30_214
    assert block[-4:] == b"606\r"


def test_T8_split_inside_a_field_ends_with_US() -> None:  # noqa: N802
    first, last = split(fields("2001", "A" * 20 + "B" * 5), 25)
    assert first == Block(b"2001\r" + b"A" * 20, US)
    assert first.to_bytes() == b"\x022001\r" + b"A" * 20 + b"\x1f605\r"
    assert last.to_bytes() == bytes.fromhex("02 42 42 42 42 42 0D 03 31 35 3C 0D")


def test_T9_split_between_fields_ends_with_ETB() -> None:  # noqa: N802
    first, last = split(fields("2001", "TEXT"), 5)
    assert first == Block(b"2001\r", ETB)
    assert first.to_bytes() == bytes.fromhex("02 32 30 30 31 0D 17 30 3E 39 0D")
    assert last.to_bytes() == bytes.fromhex("02 54 45 58 54 0D 03 31 35 37 0D")


def test_split_never_separates_SUB_from_what_it_escapes() -> None:  # noqa: N802
    assert [block.info for block in split(b"12\r" + b"\x1aM" * 4 + b"\r", 6)] == [
        b"12\r\x1aM",
        b"\x1aM\x1aM\x1aM",
        b"\r",
    ]


@given(info, st.sampled_from(sorted(TERMINATORS)))
def test_any_block_survives_the_wire(data: bytes, terminator: int) -> None:
    block = Block(data, terminator)
    assert Block.from_bytes(block.to_bytes()) == block


@given(info, st.data())
def test_any_single_damaged_character_is_noticed(data: bytes, draw: st.DataObject) -> None:
    raw = bytearray(Block(data, ETX).to_bytes())
    position = draw.draw(st.integers(0, len(raw) - 1))
    raw[position] ^= draw.draw(st.integers(1, 0x7F))
    with pytest.raises(RemoteProtocolError):
        Block.from_bytes(bytes(raw))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_block_or_a_protocol_error(data: bytes) -> None:
    try:
        block = Block.from_bytes(data)
    except RemoteProtocolError:
        return
    assert block.to_bytes() == data


@given(text)
def test_escaped_text_comes_back_and_has_no_control_but_SUB(message: str) -> None:  # noqa: N802
    escaped = escape(message)
    assert all(char >= " " or char == "\x1a" for char in escaped)
    assert unescape(escaped.encode("ascii")).decode("ascii") == message


def test_SUB_that_escapes_nothing_is_dropped() -> None:  # noqa: N802
    assert unescape(b"A\x1a\x1aB\x1a") == b"A\x02"


@given(text, st.integers(3, MAX_INFO))
def test_split_info_joins_again_in_blocks_of_the_right_size(message: str, size: int) -> None:
    blocks = split(fields("2001", message), size)
    assert b"".join(block.info for block in blocks) == fields("2001", message)
    assert all(len(block.info) <= size for block in blocks)
    assert [block.terminator for block in blocks].count(ETX) == 1
    assert blocks[-1].terminator == ETX
    assert all((block.terminator == ETB) == block.info.endswith(b"\r") for block in blocks[:-1])


@given(st.text(), st.booleans(), st.booleans())
def test_any_text_fits_the_wire(message: str, multi_block: bool, transparent: bool) -> None:  # noqa: FBT001
    transaction = compose("2001", message, Profile(multi_block=multi_block, transparent=transparent))
    assert multi_block or len(transaction.blocks) == 1
    for raw in transaction.blocks:
        assert len(raw) <= MAX_BLOCK
        assert set(Block.from_bytes(raw).info) <= {*range(0x20, 0x7F), 0x0D, 0x1A}


@pytest.mark.parametrize(
    ("given_text", "spelled"),
    [
        ("Tür öffnen, groß", "Tuer oeffnen, gross"),
        ("A\u0308rzte", "Aerzte"),
        ("Café Noël", "Cafe Noel"),
        ("„Alarm“ \u2013 5 €…", '"Alarm" - 5 EUR...'),
        ("火 Ω", "? ?"),
        ("21°C\x7f", "21 degC "),
    ],
)
def test_text_is_spelled_in_seven_bits(given_text: str, spelled: str) -> None:
    assert to_seven_bits(given_text) == spelled


def test_control_codes_become_blanks_where_the_terminal_knows_no_transparency() -> None:
    transaction = compose("2001", "LINE1\r\nLINE2\x03\x04", Profile())
    assert Block.from_bytes(transaction.blocks[0]).info == b"2001\rLINE1 LINE2  \r"


def test_text_longer_than_the_pager_takes_is_cut_and_that_is_said() -> None:
    transaction = compose("2001", "x" * 100, Profile(max_chars=80))
    assert Block.from_bytes(transaction.blocks[0]).info == b"2001\r" + b"x" * 80 + b"\r"
    assert transaction.note == "text cut to 80 of 100 characters"


def test_text_longer_than_a_block_is_cut_where_the_terminal_takes_one_block() -> None:
    transaction = compose("2001", "x" * 300, Profile(max_chars=1000))
    assert len(transaction.blocks[0]) == MAX_BLOCK
    assert transaction.note == "text cut to 244 of 300 characters"


def test_escaped_characters_count_twice_against_the_block() -> None:
    transaction = compose("2001", "\n" * 200, Profile(transparent=True))
    assert Block.from_bytes(transaction.blocks[0]).info == b"2001\r" + b"\x1aJ" * 122 + b"\r"
    assert transaction.note == "text cut to 122 of 200 characters"


def test_text_longer_than_a_block_is_split_where_the_terminal_takes_several() -> None:
    transaction = compose("2001", "x" * 600, Profile(max_chars=1000, multi_block=True))
    assert [Block.from_bytes(raw).terminator for raw in transaction.blocks] == [US, US, ETX]
    assert transaction.note == "sent in 3 blocks"


@pytest.mark.parametrize("pager_id", ["", "20 01", "2001\r", "\x1b", "\uff12", "1" * (MAX_PAGER_ID + 1)])
def test_pager_id_that_could_disturb_the_frame_is_refused(pager_id: str) -> None:
    with pytest.raises(Invalid, match="pager ID"):
        compose(pager_id, "FIRE", Profile())
