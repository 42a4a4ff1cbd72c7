"""Every device of the fact sheet: what it prints becomes what it means. All through `try_rules`."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gatewayd.model import AlarmActivated, AlarmReset, Priority
from tests.drivers.ascii import samples
from tests.drivers.ascii.samples import AFP_ACKD, AFP_FAULT, AFP_ISOL, AFP_MAINS, AFP_RESET, AFP_SET, line, try_rules


def reports(settings: dict[str, Any], sample: str | bytes) -> list[Any]:
    return [report for result in try_rules(line(settings), sample) for report in result.reports]


def test_fire_panel_sets_and_resets_one_and_the_same_alarm() -> None:
    activated, reset = reports(samples.AFP, AFP_SET + "\r\n" + AFP_RESET + "\r\n")
    assert activated == AlarmActivated(
        "Z001/1.1.Z1",
        "AZF 1 ON MODULE 1",
        "Z001",
        Priority.EMERGENCY,
        {
            "rule": "alarm",
            "verb": "ALARM",
            "zone": "Z001",
            "point": "1.1.Z1",
            "label": "AZF 1 ON MODULE 1",
            "date": "12/08",
            "time": "01:23",
        },
    )
    assert (reset.key, type(reset)) == ("Z001/1.1.Z1", AlarmReset)


@pytest.mark.parametrize(
    ("sample", "verdict", "rule"),
    [
        (AFP_ACKD, "ignore", "acknowledged"),
        (AFP_ISOL, "ignore", "isolated"),
        (":DE-ISOL Z001 1.1.Z1 AZF 1 12/08 01:26;", "ignore", "isolated"),
        (AFP_FAULT, "set", "fault"),
        (":ALARM SELF CLEARED Z001 1.1.Z1 AZF 1 12/08 01:26;", "reset", "over"),
    ],
)
def test_verbs_of_the_fire_panel_are_told_apart(sample: str, verdict: str, rule: str) -> None:
    (result,) = try_rules(line(samples.AFP), sample)
    assert (result.verdicts, result.rules, result.complete) == ((verdict,), (rule,), True)


def test_fault_of_the_fire_panel_is_a_technical_alarm() -> None:
    (report,) = reports(samples.AFP, AFP_FAULT)
    assert report.fault


def test_system_message_that_no_rule_knows_is_an_alarm_with_its_own_words() -> None:
    (report,) = reports(samples.AFP, AFP_MAINS)
    assert (report.text, report.key) == (AFP_MAINS, f"unmatched {AFP_MAINS}")


@pytest.mark.parametrize("sample", [AFP_SET, AFP_RESET, AFP_ACKD, AFP_ISOL, AFP_FAULT])
def test_pattern_of_the_fact_sheet_parses_the_lines_of_the_manual(sample: str) -> None:
    found = re.search(samples.AFP_PATTERN, sample)
    assert found is not None
    assert found["zone"] == "Z001"


def test_two_line_event_is_one_alarm_with_the_label_of_its_second_line() -> None:
    sample = "TRBL ACT | 18:00:07 01/01/2007 A:008\r\nHALL SMOKE 3\r\nPALM ACT | 18:00:09 01/01/2007 A:009\r\nROOF\r\n"
    first, second = reports(samples.KIDDE, sample)
    assert (first.key, first.text, first.address) == ("TRBL A:008", "HALL SMOKE 3", "A:008")
    assert (second.key, second.text) == ("PALM A:009", "ROOF")


def test_headings_page_margins_and_form_feeds_of_a_dialler_are_dropped() -> None:
    sample = (
        b"\x0c\r\n\r\n   EVENT      ACCT AR ID PT# TEXT\r\n01/01 01:21AM\r\nFire Alarm   1111 11   Hall Smoke\r\n"
        b"PAGE 2\r\n\x0c01/01 01:24AM\r\nFire Restoral 1111 11 Hall Smoke\r\n"
    )
    activated, reset = reports(samples.BOSCH, sample)
    assert (activated.key, activated.text) == ("1111 11", "Hall Smoke")
    assert reset.key == "1111 11"


def test_tokens_that_only_a_carriage_return_ends_are_understood() -> None:
    found = reports(samples.PRT3, b"PF001\rPGM01ON\rSR001\rPGM01OFF\r")
    assert [report.key for report in found] == ["fire 001", "output 01", "fire 001", "output 01"]
    assert [type(report) for report in found] == [AlarmActivated, AlarmActivated, AlarmReset, AlarmReset]
    assert (found[0].text, found[0].address) == ("Fire panic in area 001", "001")


@pytest.mark.parametrize(
    ("sample", "text"),
    [
        ("123-C", "Call from 123 (C)"),
        ("123----A", "Call from 123 (A)"),
        ("123-A", "Call from 123 (A)"),
        ("123---AA", "Call from 123 (AA)"),
    ],
)
def test_nurse_call_that_only_sets_is_understood(sample: str, text: str) -> None:
    (report,) = reports(samples.NIRA, sample)
    assert (report.key, report.text) == ("123", text)


def test_tone_zero_resets_its_message_and_the_word_reset_everything() -> None:
    found = reports(samples.BEMAC, "7,FIRE,1\n7,PUMP,2\n7,FIRE,0\n8,DOOR,3\n1,RESET,9\n")
    assert [(type(report), report.key) for report in found] == [
        (AlarmActivated, "FIRE"),
        (AlarmActivated, "PUMP"),
        (AlarmReset, "FIRE"),
        (AlarmActivated, "DOOR"),
        (AlarmReset, "PUMP"),
        (AlarmReset, "DOOR"),
    ]
    assert [report.priority for report in found if isinstance(report, AlarmActivated)] == [
        Priority.EMERGENCY,
        Priority.HIGH,
        None,
    ]


def test_tone_code_decides_and_dots_stand_for_no_text() -> None:
    stx = b"\x02"
    text = b"ROOM 12 BED 2 CALL".ljust(24)
    found = reports(
        samples.ELDAD,
        stx + b"2001 1 " + text + b" 00012 1\n\r" + stx + b"2001 1 " + b"." * 24 + b" 00013 1\n\r"
        + stx + b"2001 2 " + text + b" 00012 1\n\r",
    )  # fmt: skip
    assert [(type(report), report.key) for report in found] == [
        (AlarmActivated, "00012"),
        (AlarmActivated, "00013"),
        (AlarmReset, "00012"),
    ]
    assert [report.text for report in found[:2]] == ["ROOM 12 BED 2 CALL", "00013"]


def test_general_reset_ends_every_alarm_of_the_line() -> None:
    found = reports(samples.ARITECH, "BRAND ZONE 1\nBRAND ZONE 2\nHERSTEL\n")
    assert [report.key for report in found[2:]] == ["ZONE 1", "ZONE 2"]
    assert all(isinstance(report, AlarmReset) for report in found[2:])


def test_lone_carriage_return_and_star_are_heartbeats() -> None:
    results = try_rules(line(samples.MLR2), b"\r*\r\n\rALARM 1\r")
    assert [result.verdicts for result in results] == [("heartbeat",)] * 3 + [("set",)]
