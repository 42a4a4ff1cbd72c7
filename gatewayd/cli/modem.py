"""`gatewayd modem LINE at COMMAND`: ask the modem of a running line something, between the gateway's own commands."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from gatewayd.cli.control import order
from gatewayd.cli.output import Exit, emit, printable, say

if TYPE_CHECKING:
    import argparse

MARGIN = 35.0  # seconds that the daemon may wait until the modem is free for the command, and a little


def at(arguments: argparse.Namespace) -> int:
    """Print what the modem said; a result other than OK is a failure."""
    wish = {"command": arguments.command, "seconds": arguments.timeout, "force": arguments.force}
    resource = f"/lines/{quote(arguments.line, safe='')}/command"
    answer = order(arguments, resource, wish, arguments.timeout + MARGIN)["answer"]
    ended_well = bool(answer) and answer[-1] == "OK"
    if arguments.json:
        emit({"ok": ended_well, "answer": answer})
    else:
        for line in answer:
            say(printable(line))
    return Exit.OK if ended_well else Exit.FAILURE
