"""`gatewayd store` and `gatewayd backup`: what the store holds, whether its file is sound, and a copy of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from gatewayd.cli.control import data_dir
from gatewayd.cli.output import Exit, emit, say
from gatewayd.store.backup import back_up
from gatewayd.store.inspection import inspect

if TYPE_CHECKING:
    import argparse


def check(arguments: argparse.Namespace) -> int:
    """Inspect the store; fails when the file is damaged."""
    found = inspect(data_dir(arguments))
    if arguments.json:
        emit({"ok": not found.problems, **asdict(found)})
    else:
        say(f"{found.file}: {found.size:,} bytes, schema {found.schema} (this gatewayd knows {found.known_schema})")
        say("\n".join(f"  {name:<16} {rows:>10,}" for name, rows in sorted(found.tables.items())))
        say("\n".join(found.problems) or "the file is sound")
    return Exit.FAILURE if found.problems else Exit.OK


def backup(arguments: argparse.Namespace) -> int:
    """Copy the store into a new file, while the gateway runs or not."""
    size = back_up(data_dir(arguments), Path(arguments.file))
    if arguments.json:
        emit({"ok": True, "file": arguments.file, "bytes": size})
    else:
        say(f"{arguments.file}: {size:,} bytes, checked")
    return Exit.OK
