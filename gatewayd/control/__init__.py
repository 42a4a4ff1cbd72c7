"""The control socket: how the commands on the box talk to the running daemon; HTTP and JSON, for the owner only."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOCKET = "control.sock"  # in the data directory
LONGEST_PATH = 100  # bytes; the kernel takes 107


@contextmanager
def short_path(path: Path) -> Iterator[str]:
    """Yield a name of `path` that a socket address has room for."""
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
