"""Words for tests of pseudo-terminals."""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gatewayd.clock import settle

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def opened(path: str) -> Iterator[int]:
    """Open the gateway's side of a PTY."""
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        yield fd
    finally:
        os.close(fd)


def read(fd: int) -> bytes:
    """Return what has arrived, without waiting."""
    try:
        return os.read(fd, 100_000)
    except BlockingIOError:
        return b""


def descriptors() -> int:
    """Return how many files are open."""
    return len(list(Path("/dev/fd").iterdir()))


def is_device(path: str | Path) -> bool:
    """Return whether a path leads to a device."""
    return Path(path).is_char_device()


def exists(path: str | Path) -> bool:
    """Return whether there is a link."""
    return Path(path).is_symlink()


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return [path.name for path in folder.iterdir()]


async def passed_through() -> None:
    """Let the kernel carry bytes from one side of a PTY to the other, which it does in a thread of its own."""
    for _ in range(8):
        await asyncio.sleep(0.001)  # a busy machine has other work for that thread
        await settle()
