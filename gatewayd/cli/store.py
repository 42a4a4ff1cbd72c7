"""`gatewayd store`: what the store holds, and whether its file is sound."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from gatewayd.cli.box import loaded
from gatewayd.cli.output import Exit, emit, say
from gatewayd.store.inspection import inspect

if TYPE_CHECKING:
    import argparse


def check(arguments: argparse.Namespace) -> int:
    """Inspect the store; fails when the file is damaged."""
    found = inspect(loaded(arguments).settings.gateway.data_dir)
    if arguments.json:
        emit({"ok": not found.problems, **asdict(found)})
    else:
        say(f"{found.file}: {found.size:,} bytes, schema {found.schema} (this gatewayd knows {found.known_schema})")
        say("\n".join(f"  {name:<16} {rows:>10,}" for name, rows in sorted(found.tables.items())))
        say("\n".join(found.problems) or "the file is sound")
    return Exit.FAILURE if found.problems else Exit.OK
