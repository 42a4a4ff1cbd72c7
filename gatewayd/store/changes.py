"""Reading what users have not fetched yet, and what was sent or taken once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.store.rows import NOTIFICATIONS, SENT_ONCE, TAKEN_ONCE

if TYPE_CHECKING:
    from gatewayd.records import Notification, SentOnce, TakenOnce
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

    def taken_once(self, line: str, sender: str, reference: str) -> TakenOnce | None:
        """Return when a text was taken that its device named with this reference."""
        condition = "WHERE line = ? AND sender = ? AND reference = ?"
        row = self._reader.one(TAKEN_ONCE.select(condition), (line, sender, reference))
        return TAKEN_ONCE.load(row) if row else None

    def all_taken_once(self, most: int) -> list[tuple[str, str, str]] | None:
        """Return line, sender and reference of every text that is known again; None where they are more than `most`."""
        found = self._reader.all("SELECT line, sender, reference FROM taken_once LIMIT ?", (most + 1,))
        return None if len(found) > most else [(line, sender, reference) for line, sender, reference in found]
