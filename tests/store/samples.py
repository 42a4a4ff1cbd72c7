"""One value of every kind of row."""

from __future__ import annotations

from dataclasses import replace

from gatewayd.model import (
    Alarm,
    AlarmDefinition,
    Contact,
    Escalation,
    EscalationState,
    Event,
    Group,
    JournalEntry,
    JournalKind,
    Message,
    MessageKind,
    MsgStatus,
    Page,
    PageState,
    Plan,
    Priority,
    Role,
    Route,
    Site,
    Step,
    User,
    Way,
)
from gatewayd.records import Token

ALARM = Alarm(1, "panel", "k", "3-12", "call", "ROOM 12", "RESET", Priority.HIGH, 1.5, 1, fault=True, cleared_time=2.5)
MESSAGE = Message(1, "héllo\x00\U0001f6a8", Priority.LOW, 3.25, MessageKind.NOTICE, 1, "beep", 1, 2, 3, "panel", "3-12")
EVENT = Event(1, 5, 1, MsgStatus.FORCEESCALATE, 4.5, 2, 3)
PAGE = Page(
    1,
    1,
    "pager",
    "2001",
    "text",
    Priority.EMERGENCY,
    1.0,
    2.0,
    3.0,
    4.0,
    1,
    5,
    6,
    1,
    2,
    3,
    held=True,
    state=PageState.UNKNOWN,
)
ESCALATION = Escalation(1, 1, 8, 2, 3, 99.5, Priority.NORMAL, 1, EscalationState.EXHAUSTED)
ENTRY = JournalEntry(1, 7.5, JournalKind.ANSWER, "accepted", "pager", 1, 1, 5)
TOKEN = Token("0f" * 32, 5, 1.0, 2.0, "browser")
SITE = Site(
    users=(User(5, "nurse", "N. Urse", Role.OPERATOR, "hash", (Way(6), Way(7, 2.5))),),
    contacts=(Contact(6, "phone", "phones", "2001"), Contact(7, "pager", "pager", "1")),
    groups=(Group(8, "all", (5, 6)), Group(10, "empty")),
    plans=(Plan(9, "plan", (Step((5, 6), 30.0), Step((), 1.5)), 0),),
    definitions=(AlarmDefinition(1, "call", 9, "{text}", "over", Priority.HIGH, send_resets=False),),
    routes=(Route(1, 2, 1, "panel", "3-*", "*", "fault"), Route(2, 1, 1)),
    fallback_id=5,
)


def alarm(number: int, **parts: object) -> Alarm:
    """Return an active alarm."""
    fields = {"id": number, "key": f"k{number}", "cleared_time": None, "fault": False, **parts}
    return replace(ALARM, **fields)  # type: ignore[arg-type]
