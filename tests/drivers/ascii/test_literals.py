"""The first test of many rules: it lets every line through that its rule would match."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.ascii.literals import folded, required
from drivers.ascii.patience import Patience
from tests.drivers.ascii.samples import AFP_PATTERN, AFP_SET, line


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("^FIRE ZONE (?P<zone>\\d+)$", ("FIRE ZONE ",)),
        ("(?P<what>FIRE) +(?:IN )?ROOM", ("FIRE", " ", "ROOM")),
        ("(?:ab){2,}c*d+", ("ab", "d")),
        ("(?>ab)c++", ("ab", "c")),
        ("FIRE|SMOKE", ()),
        ("a(?!b)(?=c)d", ("a", "d")),
        ("(?i)Room Ärger", ("room ",)),
        ("a(?i:B)c", ("a", "c")),
        (r"\d+\s*", ()),
    ],
)
def test_texts_that_a_pattern_cannot_do_without(pattern: str, texts: tuple[str, ...]) -> None:
    assert required(re.compile(pattern)) == texts


PIECES = ["a", "FIRE", "k", "s", "i", "1", " ", "x|y", "(?:ab)", "(a)?", "a*", "b+", "[a-c]", "(?:k|s){2}", ".", r"\d"]
PIECES += [r"\w+", "(?>s+)", "(?=a)", "(?!b)", "(?i:K)", "(?-i:K)", "^", "$", r"\b", "ß", "\u017f", "\u212a", "é"]
LETTERS = "aAbBcFIREkKsSi\u0131\u0130\u017f\u212axy1 ßéÉ"


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join),
    st.text(st.sampled_from(LETTERS), max_size=12),
    st.booleans(),
)
def test_every_line_that_a_pattern_finds_has_the_texts(pattern: str, line: str, ignore_case: bool) -> None:  # noqa: FBT001
    found = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    if found.search(line) is not None:
        assert all(text in (folded(line) if ignore_case else line) for text in required(found))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["FIRE 1", "FIRE 2", "OK 1", "room x", "ROOM"]), max_size=6).map(" ".join))
def test_rules_find_the_same_with_and_without_the_first_test(text: str) -> None:
    rules: list[dict[str, Any]]
    rules = [{"match": rf"\b{word} {number}\b", "then": "continue"} for word in ("FIRE", "OK") for number in (1, 2)]
    rules += [{"match": "room", "ignore_case": True, "then": "continue"}, {"contains": ["FIRE", "OK"]}, {"match": "x$"}]
    book = line(rules=rules).rule_book
    expected = []
    for rule in book.rules:
        if rule.match(text, Patience()) is not None:
            expected.append(rule.name)
            if rule.stop:
                break
    assert [found.rule.name for found in book.findings(text)] == expected


def test_five_hundred_rules_cost_a_fraction_of_asking_each_of_them() -> None:
    rules = [{"match": AFP_PATTERN.replace(r"Z\d{3}", f"Z{number:03}")} for number in range(500)]
    book = line(rules=rules).rule_book
    assert [found.rule.name for found in book.findings(AFP_SET)] == ["rule 2"]
    started = time.process_time()
    for _ in range(20):
        book.findings(AFP_SET.replace("Z001", "Z999"))
    filtered = time.process_time() - started
    started = time.process_time()
    for _ in range(20):
        assert not any(rule.match(AFP_SET.replace("Z001", "Z999"), Patience()) for rule in book.rules)
    assert filtered * 2 < time.process_time() - started
