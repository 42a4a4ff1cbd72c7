"""The other end of TAP 1.8, sans-IO: a paging terminal that can be told to misbehave. For simulation only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from drivers.tap.blocks import CR, EOT, ESC, ETX, LF, MAX_BLOCK, STX, TERMINATORS, Block, unescape
from drivers.tap.responses import CODES
from gatewayd.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.tap.simulator import TerminalSettings
    from gatewayd.simulator import Faults

MAX_LOGON = 64
MAX_MESSAGE = 8_192
"""Characters of one multi-block transaction: what a sender that never ends it may make us keep."""

_SEVEN_BITS = bytes(range(128)) * 2
_ACK, _NAK, _RS, _HANG_UP = "\x06", "\x15", "\x1e", "\x1b\x04"
_ANSWER_OF_FAULT = {"nak": (514, _NAK), "rs": (511, _RS), "hangup": (501, _HANG_UP)}
_PHRASES = {110: "1.8", 115: "Bye", 211: "Page accepted"}
_PASSWORD_AT = 4  # after ESC and the three characters of the service
_FIELDS = 2


@dataclass(frozen=True, slots=True)
class ReceivedPage:
    """A page that the terminal took; `time` lies on the timeline."""

    pager_id: str
    text: str
    time: float


class State(Enum):
    """Where the terminal stands."""

    WAITING = "waiting for a CR"
    LOGON = "ID= sent"
    SESSION = "logged on"


class PagingTerminal:
    """One call to a paging terminal: a `StreamProtocol` without events; `on_page` hears of every page it takes."""

    def __init__(self, settings: TerminalSettings, faults: Faults, on_page: Callable[[ReceivedPage], None]) -> None:
        self._settings = settings
        self._faults = faults
        self._on_page = on_page
        self._state = State.WAITING
        self._out = bytearray()
        self._late: list[tuple[float, bytes]] = []
        self._due: float | None = None
        self._input = bytearray()
        self._message = bytearray()
        self._stray = False
        self._asked = self._refused = self._damaged = self._pages = 0

    # --- the five methods of every protocol ---------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the entry device; bit 8 is ignored."""
        if self._faults.standing("dead"):
            return
        for byte in data.translate(_SEVEN_BITS):
            self._READERS[self._state](self, byte, now)

    def data_to_send(self) -> bytes:
        """Return, and forget, the bytes for the entry device; a dead terminal has none."""
        data = b"" if self._faults.standing("dead") else bytes(self._out)
        self._out.clear()
        return data

    def next_event(self) -> None:
        """Return None: pages are told by `on_page`."""

    def get_timer(self) -> float | None:
        """Return when a late answer is due or silence has to be dealt with."""
        return min((due for due in (self._due, *(late for late, _ in self._late)) if due is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Send late answers; deal with silence."""
        self._out += b"".join(data for due, data in self._late if due <= now)
        self._late = [(due, data) for due, data in self._late if due > now]
        if self._due is not None and self._due <= now:
            self._due = None
            self._deal_with_silence(now)

    # --- logon --------------------------------------------------------------------------------------------------------

    def _read_call(self, byte: int, now: float) -> None:
        if byte == CR:
            self._asked = self._refused = 0
            self._ask(now)

    def _ask(self, now: float) -> None:
        self._asked += 1
        self._state = State.LOGON
        self._input.clear()
        self._out += b"ID="
        self._due = now + self._settings.t5

    def _deal_with_silence(self, now: float) -> None:
        if self._state is State.SESSION:
            self._hang_up(501)
        elif self._asked <= self._settings.n3:
            self._ask(now)
        else:
            self._hang_up(501)

    def _read_logon(self, byte: int, now: float) -> None:
        if byte != CR:
            if byte != LF and len(self._input) < MAX_LOGON:
                self._input.append(byte)
            return
        line = bytes(self._input)
        self._input.clear()
        if line[:1] == bytes((ESC,)):
            self._judge_logon(line, now)
        else:
            self._ask(now)

    def _judge_logon(self, line: bytes, now: float) -> None:
        fault = self._fault_of_logon(line)
        if fault is None:
            self._state = State.SESSION
            self._damaged = self._pages = 0
            self._message.clear()
            self._answer(110, _ACK)
            self._out += b"\x1b[p\r"
            self._due = now + self._settings.t4
            return
        self._refused += 1
        if self._refused > self._settings.n3:
            self._hang_up(fault)
        else:
            self._answer(fault, _NAK)
            self._due = now + self._settings.t5

    def _fault_of_logon(self, line: bytes) -> int | None:
        service, password = line[1:_PASSWORD_AT], line[_PASSWORD_AT:].decode("ascii")
        if len(service) < _PASSWORD_AT - 1 or not service.isalnum():
            return 507
        if service not in (b"PG1", b"PG7", b"PG8", b"PG9"):
            return 508
        passwords = self._settings.passwords
        return 509 if passwords and password not in passwords else None

    # --- blocks -------------------------------------------------------------------------------------------------------

    def _read_session(self, byte: int, now: float) -> None:
        self._due = now + self._settings.t4
        if byte == STX:
            self._input[:] = b"\x02"
            self._stray = False
        elif self._input[:1] == b"\x02":
            self._read_block(byte, now)
        else:
            self._read_between(byte)

    def _read_between(self, byte: int) -> None:
        """Outside a block only `EOT CR` is expected; anything else is complained about once, at its CR."""
        if byte == EOT:
            self._input[:] = b"\x04"
            self._stray = False
        elif byte == CR and self._input == b"\x04":
            self._hang_up(115)
        elif byte == CR and self._input and not self._stray:
            self._stray = True
            self._answer(502, _NAK)
        elif byte not in (CR, LF):
            self._input[:] = b"?"

    def _read_block(self, byte: int, now: float) -> None:
        self._input.append(byte)
        complete = byte == CR and self._input[-5:-4] and self._input[-5] in TERMINATORS
        if complete or len(self._input) > MAX_BLOCK:
            raw = bytes(self._input)
            self._input.clear()
            self._judge_block(raw, now)

    def _judge_block(self, raw: bytes, now: float) -> None:
        for fault, (code, control) in _ANSWER_OF_FAULT.items():
            if self._faults.take(fault):
                self._refuse_block(code, control)
                return
        try:
            block = Block.from_bytes(raw)
        except RemoteProtocolError:
            self._damaged += 1
            self._refuse_block(*((503, _HANG_UP) if self._damaged > self._settings.n2 else (514, _NAK)))
        else:
            self._take_block(block, now)

    def _refuse_block(self, code: int, control: str) -> None:
        if control is not _NAK:
            self._message.clear()
        if control is _HANG_UP:
            self._hang_up(code)
        else:
            self._answer(code, control)

    def _take_block(self, block: Block, now: float) -> None:
        self._damaged = 0
        self._message += block.info
        if len(self._message) > MAX_MESSAGE:
            self._refuse_block(513, _RS)
        elif block.terminator != ETX:
            self._answer_block(211, _ACK, now)
        else:
            info = bytes(self._message)
            self._message.clear()
            self._take_page(info, now)

    def _take_page(self, info: bytes, now: float) -> None:
        fields = info.split(b"\r")
        if len(fields) <= _FIELDS or fields[-1]:
            self._answer_block(515, _RS, now)
            return
        pager_id, *lines = (unescape(field).decode("latin-1") for field in fields[:-1])
        text = "\n".join(lines)
        code, control = self._judge_page(pager_id, text)
        if control is _ACK:
            self._pages += 1
            self._on_page(ReceivedPage(pager_id, text[: self._settings.max_chars or None], now))
        self._answer_block(code, control, now)

    def _judge_page(self, pager_id: str, text: str) -> tuple[int, str]:
        settings = self._settings
        if settings.pagers and pager_id not in settings.pagers:
            return 511, _RS
        if self._faults.take("full"):
            return 512, _RS
        if settings.max_pages and self._pages >= settings.max_pages:
            return 112, _HANG_UP
        if settings.max_chars and len(text) > settings.max_chars:
            return (517, _RS) if settings.refuse_long else (214, _ACK)
        return 211, _ACK

    # --- answers ------------------------------------------------------------------------------------------------------

    def _answer_block(self, code: int, control: str, now: float) -> None:
        """Answer a block that was understood; the answer may be lost, late or damaged on purpose."""
        if control is _HANG_UP:
            self._hang_up(code)
        elif self._faults.take("drop"):
            return
        elif self._faults.take("late"):
            self._late.append((now + self._settings.late_by, self._phrase(code, control)))
        elif self._faults.take("garble"):
            self._out += self._phrase(code, "#")
        else:
            self._answer(code, control)

    def _answer(self, code: int, control: str) -> None:
        self._out += self._phrase(code, control)

    def _phrase(self, code: int, control: str) -> bytes:
        if not self._settings.codes or self._faults.standing("no-codes"):
            return f"\r{control}\r".encode("ascii")
        words = _PHRASES.get(code, CODES[code].meaning)
        if code in (214, 517):
            words = f"{self._settings.max_chars:03d} {words}"
        return f"{code} {words}\r{control}\r".encode("ascii")

    def _hang_up(self, code: int) -> None:
        self._answer(code, _HANG_UP)
        self._state = State.WAITING
        self._due = None
        self._input.clear()
        self._message.clear()

    _READERS: ClassVar[dict[State, Callable[[PagingTerminal, int, float], None]]] = {
        State.WAITING: _read_call,
        State.LOGON: _read_logon,
        State.SESSION: _read_session,
    }
