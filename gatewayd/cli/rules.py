"""`gatewayd rules test`: what the rules of a line make of a sample or a capture."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatewayd import registry
from gatewayd.cli.box import config_file
from gatewayd.cli.output import Exit, emit, say
from gatewayd.cli.player import words
from gatewayd.errors import ConfigError, Invalid, NotFound, Problem
from gatewayd.settings import load
from gatewayd.transport.capture import IN
from gatewayd.transport.capturefile import FIRST_LINE, parse
from gatewayd.validation import suggestion

if TYPE_CHECKING:
    import argparse

    from gatewayd.settings import LineConfig

STANDARD = "-"  # as a file name: standard input
MAX_SAMPLE = 4 * 1024 * 1024  # bytes
FAILURES = {"unmatched", "unreadable"}


def test(arguments: argparse.Namespace) -> int:
    """Print what becomes of each record; fails when a record was not understood."""
    line = _line(arguments)
    results = _tester(line)(line.settings, _sample(arguments.file))
    shown = [_shown(result) for result in results]
    if arguments.json:
        emit(shown)
    else:
        for each in shown:
            _say(each)
        failed = sum(1 for each in shown if FAILURES & set(each["verdicts"]))
        say(f"{len(shown)} records, {failed} not understood")
    return Exit.FAILURE if any(FAILURES & set(each["verdicts"]) for each in shown) else Exit.OK


def _line(arguments: argparse.Namespace) -> LineConfig:
    lines = load(config_file(arguments)).lines
    if arguments.line not in lines:
        raise NotFound(f"there is no line {arguments.line!r}{suggestion(arguments.line, lines)}")
    return lines[arguments.line]


def _tester(line: LineConfig) -> Any:  # noqa: ANN401  # a function of the driver
    """Return `try_rules` of the kind's module `tester`. Raises Invalid: the kind has no rules."""
    package = registry.load(line.kind).driver.__module__.rpartition(".")[0]
    try:
        return import_module(f"{package}.tester").try_rules
    except ModuleNotFoundError:
        raise Invalid("line", f"{line.name!r} is of kind {line.kind!r}, which has no rules") from None


def _sample(name: str) -> str | bytes:
    """Return what a line heard: the received bytes of a capture, or a sample as text, or else as bytes."""
    try:
        data = _read(name)
    except OSError as error:
        raise ConfigError([Problem(name, "", f"cannot be read: {error.strerror}")]) from None
    if len(data) > MAX_SAMPLE:
        raise ConfigError([Problem(name, "", f"is longer than {MAX_SAMPLE} bytes")])
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return data
    if text.startswith(FIRST_LINE):
        return b"".join(piece.data for piece in parse(text, name).pieces if piece.what == IN)
    return text


def _read(name: str) -> bytes:
    if name == STANDARD:
        return sys.stdin.buffer.read(MAX_SAMPLE + 1)
    with Path(name).open("rb") as file:
        return file.read(MAX_SAMPLE + 1)


def _shown(result: Any) -> dict[str, Any]:  # noqa: ANN401  # the driver's own type
    return {
        "record": result.record,
        "verdicts": list(result.verdicts),
        "rules": [str(rule) for rule in result.rules],
        "groups": dict(result.groups),
        "reports": [words(report) for report in result.reports],
        "complete": result.complete,
    }


def _say(each: dict[str, Any]) -> None:
    say(f"{each['record']!r}: {', '.join(each['verdicts'])}{'' if each['complete'] else ' (incomplete)'}")
    if each["rules"]:
        say(f"    by {', '.join(each['rules'])}: {each['groups']}")
    for report in each["reports"]:
        say(f"    {report}")
