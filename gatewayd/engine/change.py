"""What a decision consists of: rows to write, and what happens once they are on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from gatewayd.driver import News
from gatewayd.engine.answers import COMMON, Words
from gatewayd.model import (
    Alarm,
    Escalation,
    EscalationState,
    Event,
    JournalEntry,
    JournalKind,
    Message,
    MessageKind,
    Page,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass

    from gatewayd.driver import Capabilities, Progress
    from gatewayd.engine.directory import Directory
    from gatewayd.store.rows import Recordable
else:
    from gatewayd.values import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Figures of paging (seconds).

    `retry_waits`: how long to wait after the 1st, 2nd, … failed attempt, the last one for ever until the page expires.
    `unknown_attempts`: how often a page is sent when the device never says whether it arrived. `words`: how people
    answer.
    """

    retry_waits: tuple[float, ...] = (2.0, 5.0, 10.0, 30.0, 60.0)
    unknown_attempts: int = 2
    page_lifetime: float = 1800.0
    words: Words = COMMON


@dataclass(frozen=True, slots=True)
class Context:
    """What the rules may know of the world at the moment of a decision.

    `is_in_flight` tells whether a page is leaving right now, or has left and is not written down yet.
    """

    directory: Directory
    capabilities: Callable[[str], Capabilities | None]
    new_id: Callable[[type[Any]], int]
    now: float
    wall: float
    policy: Policy = Policy()
    is_in_flight: Callable[[int], bool] = lambda _: False


class About(TypedDict, total=False):
    """What a line of the journal is about."""

    line: str
    alarm_id: int | None
    message_id: int | None
    recipient_id: int | None


class Change:
    """A decision: everything to be written in one transaction, and what then takes effect.

    `announced` are events of which their users have to hear, `concerned` the users of an alarm that ended; `others` are
    rows without further effect; `news` is for the lines that reported something.
    """

    __slots__ = (
        "alarms",
        "announced",
        "concerned",
        "ctx",
        "escalations",
        "events",
        "journal",
        "messages",
        "news",
        "others",
        "pages",
    )

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.alarms: dict[int, Alarm] = {}
        self.messages: dict[int, Message] = {}
        self.events: dict[int, Event] = {}
        self.pages: dict[int, Page] = {}
        self.escalations: dict[int, Escalation] = {}
        self.journal: list[JournalEntry] = []
        self.announced: dict[int, None] = {}
        self.concerned: dict[int, tuple[int, ...]] = {}
        self.others: list[Recordable] = []
        self.news: list[tuple[str, News]] = []

    def announce(self, event: Event) -> None:
        """Take in an event that is new to its user, or that was paged again."""
        self.events[event.id] = event
        self.announced[event.id] = None

    def save(self, *values: Alarm | Message | Event | Page | Escalation) -> None:
        """Take new versions of domain values into the decision; a later version replaces an earlier one."""
        for value in values:
            if isinstance(value, Page):
                self.pages[value.id] = value
            elif isinstance(value, Event):
                self.events[value.id] = value
            elif isinstance(value, Escalation):
                self.escalations[value.id] = value
            elif isinstance(value, Message):
                self.messages[value.id] = value
            else:
                self.alarms[value.id] = value

    def tell(self, message: Message, progress: Progress, who: int | None = None) -> None:
        """Let the line that reported a message know what became of it."""
        if message.reference:
            name = self.ctx.directory.recipient_name(who) if who else ""
            self.news.append((message.from_line, News(message.reference, progress, name, message.id)))

    def note(self, kind: JournalKind, text: str, **about: Unpack[About]) -> None:
        """Add a line to the journal."""
        self.journal.append(JournalEntry(self.ctx.new_id(JournalEntry), self.ctx.wall, kind, text, **about))

    def rows(self) -> list[Recordable]:
        """Return everything that has to be written."""
        found: list[Recordable] = []
        for rows in (self.alarms, self.messages, self.events, self.pages, self.escalations):
            if rows:
                found += rows.values()
        return found + self.journal + self.others

    @property
    def opens(self) -> bool:
        """Whether something new begins: an alarm, or a text from a line."""
        new = (MessageKind.ACTIVATION, MessageKind.USER)
        return any(message.kind in new for message in self.messages.values())

    @property
    def is_a_note(self) -> bool:
        """Whether nothing comes of it but lines of the journal."""
        return not (self.alarms or self.messages or self.events or self.pages or self.escalations)

    @property
    def can_wait(self) -> bool:
        """Whether it may be refused while the disk is down: it pages nobody, or a user of the box sees that it failed.

        Texts from lines may not: nobody knows whether a person wrote them or a nurse-call system.
        """
        own = any(message.from_user_id is not None for message in self.messages.values())
        return own or not (self.alarms or self.messages or self.pages or self.escalations)

    def running(self) -> list[Escalation]:
        """Return the escalations whose deadline has to be set."""
        return [one for one in self.escalations.values() if one.state is EscalationState.RUNNING]

    def ended(self) -> list[Escalation]:
        """Return the escalations whose deadline falls away."""
        return [one for one in self.escalations.values() if one.state is not EscalationState.RUNNING]
