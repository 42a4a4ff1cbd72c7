"""The server's side of one SNPP session (RFC 1861, all three levels), without input and output."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from drivers.snpp import commands
from drivers.snpp.draft import Draft
from drivers.snpp.events import CommandRefused, Event, LoginRefused, MessageSubmitted, SessionEnded, TagGivenUp
from drivers.snpp.tags import TagBook
from gatewayd.model import Priority

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drivers.snpp.tags import Tag

__all__ = [
    "CommandRefused",
    "Event",
    "LoginRefused",
    "MessageSubmitted",
    "Rules",
    "Session",
    "SessionEnded",
    "State",
    "TagGivenUp",
]

MAX_LINE = 10_000  # bytes; the longest text that can be allowed, and its verb
MAX_WAITING = 65_536  # bytes that a client may send ahead while its SEND is being recorded
MAX_ERRORS = 10  # refused commands in a row; then the client is sent away (421)

# RFC 1861 4.5.3: 0 is a priority page, 1 normal, 2 to 7 wait for minutes to a day, 8 to 11 are the carrier's own.
LEVELS: Mapping[int, Priority] = {
    0: Priority.HIGH,
    **dict.fromkeys((1, 2, *range(8, 12)), Priority.NORMAL),
    **dict.fromkeys(range(3, 8), Priority.LOW),
}

_PAGER = re.compile(r"[!-~]{1,64}")
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class State(Enum):
    """Where a session stands."""

    COMMAND = "waiting for a command"
    DATA = "taking lines of text until a dot"
    RECORDING = "a message is being recorded"
    ENDED = "the last reply was given"


@dataclass(frozen=True, slots=True)
class Rules:
    """What clients may do. No `pagers`: every id is known; no `logins`: none is asked for. Times in seconds."""

    pagers: frozenset[str] = frozenset()
    logins: Mapping[str, str] = field(default_factory=dict, repr=False)
    longest_text: int = 1000
    most_pagers: int = 16
    idle_timeout: float = 60.0
    levels: Mapping[int, Priority] = field(default_factory=lambda: LEVELS)
    two_way: bool = True

    def knows(self, pager: str) -> bool:
        """Return whether a pager id is one, and known here."""
        return _PAGER.fullmatch(pager) is not None and (not self.pagers or pager in self.pagers)


class Session:
    """One client. Nothing is answered to SEND or KTAG before `settle` says that it is on disk."""

    def __init__(self, rules: Rules, now: float, tags: TagBook | None = None) -> None:
        self.rules = rules
        self.tags = TagBook({}) if tags is None else tags
        self.now = now
        self.known = not rules.logins
        self.draft = Draft()
        self._state = State.COMMAND
        self._waiting = bytearray()
        self._overlong = False
        self._out = bytearray()
        self._events: deque[Event] = deque()
        self._lines: list[str] = []
        self._length = 0
        self._errors = 0
        self._sending = False
        self._deadline: float | None = now + rules.idle_timeout

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._state

    # --- for the driver -----------------------------------------------------------------------------------------------

    def greet(self) -> None:
        """Say who we are."""
        self.reply("220 SNPP gateway ready")

    def turn_away(self, why: str = "you are not served here") -> None:
        """End the session of somebody who may not use it."""
        self.end(f"421 {why}")

    def settle(self, now: float, reply: str, *, recorded: bool) -> None:
        """Answer the SEND or KTAG that waits. What is not recorded stays entered: the client may say SEND again."""
        if self._state is not State.RECORDING:
            return
        self._state = State.COMMAND
        self.reply(reply)
        if recorded and self._sending:
            self.draft = Draft(self.draft.number + 1)
        self.now, self._deadline = now, now + self.rules.idle_timeout
        self._go_on()

    # --- StreamProtocol -----------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the client."""
        if self._state is State.ENDED:
            return
        self.now = now
        if self._state is not State.RECORDING:
            self._deadline = now + self.rules.idle_timeout
        self._waiting += data
        self._go_on()
        if len(self._waiting) > MAX_WAITING:
            self.end("421 too much at once")

    def data_to_send(self) -> bytes:
        """Return, and forget, the replies."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event(self) -> Event | None:
        """Return the next thing that happened, or None."""
        return self._events.popleft() if self._events else None

    def get_timer(self) -> float | None:
        """Return when a silent client is sent away; never while it waits for us."""
        return None if self._state in {State.RECORDING, State.ENDED} else self._deadline

    def handle_timer(self, now: float) -> None:
        """Send a silent client away (RFC 1861: "421 Timeout, Goodbye")."""
        due = self.get_timer()
        if due is not None and now >= due:
            self.end("421 Timeout, Goodbye")

    # --- lines --------------------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Take every complete line, up to a SEND: what comes behind it waits until that is recorded."""
        while self._state in {State.COMMAND, State.DATA}:
            end = self._waiting.find(b"\n")
            if end < 0:
                self._bound_line()
                return
            line = bytes(self._waiting[:end])
            del self._waiting[: end + 1]
            if self._overlong or len(line) > MAX_LINE:
                self._overlong = False
                self._take_overlong()
            else:
                self._take_line(_text_of(line))

    def _bound_line(self) -> None:
        """Forget a line that is too long as it comes, and remember only that it was."""
        if len(self._waiting) > MAX_LINE:
            self._waiting.clear()
            self._overlong = True

    def _take_overlong(self) -> None:
        if self._state is State.DATA:
            self._length = self.rules.longest_text + 1
        else:
            self.refuse("500 line too long")

    def _take_line(self, line: str) -> None:
        if self._state is State.DATA:
            self._take_text_line(line)
        elif line:
            commands.handle(self, line)

    def _take_text_line(self, line: str) -> None:
        """Take a line of DATA; dots are not doubled (RFC 1861 4.5.1 knows the lone one only)."""
        if line != ".":
            self._length += len(line) + 1
            if self._length <= self.rules.longest_text + 1:
                self._lines.append(line)
            return
        self._state = State.COMMAND
        text, self._lines = "\n".join(self._lines), []
        self.enter("" if self._length > self.rules.longest_text + 1 else text)

    # --- for the commands ---------------------------------------------------------------------------------------------

    def take_text(self) -> None:
        """Take lines of text from now on, up to a lone dot."""
        self._state, self._length = State.DATA, 0
        self.reply("354 begin; end with a dot on a line of its own")

    def enter(self, text: str) -> None:
        """Take the text of the message."""
        if not text.strip():
            self.refuse(f"550 a message has 1 to {self.rules.longest_text} characters")
            return
        self.draft.text = text
        self.accept("250 message entered")

    def submit(self) -> None:
        """Hand the message over; the client waits for `settle`."""
        draft = self.draft
        self._wait(sending=True)
        self._events.append(
            MessageSubmitted(draft.number, tuple(draft.pagers), draft.whole_text, draft.caller, draft.two_way)
        )

    def give_up(self, tag: Tag) -> None:
        """Hand over that nobody follows a message any more; the client waits for `settle`."""
        self._wait(sending=False)
        self._events.append(TagGivenUp(tag.number))

    def _wait(self, *, sending: bool) -> None:
        self._state, self._sending, self._errors = State.RECORDING, sending, 0

    def accept(self, text: str) -> None:
        """Say that a command was carried out."""
        self._errors = 0
        self.reply(text)

    def refuse(self, text: str) -> None:
        """Say that a command was not carried out; after many of them the client is sent away."""
        self._errors += 1
        self._events.append(CommandRefused())
        if self._errors >= MAX_ERRORS:
            self.end("421 too many errors")
        else:
            self.reply(text)

    def refuse_login(self) -> None:
        """Say that a login is wrong."""
        self._events.append(LoginRefused())
        self.refuse("550 login not accepted")

    def end(self, text: str) -> None:
        """Say the last word."""
        self.reply(text)
        self._state = State.ENDED
        self._waiting.clear()
        self._lines.clear()
        self._events.append(SessionEnded())

    def reply(self, text: str) -> None:
        """Say a line."""
        self._out += f"{text}\r\n".encode("ascii")


def _text_of(line: bytes) -> str:
    """Return a line as text: UTF-8, or Latin-1 where it is not; control codes become blanks."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        text = line.decode("latin-1")
    return _CONTROLS.sub(" ", text.rstrip("\r\n")).rstrip()
