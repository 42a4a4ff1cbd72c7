"""The watch over the disk: people are told when it is full, and it is looked at until it takes everything again."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from gatewayd.engine import supervision
from gatewayd.errors import GatewayError
from gatewayd.store.storage import Disk

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gatewayd.clock import Clock
    from gatewayd.model import Report
    from gatewayd.store import Store

log = logging.getLogger(__name__)

LOOKS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)  # seconds between looks at a disk that is not sound, the last for ever


class StorageWatch:
    """Raises and clears the fault of the disk. `report` records a report of the box about itself."""

    def __init__(self, store: Store, clock: Clock, report: Callable[[Report], Awaitable[object]]) -> None:
        self._store = store
        self._clock = clock
        self._report = report
        self._wake = asyncio.Event()
        self._told = ""  # the reason that people know; empty: there is none

    async def run(self, *, stands: bool) -> None:
        """Watch for ever. `stands`: the fault was raised before this start."""
        loop = asyncio.get_running_loop()
        storage, looks = self._store.storage, 0
        storage.changed = partial(_from_any_thread, loop, self._wake)
        self._told = "before the start" if stands else ""
        try:
            while True:
                await self._tell()
                if storage.disk is Disk.SOUND and not self._told:
                    looks = 0
                    await self._woken(None)
                else:
                    await self._woken(LOOKS[min(looks, len(LOOKS) - 1)])
                    looks += 1
                    await self._look()
        finally:
            storage.changed = lambda: None

    async def _woken(self, after: float | None) -> None:
        """Wait until the disk has changed, or for so many seconds."""
        timer = None if after is None else self._clock.call_at(self._clock.now() + after, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()
        self._wake.clear()

    async def _look(self) -> None:
        if self._store.storage.disk is not Disk.SOUND:
            await self._store.look_for_room()

    async def _tell(self) -> None:
        """Raise or clear the fault, so that what stands is what is so; what cannot be recorded is tried again."""
        storage = self._store.storage
        sound = storage.disk is Disk.SOUND
        if sound == (not self._told):
            return
        try:
            await self._report(supervision.storage_over() if sound else supervision.storage_fault(storage.reason))
        except GatewayError as error:
            log.error("the state of the disk could not be recorded yet: %s", error)  # noqa: TRY400 - the error says it all
        else:
            self._told = "" if sound else storage.reason


def _from_any_thread(loop: asyncio.AbstractEventLoop, wake: asyncio.Event) -> None:
    loop.call_soon_threadsafe(wake.set)
