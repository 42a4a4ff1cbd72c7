from __future__ import annotations

from drivers.ascii.repeats import MOST_KNOWN, Repeats


def test_what_is_seen_within_the_window_is_a_repetition() -> None:
    repeats = Repeats()
    assert repeats.seen("A", 100.0, 60) == ("A", True)
    assert repeats.seen("A", 160.0, 60) == ("A", False)
    assert repeats.seen("A", 220.0, 60) == ("A", False)
    assert repeats.seen("A", 281.0, 60) == ("A", True)


def test_what_began_anew_is_known_by_its_new_key_until_the_window_is_over() -> None:
    repeats = Repeats()
    assert repeats.anew("A", 100.0) == "A @100"
    assert repeats.seen("A", 150.0, 60) == ("A @100", False)
    assert repeats.seen("A", 151.0, 60) == ("A @100", False)
    assert repeats.seen("A", 212.0, 60) == ("A", True)
    assert repeats.seen("B", 211.0, 60) == ("B", True)


def test_no_more_are_kept_than_there_is_room_for_and_the_newest_stay() -> None:
    repeats = Repeats()
    for number in range(MOST_KNOWN + 10):
        repeats.seen(str(number), float(number), 1e9)
    assert len(repeats._known) == MOST_KNOWN
    assert repeats.seen(str(MOST_KNOWN + 9), 5000.0, 1e9) == (str(MOST_KNOWN + 9), False)
    assert repeats.seen("0", 5000.0, 1e9) == ("0", True)
