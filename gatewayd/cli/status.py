"""`gatewayd status`, `gatewayd lines`: how the running gateway is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from gatewayd.cli.control import ask
from gatewayd.cli.output import Exit, emit, printable, say

if TYPE_CHECKING:
    import argparse

UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def status(arguments: argparse.Namespace) -> int:
    """Print how the gateway is; a line that is down does not make the command fail."""
    answer = ask(arguments, "/status")
    if arguments.json:
        emit(answer)
        return Exit.OK
    down = ", ".join(answer["lines_down"])
    name = "" if answer["name"] in {"", "gatewayd"} else f" {printable(answer['name'])}"
    say(f"gatewayd {answer['version']}{name} runs as process {answer['process']} since {duration(answer['uptime'])}")
    say(f"console  {answer['url'] or 'cannot be reached; the log of the gateway says why'}")
    say(f"lines    {answer['lines']}, {'down: ' + down if down else 'all up'}")
    say(f"queued   {answer['pages_waiting']} pages")
    if answer["storage"] != "sound":
        say(f"storage  {answer['storage']}")
    if answer["owed"]:
        say(f"memory   {answer['owed']} decisions that are not on disk")
    return Exit.OK


def lines(arguments: argparse.Namespace) -> int:
    """Print a table of the lines, with the reason and the counters of each below it."""
    answer = ask(arguments, "/lines")
    if arguments.json:
        emit(answer)
        return Exit.OK
    rows = [("line", "kind", "port", "state", "queue", "received"), *map(_row, answer)]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row, line in zip(rows, [None, *answer], strict=True):
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if line is not None:
            _say_more(line)
    return Exit.OK


def duration(seconds: float) -> str:
    """Return a duration in its two largest units."""
    words: list[str] = []
    left = max(0, int(seconds))
    for size, unit in UNITS:
        count, left = divmod(left, size)
        if count or (unit == "s" and not words):
            words.append(f"{count} {unit}")
    return " ".join(words[:2])


def _row(line: dict[str, Any]) -> tuple[str, ...]:
    received = line["received"]
    ago = "never" if received is None else f"{duration(time.time() - received)} ago"
    return line["name"], line["kind"], printable(line["port"]), _state(line), str(line["queue"]), ago


def _state(line: dict[str, Any]) -> str:
    if not line["up"]:
        return "down"
    return "weak" if line["reason"] else "up"


def _say_more(line: dict[str, Any]) -> None:
    if line.get("pool"):
        say(f"    in the pool {line['pool']}")
    if line["reason"]:
        say(f"    {printable(line['reason'])}")
    if line.get("pins") is not None:
        say(f"    modem lines on: {' '.join(line['pins']).upper() or 'none'}")
    if line["counters"]:
        say("    " + ", ".join(f"{what} {count}" for what, count in line["counters"].items()))
