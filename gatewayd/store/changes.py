"""Reading what users have not fetched yet, and what was sent or taken once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.store.rows import NOTIFICATIONS, SENT_ONCE

if TYPE_CHECKING:
    from gatewayd.records import Notification, SentOnce
    from gatewayd.store.reader import Reader


class Changes:
    """The notifications of the store, for reading."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def of_user(self, user_id: int, after: int, limit: int) -> list[Notification]:
        """Return the newest `limit` notifications of a user behind the one with id `after`, oldest first."""
        condition = "WHERE user_id = ? AND id > ? ORDER BY id DESC LIMIT ?"
        found = self._reader.all(NOTIFICATIONS.select(condition), (user_id, after, limit))
        return [NOTIFICATIONS.load(row) for row in reversed(found)]

    def newest(self) -> int:
        """Return the highest id that is in use; 0 without any."""
        row = self._reader.one("SELECT MAX(id) FROM notifications")
        return (row[0] or 0) if row else 0

    def count(self, user_id: int) -> int:
        """Return how many notifications wait for a user."""
        row = self._reader.one("SELECT COUNT(*) FROM notifications WHERE user_id = ?", (user_id,))
        return row[0] if row else 0

    def sent_once(self, user_id: int, key: str) -> SentOnce | None:
        """Return what a user has sent with a key."""
        row = self._reader.one(SENT_ONCE.select("WHERE user_id = ? AND key = ?"), (user_id, key))
        return SENT_ONCE.load(row) if row else None

    def was_taken(self, name: tuple[str, str, str], after: float, before: float) -> bool:
        """Return whether the text with this line, sender and reference was taken between two moments."""
        condition = "created BETWEEN ? AND ? AND line = ? AND sender = ? AND reference = ?"
        return self._reader.one(f"SELECT 1 FROM taken_once WHERE {condition}", (after, before, *name)) is not None  # noqa: S608

    def newest_taken(self, most: int) -> list[tuple[tuple[str, str, str], float]]:
        """Return line, sender and reference of the newest texts that were taken, and when."""
        sql = "SELECT line, sender, reference, created FROM taken_once ORDER BY created DESC LIMIT ?"
        return [((line, sender, reference), when) for line, sender, reference, when in self._reader.all(sql, (most,))]
