from __future__ import annotations

from drivers.ascii.unknown import MOST_KNOWN, PREFIX, UnknownLines


def test_each_line_has_a_key_that_says_when_its_alarm_began() -> None:
    lines = UnknownLines(60)
    assert lines.key("A", 100.0) == f"{PREFIX}100 A"
    assert lines.key("B", 110.0) == f"{PREFIX}110 B"
    assert lines.key("A", 160.0) == f"{PREFIX}100 A"
    assert lines.key("A", 220.0) == f"{PREFIX}100 A"
    assert lines.key("A", 281.0) == f"{PREFIX}281 A"


def test_without_a_window_every_line_is_a_new_alarm_after_its_second() -> None:
    lines = UnknownLines(0)
    assert [lines.key("A", now) for now in (1.0, 1.0, 2.0)] == [f"{PREFIX}1 A", f"{PREFIX}1 A", f"{PREFIX}2 A"]


def test_keys_that_stand_are_known_and_others_are_not_theirs() -> None:
    lines = UnknownLines(60, [f"{PREFIX}100 A", f"{PREFIX}B", "unmatched", f"{PREFIX}300 C D"])
    assert lines.key("A", 150.0) == f"{PREFIX}100 A"
    assert lines.key("B", 150.0) == f"{PREFIX}150 B"
    assert lines.key("C D", 310.0) == f"{PREFIX}300 C D"


def test_no_more_lines_are_kept_than_there_is_room_for_and_the_newest_stay() -> None:
    lines = UnknownLines(1e9)
    for number in range(MOST_KNOWN + 10):
        lines.key(str(number), float(number))
    assert len(lines._known) == MOST_KNOWN
    assert lines.key(str(MOST_KNOWN + 9), 5000.0) == f"{PREFIX}{MOST_KNOWN + 9} {MOST_KNOWN + 9}"
    assert lines.key("0", 5000.0) == f"{PREFIX}5000 0"
