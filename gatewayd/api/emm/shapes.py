"""What the EMM dialect returns: events (P1, P2) and alarms (P3 with the keys of P5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from gatewayd.api.emm.listing import Part
from gatewayd.api.operation import Reply
from gatewayd.engine.directory import SYSTEM
from gatewayd.model import MsgStatus, PageState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gatewayd.engine.directory import Directory
    from gatewayd.model import Alarm, Page
    from gatewayd.store.inbox import InboxItem

# A10: the groups of the document. 2-6 are on the way, everything else is at its end.
ON_THE_WAY = frozenset(
    {MsgStatus.DISPATCHED, MsgStatus.SENT, MsgStatus.RECEIVED, MsgStatus.READ, MsgStatus.FORCEESCALATE}
)
STATUS_TEXT = {status: "in progress" if status in ON_THE_WAY else "complete" for status in MsgStatus}
STATUS_TEXT[MsgStatus.QUEUED] = "queued"
PAGE_STATUS = {
    PageState.QUEUED: MsgStatus.QUEUED,
    PageState.SENT: MsgStatus.SENT,
    PageState.RECEIVED: MsgStatus.RECEIVED,
    PageState.READ: MsgStatus.READ,
    PageState.FAILED: MsgStatus.ERROR_SEND,
    PageState.UNKNOWN: MsgStatus.DISPATCHED,  # it left; nothing more is known
    PageState.WITHDRAWN: MsgStatus.QUEUED_DELETE,
}
DELIVERED = frozenset({PageState.SENT, PageState.RECEIVED, PageState.READ})


class Event(Reply):
    """P1: a message in one user's inbox. 0 stands for no user and no gateway; times are epoch seconds."""

    id: int
    message_id: int
    queue_time: int
    message: str
    status: int
    status_text: str
    status_time: int
    current_cycle: int
    priority: bool
    thread_id: int
    from_user_id: int
    from_gateway_id: int
    from_address: str
    alarm_id: int = Field(exclude=True)
    tone: str = Field(exclude=True)


class Subevent(Reply):
    """One page of the message: an attempt to reach somebody."""

    id: int
    status: int
    queue_time: int


class EventDetail(Event):
    """P2: an event with the pages of its message."""

    subevents: tuple[Subevent, ...]


class EventList(Part):
    """Part of an inbox."""

    events: tuple[Event, ...]


class EventStatus(Reply):
    """The answer to every action on an event."""

    id: int
    status: int


class AlarmReply(Reply):
    """P3 with the keys of P5 (A12, A13).

    `status` is 2 while nobody accepted, 7 once accepted, 8 when cancelled; `recipient` 0 is the system.
    """

    id: int
    alarm_name_blank: str = Field(alias="alarm-name ")
    alarm_name: str = Field(alias="alarm-name")
    activation_text: str = Field(alias="activation-text")
    reset_text_dashed: str = Field(alias="reset-text")
    status: int
    status_text: str
    duration: int
    recipient: int
    priority: int
    alarm_id: int
    cleared: bool
    active_time: int
    active_duration: int
    msg_id: int
    reset_msg_id: int
    source_gateway_id: int
    source_gateway_name: str
    name: str
    identifier: str
    recipient_id: int
    recipient_name: str
    active_text: str
    reset_text: str
    send_resets: bool
    accepted_by: int
    total_messages: int = 0
    total_messages_sent: int = 0
    total_messages_read: int = 0


class AlarmList(Part):
    """Part of the active alarms."""

    alarms: tuple[AlarmReply, ...]


class AlarmCancelled(Reply):
    """The answer to E21: "success", or "fail" when the alarm was over already."""

    id: int
    status: str


def event_fields(item: InboxItem, directory: Directory) -> dict[str, object]:
    """Return the keys of P1."""
    event, message = item.event, item.message
    return {
        "id": event.id,
        "message_id": message.id,
        "queue_time": int(message.queue_time),
        "message": message.text,
        "status": event.status.value,
        "status_text": STATUS_TEXT[event.status],
        "status_time": int(event.status_time),
        "current_cycle": item.current_cycle,
        "priority": message.priority.is_high,
        "thread_id": message.thread_id,
        "from_user_id": message.from_user_id or 0,
        "from_gateway_id": directory.line_id(message.from_line) if message.from_line else 0,
        "from_address": message.from_address,
        "alarm_id": message.alarm_id or 0,
        "tone": message.tone,
    }


def to_event(item: InboxItem, directory: Directory) -> Event:
    """Make P1 of an event."""
    return Event.model_validate(event_fields(item, directory))


def to_detail(item: InboxItem, pages: Iterable[Page], directory: Directory) -> EventDetail:
    """Make P2 of an event and the pages of its message."""
    subevents = tuple(
        Subevent(id=page.id, status=PAGE_STATUS[page.state], queue_time=int(page.queue_time)) for page in pages
    )
    return EventDetail.model_validate(event_fields(item, directory) | {"subevents": subevents})


def alarm_status(alarm: Alarm) -> MsgStatus:
    """Return where an alarm stands, in the words of MSGSTATUS (A10)."""
    if alarm.cancelled_by is not None:
        return MsgStatus.CANCELALARM
    return MsgStatus.DISPATCHED if alarm.accepted_time is None else MsgStatus.ACKNOWLEDGE


def to_alarm(
    alarm: Alarm, wall: float, directory: Directory, counts: Mapping[PageState, int] | None = None
) -> AlarmReply:
    """Make P3 of an alarm; `counts` says how many of its pages stand where."""
    status = alarm_status(alarm)
    duration = max(0, int((alarm.cleared_time or wall) - alarm.active_time))
    recipient = alarm.recipient_id or 0
    pages = counts or {}
    return AlarmReply(
        id=alarm.id,
        alarm_name_blank=alarm.name,
        alarm_name=alarm.name,
        activation_text=alarm.active_text,
        reset_text_dashed=alarm.reset_text,
        status=status.value,
        status_text=STATUS_TEXT[status] if alarm.is_active else "complete",
        duration=duration,
        recipient=recipient,
        priority=int(alarm.priority.is_high),
        alarm_id=alarm.definition_id or 0,
        cleared=not alarm.is_active,
        active_time=int(alarm.active_time),
        active_duration=duration,
        msg_id=alarm.message_id,
        reset_msg_id=alarm.reset_message_id or 0,
        source_gateway_id=directory.line_id(alarm.line),
        source_gateway_name=alarm.line,
        name=alarm.name,
        identifier=alarm.key,
        recipient_id=recipient,
        recipient_name=directory.recipient_name(recipient) if recipient else SYSTEM,
        active_text=alarm.active_text,
        reset_text=alarm.reset_text,
        send_resets=alarm.send_resets,
        accepted_by=alarm.accepted_by or 0,
        total_messages=sum(pages.values()),
        total_messages_sent=sum(number for state, number in pages.items() if state in DELIVERED),
        total_messages_read=pages.get(PageState.READ, 0),
    )
