"""The server's side of one SNPP session (RFC 1861 levels 1 and 2), without input and output."""

from __future__ import annotations

import hmac
import re
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from drivers.snpp.events import CommandRefused, Event, MessageSubmitted, SessionEnded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["CommandRefused", "Event", "MessageSubmitted", "Rules", "Session", "SessionEnded", "State"]

MAX_LINE = 10_000  # bytes; the longest text that can be allowed, and its verb
MAX_WAITING = 65_536  # bytes that a client may send ahead while its SEND is being recorded
MAX_ERRORS = 10  # refused commands in a row; then the client is sent away (421)
SIGNIFICANT = 4  # characters of a verb: RFC 1861 3
MOST_LEVELS = 11
MAX_WORD = 64  # characters of a pager id, a caller or a subject

_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_PAGER = re.compile(r"[!-~]{1,64}")
_HELP = ("PAGEr MESSage DATA SEND RESEt QUIT HELP", "LOGIn LEVEl ALERt COVErage CALLerid SUBJect")


class State(Enum):
    """Where a session stands."""

    COMMAND = "waiting for a command"
    DATA = "taking lines of text until a dot"
    RECORDING = "a message is being recorded"
    ENDED = "the last reply was given"


@dataclass(frozen=True, slots=True)
class Rules:
    """What clients may do. No `pagers`: every id is known; no `logins`: none is asked for."""

    pagers: frozenset[str] = frozenset()
    logins: Mapping[str, str] = field(default_factory=dict, repr=False)
    longest_text: int = 1000
    most_pagers: int = 16
    idle_timeout: float = 60.0


@dataclass(slots=True)
class _Draft:
    """What was entered of a message."""

    pagers: list[str] = field(default_factory=list)
    text: str | None = None
    caller: str = ""
    subject: str = ""


