"""The command channel of a modem: one outstanding command, and unsolicited lines at any moment (V.250, TS 27.007)."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

from gatewayd.hayes import results
from gatewayd.hayes.results import Result
from gatewayd.hayes.scanner import Prompt, Scanner
from gatewayd.hayes.script import ESCAPE, PATIENCE, SUBMIT, Command, Reply

MAX_LINES = 1_024  # information lines kept of one answer: two for each message of a large memory
MAX_UNSOLICITED = 256
MAX_PENDING = 4  # headers that wait for the line that belongs to them
MAX_DATA = 65_536  # bytes of a call that nobody has taken yet; what comes beyond is dropped

_SIGNS = ("+", "^", "*", "%", "$")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What one sort of modem says by itself; the tuples hold beginnings of lines.

    `single` lines stand alone, each of `paired` is followed by a line of its own, which matches `body`. `late` is
    information that only a command with that prefix brings: at another time it answers one that was given up.
    """

    single: tuple[str, ...] = ()
    paired: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    body: re.Pattern[str] = re.compile(".*")


@dataclass(frozen=True, slots=True)
class Unsolicited:
    """Something that the modem said by itself; `body` is the second line of a message that it passed on."""

    line: str
    body: str = ""


class Channel:
    """Writes commands and sorts what comes back.

    `numeric`: results may come as digits (ATV0). After CONNECT the channel is `online`: bytes are `take_data`'s, until
    `hung_up`.
    """

    def __init__(self, vocabulary: Vocabulary | None = None, *, numeric: bool = False) -> None:
        self.out = bytearray()
        self.unsolicited: deque[Unsolicited] = deque(maxlen=MAX_UNSOLICITED)
        self.vocabulary = vocabulary or Vocabulary()
        self.numeric = numeric
        self.due: float | None = None
        self.online = False
        self._scanner = Scanner()
        self._data = bytearray()
        self._after_connect = False
        self._command: Command | None = None
        self._lines: list[str] = []
        self._pending: list[str] = []
        self._body_sent = self._cancelled = self._skip_ok = False

    @property
    def body_sent(self) -> bool:
        """Whether the text of the command under way has left."""
        return self._command is not None and self._body_sent

    # --- what the dialogue calls --------------------------------------------------------------------------------------

    def start(self, command: Command, now: float) -> None:
        """Send a command; the one before has ended."""
        self.out += command.text.encode("ascii") + b"\r"
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
        if self.online:
            self._take_data(data)
            return None
        reply = None
        for token, used in self._scanner.feed(data):
            if isinstance(token, Prompt):
                self._answer_prompt(now)
            else:
                reply = self._take(token) or reply
            if reply is not None and reply.result is Result.CONNECT:
                self._take_data(data[used:])
                break
        return reply

    def expire(self, now: float) -> Reply | None:
        """Return the reply of a command that was not answered in time."""
        if self._command is None or self.due is None or now < self.due:
            return None
        return self._finish(Result.TIMEOUT)

    def take_data(self) -> bytes:
        """Return, and forget, what the other end of the call sent."""
        data = bytes(self._data)
        self._data.clear()
        return data

    def hung_up(self) -> None:
        """Go back to commands: the call is over, or was left by +++."""
        self.online = False

    # --- inside -------------------------------------------------------------------------------------------------------

    def _take_data(self, data: bytes) -> None:
        if self._after_connect and data:
            data = data.removeprefix(b"\n")  # the end of the line that said CONNECT
            self._after_connect = False
        self._data += data[: MAX_DATA - len(self._data)]

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
        words = self.vocabulary
        if self._pending and words.body.fullmatch(line):
            self._take_second(self._pending.pop(), line)
        elif line.startswith(words.paired or _NOTHING):
            self._expect(line)
        elif line.startswith(words.single or _NOTHING) or results.is_ring(line, numeric=self.numeric):
            self.unsolicited.append(Unsolicited(line))
        elif (result := results.final(line, numeric=self.numeric)) is not None:
            return self._take_result(result, line)
        else:
            self._take_information(line)
        return None

    def _take_second(self, header: str, line: str) -> None:
        if header.startswith(self.vocabulary.paired or _NOTHING):
            self.unsolicited.append(Unsolicited(header, line))
        else:
            self._keep(line)

    def _expect(self, header: str) -> None:
        self._pending = [*self._pending, header][-MAX_PENDING:]

    def _keep(self, line: str) -> None:
        if len(self._lines) < MAX_LINES:
            self._lines.append(line)

    def _take_result(self, result: Result, line: str) -> Reply | None:
        self._pending.clear()
        if self._skip_ok and result is Result.OK:
            self._skip_ok = False
            return None
        if (
            result is not Result.OK
            and result in results.OF_CALLS
            and (self._command is None or not self._command.dials)
        ):
            self.unsolicited.append(Unsolicited(line))
            return None
        if self._command is None:
            return None
        self.online = self._after_connect = result is Result.CONNECT
        return self._finish(result, line)

    def _take_information(self, line: str) -> None:
        command = self._command
        if self._is_late(line):
            self.unsolicited.append(Unsolicited(line))
            self._skip_ok = command is not None  # its OK must not end another command
        elif command is None or line.startswith("AT"):
            return
        elif command.prefix and line.startswith(command.prefix):
            self._keep(line)
            if command.pairs:
                self._expect(line)
        elif command.everything or (not command.prefix and not line.startswith(_SIGNS)):
            self._keep(line)

    def _is_late(self, line: str) -> bool:
        """Whether a line answers a command that was given up: ours did not ask, or has not sent its text yet."""
        if not line.startswith(self.vocabulary.late or _NOTHING):
            return False
        command = self._command
        if command is None or not (command.prefix and line.startswith(command.prefix)):
            return True
        return command.body is not None and not self._body_sent

    def _finish(self, result: Result, line: str = "") -> Reply:
        reply = Reply(result, tuple(self._lines), line, self._body_sent)
        self._command, self._lines, self.due = None, [], None
        self._scanner.prompt_wanted = False
        self._skip_ok = False
        return reply


_NOTHING = ("\0",)  # lines have no control codes: nothing begins so
