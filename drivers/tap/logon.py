"""Steps 3 to 7 of TAP 1.8: from a quiet line to the terminal's go-ahead."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from drivers.tap.responses import BAD_LOGON, Control
from drivers.tap.timing import AnswerWait

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.tap.profile import Profile
    from drivers.tap.scanner import Answer


FAREWELLS = (b"\r", b"\x04\r", b"\x03000\r\x04\r")
"""What a terminal hears that may not have noticed the end of an earlier session: a call; EOT, which ends a session;
for one that was left in the middle of a block, the end of a block with a wrong checksum, so that the fragment is
refused."""


class Stage(Enum):
    """How far the logon is."""

    CALLING = "asking for ID="
    ANSWERING = "logon sent"
    ACCEPTED = "logon accepted, waiting for the go-ahead"
    GRANTED = "logged on"
    FAILED = "failed"


class Logon:
    """One logon: `data_to_send` has its bytes, `due` its deadline, `stage` and `reason` its outcome.

    `asked`: the terminal has just said ID=. `lingering`: it may still believe in an earlier session. `prompt` is what
    it says before ID= on the same line, as far as that is known.
    """

    def __init__(self, profile: Profile, now: float, *, asked: bool, lingering: bool, prompt: str = "") -> None:
        self._profile = profile
        self._prompt = prompt
        self._timing = profile.timing
        self._lingering = lingering
        self._answer_wait = AnswerWait(profile.timing)
        self._out = b""
        self._calls = self._logons = 0
        self._asked_again = False
        self.stage = Stage.CALLING
        self.reason = ""
        self.due: float | None = None
        if asked:
            self._log_on(now)
        else:
            self._call(now)

    @property
    def heard(self) -> bool:
        """Whether a logon went out, so that the terminal may believe that a session has begun."""
        return self._logons > 0

    def data_to_send(self) -> bytes:
        """Return, and forget, the bytes for the terminal."""
        data, self._out = self._out, b""
        return data

    def handle_answer(self, answer: Answer, now: float) -> None:
        """Act on what the terminal said."""
        handle = self._ANSWERS.get((self.stage, answer.control))
        if handle is not None:
            handle(self, answer, now)

    def handle_timer(self, now: float) -> None:
        """Act on silence."""
        if self.stage is Stage.CALLING:
            self._call_again(now)
        elif self.stage is Stage.ANSWERING and self._asked_again:
            self._log_on(now)
        elif self.stage is Stage.ANSWERING:
            self._fail("the terminal did not answer the logon")
        else:
            self._fail("the terminal accepted the logon but gave no go-ahead (ESC [ p)")

    def _call(self, now: float) -> None:
        """Step 3. A terminal that still believes in an earlier session is told that it is over, see `FAREWELLS`."""
        timing = self._timing
        if not self._profile.send_crs:
            self._calls = timing.n1
            self.due = timing.after(now, timing.n1 * timing.t1)
            return
        self._out = FAREWELLS[min(self._calls, len(FAREWELLS) - 1)] if self._lingering else b"\r"
        self._calls += 1
        self.due = timing.after(now, timing.t1 if self._calls < timing.n1 else max(timing.t1, timing.t2), 1)

    def _call_again(self, now: float) -> None:
        if self._calls < self._timing.n1:
            self._call(now)
        elif self._profile.send_crs:
            self._fail(f"the terminal did not answer {self._calls} CRs with ID=")
        else:
            self._fail("the terminal did not ask for a logon (ID=)")

    def _let_go(self, answer: Answer, now: float) -> None:
        """Call again at once: the terminal has just ended the earlier session."""
        del answer
        if self._lingering or self._calls < self._timing.n1:
            self._lingering = False
            self._call(now)

    def _asked(self, answer: Answer, now: float) -> None:
        self._prompt = answer.text
        self._log_on(now)

    def _log_on(self, now: float) -> None:
        """Step 5A."""
        if self._logons > self._timing.n3:
            self._fail(f"the terminal did not accept {self._logons} logons")
            return
        self._logons += 1
        self._asked_again = False
        self.stage = Stage.ANSWERING
        self._out = f"\x1b{self._profile.service}{self._profile.password}\r".encode("ascii")
        self.due = self._answer_wait.start(now, len(self._out))

    def _ask_again(self, answer: Answer, now: float) -> None:
        """Step 6: ID= instead of an answer. It may also answer a CR that crossed it, so wait a little."""
        del answer
        if not self._asked_again:
            self._asked_again = True
            self.due = self._timing.after(now, self._timing.t2)

    def _restart(self, answer: Answer, now: float) -> None:
        if answer.asks(self._prompt):
            self._log_on(now)

    def _accept(self, answer: Answer, now: float) -> None:
        del answer
        self.stage = Stage.ACCEPTED
        self.due = self._answer_wait.start(now)

    def _refuse(self, answer: Answer, now: float) -> None:
        """Step 6: NAK asks for the logon again; a code that blames the logon itself makes that pointless."""
        if answer.code in BAD_LOGON:
            self._fail(f"the terminal refused the logon: {answer.said}")
        else:
            self._log_on(now)

    def _hung_up(self, answer: Answer, now: float) -> None:
        del now
        self._fail(f"the terminal hung up at the logon: {answer.said}")

    def _grant(self, answer: Answer, now: float) -> None:
        """Step 7."""
        del answer, now
        self.stage = Stage.GRANTED
        self.due = None

    def _told_to_wait(self, answer: Answer, now: float) -> None:
        del answer
        self.due = self._answer_wait.extend(now, self.due)

    def _fail(self, reason: str) -> None:
        self.stage = Stage.FAILED
        self.reason = reason
        self.due = None

    _ANSWERS: ClassVar[dict[tuple[Stage, Control], Callable[[Logon, Answer, float], None]]] = {
        (Stage.CALLING, Control.ASKED): _asked,
        (Stage.CALLING, Control.HANG_UP): _let_go,
        (Stage.ANSWERING, Control.ASKED): _ask_again,
        (Stage.ANSWERING, Control.ACK): _accept,
        (Stage.ANSWERING, Control.NAK): _refuse,
        (Stage.ANSWERING, Control.RS): _refuse,
        (Stage.ANSWERING, Control.HANG_UP): _hung_up,
        (Stage.ANSWERING, Control.GO_AHEAD): _grant,
        (Stage.ANSWERING, Control.WAIT): _told_to_wait,
        (Stage.ACCEPTED, Control.ASKED): _restart,
        (Stage.ACCEPTED, Control.HANG_UP): _hung_up,
        (Stage.ACCEPTED, Control.GO_AHEAD): _grant,
        (Stage.ACCEPTED, Control.WAIT): _told_to_wait,
    }
