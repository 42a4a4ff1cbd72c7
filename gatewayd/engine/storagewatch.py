"""The watch over the disk: people are told when it is full or dead, and it is looked at until it takes everything."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Protocol

from gatewayd.engine import supervision
from gatewayd.errors import GatewayError, NotDurable
from gatewayd.store.storage import Disk

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from gatewayd.clock import Clock
    from gatewayd.model import Report
    from gatewayd.store import Store

log = logging.getLogger(__name__)

OFTEN, HOUR = 3, 3600.0  # so many moments of failure within so many seconds are a fault, though each was over at once
STEADY = 60.0  # seconds that a disk has to take what it is given before it is said that it is not down any more
PATIENCE = 2.0  # seconds of real time until a look that takes long is not waited for
LOOKS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)  # seconds between looks at a disk that is not sound, the last for ever


class Settled(Protocol):
    """What hears that nothing is owed to the disk any more."""

    def __call__(self, *, contradicted: bool) -> None:
        """Go on; `contradicted`: the disk may hold what could not be read when it was decided."""


class StorageWatch:
    """Raises and clears the faults of the disk.

    `report` records a report of the box about itself; `settled` hears that what was owed is on disk.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        report: Callable[[Report], Awaitable[object]],
        settled: Settled,
    ) -> None:
        self._store = store
        self._clock = clock
        self._report = report
        self._settled = settled
        self._wake = asyncio.Event()
        self._stands: set[str] = set()  # faults that people know of
        self._hiccups: deque[float] = deque(maxlen=OFTEN)  # when the disk failed for a moment
        self._steady_at = 0.0  # when the disk has not been down for long enough
        self._unreadable = ""
        self._readable_at = 0.0  # when nothing has been unreadable for long enough
        self._looking: asyncio.Task[None] | None = None

    async def run(self, stands: Iterable[str]) -> None:
        """Watch for ever. `stands` are the faults that were raised before this start."""
        storage, last, looks = self._store.storage, Disk.SOUND, 0
        storage.changed = partial(_from_any_thread, asyncio.get_running_loop(), self._wake)
        self._stands.update(stands)
        try:
            while True:
                if storage.disk is Disk.DOWN and last is not Disk.DOWN:
                    await self._look()
                    if self._is_sound():  # a hiccup: people are told when that goes on
                        self._hiccups.append(self._clock.now())
                if storage.disk is not last:
                    last, looks = storage.disk, 0
                await self._tell()
                if self._is_sound() and not self._stands:
                    await self._woken(None)
                    continue
                await self._woken(LOOKS[min(looks, len(LOOKS) - 1)])
                looks += 1
                if storage.disk is last is not Disk.SOUND:
                    await self._look()
        finally:
            storage.changed = None
            if self._looking is not None:
                self._looking.cancel()

    def _is_sound(self) -> bool:
        return self._store.storage.disk is Disk.SOUND

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
        """Look at the disk; a look that takes long goes on beside the watch, and is the next one too."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look_once())
        await asyncio.wait({self._looking}, timeout=PATIENCE)

    async def _look_once(self) -> None:
        try:
            await self._store.look(lambda anew: self._settled(contradicted=anew))
        except Exception:
            log.exception("the disk cannot be looked at")

    async def _tell(self) -> None:
        """Raise and clear faults, so that what stands is what is so; what cannot be recorded is tried again."""
        storage = self._store.storage
        for key in sorted(self._wanted() ^ self._stands):
            raised = key not in self._stands
            reason = storage.reason or self._unreadable or f"the disk has failed {OFTEN} times within an hour"
            report = supervision.storage_fault(key, reason) if raised else supervision.storage_over(key)
            try:
                await self._report(report)
            except NotDurable:
                pass  # people have been told; it is written when the disk is back
            except GatewayError as error:
                log.error("the state of the disk could not be recorded yet: %s", error)  # noqa: TRY400 - the error says it all
                continue
            except Exception:
                log.exception("the state of the disk cannot be recorded")
                continue
            self._stands ^= {key}

    def _wanted(self) -> set[str]:
        """Return the faults that should stand; one that comes and goes with the last free block stays for a while."""
        disk, now = self._store.storage.disk, self._clock.now()
        self._note_unreadable(now)
        if disk is Disk.SOUND:
            often = len(self._hiccups) == OFTEN and now - self._hiccups[0] < HOUR
            return {supervision.STORAGE} if often or self._unreadable else set()
        if disk is Disk.DOWN:
            self._unreadable = ""  # one fault says enough
            self._steady_at = now + STEADY
            return {supervision.STORAGE_DOWN, *self._stands}
        return {supervision.STORAGE, *(self._stands if now < self._steady_at else ())}

    def _note_unreadable(self, now: float) -> None:
        """Take note that something could not be read; what is damaged stays so, until nobody wants it for an hour."""
        storage = self._store.storage
        if storage.unreadable:
            self._unreadable, storage.unreadable = storage.unreadable, ""
            self._readable_at = now + HOUR
        elif now >= self._readable_at:
            self._unreadable = ""


def _from_any_thread(loop: asyncio.AbstractEventLoop, wake: asyncio.Event) -> None:
    loop.call_soon_threadsafe(wake.set)
