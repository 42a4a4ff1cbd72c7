"""A small disk of its own, to be filled to the last block; only root may mount one."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

KIBIBYTE = 1 << 10
MEBIBYTE = 1 << 20
DETACH = 2  # MNT_DETACH: also where a test that failed left something open


class SmallDisk:
    """A file system in memory at `path`."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        path.mkdir()
        self._libc = ctypes.CDLL(None, use_errno=True)
        options = f"size={size},mode=0700".encode()
        if self._libc.mount(b"tmpfs", bytes(path), b"tmpfs", 0, options):
            pytest.skip(f"no disk can be mounted here: {os.strerror(ctypes.get_errno())}")

    def fill(self) -> None:
        """Take all the room that is left."""
        with (self.path / "filler").open("ab", buffering=0) as filler:
            for piece in (bytes(64 * KIBIBYTE), bytes(4 * KIBIBYTE)):
                while _took(filler.fileno(), piece):
                    pass

    def make_room(self) -> None:
        """Give back what `fill` took."""
        (self.path / "filler").unlink()

    def remove(self) -> None:
        """Unmount it, with everything on it."""
        self._libc.umount2(bytes(self.path), DETACH)


def _took(handle: int, piece: bytes) -> bool:
    try:
        return os.write(handle, piece) == len(piece)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return False
        raise
