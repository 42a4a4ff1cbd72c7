"""One page at a time: its frame leaves, its reply is awaited, and nothing else goes out meanwhile."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from gatewayd.driver import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

GAUGE_EVERY = 0.05  # seconds; neither the kernel nor the device tells when the last byte has left


@dataclass(frozen=True, slots=True)
class Reply:
    """What the device said about a page. `retry_after` in seconds."""

    outcome: Outcome
    detail: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class PageSettled:
    """The attempt to send one page is over; `answered` is whether the device has said so itself."""

    ref: str
    reply: Reply
    answered: bool = True


@dataclass(frozen=True, slots=True)
class LateReply:
    """A word about a page that was settled before it came."""

    ref: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class FrameSent:
    """A frame goes out."""


@dataclass(frozen=True, slots=True)
class LineHeld:
    """The device does not let us send: flow control, for longer than it may."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Noise:
    """So many bytes made no sense."""

    count: int


Event = PageSettled | LateReply | FrameSent | LineHeld | Noise


class Replies(Protocol):
    """Reads the device's replies."""

    def feed(self, data: bytes) -> tuple[list[Reply], int]:
        """Take bytes; return the replies in them, and how many bytes were none."""

    def forget(self) -> None:
        """Forget half a reply: its end was damaged, and the next one begins anew."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: `reply` is how long a reply is awaited (0: there are none), `hold` how long flow control may hold us up.

    `byte` is what one character takes on the wire. `late` is how long a reply may still be about the last page.
    """

    reply: float
    hold: float = 30.0
    byte: float = 0.0
    late: float = 10.0


class State(Enum):
    """Where the line stands."""

    FREE = auto()
    LEAVING = auto()  # a frame is on its way out
    WAITING = auto()  # its reply is awaited
    DOUBTED = auto()  # its page is settled, but a reply may come, and would be taken for the next page's


@dataclass(slots=True)
class _Page:
    ref: str
    frame: bytes
    hold_until: float = 0.0
    settled: bool = False


class Exchange:
    """The sending end, a `StreamProtocol`. `unsent` tells how many bytes have not left yet.

    `silence` is what no reply means.
    """

    def __init__(self, replies: Replies, timing: Timing, silence: Reply, unsent: Callable[[], int]) -> None:
        self.state = State.FREE
        self._replies = replies
        self._timing = timing
        self._silence = silence
        self._unsent = unsent
        self._queue: deque[_Page] = deque()
        self._page: _Page | None = None
        self._last: tuple[str, float] = ("", 0.0)  # the newest page, and until when a word about it may come
        self._due: float | None = None
        self._out = bytearray()
        self._events: deque[Event] = deque()

    @property
    def expects_replies(self) -> bool:
        """Whether the device replies to every page, so that silence means that something is wrong."""
        return self._silence.outcome is Outcome.UNKNOWN

    # --- for the driver -----------------------------------------------------------------------------------------------

    def send_page(self, ref: str, frame: bytes, now: float) -> None:
        """Send a page as soon as the line is free; `PageSettled` tells how it ended."""
        self._queue.append(_Page(ref, frame))
        self._next(now)

    def withdraw(self, ref: str, now: float) -> None:
        """Forget a page. When it is out already its reply is awaited all the same, and told to nobody."""
        self._queue = deque(page for page in self._queue if page.ref != ref)
        if self._page is not None and self._page.ref == ref and not self._page.settled:
            self._page.settled = True
            if self.state is not State.LEAVING:
                self._doubt(now)

    def send_nothing(self, data: bytes) -> None:
        """Send what the device does not act upon, to see whether anything leaves."""
        self._out += data

    # --- stream protocol ----------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the wire."""
        replies, noise = self._replies.feed(data)
        if noise:
            self._events.append(Noise(noise))
        for reply in replies:
            self._handle_reply(reply, now)

    def data_to_send(self) -> bytes:
        """Return, and forget, the bytes that have to go out."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event(self) -> Event | None:
        """Return the next thing that happened."""
        return self._events.popleft() if self._events else None

    def get_timer(self) -> float | None:
        """Return when the state may have to change."""
        return self._due

    def handle_timer(self, now: float) -> None:
        """Act on a deadline that has passed."""
        if self._due is None or now < self._due:
            return
        match self.state:
            case State.LEAVING:
                self._check_leaving(now)
            case State.WAITING:
                self._settle(self._silence, answered=False)
                self._doubt(now) if self._silence.outcome is Outcome.UNKNOWN else self._free(now)
            case _:
                self._free(now)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _next(self, now: float) -> None:
        if self.state is not State.FREE or not self._queue:
            return
        page = self._page = self._queue.popleft()
        self._replies.forget()
        wire_time = len(page.frame) * self._timing.byte
        page.hold_until = now + wire_time + self._timing.hold
        self._last = (page.ref, page.hold_until + self._timing.late)
        self._out += page.frame
        self._events.append(FrameSent())
        self.state, self._due = State.LEAVING, now + wire_time

    def _check_leaving(self, now: float) -> None:
        page = self._page
        if page is None or not (unsent := self._unsent()):
            self._left(now)
        elif now < page.hold_until:
            self._due = now + GAUGE_EVERY
        else:
            untouched = unsent >= len(page.frame)
            outcome = Outcome.FAILED if untouched else Outcome.UNKNOWN
            reason = f"the device has held the line up for {self._timing.hold:g} s"
            self._settle(Reply(outcome, reason), answered=False)
            self._events.append(LineHeld(self._timing.hold))
            self._doubt(now)

    def _left(self, now: float) -> None:
        if self._page is not None and self._page.settled:
            self._doubt(now)
        elif self._timing.reply:
            self.state, self._due = State.WAITING, now + self._timing.reply
        else:
            self._settle(self._silence, answered=False)
            self._free(now)

    def _doubt(self, now: float) -> None:
        self.state, self._due = State.DOUBTED, now + self._timing.reply

    def _free(self, now: float) -> None:
        if self._page is not None:
            self._last = (self._page.ref, now + self._timing.late)
        self.state, self._due, self._page = State.FREE, None, None
        self._next(now)

    def _handle_reply(self, reply: Reply, now: float) -> None:
        if self._page is None:
            self._tell_late(reply, now)
            return
        if self._page.settled:
            self._tell_late(reply, now)
        self._settle(reply)
        self._free(now)

    def _tell_late(self, reply: Reply, now: float) -> None:
        ref, until = self._last
        if ref and now <= until:
            self._events.append(LateReply(ref, reply))

    def _settle(self, reply: Reply, *, answered: bool = True) -> None:
        if self._page is not None and not self._page.settled:
            self._page.settled = True
            self._events.append(PageSettled(self._page.ref, reply, answered))
