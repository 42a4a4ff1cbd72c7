"""`gatewayd run`."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

from gatewayd.cli.box import config_file, loaded
from gatewayd.settings import RunOptions

if TYPE_CHECKING:
    import argparse

START_COLLECTS_AFTER = 1_000_000  # new objects, that is never: what a start makes stays; the daemon then sets its own


def run(arguments: argparse.Namespace) -> int:
    """Check everything, then hand over to the daemon until it ends."""
    gc.set_threshold(START_COLLECTS_AFTER)
    settings = loaded(arguments).settings
    from gatewayd import daemon

    ready_file = Path(arguments.ready_file) if arguments.ready_file else None
    return daemon.run(settings, RunOptions(arguments.demo, ready_file, config_file(arguments)))
