"""A program that stores alarms and says after each of them that it is safe: what loses power in `test_power_cut`."""

from __future__ import annotations

import asyncio
import math
import os
import sys
from pathlib import Path

from gatewayd.store import open_store
from tests.store import samples

ALARMS = 60


async def main(data: Path) -> None:
    """Store alarms, some at the same moment; say which ones are on disk."""
    store = open_store(data)
    store.writer.slow_commit = math.inf
    store.writer.spare_the_log(sparing=True)  # the log is copied into the file a few times
    for first in range(1, ALARMS, 3):
        await asyncio.gather(*(_one(store, number) for number in range(first, first + 3)))
    store.close()


async def _one(store: object, number: int) -> None:
    await store.record(samples.alarm(number))  # type: ignore[attr-defined]
    os.write(sys.stdout.fileno(), f"{number}\n".encode())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
