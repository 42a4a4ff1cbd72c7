import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.espa444.charset import Charset
from drivers.espa444.events import Bcc
from drivers.espa444.framer import Enquiry, Eot, Framer, Nak, RawBlock, Token
from drivers.espa444.frames import MAX_BLOCK, Block, Record, bcc
from gatewayd.errors import LocalProtocolError, RemoteProtocolError
from tests.drivers.espa444.vectors import DEVIATIONS, FRAMES, TRAPS, frame, trap

SEVEN_BIT = Charset.ASCII
printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40)
names = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=3)
blocks = st.builds(Block, names, st.lists(st.builds(Record, names, printable), min_size=1, max_size=8).map(tuple))


def tokens(data: bytes, charset: Charset = SEVEN_BIT) -> list[Token]:
    return list(Framer(charset).feed(data))


def only_block(data: bytes, charset: Charset = SEVEN_BIT) -> Block:
    (token,) = tokens(data, charset)
    assert isinstance(token, RawBlock)
    assert token.good
    return Block.from_bytes(token.content, charset)


@pytest.mark.parametrize("name", FRAMES)
def test_frame_is_written_as_the_vector_has_it(name: str) -> None:
    text, block = FRAMES[name]
    assert block.to_bytes() == bytes.fromhex(text)


@pytest.mark.parametrize("name", [*FRAMES, *DEVIATIONS])
def test_frame_is_read_as_the_vector_means_it(name: str) -> None:
    assert only_block(frame(name)) == (FRAMES | DEVIATIONS)[name][1]


@pytest.mark.parametrize("name", [*FRAMES, *DEVIATIONS])
def test_xor_of_everything_after_soh_is_zero(name: str) -> None:
    assert bcc(bytes(byte & 0x7F for byte in frame(name)[1:])) == 0


@pytest.mark.parametrize("text", TRAPS)
def test_check_character_that_equals_a_control_code_is_taken_blindly(text: str) -> None:
    expected = Block.of("1", {"1": "104" if text == "TY" else "100", "2": text})
    assert only_block(trap(text)) == expected
    assert expected.to_bytes() == trap(text)


def test_check_character_of_a_trap_is_not_read_again_as_a_control_code() -> None:
    found = tokens(trap("TL") + trap("TY") + b"\x04")
    assert [type(token) for token in found] == [RawBlock, RawBlock, Eot]


@pytest.mark.parametrize("position", range(1, 17))
def test_a_flipped_bit_anywhere_makes_the_block_bad(position: int) -> None:
    damaged = bytearray(frame("E1"))
    damaged[position] ^= 0x40
    assert not any(token.good for token in tokens(bytes(damaged) + b"\x04\x04") if isinstance(token, RawBlock))


def test_a_wrong_check_character_is_overlooked_where_it_is_to_be_ignored() -> None:
    (token,) = Framer(SEVEN_BIT, Bcc.IGNORE).feed(frame("E1")[:-1] + b"\x00")
    assert isinstance(token, RawBlock)
    assert token.good


@pytest.mark.parametrize("text", TRAPS)
def test_where_there_is_no_check_character_the_next_byte_is_a_code_of_its_own(text: str) -> None:
    framer = Framer(SEVEN_BIT, Bcc.NONE)
    found = list(framer.feed(trap(text)[:-1] + b"\x04" + frame("E1")[:-1] + b"2\x05"))
    assert [type(token) for token in found] == [RawBlock, Eot, RawBlock, Enquiry]
    assert all(token.good for token in found if isinstance(token, RawBlock))


@given(blocks)
@settings(max_examples=100)
def test_any_block_comes_back_as_it_was_sent(block: Block) -> None:
    expected = Block(block.header, tuple(Record(record.id, record.data) for record in block.records))
    assert only_block(block.to_bytes()) == expected


@pytest.mark.parametrize("charset", [Charset.LATIN1, Charset.UTF8, Charset.DIN66003])
def test_umlauts_come_back_in_every_charset_that_has_them(charset: Charset) -> None:
    block = Block.of("1", {"1": "7", "2": "Tür öffnen: Übergröße"})
    assert only_block(block.to_bytes(charset), charset) == block


def test_din66003_writes_umlauts_as_the_codes_of_brackets() -> None:
    assert Block.of("1", {"2": "ÄÖÜäöüß"}).to_bytes(Charset.DIN66003)[5:12] == b"[\\]{|}~"


