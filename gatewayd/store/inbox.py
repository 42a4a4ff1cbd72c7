"""Reading events: messages in people's inboxes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gatewayd.model import Event, Message, MsgStatus
from gatewayd.store.listing import Column, Listing, ListSource, Query
from gatewayd.store.rows import EVENTS, MESSAGES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from dataclasses import dataclass

    from gatewayd.store.reader import Reader
else:
    from gatewayd.values import dataclass

EVENT_WIDTH = len(EVENTS.columns)


@dataclass(frozen=True, slots=True)
class InboxItem:
    """An event with its message; `current_cycle` is not 0 while (or after) the message escalates."""

    event: Event
    message: Message
    current_cycle: int
    current_step: int


def _load_item(row: tuple[Any, ...]) -> InboxItem:
    cycle, step = row[-2:]
    return InboxItem(EVENTS.load(row[:EVENT_WIDTH]), MESSAGES.load(row[EVENT_WIDTH:-2]), cycle, step)


_ITEM = (
    "SELECT "  # noqa: S608 - the names are our own
    + ", ".join([*(f"e.{c}" for c in EVENTS.columns), *(f"m.{c}" for c in MESSAGES.columns)])
    + ", COALESCE((SELECT MAX(cycle) FROM escalations x WHERE x.message_id = m.id), 0)"
    + ", COALESCE((SELECT step FROM escalations x WHERE x.message_id = m.id ORDER BY cycle DESC, step DESC LIMIT 1), 0)"
)
_TABLES = "events e JOIN messages m ON m.id = e.message_id LEFT JOIN users u ON u.id = m.from_user_id"

ORDERS = {
    "priority": "m.priority",
    "queue_time": "m.queue_time",
    "status": "e.status",
    "thread_id": "m.thread_id",
    "from_user_id": "m.from_user_id",
    "message": "m.text COLLATE PEOPLE",
    "id": "e.id",
    "name": "COALESCE(u.name, m.from_address) COLLATE PEOPLE",
}
FILTERS = {"gateway": Column("m.from_line", exact=True), "name": Column("COALESCE(u.name, m.from_address)")}

OPEN_EVENTS = (
    "SELECT message_id, id FROM events WHERE user_id = ? AND status <> ?"
    " AND message_id IN (SELECT value FROM json_each(?))"
)


class Inbox:
    """The events of the store, for reading."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._list = ListSource(
            _ITEM,
            _TABLES,
            "events e",
            "e.id",
            f"e.user_id = ? AND e.status <> {MsgStatus.QUEUED_DELETE.value}",
            FILTERS,
            ORDERS,
            "e.message_id DESC",
            "e.id DESC",
            _load_item,
        )

    def listing(self, user_id: int, query: Query) -> Listing[InboxItem]:
        """Return part of a user's inbox, newest first unless ordered otherwise; deleted events are not in it."""
        return self._list.read(self._reader, (user_id,), query)

    def item(self, event_id: int) -> InboxItem | None:
        """Return one event with its message."""
        row = self._reader.one(f"{_ITEM} FROM {_TABLES} WHERE e.id = ?", (event_id,))
        return _load_item(row) if row else None

    def of_message(self, message_id: int) -> list[Event]:
        """Return the events of one message, over all users."""
        rows = self._reader.all(EVENTS.select("WHERE message_id = ?"), (message_id,))
        return [EVENTS.load(row) for row in rows]

    def of_alarm(self, alarm_id: int) -> list[Event]:
        """Return the events of an alarm except those of its reset text, over all users."""
        condition = "JOIN messages m ON m.id = e.message_id WHERE m.alarm_id = ? AND m.kind <> 'reset'"
        return [EVENTS.load(row) for row in self._reader.all(EVENTS.select(condition, alias="e"), (alarm_id,))]

    def of_user(self, user_id: int, message_id: int) -> Event | None:
        """Return a user's event of one message."""
        row = self._reader.one(EVENTS.select("WHERE user_id = ? AND message_id = ?"), (user_id, message_id))
        return EVENTS.load(row) if row else None

    def open_of_user(self, user_id: int, message_ids: Iterable[int]) -> dict[int, int]:
        """Return the ids of a user's events by their messages, deleted events left out; all in one query."""
        wanted = json.dumps(list(message_ids))
        return dict(self._reader.all(OPEN_EVENTS, (user_id, MsgStatus.QUEUED_DELETE.value, wanted)))

    def message(self, message_id: int) -> Message | None:
        """Return one message."""
        row = self._reader.one(MESSAGES.select("WHERE id = ?"), (message_id,))
        return MESSAGES.load(row) if row else None
