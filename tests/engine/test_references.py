"""What was taken before: never taken for new within a lifetime, unless more came since than a memory holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.engine import references
from gatewayd.engine.references import References

DAY = 100.0


def name(number: int) -> tuple[str, str, str]:
    return "phones", "2001", str(number)


def test_what_is_new_is_not_known_and_what_was_taken_is_with_its_time() -> None:
    known = References([(name(1), -7.0)], DAY, 0.0)
    known.add(name(2), 5.0)
    assert [known.taken(name(number), 5.0) for number in (1, 2, 3)] == [-7.0, 5.0, None]


def test_what_is_older_than_a_lifetime_is_not_known_and_dropped_in_the_end() -> None:
    known = References([(name(1), -20.0)], DAY, 0.0)
    known.add(name(2), 50.0)
    assert [known.taken(name(number), 81.0) for number in (1, 2)] == [None, 50.0]
    known.add(name(3), 100.0)
    assert [known.taken(name(number), 100.0) for number in (1, 2, 3)] == [None, 50.0, 100.0]
    known.add(name(4), 200.0)
    assert [known.taken(name(number), 200.0) for number in (2, 3, 4)] == [None, 100.0, 200.0]
    assert len(known._old) + len(known._young) == 2


def test_what_is_taken_again_is_known_by_the_later_time() -> None:
    known = References([(name(1), 0.0)], DAY, 0.0)
    known.add(name(1), 60.0)
    assert known.taken(name(1), 150.0) == 60.0


@given(st.lists(st.floats(0.0, 40.0), min_size=1, max_size=60))
def test_the_newest_that_were_taken_within_a_lifetime_are_never_taken_for_new(pauses: list[float]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(references, "MOST", 7)
        known, now, taken = References([], DAY, 0.0), 0.0, list[float]()
        for number, pause in enumerate(pauses):
            now += pause
            known.add(name(number), now)
            taken.append(now)
            newest = list(enumerate(taken))[-7:]
            assert all(known.taken(name(one), now) == when for one, when in newest if now - when < DAY)
            assert len(known._young) + len(known._old) <= 14
