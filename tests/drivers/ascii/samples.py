"""Lines as devices print them, and the settings that understand them: the fact sheet's examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drivers.ascii import tester
from drivers.ascii.settings import AsciiSettings

if TYPE_CHECKING:
    from gatewayd.rules import RuleResult

AFP_PATTERN = (
    r"^:(?P<verb>[A-Z0-9() -]+?) +(?P<zone>Z\d{3}) +(?P<point>\S+) +(?P<label>.*?) +"
    r"(?P<date>\d\d/\d\d) (?P<time>\d\d:\d\d);$"
)
AFP_SET = ":ALARM Z001 1.1.Z1 AZF 1 ON MODULE 1 12/08 01:23;"
AFP_RESET = ":RESET ALARM Z001 1.1.Z1 AZF 1 ON MODULE 1 12/08 01:31;"
AFP_ACKD = ":ACKD ALARM Z001 1.1.Z1 AZF 1 ON MODULE 1 12/08 01:25;"
AFP_ISOL = ":ISOL Z001 1.1.Z1 AZF 1 ON MODULE 1 12/08 01:26;"
AFP_FAULT = ":FAULT (F01) Z001 L2D159 SMOKE DETECTOR 12/08 01:27;"
AFP_MAINS = ":MAINS FAIL 12/08 02:00;"

AFP: dict[str, Any] = {
    "framing": "markers",
    "start": ":",
    "end": ";",
    "rules": [
        {
            "name": "alarm",
            "match": AFP_PATTERN.replace(r"[A-Z0-9() -]+?", "ALARM"),
            "key": "{zone}/{point}",
            "text": "{label}",
            "address": "{zone}",
            "priority": "emergency",
        },
        {
            "name": "over",
            "match": AFP_PATTERN.replace(r"[A-Z0-9() -]+?", "RESET ALARM|ALARM SELF CLEARED|ACTIVE SELF CLR"),
            "kind": "reset",
            "key": "{zone}/{point}",
        },
        {"name": "fault", "match": AFP_PATTERN.replace(r"[A-Z0-9() -]+?", r"FAULT[^:]*?"), "fault": True},
        {"name": "acknowledged", "contains": [":ACKD "], "kind": "ignore"},
        {"name": "isolated", "match": "^:(DE-)?ISOL", "kind": "ignore"},
    ],
}
KIDDE: dict[str, Any] = {
    "first_line": r"^[A-Z]{4} ACT \|",
    "following": 1,
    "rules": [
        {
            "match": r"^(?P<verb>[A-Z]{4}) ACT \| \S+ \S+ (?P<address>A:\d+) (?P<text>.*)$",
            "key": "{verb} {address}",
        }
    ],
}
BOSCH: dict[str, Any] = {
    "ignore": [r"^EVENT +ACCT", r"^\d\d/\d\d \d\d:\d\d[AP]M$", r"^PAGE \d+$"],
    "most_blanks": 1,
    "rules": [
        {"match": r"^Fire Alarm (?P<key>\d+ \d+) (?P<text>.*)$"},
        {"match": r"^Fire (Cancel|Restoral) (?P<key>\d+ \d+)", "kind": "reset"},
    ],
}
PRT3: dict[str, Any] = {
    "terminators": ["\r"],
    "rules": [
        {"match": r"^PF(?P<address>\d{3})$", "key": "fire {address}", "text": "Fire panic in area {address}"},
        {"match": r"^SR(?P<address>\d{3})$", "kind": "reset", "key": "fire {address}"},
        {"match": r"^PGM(?P<output>\d\d)ON$", "key": "output {output}", "text": "Output {output} on"},
        {"match": r"^PGM(?P<output>\d\d)OFF$", "kind": "reset", "key": "output {output}"},
    ],
}
NIRA: dict[str, Any] = {
    "rules": [{"match": r"^(?P<key>\d{3})-+(?P<kind>[A-Z]{1,2})$", "text": "Call from {key} ({kind})", "ttl": 75}],
}
BEMAC: dict[str, Any] = {
    "rules": [
        {"match": r"^\d+,RESET,\d+$", "kind": "reset_all"},
        {"match": r"^(?P<address>\d+),(?P<text>.*),0$", "key": "{text}", "kind": "reset"},
        {
            "match": r"^(?P<address>\d+),(?P<text>.*),(?P<tone>[1-9])$",
            "key": "{text}",
            "priority": "{tone}",
        },
    ],
    "priorities": {"1": "emergency", "2": "high"},
}
ELDAD: dict[str, Any] = {
    "rules": [
        {"match": r"^(?P<address>\d{4}) 1 (?P<text>[^.].{23}) (?P<id>\d{5}) \d$", "key": "{id}"},
        {"match": r"^(?P<address>\d{4}) 1 \.{24} (?P<text>(?P<id>\d{5})) \d$", "key": "{id}"},
        {"match": r"^(?P<address>\d{4}) 2 .{24} (?P<id>\d{5}) \d$", "key": "{id}", "kind": "reset"},
    ],
}
ARITECH: dict[str, Any] = {
    "rules": [
        {"match": "HERSTEL", "kind": "reset_all"},
        {"match": "^BRAND +(?P<key>.*)$", "text": "BRAND {key}"},
    ],
}
MLR2: dict[str, Any] = {
    "rules": [{"match": r"^(\*)?$", "kind": "heartbeat"}, {"match": "^(?P<key>ALARM .*)$"}],
    "heartbeat_every": 60,
    "heartbeat_answer": "\x06",
}

FIRE: dict[str, Any] = {
    "rules": [
        {"match": r"^FIRE (?P<key>\d+)", "address": "{key}", "text": "FIRE {key}"},
        {"match": r"^OK (?P<key>\d+)", "kind": "reset"},
        {"match": "^ALL CLEAR$", "kind": "reset_all"},
    ]
}


def line(*layers: dict[str, Any], **more: Any) -> AsciiSettings:  # noqa: ANN401 - any setting
    """Return the settings of a line, as a configuration file gives them."""
    merged: dict[str, Any] = {"port": "memory"}
    for layer in (*layers, more):
        merged |= layer
    return AsciiSettings.model_validate(merged)


def try_rules(settings: AsciiSettings, sample: str | bytes) -> list[RuleResult]:
    """Return what a line makes of a whole sample."""
    return list(tester.tried(settings, sample))
