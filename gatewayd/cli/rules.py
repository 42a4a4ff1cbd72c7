"""`gatewayd rules test`: what the rules of a line make of a sample or a capture."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatewayd import registry
from gatewayd.cli.box import config_file
from gatewayd.cli.output import Exit, emit, say
from gatewayd.cli.player import words
from gatewayd.errors import ConfigError, Invalid, NotFound, Problem
from gatewayd.rules import Ruled, RuleResult, sample_of
from gatewayd.settings import load
from gatewayd.validation import suggestion

if TYPE_CHECKING:
    import argparse

    from gatewayd.settings import LineConfig

STANDARD = "-"  # as a file name: standard input
MAX_SAMPLE = 4 * 1024 * 1024  # bytes


def test(arguments: argparse.Namespace) -> int:
    """Print what becomes of each record; fails when a record was not understood."""
    line = _line(arguments)
    results = list(_ruled(line).tried(line.settings, _sample(arguments.file)))
    failed = sum(not result.understood for result in results)
    if arguments.json:
        emit([_shown(result) for result in results])
    else:
        for result in results:
            _say(result)
        say(f"{len(results)} records, {failed} not understood")
    return Exit.FAILURE if failed else Exit.OK


def _line(arguments: argparse.Namespace) -> LineConfig:
    lines = load(config_file(arguments)).lines
    if arguments.line not in lines:
        raise NotFound(f"there is no line {arguments.line!r}{suggestion(arguments.line, lines)}")
    return lines[arguments.line]


def _ruled(line: LineConfig) -> type[Ruled]:
    """Return the driver of a line that has rules. Raises Invalid: the kind has none."""
    driver = registry.load(line.kind).driver
    if not issubclass(driver, Ruled):
        raise Invalid("line", f"{line.name!r} is of kind {line.kind!r}, which has no rules")
    return driver


def _sample(name: str) -> str | bytes:
    """Return what a line heard, from a capture or a sample."""
    try:
        data = _read(name)
    except OSError as error:
        raise ConfigError([Problem(name, "", f"cannot be read: {error.strerror}")]) from None
    if len(data) > MAX_SAMPLE:
        raise ConfigError([Problem(name, "", f"is longer than {MAX_SAMPLE} bytes")])
    return sample_of(data, name)


def _read(name: str) -> bytes:
    if name == STANDARD:
        return sys.stdin.buffer.read(MAX_SAMPLE + 1)
    with Path(name).open("rb") as file:
        return file.read(MAX_SAMPLE + 1)


def _shown(result: RuleResult) -> dict[str, Any]:
    return {
        "record": result.record,
        "verdicts": list(result.verdicts),
        "rules": list(result.rules),
        "groups": dict(result.groups),
        "reports": [words(report) for report in result.reports],
        "complete": result.complete,
        "given_up": list(result.given_up),
    }


def _say(result: RuleResult) -> None:
    say(f"{result.record!r}: {', '.join(result.verdicts)}{'' if result.complete else ' (incomplete)'}")
    if result.rules:
        say(f"    by {', '.join(result.rules)}: {result.groups}")
    if result.given_up:
        say(f"    too slow, and given up: {', '.join(result.given_up)}")
    for report in result.reports:
        say(f"    {words(report)}")