def test_check_character_may_come_without_bit_7_on_an_eight_bit_line() -> None:
    data = Block.of("1", {"2": "ü"}).to_bytes(Charset.LATIN1)
    assert data[-1] & 0x80
    assert only_block(data[:-1] + bytes((data[-1] & 0x7F,)), Charset.LATIN1).get("2") == "ü"


def test_data_are_strings_so_leading_zeros_count() -> None:
    assert Block.of("1", {"1": "01"}) != Block.of("1", {"1": "1"})
    assert only_block(Block.of("1", {"1": "01"}).to_bytes()).get("1") == "01"


def test_unknown_records_and_headers_are_kept() -> None:
    assert only_block(Block.of("9", {"42": "x"}).to_bytes()) == Block.of("9", {"42": "x"})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"1", "without STX"),
        (b"1\x02", "without records"),
        (b"1\x02\x1e\x1e", "without records"),
        (b"1\x02plain text", "without an id"),
        (b"1\x02\x1fdata", "without an id"),
        (b"\x021\x1fA", "without a header"),
    ],
)
def test_malformed_content_is_the_other_sides_fault(content: bytes, reason: str) -> None:
    with pytest.raises(RemoteProtocolError, match=reason):
        Block.from_bytes(content)


def test_plain_text_becomes_the_display_message_where_that_is_wanted() -> None:
    assert Block.from_bytes(b"\x02HELP ROOM 3", raw_text=True) == Block.of("1", {"2": "HELP ROOM 3"})


@pytest.mark.parametrize(
    "block", [Block("1", ()), Block.of("1", {"2": "a\x03b"}), Block.of("1", {"2": "x" * MAX_BLOCK})]
)
def test_what_no_frame_can_carry_is_our_own_fault(block: Block) -> None:
    with pytest.raises(LocalProtocolError):
        block.to_bytes()


def test_enquiries_and_refusals_carry_what_stood_before_them() -> None:
    assert tokens(b"\x0431\x05 2 \x052\x15\x15PBX\x05") == [
        Eot(),
        Enquiry("31"),
        Enquiry("2"),
        Nak("2"),
        Nak(""),
        Enquiry("PBX"),
    ]


def test_a_released_line_does_not_spoil_the_next_address() -> None:
    assert tokens(b"\xff\x00\x7f2\x05") == [Enquiry("2")]


def test_a_block_whose_start_was_lost_is_followed_to_its_end_and_is_bad() -> None:
    damaged = frame("E1")[2:-1] + b"\x05"
    assert [type(token) for token in tokens(damaged + b"\x04")] == [RawBlock, Eot]
    assert tokens(damaged)[0] == RawBlock(frame("E1")[3:-2], good=False)


@given(st.binary(max_size=300), st.sampled_from(list(Charset)))
@settings(max_examples=200)
def test_whatever_arrives_the_framer_is_ready_after_two_eots(noise: bytes, charset: Charset) -> None:
    framer = Framer(charset)
    list(framer.feed(noise))
    list(framer.feed(b"\x04\x04"))
    assert [type(token) for token in framer.feed(frame("E1"))] == [RawBlock]


@given(st.binary(max_size=100), st.integers(1, 7))
@settings(max_examples=100)
def test_any_chunking_gives_the_same_tokens(noise: bytes, size: int) -> None:
    data = noise + b"\x04" + frame("E7") + trap("TM") + b"\x042\x05"
    framer = Framer(SEVEN_BIT)
    found = [token for start in range(0, len(data), size) for token in framer.feed(data[start : start + size])]
    assert found == tokens(data)


def test_an_endless_block_takes_bounded_memory_and_is_bad() -> None:
    framer = Framer(SEVEN_BIT)
    for _ in range(100):
        assert not list(framer.feed(b"x" * 100 if framer.in_block else b"\x011\x02"))
    (token,) = framer.feed(b"\x03\x00")
    assert isinstance(token, RawBlock)
    assert (len(token.content), token.good) == (MAX_BLOCK, False)


@pytest.mark.parametrize(("length", "good"), [(MAX_BLOCK, True), (MAX_BLOCK + 1, False)])
def test_a_block_may_be_as_long_as_the_limit_and_no_longer(length: int, good: bool) -> None:  # noqa: FBT001
    content = b"1\x02" + b"x" * (length - 2)
    (token,) = Framer(SEVEN_BIT).feed(b"\x01" + content + b"\x03" + bytes((bcc(content + b"\x03"),)))
    assert isinstance(token, RawBlock)
    assert token.good is good


def test_an_endless_address_takes_bounded_memory() -> None:
    (token,) = tokens(b"9" * 10_000 + b"\x05")
    assert token == Enquiry("9" * 16)
