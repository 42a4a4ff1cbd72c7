"""A copy of a store, also of one that is in use: a copied file alone would lack what is still in the log."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from gatewayd.errors import NotFound, StoreUnavailable
from gatewayd.store.database import FILE

if TYPE_CHECKING:
    from pathlib import Path

ROOM = 64 << 20  # bytes that a copy leaves free: on the gateway's own disk its alarms need them


def back_up(data_dir: Path, target: Path) -> int:
    """Write the store as it is at one moment into a new file, which only its owner may read; return its bytes.

    The copy is checked and on disk before it has its name. Raises NotFound, StoreUnavailable.
    """
    source = data_dir / FILE
    if not source.exists():
        raise NotFound(f"there is no store in {data_dir}")
    if target.exists():
        raise StoreUnavailable(f"{target}: File exists")
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        _refuse_without_room(data_dir, target.parent)
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _copy(source, partial)
        _settle(partial, target)
    except OSError as error:
        raise StoreUnavailable(f"{target}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise StoreUnavailable(f"cannot copy {source}: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return target.stat().st_size


def _refuse_without_room(data_dir: Path, folder: Path) -> None:
    size = sum(file.stat().st_size for file in data_dir.glob(f"{FILE}*"))
    if shutil.disk_usage(folder).free < size + ROOM:
        raise StoreUnavailable(f"{folder}: a copy takes up to {size:,} bytes and leaves {ROOM:,} free; there is less")


def _copy(source: Path, partial: Path) -> None:
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as connection:
        connection.execute("VACUUM INTO ?", (str(partial),))
    with closing(sqlite3.connect(f"file:{partial}?mode=ro", uri=True)) as copy:
        findings = [row[0] for row in copy.execute("PRAGMA integrity_check")]
    if findings != ["ok"]:
        raise StoreUnavailable(f"{source} is damaged: {findings[0]}")


def _settle(partial: Path, target: Path) -> None:
    """Have the copy on disk, then give it its name, which nothing else may have got meanwhile."""
    for path in (partial, target.parent):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if path is partial:
            os.link(partial, target)
