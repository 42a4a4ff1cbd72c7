"""The command channel of a modem: one outstanding command, and unsolicited lines at any moment (TS 27.007, V.250)."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

from drivers.gsm.asking import ESCAPE, PATIENCE, SUBMIT, Command, Reply, Result, fields, number
from drivers.gsm.disposition import ModemError
from drivers.gsm.scanner import Prompt, Scanner

MAX_LINES = 1_024  # information lines kept of one answer: two for each message of a large memory
MAX_UNSOLICITED = 256
MAX_PENDING = 4  # headers that wait for the line that belongs to them

_PAIRED = ("+CMT:", "+CDS:")
_SINGLE = ("+CMTI:", "+CDSI:", "^SMMEMFULL", "+CIEV:", "RING")
_FAILURES = ("ERROR", "+CMS ERROR", "+CME ERROR", "COMMAND NOT SUPPORT")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_SIGNS = ("+", "^", "*", "%", "$")


@dataclass(frozen=True, slots=True)
class Unsolicited:
    """Something that the modem said by itself; `body` is the second line of a message that it passed on."""

    line: str
    body: str = ""


class Channel:
    """Writes commands and sorts what comes back. `text_mode`: what follows a header is text, not hexadecimal."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.unsolicited: deque[Unsolicited] = deque(maxlen=MAX_UNSOLICITED)
        self.late_reference: int | None = None
        self.text_mode = False
        self.due: float | None = None
        self._scanner = Scanner()
        self._command: Command | None = None
        self._lines: list[str] = []
        self._pending: list[str] = []
        self._body_sent = self._cancelled = self._skip_ok = False

    def start(self, command: Command, now: float) -> None:
        """Send a command; the one before has ended."""
        self.out += command.text.encode("ascii", "replace") + b"\r"
        self._command = command
        self._lines = []
        self._body_sent = self._cancelled = False
        self._scanner.prompt_wanted = command.body is not None
        self.due = now + (command.timeout if command.body is None else command.prompt_timeout)

    def cancel_body(self) -> None:
        """Let the text that waits for its prompt not out: ESC takes its place."""
        self._cancelled = True

    def receive(self, data: bytes, now: float) -> Reply | None:
        """Take bytes; return the reply that they complete. At most one: nothing is asked before it is read."""
        reply = None
        for token in self._scanner.feed(data):
            if isinstance(token, Prompt):
                self._answer_prompt(now)
            else:
                reply = self._take(token) or reply
        return reply

    def expire(self, now: float) -> Reply | None:
        """Return the reply of a command that was not answered in time."""
        if self._command is None or self.due is None or now < self.due:
            return None
        return self._finish(Result.TIMEOUT)

    def _answer_prompt(self, now: float) -> None:
        command = self._command
        if command is None or command.body is None:
            return
        if self._cancelled:
            self.out += ESCAPE
            self.due = now + PATIENCE
        else:
            self.out += command.body + SUBMIT
            self._body_sent = True
            self.due = now + command.timeout

    def _take(self, line: str) -> Reply | None:
        if self._pending and self._belongs(line):
            header = self._pending.pop()
            if header.startswith(_PAIRED):
                self.unsolicited.append(Unsolicited(header, line))
            else:
                self._keep(line)
        elif line.startswith("+CMT:") or (line.startswith("+CDS:") and not self.text_mode):
            self._expect(line)
        elif line.startswith((*_SINGLE, *_PAIRED)):
            self.unsolicited.append(Unsolicited(line))
        elif line == "OK" or line.startswith(_FAILURES):
            return self._take_result(line)
        else:
            self._take_information(line)
        return None

    def _belongs(self, line: str) -> bool:
        """Whether a line is the second half of the header before: text may be anything, a PDU is hexadecimal."""
        return self.text_mode or _HEX.fullmatch(line) is not None

    def _expect(self, header: str) -> None:
        self._pending = [*self._pending, header][-MAX_PENDING:]

    def _keep(self, line: str) -> None:
        if len(self._lines) < MAX_LINES:
            self._lines.append(line)

    def _take_result(self, line: str) -> Reply | None:
        self._pending.clear()
        if self._skip_ok and line == "OK":
            self._skip_ok = False
            return None
        if self._command is None:
            return None
        return self._finish(Result.OK) if line == "OK" else self._finish(Result.ERROR, ModemError.parse(line))

    def _take_information(self, line: str) -> None:
        command = self._command
        if line.startswith("+CMGS:") and (command is None or command.prefix != "+CMGS:"):
            self._note_late_answer(line)
        elif command is None or line.startswith("AT"):
            return
        elif command.prefix and line.startswith(command.prefix):
            self._keep(line)
            if command.pairs:
                self._expect(line)
        elif not command.prefix and not line.startswith(_SIGNS):
            self._keep(line)

    def _note_late_answer(self, line: str) -> None:
        """Take note that a message that had been given up was sent: its OK must not end another command."""
        self.late_reference = number(fields(line)[0])
        self._skip_ok = self._command is not None

    def _finish(self, result: Result, error: ModemError | None = None) -> Reply:
        reply = Reply(result, tuple(self._lines), error, self._body_sent)
        self._command, self._lines, self.due = None, [], None
        self._scanner.prompt_wanted = False
        self._skip_ok = False
        return reply
