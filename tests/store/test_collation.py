"""How people's words are compared."""

from __future__ import annotations

from functools import cmp_to_key

from hypothesis import given
from hypothesis import strategies as st

from gatewayd.store.collation import compare, folded


def test_letters_with_accents_stand_beside_those_without_and_case_does_not_count() -> None:
    names = ["Zoe", "ärztin", "Azur", "Arzt", "Ärztin", "ångström", "Öl", "oben", "ZOE"]
    ordered = sorted(names, key=cmp_to_key(compare))
    assert ordered == ["ångström", "Arzt", "ärztin", "Ärztin", "Azur", "oben", "Öl", "Zoe", "ZOE"]


@given(st.text(max_size=6), st.text(max_size=6), st.text(max_size=6))
def test_the_order_is_total(one: str, other: str, third: str) -> None:
    assert compare(one, other) == -compare(other, one)
    assert compare(one, one) == 0
    if compare(one, other) <= 0 and compare(other, third) <= 0:
        assert compare(one, third) <= 0


def test_what_is_no_text_is_compared_as_it_is_written_and_nothing_stays_nothing() -> None:
    assert (folded("ÄÖ"), folded(12), folded(None)) == ("äö", "12", None)
