"""What a decision consists of: rows to write, and what happens once they are on disk."""

from __future__ import annotations

from dataclasses import field
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
    Page,
    PageState,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass

    from gatewayd.driver import Capabilities, Progress
    from gatewayd.engine.directory import Directory
    from gatewayd.store.rows import Recordable
else:
    from gatewayd.values import dataclass

_QUEUED = PageState.QUEUED  # the member of an Enum costs as much to look up as a call, on Python 3.11


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


@dataclass(slots=True)
class Change:
    """A decision: `record` everything in one transaction, then `queue`, `withdraw` and `schedule`.

    `announced` are events of which their users have to hear, `concerned` the users of an alarm that ended; `others` are
    rows without further effect; `news` is for the lines that reported something.
    """

    ctx: Context
    alarms: dict[int, Alarm] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    events: dict[int, Event] = field(default_factory=dict)
    pages: dict[int, Page] = field(default_factory=dict)
    escalations: dict[int, Escalation] = field(default_factory=dict)
    journal: list[JournalEntry] = field(default_factory=list)
    announced: dict[int, None] = field(default_factory=dict)
    concerned: dict[int, tuple[int, ...]] = field(default_factory=dict)
    others: list[Recordable] = field(default_factory=list)
    news: list[tuple[str, News]] = field(default_factory=list)

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
        return [
            *self.alarms.values(),
            *self.messages.values(),
            *self.events.values(),
            *self.pages.values(),
            *self.escalations.values(),
            *self.journal,
            *self.others,
        ]

    def queued(self) -> list[Page]:
        """Return the pages that go to their lines' queues."""
        return [page for page in self.pages.values() if page.state is _QUEUED]

    def settled(self) -> list[Page]:
        """Return the pages that leave the queues."""
        return [page for page in self.pages.values() if page.state is not _QUEUED]

    def running(self) -> list[Escalation]:
        """Return the escalations whose deadline has to be set."""
        return [one for one in self.escalations.values() if one.state is EscalationState.RUNNING]

    def ended(self) -> list[Escalation]:
        """Return the escalations whose deadline falls away."""
        return [one for one in self.escalations.values() if one.state is not EscalationState.RUNNING]
