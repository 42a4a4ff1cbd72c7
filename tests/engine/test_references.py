"""What may have been taken before: never a no for what was taken within a lifetime, however many there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.engine import references
from gatewayd.engine.references import References

DAY = 100.0


def name(number: int) -> tuple[str, str, str]:
    return "phones", "2001", str(number)


def test_what_is_new_is_not_known_and_what_was_taken_is() -> None:
    known = References([name(1)], DAY, 0.0)
    known.add(name(2), 5.0)
    assert [known.may_know(name(number), 5.0) for number in (1, 2, 3)] == [True, True, False]


def test_what_is_older_than_a_lifetime_is_dropped_in_the_end() -> None:
    known = References([name(1)], DAY, 0.0)
    known.add(name(2), 50.0)
    known.add(name(3), 100.0)
    assert [known.may_know(name(number), 100.0) for number in (1, 2, 3)] == [False, True, True]
    known.add(name(4), 200.0)
    assert [known.may_know(name(number), 200.0) for number in (2, 3, 4)] == [False, True, True]


def test_where_the_disk_holds_too_many_everything_may_be_known_for_a_lifetime() -> None:
    known = References(None, DAY, 0.0)
    assert known.may_know(name(1), 99.9)
    assert not known.may_know(name(1), 100.0)


@given(st.lists(st.floats(0.0, 40.0), min_size=1, max_size=60))
def test_what_was_taken_within_a_lifetime_is_never_taken_for_new(pauses: list[float]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(references, "MOST", 7)
        known, now, taken = References([], DAY, 0.0), 0.0, list[float]()
        for number, pause in enumerate(pauses):
            now += pause
            known.add(name(number), now)
            taken.append(now)
            assert all(known.may_know(name(one), now) for one, when in enumerate(taken) if now - when < DAY)


def test_too_many_at_once_are_forgotten_and_looked_up_instead() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(references, "MOST", 7)
        known = References([], DAY, 0.0)
        for number in range(8):
            known.add(name(number), 1.0)
        assert len(known._young) == 1
        assert known.may_know(name(99), 1.0)
        assert not known.may_know(name(99), 101.0)
