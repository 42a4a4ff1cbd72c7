"""Where the files of the store stand: what goes to files that nobody finds any more is not stored."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from gatewayd.store.faults import DiskFault

if TYPE_CHECKING:
    from pathlib import Path

LOOK_EVERY = 1.0  # seconds between two looks at which files they are
ENDINGS = ("", "-wal", "-shm")  # of the database, its log and the log's index: a store without one of them is none


class Place:
    """The files of a store that is open. SQLite writes on when they are taken away, and never says so."""

    def __init__(self, database: Path | None = None) -> None:
        files = [] if database is None else [f"{database}{ending}" for ending in ENDINGS]
        self._files = [(file, _identity(os.stat(file))) for file in files]  # noqa: PTH116 - see `_look`
        self._look_at = 0.0  # monotonic

    def check(self) -> None:
        """Raise DiskFault where a file is gone; where another one stands in its place, a second later at most.

        Asking for more than whether it is there makes the kernel write the time of the next change down: that costs
        a fifth of a commit.
        """
        now = time.monotonic()
        if now >= self._look_at or not all(os.access(file, os.F_OK) for file, _ in self._files):
            self._look()
            self._look_at = now + LOOK_EVERY

    def _look(self) -> None:
        for file, identity in self._files:
            try:
                found = os.stat(file)  # noqa: PTH116 - with a Path it takes twice the time, and commits wait
            except (FileNotFoundError, NotADirectoryError):
                raise DiskFault(f"{os.path.basename(file)} was removed while it was in use") from None  # noqa: PTH119
            except OSError:  # it may be there, and SQLite has it open
                continue
            if _identity(found) != identity:
                raise DiskFault(f"{os.path.basename(file)} was replaced while it was in use")  # noqa: PTH119


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
