"""The reserve: room on the disk that is given back when there is no other.

SQLite cannot even delete on a disk that is full. A file with real blocks keeps what it takes to store alarms, their
pages and their answers until somebody has made room.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE = "gatewayd.reserve"
SPARE, SPARE_SIZE = "gatewayd.spare", 1 << 18  # bytes: what SQLite needs to open a store, its log and the log's index
BLOCK = 512  # bytes, of `st_blocks`
CRAMPED = 1 << 20  # bytes; below it an error of the disk that does not say "full" is taken for one
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})  # SQLite calls a quota that is used up an error of writing


class Reserve:
    """A file of `size` bytes; without a path, or of no size, there is none and nothing is kept back."""

    def __init__(self, path: Path | None = None, size: int = 0) -> None:
        self._path = path
        self.size = size if path is not None else 0

    def lay(self, *, to_the_last: bool = False) -> None:
        """Take the room where as much stays free, as it is not to be given back at once; `to_the_last`: what there is.

        Raises OSError.
        """
        path = self._path
        if path is None or not self.size or self.is_laid():
            return
        path.unlink(missing_ok=True)
        free = self.free()
        if not to_the_last and free < 2 * self.size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if to_the_last:
                _allocate(handle, self.size, self.size // 8)
            else:
                os.posix_fallocate(handle, 0, min(2 * self.size, free - self.size))  # `free` knows of no quota
                os.ftruncate(handle, self.size)
            os.fsync(handle)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(handle)

    def probe(self) -> None:
        """Write and sync a few bytes, and take them away. Raises OSError where the disk is not merely full."""
        try:
            self._try(lambda handle: os.write(handle, bytes(BLOCK)))
        except OSError as error:
            if error.errno not in FULL:  # SQLite may have room in its own files
                raise

    def _try(self, work: Callable[[int], object]) -> None:
        """Do something with a file beside the reserve, sync it and take it away. Raises OSError."""
        if self._path is None:
            return
        path = self._path.with_suffix(".probe")
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            work(handle)
            os.fsync(handle)
        finally:
            os.close(handle)
            path.unlink(missing_ok=True)

    def is_laid(self) -> bool:
        """Return whether the whole reserve is there, with blocks behind it. Raises OSError."""
        if self._path is None:
            return False
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return False
        return found.st_size == self.size and found.st_blocks * BLOCK >= self.size

    def give_back(self) -> bool:
        """Let the file system have the room; return whether there was any."""
        if self._path is None:
            return False
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def free(self) -> int:
        """Return how many bytes the file system has for us. Raises OSError."""
        if self._path is None:
            return 0
        found = os.statvfs(self._path.parent)
        return found.f_bavail * found.f_frsize

    def is_cramped(self) -> bool:
        """Return whether there is next to no room, on the disk or for us."""
        if self._path is None:
            return False
        try:
            if self.free() < CRAMPED:
                return True
            self._try(lambda handle: os.posix_fallocate(handle, 0, CRAMPED))
        except OSError as error:
            return error.errno in FULL
        return False


def _allocate(handle: int, size: int, least: int) -> None:
    """Give a file `size` bytes of blocks, or half of them, or a quarter, but `least` of all. Raises OSError."""
    while True:
        try:
            os.posix_fallocate(handle, 0, size)
        except OSError:
            os.ftruncate(handle, 0)
            size //= 2
            if size < least:
                raise
        else:
            return
