"""The cases that are being worked on, in memory: a decision on one of them reads nothing from the disk.

What is here is always what is on disk, because whatever changes a case goes through `apply` once it is written, while
the case is still locked. Those of which nothing more is expected are dropped at once, of the others the least recently
used ones; they are read again when they are needed.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, TypeVar

from gatewayd.engine.case import Case, CaseKey, load_case
from gatewayd.model import MessageKind, PageState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from dataclasses import replace

    from gatewayd.engine.change import Change
    from gatewayd.model import Alarm, Escalation, Event, Message, Page
    from gatewayd.store import Store

    Row = Event | Page | Escalation
else:
    from gatewayd.values import replace

MOST_CASES = 4096
_QUEUED = PageState.QUEUED
RowT = TypeVar("RowT", bound="Event | Page | Escalation")


class Rows:
    """New versions of the rows of one case."""

    __slots__ = ("events", "pages", "pushes", "runs")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.pages: list[Page] = []
        self.pushes: list[Page] = []
        self.runs: list[Escalation] = []


class Cases:
    """Cases by message, and escalations by id."""

    def __init__(self, store: Store, most: int = MOST_CASES) -> None:
        self._store = store
        self._most = most
        self._cases: OrderedDict[CaseKey, Case] = OrderedDict()  # the least recently used first
        self._keys: dict[int, CaseKey] = {}  # by message
        self._messages: dict[CaseKey, set[int]] = {}
        self._runs: dict[int, int] = {}  # the message of an escalation

    def __len__(self) -> int:
        """Return how many cases are in memory."""
        return len(self._cases)

    def get(self, message_id: int) -> Case | None:
        """Return the case that a message belongs to; None when there is no such message. Raises StoreUnavailable."""
        key = self._keys.get(message_id)
        if key is not None:
            self._cases.move_to_end(key)
            return self._cases[key]
        message = self._store.inbox.message(message_id)
        return self._read(message) if message is not None else None

    def message(self, message_id: int) -> Message | None:
        """Return a message."""
        key = self._keys.get(message_id)
        case = self._cases[key] if key is not None else None
        if case is not None and case.message.id == message_id:
            return case.message
        return self._store.inbox.message(message_id)

    def escalation(self, escalation_id: int) -> Escalation | None:
        """Return an escalation."""
        key = self._keys.get(self._runs.get(escalation_id, 0))
        if key is None:
            return self._store.paging.escalation(escalation_id)
        return next((run for run in self._cases[key].escalations if run.id == escalation_id), None)

    def apply(self, change: Change) -> None:
        """Take in a decision that is on disk."""
        if change.pages or change.escalations or change.alarms:  # what only lies in inboxes is read when it is wanted
            for message in change.messages.values():
                self._begin(message, change)
        for alarm in change.alarms.values():
            case = self._cases.get(("alarm", alarm.id))
            if case is not None and case.alarm is not alarm:
                self._cases["alarm", alarm.id] = replace(case, alarm=alarm)
        for key, rows in self._moved(change).items():
            case = self._cases[key] = _with_rows(self._cases[key], rows)
            if _is_over(case):
                self._drop(key, self._cases.pop(key))
        for run in change.escalations.values():
            self._runs[run.id] = run.message_id
        if change.messages:
            self._drop_old()

    def rows(self) -> Iterator[Alarm | Message | Event | Page | Escalation]:
        """Return every row that is in memory."""
        for case in self._cases.values():
            if case.alarm is not None:
                yield case.alarm
            yield case.message
            for rows in (case.notices, case.events, case.pages, case.pushes, case.escalations):
                yield from rows

    def forget(self) -> None:
        """Drop everything: it is read again when it is needed."""
        for known in (self._cases, self._keys, self._messages, self._runs):
            known.clear()

    def _moved(self, change: Change) -> dict[CaseKey, Rows]:
        """Return the rows of a decision by the case in memory that they belong to."""
        known = self._keys
        found: dict[CaseKey, Rows] = {}
        for event in change.events.values():
            if (key := known.get(event.message_id)) is not None:
                found.setdefault(key, Rows()).events.append(event)
        for page in change.pages.values():
            if (key := known.get(page.message_id)) is not None:
                rows = found.setdefault(key, Rows())
                (rows.pages if page.push is None else rows.pushes).append(page)
        for run in change.escalations.values():
            if (key := known.get(run.message_id)) is not None:
                found.setdefault(key, Rows()).runs.append(run)
        return found

    def _begin(self, message: Message, change: Change) -> None:
        """Open the case of a new message, or take a notice into that of its alarm."""
        key = key_of(message)
        alarm = change.alarms.get(message.alarm_id or 0)
        if key[0] == "message":
            self._cases[key] = Case(message)
        elif message.kind is MessageKind.ACTIVATION and alarm is not None:
            self._cases[key] = Case(message, alarm)
        elif (case := self._cases.get(key)) is None:
            return
        elif any(run.message_id == message.id for run in change.escalations.values()):
            self._cases[key] = replace(case, notices=(*case.notices, message))
        self._know(message.id, key)

    def _read(self, message: Message) -> Case:
        case = load_case(self._store, message)
        key = key_of(case.message)
        self._cases[key] = case
        for one in (case.message, message, *case.notices):
            self._know(one.id, key)
        rows: list[Row] = [*case.events, *case.pages, *case.pushes, *case.escalations]
        for row in rows:
            self._know(row.message_id, key)
        for run in case.escalations:
            self._runs[run.id] = run.message_id
        self._drop_old()
        return case

    def _know(self, message_id: int, key: CaseKey) -> None:
        self._keys[message_id] = key
        self._messages.setdefault(key, set()).add(message_id)

    def _drop_old(self) -> None:
        while len(self._cases) > self._most:
            self._drop(*self._cases.popitem(last=False))

    def _drop(self, key: CaseKey, case: Case) -> None:
        for message_id in self._messages.pop(key, ()):
            self._keys.pop(message_id, None)
        for run in case.escalations:
            self._runs.pop(run.id, None)


def key_of(message: Message) -> CaseKey:
    """Return the case of a message: its alarm, or itself; the text of a reset is a case of its own."""
    if message.alarm_id is None or message.kind is MessageKind.RESET:
        return "message", message.id
    return "alarm", message.alarm_id


def _is_over(case: Case) -> bool:
    """Return whether nothing more is expected: a text to mere contacts, none of whose pages waits any more."""
    if case.alarm is not None or case.events or case.escalations or case.pushes:
        return False
    for page in case.pages:  # noqa: SIM110 - a generator takes twice the time for the one there mostly is
        if page.state is _QUEUED:
            return False
    return True


def _with_rows(case: Case, rows: Rows) -> Case:
    return Case(
        case.message,
        case.alarm,
        _merged(case.events, rows.events),
        _merged(case.pages, rows.pages),
        _merged(case.escalations, rows.runs),
        case.notices,
        _merged(case.pushes, rows.pushes),
    )


def _merged(rows: tuple[RowT, ...], changed: list[RowT]) -> tuple[RowT, ...]:
    if not changed:
        return rows
    if not rows or (len(rows) == 1 and len(changed) == 1 and rows[0].id == changed[0].id):
        return tuple(changed)
    return tuple(({row.id: row for row in rows} | {row.id: row for row in changed}).values())
