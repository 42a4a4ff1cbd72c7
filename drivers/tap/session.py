"""TAP 1.8, the entry device's side of a session: what is done in each step, and what each answer and silence mean.

`_ANSWERS` says what each answer does in each state (nothing, where it is not listed), `_TIMEOUTS` what silence does.
Step numbers are those of TAP 1.8. The logon is a machine of its own (`logon.py`).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from drivers.tap.logon import Logon, Stage
from drivers.tap.outbox import Outbox
from drivers.tap.pages import BlockRefused, BlockSent, LineReady, LoggedOff, LogonFailed, PageUnderWay
from drivers.tap.responses import GIVEN_UP, RESEND, Control, Disposition, dispose
from drivers.tap.timing import AnswerWait
from gatewayd.driver import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drivers.tap.profile import Profile
    from drivers.tap.scanner import Answer

LOGON_RETRY_AFTER = 10.0


class State(Enum):
    """Where the session stands."""

    OFF = "no session"
    LOGGING_ON = "logging on"
    READY = "logged on"
    BLOCK = "block sent, waiting for the answer"
    LEAVING = "log-off sent"


class Session:
    """One session after the other with a terminal; `_out` has the bytes for it, `_due` the deadline of its silence."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._timing = profile.timing
        self._state = State.OFF
        self._out = bytearray()
        self._box = Outbox(profile)
        self._due: float | None = None
        self._pages_sent = 0
        self._logon: Logon | None = None  # exactly while in LOGGING_ON
        self._answer_wait = AnswerWait(profile.timing)
        self._asked_at: float | None = None  # when ID= came while nobody wanted it
        self._prompt = ""  # what this terminal says before ID= on the same line
        self._proof_wanted = False
        self._lingering = True  # the terminal may believe in a session that is over for us: one of the process before

    def probe(self, now: float) -> None:
        """Find out whether the terminal lives: a session without a page, so that it is left exactly as it was found."""
        if self._state is State.OFF:
            self._call(now)
        elif self._state is State.READY and self._profile.permanent:
            self._proof_wanted = True
            self._leave(now)

    # --- steps 3 to 7: from silence to the go-ahead -------------------------------------------------------------------

    def _call(self, now: float) -> None:
        """Start a session: with a CR, or with the logon where the terminal has just asked for it."""
        patience = self._timing.t2 if self._profile.send_crs else self._timing.t5
        self._log_on(now, asked=self._asked_at is not None and now - self._asked_at < patience)

    def _log_on(self, now: float, *, asked: bool) -> None:
        self._asked_at = None
        self._state = State.LOGGING_ON
        self._logon = Logon(self._profile, now, asked=asked, lingering=self._lingering, prompt=self._prompt)
        self._follow_logon(self._logon, now)

    def _logon_answered(self, answer: Answer, now: float) -> None:
        if self._logon is not None:
            if self._logon.stage is Stage.CALLING and answer.control is Control.ASKED:
                self._prompt = answer.text
            self._logon.handle_answer(answer, now)
            self._follow_logon(self._logon, now)

    def _logon_unanswered(self, now: float) -> None:
        if self._logon is not None:
            self._logon.handle_timer(now)
            self._follow_logon(self._logon, now)

    def _follow_logon(self, logon: Logon, now: float) -> None:
        self._out += logon.data_to_send()
        self._due = logon.due
        if logon.stage is Stage.GRANTED:
            self._begin_session(now)
        elif logon.stage is Stage.FAILED:
            self._fail_logon(logon, now)

    def _begin_session(self, now: float) -> None:
        self._logon = None
        self._lingering = self._profile.permanent
        self._pages_sent = 0
        self._proof_wanted = False
        self._box.events.append(LineReady())
        self._proceed(now)

    def _fail_logon(self, logon: Logon, now: float) -> None:
        """Nobody can be paged here: every page that waits is settled, and the driver takes the line down."""
        if logon.heard:
            self._out += b"\x04\r"
        self._box.settle_waiting(Disposition(Outcome.FAILED, LOGON_RETRY_AFTER), logon.reason)
        self._box.events.append(LogonFailed(logon.reason))
        self._proof_wanted = False
        self._rest(now)

    # --- step 8: blocks -----------------------------------------------------------------------------------------------

    def _proceed(self, now: float) -> None:
        """Send the next page, start a new session for it, or wait for one: logged on, with nothing under way."""
        self._state = State.READY
        if not self._box.waiting:
            self._due = self._idle_until(now)
        elif 0 < self._profile.max_pages <= self._pages_sent:
            self._leave(now)
        else:
            self._send_block(self._box.begin(), now)

    def _idle_until(self, now: float) -> float | None:
        if self._profile.permanent:
            return self._probe_due(now)
        return now + self._profile.idle_logout

    def _idle(self, now: float) -> None:
        if self._profile.permanent:
            self.probe(now)
        else:
            self._leave(now)

    def _send_block(self, page: PageUnderWay, now: float) -> None:
        self._box.unsent = page.blocks[page.index]
        self._box.events.append(BlockSent(page.ref, again=page.resends + page.restarts > 0))
        self._state = State.BLOCK
        self._due = self._answer_wait.start(now, len(self._box.unsent))

    def _block_answered(self, answer: Answer, now: float) -> None:
        """Take ACK, NAK or RS; what came before the block went out cannot be meant for it."""
        page = self._box.page
        if page is None or self._box.unsent:
            return
        if answer.control is Control.ACK:
            self._block_taken(page, answer, now)
            return
        self._box.events.append(BlockRefused())
        disposition = dispose(answer.control, answer.code)
        if disposition is RESEND and page.resends < self._timing.n2 and not page.withdrawn:
            page.resends += 1
            self._send_block(page, now)
            return
        self._box.settle(page, GIVEN_UP if disposition is RESEND else disposition, answer.said, answer.code)
        if answer.control is Control.RS:
            page.index = 0  # the terminal has thrown away what it held of this page
        self._end_page(now)

    def _block_taken(self, page: PageUnderWay, answer: Answer, now: float) -> None:
        page.index += 1
        page.resends = 0
        if not page.begun:
            self._page_taken(page, answer, now)
        elif page.withdrawn:
            self._end_page(now)
        else:
            self._send_block(page, now)

    def _page_taken(self, page: PageUnderWay, answer: Answer, now: float) -> None:
        self._pages_sent += 1
        self._box.taken(page, answer)
        self._end_page(now)

    def _end_page(self, now: float) -> None:
        """Go on after a page; a terminal that holds a part of it would add the next page to that: let it begin anew."""
        page = self._box.end()
        if page is not None and page.begun:
            self._leave(now)
        else:
            self._proceed(now)

    def _block_unanswered(self, now: float) -> None:
        """Settle a page that the terminal may have as UNKNOWN, rather than send it twice. Then see whether it lives."""
        page = self._box.end()
        if page is not None:
            silent = Disposition(Outcome.UNKNOWN) if page.complete else GIVEN_UP
            self._box.settle(page, silent, "the terminal did not answer the page")
        self._proof_wanted = True
        self._leave(now)

    def _asked_in_session(self, answer: Answer, now: float) -> None:
        """Log on again, for the terminal began anew, and send again what it did not acknowledge."""
        if not answer.asks(self._prompt):
            return
        self._box.take_back(self._timing.n2)
        self._box.events.append(LoggedOff("the terminal asked for a new logon"))
        self._box.close_session()
        self._log_on(now, asked=True)

    # --- steps 9 and 10: log-off, and the time between sessions -------------------------------------------------------

    def _leave(self, now: float) -> None:
        """Step 9."""
        self._out += b"\x04\r"
        self._state = State.LEAVING
        self._due = self._timing.after(now, self._timing.t2, 2)

    def _taken_back(self, answer: Answer, now: float) -> None:
        """Step 10b: RS after the log-off says that a page acknowledged in this session was bad."""
        del now
        self._box.doubt(answer.said)

    def _left(self, answer: Answer, now: float) -> None:
        del answer
        self._log_off("logged off", now)

    def _left_silently(self, now: float) -> None:
        self._lingering = True
        self._log_off("logged off, the terminal said no goodbye", now)

    def _asked_after_leaving(self, answer: Answer, now: float) -> None:
        if answer.asks(self._prompt):
            self._asked_at = now
            self._log_off("logged off", now)

    def _hung_up(self, answer: Answer, now: float) -> None:
        """End the session, and the page whose block went out; one that was not heard is for the next session."""
        if self._box.unsent:
            self._box.take_back(self._timing.n2)
        elif (page := self._box.end()) is not None:
            self._box.settle(page, dispose(answer.control, answer.code), answer.said, answer.code)
        self._log_off(f"the terminal hung up: {answer.said}", now)

    def _log_off(self, reason: str, now: float) -> None:
        self._box.events.append(LoggedOff(reason))
        self._box.close_session()
        if self._box.waiting or self._proof_wanted:
            self._call(now)
        else:
            self._rest(now)

    def _rest(self, now: float) -> None:
        self._logon = None
        self._state = State.OFF
        self._due = self._probe_due(now)

    def _probe_due(self, now: float) -> float | None:
        """Return when to prove life again; a terminal that speaks first cannot be asked."""
        every = self._profile.probe_every
        return now + every if every and self._profile.send_crs else None

    def _asked_at_rest(self, answer: Answer, now: float) -> None:
        """Spontaneous ID=: a permanent connection is logged on again at once, any other when there is a page."""
        if self._profile.permanent and answer.asks(self._prompt):
            self._log_on(now, asked=True)
        else:
            self._asked_at = now

    def _told_to_wait(self, answer: Answer, now: float) -> None:
        del answer
        self._due = self._answer_wait.extend(now, self._due)

    _ANSWERS: ClassVar[Mapping[tuple[State, Control], Callable[[Session, Answer, float], None]]] = {
        (State.OFF, Control.ASKED): _asked_at_rest,
        (State.READY, Control.ASKED): _asked_in_session,
        (State.READY, Control.HANG_UP): _hung_up,
        (State.BLOCK, Control.ASKED): _asked_in_session,
        (State.BLOCK, Control.WAIT): _told_to_wait,
        (State.BLOCK, Control.ACK): _block_answered,
        (State.BLOCK, Control.NAK): _block_answered,
        (State.BLOCK, Control.RS): _block_answered,
        (State.BLOCK, Control.HANG_UP): _hung_up,
        (State.LEAVING, Control.ASKED): _asked_after_leaving,
        (State.LEAVING, Control.RS): _taken_back,
        (State.LEAVING, Control.HANG_UP): _left,
    } | dict.fromkeys([(State.LOGGING_ON, control) for control in Control], _logon_answered)
    _TIMEOUTS: ClassVar[dict[State, Callable[[Session, float], None]]] = {
        State.OFF: probe,
        State.LOGGING_ON: _logon_unanswered,
        State.READY: _idle,
        State.BLOCK: _block_unanswered,
        State.LEAVING: _left_silently,
    }
