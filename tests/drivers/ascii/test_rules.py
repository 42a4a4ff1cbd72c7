"""Rules: what a line means, and which settings cannot work."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pydantic import ValidationError

from drivers.ascii.patterns import compiled
from drivers.ascii.rules import Finding, Template
from gatewayd.model import AlarmActivated, AlarmReset, Priority, TextReceived
from tests.drivers.ascii.samples import AFP_PATTERN, line, try_rules


def findings(text: str, *rules: dict[str, Any], **more: Any) -> list[Finding]:  # noqa: ANN401 - any setting
    return line(rules=rules, **more).rule_book.findings(text)


def test_groups_of_these_names_are_key_text_address_and_priority_by_themselves() -> None:
    pattern = r"^(?P<address>\d+) (?P<key>\w+) (?P<priority>\d) (?P<text>.*)$"
    (found,) = findings("2001 Z3 1 FIRE ZONE 3", {"match": pattern}, priorities={"1": "emergency"})
    assert (found.key, found.text, found.address) == ("Z3", "FIRE ZONE 3", "2001")
    assert found.priority is Priority.EMERGENCY


def test_templates_put_groups_together_by_name_and_by_number() -> None:
    rule = {"match": r"(\d)\.(?P<zone>\d)", "key": "{1}/{zone}", "text": "{{{zone}}} {line}", "address": "A{1}"}
    (found,) = findings("x 4.7", rule)
    assert (found.key, found.text, found.address) == ("4/7", "{7} x 4.7", "A4")


def test_without_groups_the_whole_line_is_key_and_text() -> None:
    (found,) = findings("FIRE ZONE 3", {"match": "FIRE"})
    assert (found.key, found.text, found.address, found.priority) == ("FIRE ZONE 3", "FIRE ZONE 3", "", None)


def test_group_that_took_no_part_is_empty() -> None:
    (found,) = findings("FIRE", {"match": "FIRE(?: (?P<address>\\d+))?"})
    assert found.address == ""


def test_first_rule_that_matches_stops_the_search() -> None:
    rules = ({"match": "FIRE", "name": "a"}, {"match": "FIRE", "name": "b"})
    assert [found.rule.name for found in findings("FIRE", *rules)] == ["a"]


def test_rule_may_let_later_rules_see_the_line_too() -> None:
    rules = ({"match": "FIRE", "then": "continue"}, {"match": "SMOKE"}, {"contains": ["FI", "RE"]}, {"match": "."})
    assert [found.rule.name for found in findings("FIRE", *rules)] == ["rule 1", "rule 3"]


def test_every_word_has_to_be_there_in_its_own_case() -> None:
    rule = {"contains": ["FIRE", "ROOM"]}
    assert findings("FIRE IN ROOM 3", rule)
    assert not findings("FIRE IN HALL", rule)
    assert not findings("fire in room", rule)


def test_case_can_be_ignored() -> None:
    assert findings("fire", {"match": "FIRE", "ignore_case": True})


@pytest.mark.parametrize(("priority", "expected"), [("high", Priority.HIGH), ("{p}", Priority.LOW), ("", None)])
def test_priority_is_a_word_or_a_code_of_the_line(priority: str, expected: Priority | None) -> None:
    (found,) = findings("F4", {"match": r"F(?P<p>\d)", "priority": priority}, priorities={"4": "low"})
    assert found.priority is expected


def reports(rules: list[dict[str, Any]], sample: str, **more: Any) -> list[Any]:  # noqa: ANN401 - any setting
    return [report for result in try_rules(line(rules=rules, **more), sample) for report in result.reports]


def test_text_goes_to_whom_the_line_names() -> None:
    rule = {"match": r"^(?P<recipient>\d+),(?P<text>.*),(?P<priority>\d)$", "kind": "text", "address": "desk"}
    (report,) = reports([rule], "100,bring a chair,2\n", priorities={"2": "high"})
    assert report == TextReceived("desk", "bring a chair", "100", "", Priority.HIGH)


def test_text_that_names_nobody_is_for_the_fallback_recipient() -> None:
    (report,) = reports([{"match": "^NOTE (?P<text>.*)$", "kind": "text"}], "NOTE paper is out\n")
    assert report == TextReceived("", "paper is out")


def test_reset_without_a_key_ends_the_alarms_of_its_address() -> None:
    (report,) = reports([{"match": r"^OK (?P<address>\d+)", "kind": "reset"}], "OK 12")
    assert report == AlarmReset(None, "12", "OK 12")


def test_reset_that_names_nothing_is_shown_to_a_person() -> None:
    (report,) = reports([{"match": r"^OK ?(?P<key>\d*)", "kind": "reset"}], "OK")
    assert (type(report), report.text) == (AlarmActivated, "OK")


def test_reset_of_everything_at_one_address_leaves_the_others() -> None:
    rules = [
        {"match": r"^FIRE (?P<address>\d)", "key": "{line}"},
        {"match": r"^CLEAR (?P<address>\d)", "kind": "reset_all"},
    ]
    found = reports(rules, "FIRE 1 a\nFIRE 2 b\nFIRE 1 c\nCLEAR 1\n")
    assert [report.key for report in found if isinstance(report, AlarmReset)] == ["FIRE 1 a", "FIRE 1 c"]


@pytest.mark.parametrize(
    ("unmatched", "expected"),
    [
        ("alarm", [AlarmActivated("unmatched HELLO", "HELLO")]),
        ("text", [TextReceived("", "HELLO")]),
        ("count", []),
    ],
)
def test_line_that_no_rule_knows_is_treated_as_the_line_says(unmatched: str, expected: list[Any]) -> None:
    (result,) = try_rules(line(unmatched=unmatched), "HELLO\n")
    assert (list(result.reports), result.verdicts) == (expected, ("unmatched",))


def test_without_any_setting_an_unknown_line_is_an_alarm() -> None:
    assert line().unmatched == "alarm"


def test_general_reset_ends_unknown_lines_too() -> None:
    found = reports([{"match": "CLEAR", "kind": "reset_all"}], "HELLO\nCLEAR\n")
    assert found[1].key == "unmatched HELLO"


def test_noise_is_a_fault_of_the_line_and_readable_text_ends_it() -> None:
    results = try_rules(line(rules=[{"match": "^FIRE"}]), b"\x80\xf8\x1c\xe6\x9a\r\nFIRE\r\n")
    told: list[Any] = [report for result in results for report in result.reports]
    fault, over, alarm = told
    assert (fault.key, fault.fault) == ("fault unreadable", True)
    assert (over.key, alarm.text) == ("fault unreadable", "FIRE")
    assert [result.verdicts for result in results] == [("unreadable",), ("set",)]


def test_alarm_that_can_be_made_out_in_noise_is_one_and_a_reset_is_not() -> None:
    settings = line(rules=[{"match": "FIRE", "key": "f"}, {"match": "OK", "kind": "reset", "key": "f"}])
    results = try_rules(settings, b"\x80\xf8\x1c\xe6FIRE\r\n\x80\xf8\x1c\xe6OK\r\n")
    assert [result.verdicts for result in results] == [("set",), ("unreadable",)]


def test_tester_shows_what_the_ignore_list_drops() -> None:
    results = try_rules(line(ignore=["^EVENT"], rules=[{"match": "."}]), "EVENT ACCT\n\nFIRE\n")
    assert [(result.record, result.verdicts) for result in results] == [
        ("EVENT ACCT", ("ignored",)),
        ("FIRE", ("set",)),
    ]


@pytest.mark.parametrize("framing", [{"framing": "fixed", "length": 5}, {"framing": "gap"}])
def test_lines_of_a_typed_sample_stand_for_records_without_an_end(framing: dict[str, Any]) -> None:
    results = try_rules(line(framing, rules=[{"match": "."}]), "FIRE1\nFIRE2\n")
    assert [(result.record, result.complete) for result in results] == [("FIRE1", True), ("FIRE2", True)]


def test_typed_sample_need_not_know_the_terminator() -> None:
    results = try_rules(line(terminators=[";"], encoding="cp437", rules=[{"match": "."}]), "Küche\nFlur")
    assert [(result.record, result.complete) for result in results] == [("Küche", True), ("Flur", False)]


# --- settings that cannot work ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"rules": [{"match": "(", "key": "x"}]}, "match is not a regular expression: missing ), unterminated"),
        ({"rules": [{"match": r"(\w+ ?)+x"}]}, "match repeats something that is itself variable"),
        ({"rules": [{"match": "(?P<line>x)"}]}, "match has a group named line"),
        ({"rules": [{"match": "x", "key": "{zone}"}]}, "key names the group zone; there are line"),
        ({"rules": [{"match": "x", "text": "{line.__class__}"}]}, "text is no template"),
        ({"rules": [{"match": "x", "text": "{line!r}"}]}, "text is no template"),
        ({"rules": [{"match": "x", "address": "{"}]}, "address is no template"),
        ({"rules": [{"kind": "set"}]}, "a rule needs match or contains"),
        ({"rules": [{"match": "x", "kind": "reset", "ttl": 5}]}, "ttl and repeat_window belong to rules of kind set"),
        ({"rules": [{"match": "x", "recipient": "100"}]}, "recipient belongs to rules of kind text"),
        ({"repeat_window": -1}, "repeat_window"),
        ({"rules": [{"match": "x", "ttl": 5, "repeat_window": 5}]}, "either ends (ttl) or begins anew"),
        ({"rules": [{"match": "x", "kind": "ignore", "repeat_window": 5}]}, "belong to rules of kind set"),
        ({"rules": [{"match": "x" * 1001}]}, "at most 1000 characters"),
        ({"rules": [{"match": "x", "kind": "heartbeat"}]}, "heartbeat_every and a rule of kind heartbeat"),
        ({"heartbeat_every": 60}, "heartbeat_every and a rule of kind heartbeat"),
        ({"ignore": [".*"]}, "ignore has a pattern that finds every line"),
        ({"ignore": ["("]}, "is not a regular expression"),
        ({"first_line": "["}, "is not a regular expression"),
        ({"following": 1}, "following needs first_line"),
        ({"framing": "markers", "start": ":"}, "needs start and end"),
        ({"framing": "fixed"}, "needs length"),
        ({"framing": "fixed", "length": 500}, "more than max_length"),
        ({"terminators": ["\r", "\r\n;"]}, "one terminator begins with another one"),
        ({"terminators": ["€"]}, "pattern"),
        ({"max_length": 5000}, "1024"),
        ({"rules": [{"match": r".*\d.*\d.*\d.*x"}]}, "has more than 3 unbounded .* for records of up to 256"),
        ({"rules": [{"match": r"(?:.*\d|.*x).*y"}], "max_length": 512}, "has more than 2 unbounded .*"),
        ({"first_line": ".+ .+ .+"}, "has more than 2 unbounded .* for records of up to 1024"),
        ({"ignore": ["a.*b.*c.*d.*e"]}, "has more than 3 unbounded .*"),
        ({"encoding": "cp437", "strip_parity": True}, "needs all 8 bits"),
        ({"encoding": "utf-8", "bytesize": 7}, "needs all 8 bits"),
        ({"baudrate": 1}, "is none of"),
    ],
)
def test_setting_that_cannot_work_is_refused_with_its_reason(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        line(wrong)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "pattern", [r"(a+)+$", r"(a|aa)*$", r"(\w+\s*)*x", r"(aa?)+$", r"((?:x*)y?){20,}", r"(?:(?=a+)b|c+)*", r"(.*)*"]
)
def test_pattern_that_explodes_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="possessive"):
        compiled(pattern)


@pytest.mark.parametrize(
    "pattern", [AFP_PATTERN, r"(?:\w++ )*x", r"(?>a+)*b", r"(?:ab)+", r"(?:\d{2}:)*", r"[a-z|]+ (?:ON|OFF)?", r"(a|b)+"]
)
def test_pattern_that_cannot_explode_is_taken(pattern: str) -> None:
    assert compiled(pattern).pattern == pattern


def test_slowest_pattern_that_is_taken_is_bearable_on_the_worst_line_that_may_arrive() -> None:
    book = line(rules=[{"match": r".*\d.*\d.*x"}]).rule_book
    started = time.process_time()
    assert book.findings("1 " * 128) == []
    assert time.process_time() - started < 2


def test_pattern_of_a_fire_panel_is_quick_on_the_worst_line_that_may_arrive() -> None:
    hostile = ":ALARM Z001 " + "x " * 500
    started = time.process_time()
    assert line(rules=[{"match": AFP_PATTERN}]).rule_book.findings(hostile[:1024]) == []
    assert time.process_time() - started < 1


def test_template_without_groups_is_its_text() -> None:
    assert Template.parse("FIRE").expand({}) == "FIRE"
