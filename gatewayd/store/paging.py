"""Reading pages and escalations: what the engine goes on with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gatewayd.model import Escalation, EscalationState, MsgStatus, Page, PageState
from gatewayd.store.rows import ESCALATIONS, PAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gatewayd.store.reader import Reader

OPEN_PAGE = f"""
    JOIN messages m ON m.id = p.message_id LEFT JOIN alarms a ON a.id = p.alarm_id
    WHERE p.line = ? AND p.address = ? AND m.kind <> 'reset'
    AND (p.state IN ('sent', 'received', 'read', 'unknown') OR (p.attempts > 0 AND p.state IN ('queued', 'failed'))
        OR p.id IN (SELECT value FROM json_each(?)))
    AND CASE
        WHEN a.id IS NOT NULL THEN a.cleared_time IS NULL AND a.accepted_time IS NULL
        WHEN p.user_id IS NULL THEN p.state <> 'read'
        ELSE NOT EXISTS (SELECT 1 FROM events e WHERE e.message_id = p.message_id AND e.user_id = p.user_id
            AND e.status >= {MsgStatus.ACKNOWLEDGE.value})
    END
    AND p.id IN (SELECT id FROM pages WHERE line = ? AND address = ? ORDER BY id DESC LIMIT 200)
    ORDER BY p.state = 'failed', p.id DESC LIMIT 1
"""  # noqa: S608 - the number is our own

COUNTS = """
    SELECT m.alarm_id, p.state, COUNT(*) FROM messages m JOIN pages p ON p.message_id = m.id
    WHERE m.alarm_id IN (SELECT value FROM json_each(?)) AND m.kind <> 'reset' AND p.push IS NULL GROUP BY 1, 2
"""


class Paging:
    """The pages and escalations of the store, for reading."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def queued(self) -> Iterator[Page]:
        """Return every page that still waits, oldest first: the queues of a start."""
        return map(PAGES.load, self._reader.all(PAGES.select(f"WHERE state = '{PageState.QUEUED}' ORDER BY id")))

    def get(self, page_id: int) -> Page | None:
        """Return one page."""
        row = self._reader.one(PAGES.select("WHERE id = ?"), (page_id,))
        return PAGES.load(row) if row else None

    def of_message(self, message_id: int) -> list[Page]:
        """Return every page of one message, oldest first."""
        return [page for page in self.all_of_message(message_id) if page.push is None]

    def of_alarm(self, alarm_id: int) -> list[Page]:
        """Return every page of an alarm except those of its reset text, oldest first."""
        return [page for page in self.all_of_alarm(alarm_id) if page.push is None]

    def all_of_message(self, message_id: int) -> list[Page]:
        """Return every page and every push of one message, oldest first."""
        rows = self._reader.all(PAGES.select("WHERE message_id = ? ORDER BY id"), (message_id,))
        return [PAGES.load(row) for row in rows]

    def all_of_alarm(self, alarm_id: int) -> list[Page]:
        """Return every page and every push of an alarm except those of its reset text, oldest first."""
        condition = "JOIN messages m ON m.id = p.message_id WHERE m.alarm_id = ? AND m.kind <> 'reset' ORDER BY p.id"
        rows = self._reader.all(PAGES.select(condition, alias="p"), (alarm_id,))
        return [PAGES.load(row) for row in rows]

    def counts(self, alarm_ids: Iterable[int]) -> dict[int, dict[PageState, int]]:
        """Return how many pages of each alarm stand where, its reset text left out; all in one query."""
        counted: dict[int, dict[PageState, int]] = {}
        for alarm_id, state, number in self._reader.all(COUNTS, (json.dumps(list(alarm_ids)),)):
            counted.setdefault(alarm_id, {})[PageState(state)] = number
        return counted

    def queued_to(self, contact_id: int) -> bool:
        """Return whether a page to a contact has not ended yet."""
        sql = "SELECT 1 FROM pages WHERE state = 'queued' AND contact_id = ? LIMIT 1"
        return self._reader.one(sql, (contact_id,)) is not None

    def with_reference(self, line: str, reference: str) -> Page | None:
        """Return the page that a driver sent with this reference."""
        condition = "WHERE line = ? AND reference = ? AND reference <> '' ORDER BY id DESC LIMIT 1"
        row = self._reader.one(PAGES.select(condition), (line, reference))
        return PAGES.load(row) if row else None

    def latest_open(self, line: str, address: str, in_flight: Iterable[int] = ()) -> Page | None:
        """Return the newest page to this address that somebody may be answering.

        It has left, or is leaving right now (`in_flight`), and nobody took it yet. A page that still waits was never
        seen by anybody; one that failed is only meant when there is no other.
        """
        sql = PAGES.select(OPEN_PAGE, alias="p")
        row = self._reader.one(sql, (line, address, json.dumps(list(in_flight)), line, address))
        return PAGES.load(row) if row else None

    def to_address(self, line: str, address: str, message_id: int) -> Page | None:
        """Return the newest page of one message to this address."""
        condition = "WHERE message_id = ? AND line = ? AND address = ? ORDER BY id DESC LIMIT 1"
        row = self._reader.one(PAGES.select(condition), (message_id, line, address))
        return PAGES.load(row) if row else None

    def ever_sent(self, line: str, address: str) -> bool:
        """Return whether anything was ever paged to this address."""
        sql = "SELECT 1 FROM pages WHERE line = ? AND address = ? LIMIT 1"
        return self._reader.one(sql, (line, address)) is not None

    def deadlines(self) -> list[tuple[int, float, int]]:
        """Return (id, due, priority) of every running escalation."""
        return self._reader.all(
            f"SELECT id, due, priority FROM escalations WHERE state = '{EscalationState.RUNNING}'"  # noqa: S608
        )

    def escalation(self, escalation_id: int) -> Escalation | None:
        """Return one escalation."""
        row = self._reader.one(ESCALATIONS.select("WHERE id = ?"), (escalation_id,))
        return ESCALATIONS.load(row) if row else None

    def escalations_of_message(self, message_id: int) -> list[Escalation]:
        """Return every escalation of one message."""
        rows = self._reader.all(ESCALATIONS.select("WHERE message_id = ? ORDER BY id"), (message_id,))
        return [ESCALATIONS.load(row) for row in rows]

    def escalations_of_alarm(self, alarm_id: int) -> list[Escalation]:
        """Return every escalation of one alarm, over all its messages."""
        condition = "JOIN messages m ON m.id = x.message_id WHERE m.alarm_id = ? ORDER BY x.id"
        sql = ESCALATIONS.select(condition, alias="x")
        return [ESCALATIONS.load(row) for row in self._reader.all(sql, (alarm_id,))]
