"""Seven bits and parity on an eight-bit wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.transport.framing import Parity, SevenBits, software_framing
from gatewayd.transport.settings import SerialSettings

seven_bits = st.lists(st.integers(0, 127)).map(bytes)
checked = st.sampled_from([Parity.EVEN, Parity.ODD])


@pytest.mark.parametrize(
    ("parity", "wire"),
    [
        (Parity.EVEN, b"\x41\xc3\x00\xff"),
        (Parity.ODD, b"\xc1\x43\x80\x7f"),
        (Parity.MARK, b"\xc1\xc3\x80\xff"),
        (Parity.IGNORED, b"\x41\x43\x00\x7f"),
    ],
)
def test_bit_7_is_what_the_parity_says(parity: Parity, wire: bytes) -> None:
    assert SevenBits(parity).encode(b"AC\x00\x7f") == wire


@given(st.sampled_from(Parity), seven_bits)
def test_what_is_encoded_is_decoded_without_an_error(parity: Parity, data: bytes) -> None:
    framing = SevenBits(parity)
    assert framing.decode(framing.encode(data)) == data
    assert framing.errors == 0


@given(checked, seven_bits.filter(bool), st.data())
def test_one_flipped_bit_is_counted_and_the_byte_still_passes(parity: Parity, data: bytes, draw: st.DataObject) -> None:
    framing = SevenBits(parity)
    wire = bytearray(framing.encode(data))
    wire[draw.draw(st.integers(0, len(wire) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    assert len(framing.decode(bytes(wire))) == len(data)
    assert framing.errors == 1


@given(st.sampled_from([Parity.MARK, Parity.IGNORED]), st.binary())
def test_where_bit_7_means_nothing_nothing_is_an_error(parity: Parity, wire: bytes) -> None:
    framing = SevenBits(parity)
    assert framing.decode(wire) == bytes(byte & 127 for byte in wire)
    assert framing.errors == 0


def test_the_settings_decide_which_framing_is_left_to_software() -> None:
    def framing(forced: bool, **settings: object) -> bytes | None:  # noqa: FBT001 - a row of the table
        made = software_framing(SerialSettings(port="/dev/x", **settings), forced=forced)  # type: ignore[arg-type]
        return None if made is None else made.encode(b"C")

    assert framing(forced=True) is None
    assert framing(forced=False, bytesize=7, parity="even") == b"\x43"
    assert framing(forced=True, bytesize=7, parity="even") == b"\xc3"
    assert framing(forced=False, bytesize=7, parity="even", software_parity=True) == b"\xc3"
    assert framing(forced=True, bytesize=7, stopbits=2) == b"\xc3"
