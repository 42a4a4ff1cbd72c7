"""Random tokens: each byte of the source once, however they are asked for."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from drivers.sip.tokens import BLOCK, Tokens


def test_the_source_is_asked_once_for_many_tokens() -> None:
    asked = Counter[int]()

    def source(size: int) -> bytes:
        asked[size] += 1
        return bytes(size)

    tokens = Tokens(source)
    for _ in range(BLOCK // 16):
        tokens(16)
    assert asked == {BLOCK: 1}
    tokens(1)
    assert asked == {BLOCK: 2}


@given(st.lists(st.integers(1, 64), min_size=200, max_size=400))
def test_no_byte_is_given_out_twice(sizes: list[int]) -> None:
    blocks = iter(range(1_000_000))

    def source(size: int) -> bytes:
        """Bytes that tell their own place: four a number."""
        return b"".join((next(blocks)).to_bytes(4, "big") for _ in range(size // 4))

    tokens = Tokens(source)
    given_out = [tokens(4 * size) for size in sizes]
    assert [len(token) for token in given_out] == [8 * size for size in sizes]
    words = [token[at : at + 8] for token in given_out for at in range(0, len(token), 8)]
    assert len(set(words)) == len(words)


def test_tokens_of_the_kernel_differ() -> None:
    tokens = Tokens()
    assert len({tokens(8) for _ in range(2_000)}) == 2_000
