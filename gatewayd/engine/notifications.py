"""What users are told of a change: the notifications of the EMM document (P4, P5), as strict JSON (A14, A15).

A push carries them one at a time; whoever asks for changes gets all that they have missed in one list.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gatewayd.engine.directory import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gatewayd.engine.directory import Directory
    from gatewayd.model import Alarm, Event, Message, NotificationKind

Body = dict[str, Any]


def user_event(event: Event, message: Message) -> Body:
    """Return P4; the cycle and step are those that it was last paged in, 0 outside of an escalation (A16)."""
    return {
        "id": event.id,
        "message_id": message.id,
        "queue_time": int(message.queue_time),
        "message": message.text,
        "escalation_cycle": event.cycle,
        "escalation_step": event.step,
        "priority": message.priority.is_high,
    }


def active_alarm(alarm: Alarm, wall: float, directory: Directory) -> Body:
    """Return P5 in the order of the document, with the key that it forgot (A14); the three totals are printed as 0."""
    recipient = alarm.recipient_id or 0
    return {
        "id": alarm.id,
        "alarm_id": alarm.definition_id or 0,
        "cleared": not alarm.is_active,
        "active_time": int(alarm.active_time),
        "active_duration": max(0, int((alarm.cleared_time or wall) - alarm.active_time)),
        "msg_id": alarm.message_id,
        "reset_msg_id": alarm.reset_message_id or 0,
        "source_gateway_id": directory.line_id(alarm.line),
        "source_gateway_name": alarm.line,
        "name": alarm.name,
        "identifier": alarm.key,
        "recipient_id": recipient,
        "recipient": recipient,
        "recipient_name": directory.recipient_name(recipient) if recipient else SYSTEM,
        "active_text": alarm.active_text,
        "reset_text": alarm.reset_text,
        "priority": alarm.priority.is_high,
        "send_resets": alarm.send_resets,
        "total_messages": 0,
        "total_messages_sent": 0,
        "total_messages_read": 0,
    }


def envelope(notifications: Iterable[tuple[NotificationKind, Body]]) -> dict[str, list[dict[str, Any]]]:
    """Return the list in which notifications travel (A15)."""
    return {"notifications": [{"type": kind.value, "notification": body} for kind, body in notifications]}


def push_text(kind: NotificationKind, body: Body) -> str:
    """Return the payload of one push."""
    return json.dumps(envelope([(kind, body)]), ensure_ascii=False, separators=(",", ":"))
