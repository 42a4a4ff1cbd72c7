"""Reading the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.store.rows import JOURNAL

if TYPE_CHECKING:
    from gatewayd.model import JournalEntry
    from gatewayd.store.reader import Reader


class Journal:
    """The journal of the store, for reading."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def of_alarm(self, alarm_id: int) -> list[JournalEntry]:
        """Return what happened to one alarm, in order."""
        rows = self._reader.all(JOURNAL.select("WHERE alarm_id = ? ORDER BY id"), (alarm_id,))
        return [JOURNAL.load(row) for row in rows]

    def latest(self, limit: int) -> list[JournalEntry]:
        """Return the newest entries, newest first."""
        return [JOURNAL.load(row) for row in self._reader.all(JOURNAL.select("ORDER BY id DESC LIMIT ?"), (limit,))]