class Session:
    """One client. Nothing is answered with 250 to SEND before `settle` says that the message is on disk."""

    def __init__(self, rules: Rules, now: float) -> None:
        self._rules = rules
        self._state = State.COMMAND
        self._waiting = bytearray()
        self._overlong = False
        self._out = bytearray()
        self._events: deque[Event] = deque()
        self._draft = _Draft()
        self._lines: list[str] = []
        self._length = 0
        self._errors = 0
        self._known = not rules.logins
        self._deadline: float | None = now + rules.idle_timeout

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._state

    # --- for the driver -----------------------------------------------------------------------------------------------

    def greet(self) -> None:
        """Say who we are."""
        self._reply("220 SNPP gateway ready")

    def turn_away(self) -> None:
        """End the session of somebody who may not use it."""
        self._end("421 you are not served here")

    def settle(self, now: float, *, recorded: bool) -> None:
        """Answer the SEND that waits: 250 when the message is on disk, else 554."""
        if self._state is not State.RECORDING:
            return
        self._state = State.COMMAND
        self._reply("250 message accepted" if recorded else "554 the message cannot be stored now, send it again")
        if recorded:
            self._draft = _Draft()
        self._deadline = now + self._rules.idle_timeout
        self._go_on()

    # --- StreamProtocol -----------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the client."""
        if self._state is State.ENDED:
            return
        if self._state is not State.RECORDING:
            self._deadline = now + self._rules.idle_timeout
        self._waiting += data
        self._go_on()
        if len(self._waiting) > MAX_WAITING:
            self._end("421 too much at once")

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
            self._end("421 Timeout, Goodbye")

    # --- lines --------------------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Take every complete line, up to a SEND: what comes behind it waits until that is recorded."""
        while self._state in {State.COMMAND, State.DATA}:
            line, feed, rest = self._waiting.partition(b"\n")
            if not feed:
                self._bound_line()
                return
            self._waiting = rest
            if self._overlong or len(line) > MAX_LINE:
                self._overlong = False
                self._take_overlong()
            else:
                self._take_line(_text_of(bytes(line)))

    def _bound_line(self) -> None:
        """Forget a line that is too long as it comes, and remember only that it was."""
        if len(self._waiting) > MAX_LINE:
            self._waiting.clear()
            self._overlong = True

    def _take_overlong(self) -> None:
        if self._state is State.DATA:
            self._length = self._rules.longest_text + 1
        else:
            self._refuse("500 line too long")

    def _take_line(self, line: str) -> None:
        if self._state is State.DATA:
            self._take_text(line)
        elif line:
            verb, _, rest = line.partition(" ")
            handler = _HANDLERS.get(verb[:SIGNIFICANT].upper())
            if handler is None:
                self._refuse("500 command not known")
            else:
                handler(self, rest.strip())

    def _take_text(self, line: str) -> None:
        """Take a line of DATA; dots are not doubled (RFC 1861 4.5.1 knows the lone one only)."""
        if line != ".":
            self._length += len(line) + 1
            if self._length <= self._rules.longest_text + 1:
                self._lines.append(line)
            return
        self._state = State.COMMAND
        text, self._lines = "\n".join(self._lines), []
        self._enter("" if self._length > self._rules.longest_text + 1 else text)

    # --- commands -----------------------------------------------------------------------------------------------------

    def _handle_login(self, rest: str) -> None:
        name, _, password = rest.partition(" ")
        expected = self._rules.logins.get(name)
        if self._rules.logins and (
            expected is None or not hmac.compare_digest(expected.encode(), password.strip().encode())
        ):
            self._refuse("550 login not accepted")
            return
        self._known = True
        self._accept("250 login accepted")

    def _handle_page(self, rest: str) -> None:
        pager = rest.partition(" ")[0]  # what follows is a PIN, which nobody asked for
        if not self._known:
            self._refuse("550 log in first")
        elif not _PAGER.fullmatch(pager) or (self._rules.pagers and pager not in self._rules.pagers):
            self._refuse("550 pager not known")
        elif len(self._draft.pagers) >= self._rules.most_pagers:
            self._refuse("552 too many pagers for one message")
        else:
            if pager not in self._draft.pagers:
                self._draft.pagers.append(pager)
            self._accept("250 pager accepted")

    def _handle_message(self, rest: str) -> None:
        if self._draft.text is not None:
            self._refuse("503 there is a message already")
        else:
            self._enter(rest if len(rest) <= self._rules.longest_text else "")

    def _handle_data(self, _: str) -> None:
        if self._draft.text is not None:
            self._refuse("503 there is a message already")
            return
        self._state, self._length = State.DATA, 0
        self._reply("354 begin; end with a dot on a line of its own")

    def _enter(self, text: str) -> None:
        if not text.strip():
            self._refuse(f"550 a message has 1 to {self._rules.longest_text} characters")
            return
        self._draft.text = text
        self._accept("250 message entered")

    def _handle_send(self, _: str) -> None:
        draft = self._draft
        if not draft.pagers or draft.text is None:
            self._refuse("503 a pager and a message come first")
            return
        text = f"{draft.subject}: {draft.text}" if draft.subject else draft.text
        self._state, self._errors = State.RECORDING, 0
        self._events.append(MessageSubmitted(tuple(draft.pagers), text, draft.caller))

    def _handle_reset(self, _: str) -> None:
        self._draft = _Draft()
        self._accept("250 reset")

    def _handle_caller(self, rest: str) -> None:
        self._draft.caller = rest[:MAX_WORD]
        self._accept("250 caller noted")

    def _handle_subject(self, rest: str) -> None:
        self._draft.subject = rest[:MAX_WORD]
        self._accept("250 subject noted")

    def _handle_level(self, rest: str) -> None:
        known = rest.isascii() and rest.isdecimal() and len(rest) <= len(str(MOST_LEVELS)) and int(rest) <= MOST_LEVELS
        self._take_option(known=known)

    def _handle_alert(self, rest: str) -> None:
        self._take_option(known=rest in {"0", "1"})

    def _handle_coverage(self, rest: str) -> None:
        self._take_option(known=bool(rest))

    def _take_option(self, *, known: bool) -> None:
        if known:
            self._accept("250 noted")
        else:
            self._refuse("550 there is no such value")

    def _handle_hold(self, _: str) -> None:
        self._refuse("550 messages are not held here")

    def _handle_two_way(self, _: str) -> None:
        self._refuse("550 two-way paging is not offered")

    def _handle_help(self, _: str) -> None:
        for line in _HELP:
            self._reply(f"214 {line}")
        self._accept("250 that is all")

    def _handle_quit(self, _: str) -> None:
        self._end("221 goodbye")

    # --- replies ------------------------------------------------------------------------------------------------------

    def _accept(self, text: str) -> None:
        self._errors = 0
        self._reply(text)

    def _refuse(self, text: str) -> None:
        self._errors += 1
        self._events.append(CommandRefused())
        if self._errors >= MAX_ERRORS:
            self._end("421 too many errors")
        else:
            self._reply(text)

    def _end(self, text: str) -> None:
        self._reply(text)
        self._state = State.ENDED
        self._waiting.clear()
        self._lines.clear()
        self._events.append(SessionEnded())

    def _reply(self, text: str) -> None:
        self._out += f"{text}\r\n".encode("ascii")


_HANDLERS: Mapping[str, Callable[[Session, str], None]] = {
    "LOGI": Session._handle_login,  # noqa: SLF001 - the table of this class
    "PAGE": Session._handle_page,  # noqa: SLF001
    "MESS": Session._handle_message,  # noqa: SLF001
    "DATA": Session._handle_data,  # noqa: SLF001
    "SEND": Session._handle_send,  # noqa: SLF001
    "RESE": Session._handle_reset,  # noqa: SLF001
    "CALL": Session._handle_caller,  # noqa: SLF001
    "SUBJ": Session._handle_subject,  # noqa: SLF001
    "LEVE": Session._handle_level,  # noqa: SLF001
    "ALER": Session._handle_alert,  # noqa: SLF001
    "COVE": Session._handle_coverage,  # noqa: SLF001
    "HOLD": Session._handle_hold,  # noqa: SLF001
    "2WAY": Session._handle_two_way,  # noqa: SLF001
    "HELP": Session._handle_help,  # noqa: SLF001
    "QUIT": Session._handle_quit,  # noqa: SLF001
}


def _text_of(line: bytes) -> str:
    """Return a line as text: UTF-8, or Latin-1 where it is not; control codes become blanks."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        text = line.decode("latin-1")
    return _CONTROLS.sub(" ", text.rstrip("\r\n")).rstrip()
