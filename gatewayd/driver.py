"""The contract between the gateway and a driver.

A driver folder holds `protocol.py` (sans-IO: `StreamProtocol` or `DatagramProtocol`), `driver.py` (a thin `Driver`),
and `simulator.py` (the other end). Its `__init__.py` exports `DRIVER` and `SETTINGS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from gatewayd.errors import Conflict, NotDurable

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable
    from dataclasses import dataclass

    from gatewayd.clock import Clock
    from gatewayd.model import Page, Recorded, Report
else:
    from gatewayd.values import dataclass

EventT_co = TypeVar("EventT_co", covariant=True)
Address = tuple[str, int]


class StreamProtocol(Protocol[EventT_co]):
    """One end of a protocol over a byte stream, without any input or output of its own.

    Nothing here sleeps, reads a clock or raises on bad input: garbage becomes an answer or an event.
    """

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the wire."""

    def data_to_send(self) -> bytes:
        """Return, and forget, the bytes that have to go out."""

    def next_event(self) -> EventT_co | None:
        """Return the next thing that happened, or None."""

    def get_timer(self) -> float | None:
        """Return when `handle_timer` wants to be called, on the timeline, or None."""

    def handle_timer(self, now: float) -> None:
        """Act on every deadline that has passed."""


class DatagramProtocol(Protocol[EventT_co]):
    """One end of a protocol over datagrams, without any input or output of its own."""

    def receive_datagram(self, data: bytes, source: Address, now: float) -> None:
        """Take one datagram."""

    def datagrams_to_send(self) -> list[tuple[bytes, Address]]:
        """Return, and forget, the datagrams that have to go out."""

    def next_event(self) -> EventT_co | None:
        """Return the next thing that happened, or None."""

    def get_timer(self) -> float | None:
        """Return when `handle_timer` wants to be called, on the timeline, or None."""

    def handle_timer(self, now: float) -> None:
        """Act on every deadline that has passed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a thing that `field` names, and the fix; with `warning` it is only unwise, or will be."""

    field: str
    reason: str
    warning: bool = False


class LineSettings(BaseModel):
    """Base of every driver's settings: unknown keys are refused, and errors never show the values."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    def inspect_files(self, wall: float) -> list[Finding]:
        """Look at the files that these settings name; no reason quotes one. `wall` is the wall clock.

        `config check` asks. A start does not: a line whose file is missing is down, and the others work.
        """
        del wall
        return []


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a driver can do; optional abilities are flags, never guessed.

    `answers_in_text`: people answer by writing text, so every page ends with the code to name (`#4711`).
    `parallel` is how many pages it takes at once; to one address there is never more than one page under way.
    `longest_text` is in characters; the engine cuts to it and says so in the journal.
    `follows`: the device wants to know what becomes of what it reported (`Driver.tell`).
    """

    receives: bool = False
    sends: bool = False
    confirms_delivery: bool = False
    carries_answers: bool = False
    answers_in_text: bool = False
    longest_text: int | None = None
    parallel: int = 1
    follows: bool = False


