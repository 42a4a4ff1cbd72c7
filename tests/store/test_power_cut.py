"""A power cut after any write or sync: what was said to be safe is there, and the file is whole.

The calls of a real program are recorded and played back up to every one of them. What was not synced by then is lost,
or there, or there in part and in any order, as a disk with a cache may have it.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from random import Random
from typing import TYPE_CHECKING

import pytest

from gatewayd.store import open_store
from gatewayd.store.database import FILE
from tests.store.powered import ALARMS
from tests.store.writelog import Call, Disk, has_strace, recorded, written

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.peer,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not has_strace(), reason="strace is not installed or may not trace; tools/test --all installs it"
    ),
]

FILES = (FILE, f"{FILE}-wal")
STDOUT = 1
NOTHING, EVERYTHING, ANYTHING = (Random(0), 0.0), (None, 1.0), (Random(4711), 0.5)


def stored(files: dict[str, bytes], folder: Path) -> set[int]:
    """Open what a power cut left; return the alarms that are there."""
    folder.mkdir()
    written(files, FILES, folder)
    with closing(sqlite3.connect(folder / FILE)) as connection:
        connection.create_collation("PEOPLE", lambda a, b: (a > b) - (a < b))
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {number for (number,) in connection.execute("SELECT id FROM alarms")}


def safe(call: Call) -> set[int]:
    """Return the alarms of which the program says with this call that they are on disk."""
    said = call.name == "write" and call.handle == STDOUT
    return {int(line) for line in call.data.split()} if said else set()


@pytest.mark.parametrize("rest", [NOTHING, EVERYTHING, ANYTHING], ids=["lost", "there", "in part"])
def test_what_was_acknowledged_survives_a_power_cut_at_any_moment(
    tmp_path: Path, rest: tuple[Random | None, float]
) -> None:
    data = tmp_path / "data"
    open_store(data).close()
    disk = Disk({FILE: (data / FILE).read_bytes()})
    calls = recorded([sys.executable, "-m", "tests.store.powered", str(data)], tmp_path / "calls")
    acknowledged: set[int] = set()
    cuts = 0
    for number, call in enumerate(calls):
        acknowledged |= safe(call)
        if call.file in FILES:
            disk.take(call)
        if number % 3 == 0 or call.file not in FILES:
            found = stored(disk.after_a_cut(*rest), tmp_path / f"cut-{number}")
            assert acknowledged <= found, f"after call {number} of {len(calls)}"
            cuts += 1
    assert acknowledged == set(range(1, ALARMS + 1))
    assert cuts > ALARMS
    assert {call.file for call in calls if call.name == "fdatasync"} >= set(FILES)
