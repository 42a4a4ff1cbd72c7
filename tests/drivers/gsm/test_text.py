"""Text into parts and back: the alphabet, the limits, what is never torn apart, what is put together again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.gsm import alphabet
from drivers.gsm.address import Address, same_subscriber
from drivers.gsm.pdu import Deliver
from drivers.gsm.reassembly import MAX_SETS, Reassembly, Text
from drivers.gsm.userdata import Coding, Concat, UserData, split

MOBILE = Address.parse("+491701234567")
gsm_text = st.text("@£Δ_ÄäñÜ€[]{}|^~\\\f\n AZaz09", max_size=500)


def test_alphabet_has_127_characters_and_ten_more_behind_escape() -> None:
    characters = [chr(code) for code in range(0x2100) if alphabet.to_septets(chr(code)) is not None]
    single = [character for character in characters if len(alphabet.to_septets(character) or b"") == 1]
    assert (len(single), len(characters) - len(single)) == (127, 10)


@pytest.mark.parametrize(
    ("text", "septets"),
    [("@", "00"), ("€", "1b65"), ("[", "1b3c"), ("^", "1b14"), ("ä", "7b"), ("Ω", "15"), ("¿", "60")],
)
def test_character_has_its_code(text: str, septets: str) -> None:
    assert (alphabet.to_septets(text) or b"").hex() == septets


def test_unknown_extension_reads_as_the_basic_character_and_double_escape_as_a_blank() -> None:
    assert alphabet.from_septets(b"\x1bA\x1b\x1b\x1b") == "A "


@settings(max_examples=100)
@given(st.binary(max_size=160).map(lambda raw: bytes(octet & 0x7F for octet in raw)), st.integers(0, 6))
def test_packed_septets_come_back(septets: bytes, fill: int) -> None:
    assert alphabet.unpack(alphabet.pack(septets, fill), len(septets), fill) == septets


@pytest.mark.parametrize(
    ("text", "wide", "sizes"),
    [
        ("x" * 160, False, [160]),
        ("x" * 161, False, [153, 8]),
        ("x" * 307, False, [153, 153, 1]),
        ("x" * 161, True, [152, 9]),
        ("ж" * 70, False, [70]),
        ("ж" * 71, False, [67, 4]),
        ("ж" * 71, True, [66, 5]),
        ("€" * 80, False, [80]),
        ("€" * 81, False, [76, 5]),
        ("", False, [0]),
    ],
)
def test_part_holds_as_much_as_the_standard_allows(text: str, wide: bool, sizes: list[int]) -> None:  # noqa: FBT001
    parts = split(text, 9, 1, wide=wide).parts
    assert [len(part.text) for part in parts] == sizes
    assert all(len(part.to_bytes()) <= 141 for part in parts)


def test_escape_pair_is_not_divided() -> None:
    first, second = split("x" * 152 + "€" + "x" * 20, 2, 1).parts
    assert (first.text, second.text) == ("x" * 152, "€" + "x" * 20)


def test_surrogate_pair_is_not_divided() -> None:
    first, second = split("ж" * 66 + "🔥" + "ж" * 20, 2, 1).parts
    assert (first.text, second.text) == ("ж" * 66, "🔥" + "ж" * 20)


def test_text_that_does_not_fit_is_cut_and_says_by_how_much() -> None:
    cut = split("x" * 500, 3, 1)
    assert (len(cut.parts), cut.left_out) == (3, 500 - 459)
    assert split("x" * 500, 4, 1).left_out == 0


def test_text_is_simplified_only_when_it_would_not_fit_otherwise() -> None:
    short, long = "„Brand“ \u2013 Łódź…", "„Brand“ \u2013 Łódź… " * 6
    (whole,) = split(short, 1, 1).parts
    (simple,) = split(long, 1, 1).parts
    assert (whole.coding, whole.text) == (Coding.UCS2, short)
    assert (simple.coding, simple.text) == (Coding.GSM7, '"Brand" - Lodz... ' * 6)


def test_part_of_a_single_message_has_no_header() -> None:
    assert split("FIRE", 3, 1).parts[0].concat is None


@settings(max_examples=100)
@given(st.one_of(gsm_text, st.text(max_size=300)), st.booleans(), st.randoms(use_true_random=False))
def test_text_survives_splitting_and_reassembly_in_any_order(text: str, wide: bool, dice: object) -> None:  # noqa: FBT001
    parts = list(split(text, 255, 200, wide=wide).parts)
    dice.shuffle(parts)  # type: ignore[attr-defined]
    assembly: Reassembly[int] = Reassembly(60)
    whole = [found for place, part in enumerate(parts) for found in assembly.add(Deliver(MOBILE, part), place, 0)]
    (message,) = whole
    assert message.text == text.encode("utf-16", "replace").decode("utf-16")
    assert sorted(message.tokens) == list(range(len(parts)))


def part(number: int, total: int = 3, reference: int = 1, text: str = "") -> Deliver:
    data = alphabet.to_septets(text or f"<{number}>") or b""
    return Deliver(MOBILE, UserData(Coding.GSM7, data, Concat(reference, total, number).to_bytes()))


def test_incomplete_message_is_given_out_after_its_time() -> None:
    assembly: Reassembly[str] = Reassembly(60)
    assert assembly.add(part(1), "a", 0) == []
    assert assembly.add(part(3), "c", 10) == []
    assert assembly.due() == 60
    assert assembly.expire(59) == []
    assert assembly.expire(60) == [Text("+491701234567", "<1>[...]<3>", ("a", "c"), complete=False)]
    assert assembly.due() is None


def test_part_that_comes_twice_counts_once_and_both_are_remembered() -> None:
    assembly: Reassembly[str] = Reassembly(60)
    assembly.add(part(1, 2), "a", 0)
    assembly.add(part(1, 2), "again", 0)
    assert assembly.add(part(2, 2), "b", 0) == [Text("+491701234567", "<1><2>", ("a", "again", "b"))]


def test_messages_with_other_references_or_totals_are_kept_apart() -> None:
    assembly: Reassembly[str] = Reassembly(60)
    assembly.add(part(1, 2, reference=1), "a", 0)
    assert assembly.add(part(2, 2, reference=2), "b", 0) == []
    assert assembly.add(part(2, 3, reference=1), "c", 0) == []
    assert [text.text for text in assembly.give_up()] == ["<1>[...]", "[...]<2>", "[...]<2>[...]"]


def test_flood_of_parts_gives_out_the_oldest_and_does_not_grow() -> None:
    assembly: Reassembly[int] = Reassembly(60)
    out = [text for number in range(MAX_SETS + 5) for text in assembly.add(part(1, reference=number), number, 0)]
    assert [text.tokens for text in out] == [(0,), (1,), (2,), (3,), (4,)]


@pytest.mark.parametrize(
    "header", [b"\x00", b"\x00\x03\x01", b"\x00\x03\x01\x00\x00", b"\x00\x02\x01\x02", b"\x24\x09"]
)
def test_header_that_is_nonsense_means_no_place(header: bytes) -> None:
    assert UserData(Coding.GSM7, b"A", header).concat is None


@pytest.mark.parametrize("number", ["", "+", "12 34", "0170a", "++49", "1" * 21, "+49\r"])
def test_number_that_is_none_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match="no telephone number"):
        Address.parse(number)


def test_subscriber_is_the_same_with_and_without_the_country() -> None:
    assert same_subscriber("+491701234567", "01701234567")
    assert not same_subscriber("+491701234567", "01701234568")


def test_references_of_eight_and_of_sixteen_bits_are_kept_apart() -> None:
    assembly: Reassembly[str] = Reassembly(60)
    assembly.add(part(1, 2), "a", 0)
    wide = Deliver(MOBILE, UserData(Coding.GSM7, b"A", Concat(1, 2, 2, wide=True).to_bytes()))
    assert assembly.add(wide, "b", 0) == []
