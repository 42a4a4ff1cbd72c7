"""The words of the domain: what exists, what it is called, and what a driver may report.

Everything here is a frozen value. Rules return new versions; the store records them.
Times named `*_time` are wall clock seconds since the epoch, for people; `due`, `created` and `expires` lie on the
timeline of `gatewayd.clock`.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the store reads the annotations at run time
from dataclasses import field
from enum import Enum, IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from gatewayd.values import dataclass


class Priority(IntEnum):
    """How urgent a message is; the smaller number goes first in every queue (ESPA 4.4.4 record 6 uses 1-3)."""

    EMERGENCY = 1
    HIGH = 2
    NORMAL = 3
    LOW = 4

    @property
    def is_high(self) -> bool:
        """The EMM API knows two priorities only: true or false."""
        return self <= Priority.HIGH


class MsgStatus(IntEnum):
    """MSGSTATUS of the EMM API (numbers are its wire values)."""

    ERROR_SEND = 0
    QUEUED = 1
    DISPATCHED = 2
    SENT = 3
    RECEIVED = 4
    READ = 5
    FORCEESCALATE = 6
    ACKNOWLEDGE = 7
    CANCELALARM = 8
    REPLIED = 9
    QUEUED_DELETE = 10


class RecipientType(IntEnum):
    """What a recipient id stands for (EMM `type`)."""

    CONTACT = 1
    GROUP = 2
    USER = 3
    PLAN = 4


class Role(StrEnum):
    """What a user may do beside answering their own events."""

    USER = "user"
    OPERATOR = "operator"
    ADMIN = "admin"


# --- site data: edited by people, kept in the store ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Way:
    """One of the ways in which a user wants to be reached: page `contact_id`, `after` seconds after the first."""

    contact_id: int
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class User:
    """A person who logs in and has an inbox; `settings` are properties that only clients of the API know."""

    id: int
    name: str
    full_name: str = ""
    role: Role = Role.USER
    password_hash: str = ""
    ways: tuple[Way, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contact:
    """An address on one line; `fields` are what the site wants to know of it besides."""

    id: int
    name: str
    line: str
    address: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """Recipients that are paged together."""

    id: int
    name: str
    members: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an escalation plan: page `recipients`, then wait `wait` seconds for somebody to accept."""

    recipients: tuple[int, ...]
    wait: float


@dataclass(frozen=True, slots=True)
class Plan:
    """An escalation plan: its steps in order, the whole repeated `cycles` times (0: until somebody accepts)."""

    id: int
    name: str
    steps: tuple[Step, ...]
    cycles: int = 1


@dataclass(frozen=True, slots=True)
class AlarmDefinition:
    """What to say and whom to page for one kind of alarm.

    `text` and `reset_text` are templates over the fields of the report: `{text}`, `{address}`, `{line}`, `{key}`.
    `priority` None means: as reported.
    """

    id: int
    name: str
    recipient_id: int
    text: str = "{text}"
    reset_text: str = "RESET {text}"
    priority: Priority | None = None
    send_resets: bool = True


@dataclass(frozen=True, slots=True)
class Route:
    """A rule that finds the alarm definition of a report; empty conditions match everything.

    `line`, `address` and `text` are patterns in which `*` stands for any run of characters, compared without case.
    `source` is `device`, `fault` or empty for both; a route with `text` makes an alarm of what a person writes.
    """

    id: int
    position: int
    definition_id: int
    line: str = ""
    address: str = ""
    text: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that people edit. Users, contacts, groups and plans share one space of recipient ids.

    `fallback_id` is the recipient of whatever no route matches, and of alarms that nobody accepted.
    """

    users: tuple[User, ...] = ()
    contacts: tuple[Contact, ...] = ()
    groups: tuple[Group, ...] = ()
    plans: tuple[Plan, ...] = ()
    definitions: tuple[AlarmDefinition, ...] = ()
    routes: tuple[Route, ...] = ()
    fallback_id: int | None = None


# --- what happens -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alarm:
    """A condition that a device reported. Active until `cleared_time` is set."""

    id: int
    line: str
    key: str
    address: str
    name: str
    active_text: str
    reset_text: str
    priority: Priority
    active_time: float
    message_id: int
    definition_id: int | None = None
    recipient_id: int | None = None
    send_resets: bool = True
    fault: bool = False
    cleared_time: float | None = None
    reset_message_id: int | None = None
    accepted_by: int | None = None
    accepted_time: float | None = None
    cancelled_by: int | None = None
    repeats: int = 0
    last_seen_time: float = 0.0

    @property
    def is_active(self) -> bool:
        """Whether the condition still stands."""
        return self.cleared_time is None


class MessageKind(StrEnum):
    """Why a message was sent."""

    ACTIVATION = "activation"
    RESET = "reset"
    USER = "user"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Message:
    """What was sent, once. `thread_id` is the id of the first message of the conversation.

    `reference` is what the reporting line knows it by: the key of the condition, or the device's own id of a text.
    """

    id: int
    text: str
    priority: Priority
    queue_time: float
    kind: MessageKind
    thread_id: int
    tone: str = ""
    alarm_id: int | None = None
    reply_to: int | None = None
    from_user_id: int | None = None
    from_line: str = ""
    from_address: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """A message in one user's inbox; `cycle` and `step` say when it was last paged (0: not escalating)."""

    id: int
    user_id: int
    message_id: int
    status: MsgStatus
    status_time: float
    cycle: int = 0
    step: int = 0

    @property
    def is_deleted(self) -> bool:
        """Whether its user took it out of the inbox."""
        return self.status is MsgStatus.QUEUED_DELETE