class Outcome(Enum):
    """How one delivery attempt ended."""

    SENT = "sent"  # the device took it
    RECEIVED = "received"  # the person's device has it
    READ = "read"  # the person saw it
    REFUSED = "refused"  # this address or text will never be taken
    FAILED = "failed"  # not now
    UNKNOWN = "unknown"  # it went out, no answer came


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of one delivery attempt.

    `detail` is the device's own word for people to read; `reference` identifies the page in later reports of the
    driver; `retry_after` is the device's own wish, in seconds.
    """

    outcome: Outcome
    detail: str = ""
    reference: str = ""
    retry_after: float | None = None


class Progress(Enum):
    """What became of an alarm or a text that a line reported."""

    PAGED = "paged"  # a page left for somebody
    DELIVERED = "delivered"  # somebody's device has it
    READ = "read"  # somebody saw it
    ACCEPTED = "accepted"  # somebody takes care of it
    DECLINED = "declined"  # somebody said no
    UNREACHED = "unreached"  # people were paged, and nobody answered to the end of the plan
    FAILED = "failed"  # no page got through: the way to people is at fault
    CLEARED = "cleared"  # the alarm ended


@dataclass(frozen=True, slots=True)
class News:
    """Word for the line that reported something: `key` is the alarm's key or the text's reference.

    `who` is the name of the person or contact that it is about, where there is one.
    """

    key: str
    progress: Progress
    who: str
    message_id: int


class LineMemory(Protocol):
    """A small durable key-value store of one line: registrations, cursors. Values are JSON-able."""

    def items(self) -> dict[str, Any]:
        """Return everything that is remembered."""

    async def save(self, changes: dict[str, Any]) -> None:
        """Record changes on disk, all or nothing; a value of None forgets the key. Raises StoreUnavailable."""


async def even_in_memory(work: Awaitable[object]) -> None:
    """Wait for a report of our own, or for what is to be remembered: nobody is waiting to hear that it is on disk.

    While nothing can be stored it takes effect as well, and is written later. Raises StoreUnavailable otherwise.
    """
    with suppress(NotDurable):
        await work


class Line(Protocol):
    """What a driver sees of the gateway."""

    @property
    def name(self) -> str:
        """The name of the line in the configuration."""

    @property
    def clock(self) -> Clock:
        """The one clock."""

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that names the line."""

    @property
    def memory(self) -> LineMemory:
        """What has to survive a restart."""

    def up(self) -> None:
        """Say that the device answers and is initialised: pages may be sent, the line's fault clears."""

    def count(self, what: str, amount: int = 1) -> None:
        """Add to one of the line's counters (`frames`, `naks`, `retries`, …)."""

    def trouble(self, what: str, amount: int = 1) -> None:
        """Count bad input (`noise_bytes`, `malformed`) and say so in the log, not more often than a person can read."""

    async def report(self, report: Report) -> Recorded:
        """Record what the device reported; on disk when this returns. Raises StoreUnavailable: do not acknowledge."""


class ForwardingLine(Line, Protocol):
    """What a driver sees whose devices come and go and say so when they are back (every real line is one)."""

    def reachable(self, address: str) -> None:
        """Say that a device is back: pages to exactly this address that failed before are tried again at once."""


class RatedLine(Line, Protocol):
    """What a driver sees whose device may work badly (every real line is one)."""

    def degraded(self, reason: str) -> None:
        """Say that the line works but another one is better, or with an empty reason that this is over."""


class Upcoming(Protocol):
    """The pages that wait for a line, for a driver whose device must not idle between two of them."""

    def peek(self) -> Page | None:
        """Return the page that would be next as things stand, to prepare it. In the end another one may be."""

    def take(self, after: int) -> Page | None:
        """Take the page that is next now, because the device is just done with page `after`; None: there is none.

        It counts as given to the driver, which may begin with it at once; `send` is called for it in the next turn of
        the loop in any case, to see it through.
        """


class Driver(ABC):
    """One line's code. `run` serves the line until it is cancelled; `send` makes exactly one delivery attempt.

    When `send` is cancelled (somebody accepted, so the page is withdrawn) the driver sends nothing more of that page,
    not even a retransmission, and stays able to send the next one.
    """

    kind: ClassVar[str]

    def __init__(self, line: Line, settings: object = None) -> None:
        del settings  # a driver keeps its own, typed
        self.line = line

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What this line can do, as configured."""

    @property
    @abstractmethod
    def port(self) -> str:
        """Where the line is connected, as people name it: a device path, or `udp:127.0.0.1:5060`."""

    @property
    def bound(self) -> Address | None:
        """The network address where this line listens, once it does; None for lines that listen nowhere."""
        return None

    @abstractmethod
    async def run(self) -> None:
        """Open the device, call `line.up()` when it answers, serve until cancelled; raise LineDown when it is lost."""

    def tell(self, news: News) -> None:  # noqa: B027 - most devices do not ask
        """Take note of what became of something that this line reported; on disk already. Called if `follows`."""

    async def command(self, text: str, seconds: float, *, force: bool) -> list[str]:
        """Have the device carry out one command of its own language; return what it said, at most for `seconds`.

        What may disturb the line is refused unless it is forced. Raises Conflict, Invalid, LineDown.
        """
        del text, seconds, force
        raise Conflict(f"a {self.kind} line takes no commands")

    def look_ahead(self, upcoming: Upcoming) -> None:  # noqa: B027 - most devices take longer than we do
        """Take note of where the next page can be looked at before `send` is called for it. Called before `run`."""

    def held_back(self) -> float:
        """Return for how many seconds `send` would hold the next page back; in a pool another line gets it then."""
        return 0.0

    async def send(self, page: Page) -> Receipt:
        """Make one attempt to deliver `page`. Raises LineDown when the device is lost meanwhile."""
        del page
        return Receipt(Outcome.REFUSED, f"a {self.kind} line configured like this cannot send")
