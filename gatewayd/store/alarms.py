"""Reading alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.store.listing import Column, Listing, ListSource, Query
from gatewayd.store.rows import ALARMS

if TYPE_CHECKING:
    from gatewayd.model import Alarm
    from gatewayd.store.reader import Reader

ORDERS = {
    "id": "a.id",
    "name": "a.name COLLATE PEOPLE",
    "priority": "a.priority",
    "active_time": "a.active_time",
    "gateway": "a.line COLLATE PEOPLE",
    "message": "a.active_text COLLATE PEOPLE",
}
FILTERS = {"gateway": Column("a.line", exact=True), "name": Column("a.name")}


class Alarms:
    """The alarms of the store, for reading."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._active: ListSource[Alarm] = ListSource(
            "SELECT " + ", ".join(f"a.{column}" for column in ALARMS.columns),
            "alarms a",
            "alarms a",
            "a.id",
            "a.cleared_time IS NULL",
            FILTERS,
            ORDERS,
            "a.priority ASC, a.active_time DESC",
            "a.id DESC",
            ALARMS.load,
        )

    def listing(self, query: Query) -> Listing[Alarm]:
        """Return part of the active alarms, the most urgent and newest first unless ordered otherwise."""
        return self._active.read(self._reader, (), query)

    def get(self, alarm_id: int) -> Alarm | None:
        """Return one alarm, active or not."""
        row = self._reader.one(ALARMS.select("WHERE id = ?"), (alarm_id,))
        return ALARMS.load(row) if row else None

    def active_with_key(self, line: str, key: str) -> Alarm | None:
        """Return the active alarm of one condition."""
        condition = "WHERE line = ? AND key = ? AND cleared_time IS NULL"
        row = self._reader.one(ALARMS.select(condition), (line, key))
        return ALARMS.load(row) if row else None

    def latest_reset(self, line: str, key: str) -> Alarm | None:
        """Return the last alarm of one condition that ended with a reset text."""
        condition = "WHERE line = ? AND key = ? AND reset_message_id IS NOT NULL ORDER BY id DESC LIMIT 1"
        row = self._reader.one(ALARMS.select(condition), (line, key))
        return ALARMS.load(row) if row else None

    def active_with_address(self, line: str, address: str) -> list[Alarm]:
        """Return the active alarms that a device dialled one address for."""
        condition = "WHERE line = ? AND address = ? AND cleared_time IS NULL AND fault = 0 ORDER BY id"
        return [ALARMS.load(row) for row in self._reader.all(ALARMS.select(condition), (line, address))]