class NotificationKind(StrEnum):
    """What a user is told of (the values are those of EMM's notifications)."""

    USER_EVENT = "user_event"  # a message in the inbox is new, or was paged again
    ACTIVE_ALARM = "active_alarm"  # an alarm began or ended


class PageState(StrEnum):
    """Where a page stands."""

    QUEUED = "queued"  # waits for its line, its due time or a retry
    SENT = "sent"  # the line took it; nothing is known of the receiver
    RECEIVED = "received"  # the receiving device has it
    READ = "read"  # a person has seen it
    FAILED = "failed"  # refused, or all attempts failed
    UNKNOWN = "unknown"  # it was sent, but no answer came: it may or may not have arrived
    WITHDRAWN = "withdrawn"  # taken back before it was sent: somebody accepted, or the alarm cleared


@dataclass(frozen=True, slots=True)
class Page:
    """One message on its way to one address.

    `way` is the index of the user's way that it follows, `held` that it waits only because an earlier way was tried
    first. `push` marks a notification to one of a user's browsers: it says something about a page or an alarm and
    counts as neither delivery nor failure of it.
    """

    id: int
    message_id: int
    line: str
    address: str
    text: str
    priority: Priority
    created: float
    due: float
    expires: float
    queue_time: float
    alarm_id: int | None = None
    user_id: int | None = None
    contact_id: int | None = None
    cycle: int = 0
    step: int = 0
    way: int = 0
    held: bool = False
    state: PageState = PageState.QUEUED
    attempts: int = 0
    detail: str = ""
    reference: str = ""
    tone: str = ""
    push: NotificationKind | None = None


class EscalationState(StrEnum):
    """Where an escalation stands."""

    RUNNING = "running"  # paging, and waiting for somebody to accept
    ACCEPTED = "accepted"  # a person took it
    CLEARED = "cleared"  # the condition went away
    CANCELLED = "cancelled"  # a person ended the alarm
    EXHAUSTED = "exhausted"  # every step of every cycle passed and nobody accepted


@dataclass(frozen=True, slots=True)
class Escalation:
    """One run of an escalation plan for one message; `step` and `cycle` count from 1, `due` is when the step ends."""

    id: int
    message_id: int
    plan_id: int
    step: int
    cycle: int
    due: float
    priority: Priority
    alarm_id: int | None = None
    state: EscalationState = EscalationState.RUNNING


class JournalKind(StrEnum):
    """What kind of thing the journal tells of."""

    ALARM = "alarm"
    PAGE = "page"
    ANSWER = "answer"
    ESCALATION = "escalation"
    LINE = "line"
    SITE = "site"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One line of the box's diary: what happened and why, for whoever asks later. Never changed, only added."""

    id: int
    time: float
    kind: JournalKind
    text: str
    line: str = ""
    alarm_id: int | None = None
    message_id: int | None = None
    recipient_id: int | None = None


# --- what a driver reports --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AlarmActivated:
    """A device reports a condition.

    `key` identifies the condition on its line: a second activation with the same key is a repeat, a reset with it
    clears it.
    `address` is what the device dialled, `fields` whatever else the protocol carries. `fault` marks technical alarms.
    """

    key: str
    text: str
    address: str = ""
    priority: Priority | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    fault: bool = False


@dataclass(frozen=True, slots=True)
class AlarmReset:
    """A device reports that a condition is over: the one with `key`, or every one of `address` where `key` is None."""

    key: str | None
    address: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class TextReceived:
    """A person, or a program, sent text from a device: an answer to a page, or something that a person has to read.

    `recipient` is whom it is for, as the sender says it: a name, a recipient id, or the address of a contact; empty:
    whom routes and the fallback recipient make of it. `reference` is the device's own id of the text: one that comes
    again within a day, from the same sender, is not taken twice; within `known_for` seconds where the ids of a device
    may come round sooner. `lifetime`: after so many seconds the sender no longer wants it delivered; alarms that are
    made of texts do not end by it.
    """

    sender: str
    text: str
    recipient: str = ""
    reference: str = ""
    priority: Priority | None = None
    lifetime: float | None = None
    known_for: float | None = None


class Answer(Enum):
    """What a person said to a page."""

    ACCEPT = "accept"
    DECLINE = "decline"


@dataclass(frozen=True, slots=True)
class PageAnswered:
    """A device carried a person's answer to the page that the driver once sent with this `reference`."""

    reference: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class PageConfirmed:
    """A later word on the page that the driver once sent with this `reference`: received, read, or failed after all."""

    reference: str
    state: PageState
    detail: str = ""


Report = AlarmActivated | AlarmReset | TextReceived | PageAnswered | PageConfirmed


class Recorded(Enum):
    """What became of a report once it was on disk; a driver may phrase its acknowledgement accordingly."""

    NEW = "new"  # a new alarm
    REPEAT = "repeat"  # the alarm was active already, or the text was taken before
    CLEARED = "cleared"  # an active alarm ended
    ANSWERED = "answered"  # taken as a person's answer to a page
    FORWARDED = "forwarded"  # handed to a person as it came
    NOTED = "noted"  # nothing to do; it stands in the journal
