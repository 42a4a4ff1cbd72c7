"""How the disk is, and what is stored meanwhile."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING

from gatewayd.errors import StorageDegraded
from gatewayd.store.faults import DiskFault, NoRoom, as_ours
from gatewayd.store.place import Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.store.reserve import Reserve

log = logging.getLogger(__name__)


class Disk(Enum):
    """How the disk is.

    SOUND: it takes everything. SCARCE: the reserve is in use, or there is none; only alarms and what belongs to them
    are stored. DOWN: it takes nothing; alarms go on from memory, and are not acknowledged (`gatewayd.store.owed`).
    """

    SOUND = "sound"
    SCARCE = "scarce"
    DOWN = "down"


class Storage:
    """The state of the disk and its reserve.

    `changed` is called, in any thread, whenever the state moved. Only a disk that is watched goes down: somebody has to
    find out that it takes something again.
    """

    def __init__(self, reserve: Reserve, spare: Reserve | None = None) -> None:
        self.reserve = reserve
        self._spare = spare
        self.place = Place()  # until the store is open
        self._turn = threading.Lock()  # the reserve is laid down beside the loop, and given back in any thread
        self._given = 0  # how often it was given back
        self.disk = Disk.SOUND
        self.reason = ""
        self.unreadable = ""  # what was said when it could not be read, until the watch has taken note
        self.changed: Callable[[], None] | None = None

    def make_room(self, error: Exception) -> bool:
        """Give the reserve back if `error` says that the disk is full; return whether trying again is worth it."""
        full = isinstance(error, NoRoom) or (isinstance(error, DiskFault) and self.reserve.is_cramped())
        if not full:
            return False
        with self._turn:
            found = self.reserve.give_back()
            self._given += found
            if found:
                self.move(Disk.SCARCE, "the disk is full: its reserve is in use")
        return found

    def lay_reserve(self) -> None:
        """Lay the reserve down, and be sound, where there is room for it; else say that it is missing."""
        given = self._given
        try:
            self.reserve.lay()
        except OSError as error:
            if self.disk is not Disk.SCARCE:
                self.move(Disk.SCARCE, f"there is no room for the reserve: {error.strerror}")
            return
        with self._turn:  # a commit beside this may just have needed it
            if self._given == given and self.disk is not Disk.DOWN:
                self.move(Disk.SOUND, "")
        self.keep_for_the_next_start()

    def keep_for_the_next_start(self) -> None:
        """Lay down what the next start needs to open the store, as far as there is room."""
        if self._spare is not None:
            with suppress(OSError):
                self._spare.lay(to_the_last=True)

    def move(self, disk: Disk, reason: str) -> None:
        """Note how the disk is."""
        if disk is self.disk:
            return
        self.disk, self.reason = disk, reason
        if disk is Disk.SOUND:
            log.warning("the disk takes everything again")
        else:
            log.critical("storage degraded: %s", reason)
        changed = self.changed
        if changed is not None:
            changed()

    def cannot_read(self, error: Exception) -> None:
        """Note that something on the disk cannot be read."""
        if isinstance(as_ours(error), DiskFault):
            self.unreadable = f"the store cannot be read: {error}"
            if (changed := self.changed) is not None:
                changed()

    def fail(self, error: Exception) -> None:
        """Note that the disk takes nothing."""
        if self.changed is not None:
            self.move(Disk.DOWN, f"nothing can be stored: {error}")

    def refuse_what_can_wait(self) -> None:
        """Raise StorageDegraded unless the disk is sound: the room that is left is for alarms."""
        if self.disk is not Disk.SOUND:
            raise StorageDegraded(f"{self.reason}; until the disk takes everything again only alarms are taken")
