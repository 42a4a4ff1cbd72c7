"""The rules of pools: which line carries a page, and what the failures of several lines mean together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.driver import Capabilities, Outcome, Receipt
from gatewayd.engine import pool
from gatewayd.engine.pool import Standing

GOOD, GOOD_TOO = Standing("a", up=True, room=1), Standing("b", up=True, room=1)
WEAK = Standing("w", up=True, room=1, degraded=True)
DOWN = Standing("d", up=False, room=0)


@pytest.mark.parametrize(
    ("standings", "chosen"),
    [
        ([GOOD, GOOD_TOO], "a"),
        ([replace(GOOD, room=0), GOOD_TOO], "b"),
        ([replace(GOOD, wait=7.0), GOOD_TOO], "b"),
        ([DOWN, WEAK, GOOD], "a"),
        ([DOWN, WEAK], "w"),
        ([WEAK, replace(GOOD, room=0)], None),  # one that works well is worth waiting for
        ([WEAK, replace(GOOD, wait=7.0)], "w"),  # but not for as long as its SIM may not send
        ([replace(WEAK, room=0), replace(GOOD, wait=7.0)], None),
        ([replace(WEAK, wait=7.0), replace(GOOD, wait=7.0)], None),
        ([DOWN], None),
        ([], None),
    ],
)
def test_first_line_that_works_well_and_has_room_is_chosen(standings: list[Standing], chosen: str | None) -> None:
    assert pool.choose(standings) == chosen


def test_line_that_was_tried_is_not_chosen_again_even_if_only_a_bad_one_is_left() -> None:
    assert pool.choose([GOOD, WEAK], {"a"}) == "w"
    assert pool.choose([GOOD], {"a"}) is None


def test_pool_has_the_room_of_the_lines_that_would_be_chosen() -> None:
    assert pool.room([replace(GOOD, room=3), GOOD_TOO, replace(GOOD, wait=1.0), DOWN, WEAK]) == 4
    assert pool.room([DOWN, WEAK]) == 1
    assert pool.room([replace(GOOD, wait=1.0), WEAK]) == 1


def test_next_turn_is_the_end_of_the_shortest_throttle() -> None:
    assert pool.next_turn([replace(GOOD, wait=7.0), replace(GOOD_TOO, wait=3.0), replace(DOWN, wait=1.0)]) == 3.0
    assert pool.next_turn([GOOD]) is None


standings = st.lists(
    st.builds(
        Standing,
        st.sampled_from("abcdef"),
        st.booleans(),
        st.integers(0, 2),
        st.booleans(),
        st.sampled_from([0.0, 5.0]),
    ),
    max_size=6,
    unique_by=lambda one: one.name,
)


@given(standings, st.sets(st.sampled_from("abcdef")))
def test_chosen_line_is_up_free_untried_and_never_worse_than_another(members: list[Standing], tried: set[str]) -> None:
    chosen = pool.choose(members, tried)
    if chosen is None:
        return
    one = next(member for member in members if member.name == chosen)
    assert one.up
    assert one.room > 0
    assert not one.wait
    assert chosen not in tried
    others = [other for other in members if other.up and other.name not in tried]
    assert not one.degraded or all(other.degraded or other.wait for other in others)


def test_page_is_refused_only_when_every_line_refuses_it() -> None:
    refused, failed = Receipt(Outcome.REFUSED, "barred"), Receipt(Outcome.FAILED, "no network", retry_after=30)
    assert pool.summary({"a": refused, "b": refused}) == Receipt(Outcome.REFUSED, "a: barred; b: barred")
    assert pool.summary({"a": failed, "b": refused}) == Receipt(
        Outcome.FAILED, "a: no network; b: barred", retry_after=30
    )
    assert pool.summary({"a": failed, "b": Receipt(Outcome.FAILED)}).retry_after is None


def test_pool_cuts_to_what_every_line_carries_and_asks_for_answers_where_one_brings_them() -> None:
    together = pool.combined(
        [Capabilities(sends=True, longest_text=160, answers_in_text=True), Capabilities(sends=True, longest_text=80)], 2
    )
    assert (together.longest_text, together.answers_in_text, together.parallel) == (80, True, 2)


def test_line_that_left_a_page_unknown_is_passed_over_while_another_is_up() -> None:
    assert pool.avoiding([GOOD, GOOD_TOO], set(), {"a"}) == {"a"}
    assert pool.avoiding([GOOD, DOWN], set(), {"a"}) == set()
    assert pool.avoiding([GOOD, GOOD_TOO], {"b"}, {"a"}) == {"b"}
