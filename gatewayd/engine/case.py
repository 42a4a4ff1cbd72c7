"""A case: one alarm, or one message without an alarm, with everything that was done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.model import (
    Alarm,
    Escalation,
    EscalationState,
    Event,
    Message,
    MessageKind,
    NotificationKind,
    Page,
    PageState,
)

if TYPE_CHECKING:
    from dataclasses import dataclass

    from gatewayd.store import Store
else:
    from gatewayd.values import dataclass

CaseKey = tuple[str, int]
DELIVERED = frozenset({PageState.SENT, PageState.RECEIVED, PageState.READ, PageState.UNKNOWN})


def case_key(alarm_id: int | None, message_id: int) -> CaseKey:
    """Return what a case is locked by: decisions about one case are taken one after the other."""
    return ("alarm", alarm_id) if alarm_id is not None else ("message", message_id)


@dataclass(frozen=True, slots=True)
class Case:
    """The state that decisions are taken on. `message` is the one that started it; resets are not part of it."""

    message: Message
    alarm: Alarm | None = None
    events: tuple[Event, ...] = ()
    pages: tuple[Page, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    notices: tuple[Message, ...] = ()
    pushes: tuple[Page, ...] = ()

    def message_of(self, run: Escalation) -> Message:
        """Return what an escalation says: the message of the case, or a notice that escalates itself."""
        return next((one for one in self.notices if one.id == run.message_id), self.message)

    def page(self, page_id: int) -> Page | None:
        """Return one of its pages or pushes."""
        for page in self.pages:
            if page.id == page_id:
                return page
        return next((push for push in self.pushes if push.id == page_id), None)

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to take it."""
        if self.alarm is not None:
            return self.alarm.is_active and self.alarm.accepted_time is None
        return any(one.state is EscalationState.RUNNING for one in self.escalations)

    def queued(self) -> list[Page]:
        """Return the pages that have not left yet, and the pushes that stand for them."""
        calls = (push for push in self.pushes if push.push is NotificationKind.USER_EVENT)
        return [page for page in (*self.pages, *calls) if page.state is PageState.QUEUED]

    def stale_pushes(self) -> list[Page]:
        """Return the pushes that still wait to say that the alarm began."""
        alarms = (push for push in self.pushes if push.push is NotificationKind.ACTIVE_ALARM)
        return [push for push in alarms if push.state is PageState.QUEUED]

    def running(self) -> list[Escalation]:
        """Return the escalations that go on."""
        return [one for one in self.escalations if one.state is EscalationState.RUNNING]


def load_case(store: Store, message: Message) -> Case:
    """Read the case that a message belongs to."""
    alarm = store.alarms.get(message.alarm_id) if message.alarm_id is not None else None
    if alarm is None or message.kind is MessageKind.RESET:
        pages, pushes = _parted(store.paging.all_of_message(message.id))
        return Case(
            message,
            None,
            tuple(store.inbox.of_message(message.id)),
            pages,
            tuple(store.paging.escalations_of_message(message.id)),
            pushes=pushes,
        )
    first = message if message.id == alarm.message_id else store.inbox.message(alarm.message_id) or message
    escalations = tuple(store.paging.escalations_of_alarm(alarm.id))
    others = {run.message_id for run in escalations if run.message_id != first.id}
    pages, pushes = _parted(store.paging.all_of_alarm(alarm.id))
    return Case(
        first,
        alarm,
        tuple(store.inbox.of_alarm(alarm.id)),
        pages,
        escalations,
        tuple(found for found in map(store.inbox.message, others) if found is not None),
        pushes,
    )


def _parted(rows: list[Page]) -> tuple[tuple[Page, ...], tuple[Page, ...]]:
    """Part pages and pushes."""
    return tuple(row for row in rows if row.push is None), tuple(row for row in rows if row.push is not None)
