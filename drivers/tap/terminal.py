"""TAP 1.8, the paging terminal: lets entry devices log on and takes their pages. Sans-IO; time is an argument.

`_READERS` says who reads a byte in each state. A page is answered when `settle` says what became of it, not before;
what the entry device sends meanwhile waits. Step numbers are those of TAP 1.8.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from drivers.tap import acceptance, verdicts
from drivers.tap.admission import MAX_LOGON, Visitor, fault_of_logon
from drivers.tap.blocks import CR, EOT, ESC, ETB, ETX, LF, MAX_BLOCK, STX, TERMINATORS, Block
from drivers.tap.submissions import (
    AnswerHeard,
    BlockRepeated,
    PageSubmitted,
    Refused,
    SessionEnded,
    TerminalEvent,
)
from drivers.tap.verdicts import Sign, Verdict
from gatewayd.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.tap.submissions import TerminalRules

MAX_MESSAGE = 8_192
"""Characters of one multi-block transaction: what a sender that never ends it may make us keep."""
MAX_AHEAD = 2_048
"""Bytes that may come while a page is being recorded: a few repeats of the block; more is nobody who knows TAP."""
BLOCK_GAP = 3.0
"""Seconds without a character after which a block is over: its sender began anew."""
LONE_CR = 1.0
"""Seconds of silence before a CR that make it a call for ID=, not the trailing end of a line."""
WAIT_EVERY = 5.0
"""Seconds after which a sender that waits is told `111 processing, wait`: half of its t3."""
UNASKED_AFTER = 2.0
"""Seconds after which ID= comes unasked on a new connection (t1): some entry devices send no CR."""

_SEVEN_BITS = bytes(range(128)) * 2
_TRAILER = 5  # characters from the terminator of a block to its end


@dataclass(frozen=True, slots=True)
class _Acknowledged:
    """A block that was answered with ACK."""

    raw: bytes
    verdict: Verdict
    time: float


_NOTHING = _Acknowledged(b"", verdicts.TAKEN, 0.0)


class State(Enum):
    """Where the terminal stands."""

    WAITING = "waiting for a CR"
    LOGON = "ID= sent"
    SESSION = "logged on"
    RECORDING = "a page is complete and not answered yet"


class PagingTerminal:
    """One call to a paging terminal: a `StreamProtocol[TerminalEvent]` with `settle`."""

    def __init__(self, rules: TerminalRules) -> None:
        self._rules = rules
        self._state = State.WAITING
        self._out = bytearray()
        self._events: deque[TerminalEvent] = deque()
        self._due: float | None = None
        self._input = bytearray()
        self._ahead = bytearray()
        self._message = bytearray()
        self._block = b""  # the one that is being answered
        self._acknowledged = _NOTHING  # the last block with ACK
        self._last_byte = 0.0
        self._visitor = Visitor()
        self._cut = self._stray = self._page_answered = False
        self._asked = self._refused = self._damaged = self._pages = 0

    @property
    def state(self) -> State:
        """Where the terminal stands."""
        return self._state

    # --- for the driver -----------------------------------------------------------------------------------------------

    def greet(self, now: float) -> None:
        """Ask for a logon by itself, unless the entry device says something before long: a connection is new."""
        self._due = now + UNASKED_AFTER

    def settle(self, verdict: Verdict, now: float) -> None:
        """Answer the page that waits; nothing happens where none does."""
        if self._state is not State.RECORDING:
            return
        self._state = State.SESSION
        self._due = now + self._rules.silence if self._rules.silence else None
        if verdict is verdicts.TAKEN:
            self._pages += 1
            self._page_answered = True
            verdict = verdicts.CUT if self._cut else verdict
        self._answer_block(verdict, now)
        ahead, self._ahead = bytes(self._ahead), bytearray()
        self.receive_data(ahead, now)

    # --- the five methods of every protocol ---------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the entry device; bit 8 is ignored."""
        data = data.translate(_SEVEN_BITS)
        for position, byte in enumerate(data):
            if self._state is State.RECORDING:
                self._ahead += data[position : position + MAX_AHEAD - len(self._ahead)]
                break
            self._READERS[self._state](self, byte, now)
            self._last_byte = now

    def data_to_send(self) -> bytes:
        """Return, and forget, the bytes for the entry device."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event(self) -> TerminalEvent | None:
        """Return the next thing that happened, or None."""
        return self._events.popleft() if self._events else None

    def get_timer(self) -> float | None:
        """Return when silence has to be dealt with."""
        return self._due

    def handle_timer(self, now: float) -> None:
        """Deal with silence: the client's, or our own while a page is being recorded."""
        if self._due is None or self._due > now:
            return
        self._due = None
        if self._state is State.RECORDING:
            self._out += verdicts.WAIT if self._rules.codes else b""
            self._due = now + WAIT_EVERY
        elif self._state is not State.SESSION and self._asked <= self._rules.n3:
            self._ask(now)
        else:
            self._hang_up(verdicts.SILENT)

    # --- steps 3 to 7: logon ------------------------------------------------------------------------------------------

    def _ask(self, now: float) -> None:
        self._asked += 1
        self._state = State.LOGON
        self._visitor.forget()
        self._input.clear()
        self._out += b"ID="
        self._due = now + self._rules.t5

    def _read_logon(self, byte: int, now: float) -> None:
        line = self._visitor.read(byte)
        if line is None:
            return
        if line:
            self._judge_logon(line, now)
            return
        if self._state is State.WAITING:
            self._asked = self._refused = 0
        self._ask(now)

    def _judge_logon(self, line: bytes, now: float) -> None:
        fault = fault_of_logon(line, self._rules.passwords)
        self._message.clear()
        if fault is None:
            self._state = State.SESSION
            self._refused = self._damaged = self._pages = 0
            self._acknowledged = _NOTHING
            self._stray = self._page_answered = False
            self._answer(verdicts.LOGGED_ON)
            self._out += b"\x1b[p\r"
            self._due = now + self._rules.silence if self._rules.silence else None
            return
        self._refused += 1
        if self._refused > self._rules.n3:
            self._hang_up(Verdict(fault.code, Sign.HANG_UP))
        else:
            self._state = State.LOGON
            self._refuse(fault)
            self._due = now + self._rules.t5

    # --- step 8: blocks -----------------------------------------------------------------------------------------------

    def _read_session(self, byte: int, now: float) -> None:
        self._due = now + self._rules.silence if self._rules.silence else None
        in_block = self._input.startswith(b"\x02")
        if in_block and now - self._last_byte >= BLOCK_GAP:
            self._input.clear()
            in_block = False
        if byte == STX:
            self._input[:] = b"\x02"
            self._stray = False
        elif in_block:
            self._read_block(byte, now)
        else:
            self._read_between(byte, now)

    def _read_between(self, byte: int, now: float) -> None:
        """Outside a block only `EOT CR` and a new logon are expected; the rest is complained about once, at its CR."""
        if byte == EOT:
            self._input[:] = b"\x04"
            self._stray = False
        elif byte == CR:
            line = bytes(self._input)
            self._input.clear()
            self._judge_line(line, now)
        elif byte != LF and len(self._input) < MAX_LOGON:
            self._input.append(byte)

    def _judge_line(self, line: bytes, now: float) -> None:
        if line == b"\x04":
            self._went_on()
            self._hang_up(verdicts.GOODBYE)
        elif line[:1] == bytes((ESC,)):
            self._judge_logon(line, now)
        elif line and not self._stray:
            self._stray = True
            self._refuse(verdicts.STRAY)
        elif not line and now - self._last_byte >= LONE_CR:
            self._message.clear()
            self._asked = self._refused = 0
            self._ask(now)

    def _read_block(self, byte: int, now: float) -> None:
        self._input.append(byte)
        complete = byte == CR and len(self._input) > _TRAILER and self._input[-_TRAILER] in TERMINATORS
        if complete or len(self._input) > MAX_BLOCK:
            raw = bytes(self._input)
            self._input.clear()
            self._judge_block(raw, now)

    def _judge_block(self, raw: bytes, now: float) -> None:
        try:
            block = Block.from_bytes(raw)
        except RemoteProtocolError:
            self._damaged += 1
            self._refuse(verdicts.TOO_MUCH_DAMAGE if self._damaged > self._rules.n2 else verdicts.DAMAGED)
            return
        self._damaged = 0
        last = self._acknowledged
        if raw == last.raw and now - last.time <= self._rules.repeat_within:
            self._events.append(BlockRepeated())
            self._acknowledge(last.verdict, now)
            return
        self._went_on()
        self._block = raw
        self._take_block(block, now)

    def _went_on(self) -> None:
        if self._page_answered:
            self._page_answered = False
            self._events.append(AnswerHeard())

    def _take_block(self, block: Block, now: float) -> None:
        self._message += block.info
        if block.terminator == ETB and not block.info.endswith(b"\r"):
            self._message.append(CR)  # ETB says that the field is complete
        if len(self._message) > MAX_MESSAGE:
            self._refuse(verdicts.ENDLESS)
        elif block.terminator != ETX:
            self._answer_block(verdicts.TAKEN, now)
        else:
            info = bytes(self._message)
            self._message.clear()
            self._take_page(info, now)

    def _take_page(self, info: bytes, now: float) -> None:
        pager_id, text = acceptance.read(info)
        verdict = verdicts.BAD_FORMAT if info in (b"", b"\r") else self._judge_page(pager_id, text)
        if verdict is None:
            self._submit(pager_id, text, now)
        else:
            self._answer_block(verdict, now)

    def _judge_page(self, pager_id: str, text: str) -> Verdict | None:
        if 0 < self._rules.max_pages <= self._pages:
            return verdicts.ENOUGH_PAGES
        return acceptance.fault_of_page(pager_id, text, self._rules)

    def _submit(self, pager_id: str, text: str, now: float) -> None:
        """Hand a page out and wait for `settle`."""
        self._cut = 0 < self._rules.max_chars < len(text)
        self._state = State.RECORDING
        self._due = now + WAIT_EVERY
        self._events.append(PageSubmitted(pager_id, text[: self._rules.max_chars or None], self._cut))

    # --- answers ------------------------------------------------------------------------------------------------------

    def _answer_block(self, verdict: Verdict, now: float) -> None:
        """Answer a block that was understood."""
        if verdict.sign is Sign.ACK:
            self._acknowledge(verdict, now)
        else:
            self._refuse(verdict)

    def _acknowledge(self, verdict: Verdict, now: float) -> None:
        self._acknowledged = _Acknowledged(self._block, verdict, now)
        self._answer(verdict)

    def _refuse(self, verdict: Verdict) -> None:
        if verdict.sign is not Sign.NAK:
            self._message.clear()
        if verdict.sign is Sign.HANG_UP:
            self._hang_up(verdict)
        else:
            self._events.append(Refused(verdict.code))
            self._answer(verdict)

    def _hang_up(self, verdict: Verdict) -> None:
        """End the session (steps 10c and 10d)."""
        self._answer(verdict)
        self._state = State.WAITING
        self._due = None
        self._asked = self._refused = 0
        self._visitor.forget()
        self._input.clear()
        self._message.clear()
        self._events.append(SessionEnded(verdict.code))

    def _answer(self, verdict: Verdict) -> None:
        self._out += verdict.to_bytes(codes=self._codes, most_chars=self._rules.max_chars)

    @property
    def _codes(self) -> bool:
        return self._rules.codes

    _READERS: ClassVar[dict[State, Callable[[PagingTerminal, int, float], None]]] = {
        State.WAITING: _read_logon,
        State.LOGON: _read_logon,
        State.SESSION: _read_session,
    }
