"""The AT dialogue with a modem. Sans-IO; time is an argument.

What there is to do is chosen by `_next_script`, most urgent first, one thing at a time; how it is done stands in the
scripts (`opening`, `sending`, `mailbox`, `watching`, `asked`).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from drivers.gsm import asked, mailbox, opening, sending, watching
from drivers.gsm import vocabulary as words
from drivers.gsm.arriving import Arrivals
from drivers.gsm.events import (
    CannotStart,
    GsmEvent,
    Outgoing,
    PinRefused,
    PinWanted,
    Ready,
    Silent,
    Stored,
    Token,
)
from drivers.gsm.session import Asked, Session
from gatewayd.hayes.channel import Channel
from gatewayd.hayes.runner import Runner
from gatewayd.hayes.script import ESCAPE, Reply, Script, Unresponsive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drivers.gsm.pdu import Submit
    from drivers.gsm.profile import Profile
    from gatewayd.hayes.channel import Vocabulary
    from gatewayd.hayes.script import Command

RESTART = b"AT+CFUN=1,1\r"
QUIET = 0.003  # seconds for which nothing is told when one message follows another: the modem asks for its text
MOST_CHORES = 3  # done before a page that waits: a memory full of texts takes minutes to empty


class Stage(Enum):
    """How far the modem is."""

    CLOSED = "nothing was asked of it yet"
    OPENING = "on the ladder"
    LOCKED = "waits for its PIN"
    READY = "initialised"
    SILENT = "does not answer"


class Modem:
    """Our end of the line to a modem: a `StreamProtocol[GsmEvent]` with `start`, `send_message`, `withdraw`, `settle`.

    At most one message is under way. `following` is asked for the next one when the network took one (its `ref`) and
    nothing else is to be done: so that leaves with the same turn.
    """

    def __init__(self, profile: Profile, following: Callable[[str], Outgoing | None] = lambda _: None) -> None:
        self._profile = profile
        self._channel = Channel(words.PDU_WORDS)
        self._session = Session(profile, self._channel)
        self._arrivals = Arrivals(self._session)
        self._stage = Stage.CLOSED
        self._runner = Runner(self._channel)
        self._wanted: Script[None] | None = None
        self._waiting: Outgoing | None = None
        self._following = following
        self._quiet_until: float | None = None
        self._asked: Asked | None = None
        self._chores = 0  # done since something is wanted of the modem

    @property
    def stage(self) -> Stage:
        """How far the modem is."""
        return self._stage

    @property
    def text_mode(self) -> bool:
        """Whether the modem knows no PDUs: every part is a message of its own."""
        return self._session.text_mode

    @property
    def dialect(self) -> tuple[Vocabulary, str]:
        """What commands depend on: the words of PDU mode or text mode, and the character set in that."""
        return self._channel.vocabulary, self._session.character_set

    def may_have_sent(self, ref: str) -> bool:
        """Return whether the whole of a message has left, without the modem's answer yet."""
        message = self._session.under_way
        return message is not None and message.ref == ref and message.on_its_last_part and self._channel.body_sent

    # --- commands -----------------------------------------------------------------------------------------------------

    def start(self, now: float, parts: Mapping[str, str] | None = None) -> None:
        """Initialise the modem; ends in Ready, PinWanted, CannotStart or Silent.

        `parts` are those of long texts that were remembered (`PartArrived`).
        """
        self._arrivals.restore(parts or {}, now)
        self._begin(opening.initialise(self._session), now)

    def enter_pin(self, pin: str, now: float) -> None:
        """Answer PinWanted, never twice; ends in PinRefused, or as `start` does."""
        self._begin(opening.unlock(self._session, pin), now)

    def restart(self) -> None:
        """Have the modem reboot itself (TS 27.007, clause 8.2); its port, or at least this session, is lost by that."""
        self._fall_silent("it restarts")
        self._channel.out += ESCAPE + RESTART

    def commands(self, parts: tuple[Submit, ...]) -> tuple[Command, ...]:
        """Return what sends these parts, for `Outgoing`; of use as long as `dialect` stays what it is."""
        return sending.commands(self._session, parts)

    def send_message(self, message: Outgoing, now: float) -> None:
        """Send a message as soon as the modem is free; ends in MessageSettled unless it is withdrawn."""
        self._waiting = message
        self._go_on(now)

    def withdraw(self, ref: str, now: float) -> None:
        """Let nothing more of this message out: text that waits for its prompt is replaced by ESC."""
        if self._waiting is not None and self._waiting.ref == ref:
            self._waiting = None
        elif (message := self._session.under_way) is not None and message.ref == ref:
            message.withdrawn = True
            self._channel.cancel_body()
        self._go_on(now)

    def run_command(self, text: str, seconds: float, now: float, *, changes: bool) -> None:
        """Carry out a person's command as soon as the modem is free; ends in CommandAnswered."""
        self._asked = Asked(text, seconds, changes)
        self._go_on(now)

    def forget_command(self) -> None:
        """Do not begin it any more."""
        self._asked = None

    def settle(self, tokens: tuple[Token, ...], now: float) -> None:
        """Let the modem forget messages that were recorded."""
        self._session.unheeded.difference_update(tokens)
        for token in tokens:
            if isinstance(token, Stored):
                self._session.to_delete.append(token)
            elif token.owed:
                self._session.owed += 1
        self._go_on(now)

    def leave(self, tokens: tuple[Token, ...]) -> None:
        """Take note of messages that could not be recorded: the next sweep of the memory finds them again."""
        self._session.known.difference_update(token for token in tokens if isinstance(token, Stored))
        self._session.unheeded.difference_update(tokens)

    # --- the five methods of every protocol ---------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the modem."""
        reply = self._channel.receive(data, now)
        self._session.now = now
        if self._channel.unsolicited:
            self._arrivals.hear(now)
        if self._session.heeds(now):
            self._quiet_until = None  # what people say is told at once
        if reply is not None:
            self._resume(reply, now)
        else:
            self._go_on(now)

    def data_to_send(self) -> bytes:
        """Return, and forget, the bytes for the modem."""
        data = bytes(self._channel.out)
        self._channel.out.clear()
        return data

    def next_event(self) -> GsmEvent | None:
        """Return the next thing that happened, or None."""
        return self._session.events.popleft() if self._session.events and self._quiet_until is None else None

    def leftovers(self) -> list[GsmEvent]:
        """Return, and forget, what happened and was not told before the port was lost."""
        left = list(self._session.events)
        self._session.events.clear()
        return left

    def get_timer(self) -> float | None:
        """Return when something has to be done without being told."""
        if self._quiet_until is not None:
            return self._quiet_until  # nothing else is so urgent that it could not wait until then
        due = [self._runner.due(), self._arrivals.due()]
        if not self._runner.busy and self._stage is Stage.READY:
            due += [self._session.check_due, self._session.sweep_due]
            if self._waiting is not None and self._session.unheeded:
                due.append(self._session.heed_until)
        return min((time for time in due if time is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Deal with silence, go on after a pause, give out what stayed incomplete."""
        if self._quiet_until is not None and now >= self._quiet_until:
            self._quiet_until = None
        self._arrivals.expire(now)
        reply = self._runner.expire(now)
        if reply is not None:
            self._resume(reply, now)
        else:
            self._go_on(now)

    # --- scripts ------------------------------------------------------------------------------------------------------

    def _begin(self, script: Script[None], now: float) -> None:
        self._stage = Stage.OPENING
        self._wanted = script
        self._go_on(now)

    def _go_on(self, now: float) -> None:
        if not self._runner.busy:
            self._resume(None, now)

    def _resume(self, reply: Reply | None, now: float) -> None:
        """Give a reply to the script under way, and run on until something has to be waited for."""
        self._session.now = now
        try:
            if reply is not None or self._runner.busy:
                if self._runner.resume(reply, now):
                    return
                self._script_ended(now)
            while (script := self._next_script(now)) is not None:
                self._runner.begin(script)
                if self._runner.resume(None, now):
                    return
                self._script_ended(now)
        except Unresponsive as silence:
            self._fall_silent(str(silence), useless=isinstance(silence, sending.Useless))

    def _next_script(self, now: float) -> Script[None] | None:
        session = self._session
        if self._wanted is not None:
            script, self._wanted = self._wanted, None
            return script
        if self._stage is not Stage.READY:
            return None
        if session.forgetful:
            self._stage = Stage.OPENING
            return opening.initialise(session)
        return self._in_turn(now)

    def _in_turn(self, now: float) -> Script[None] | None:
        """Put what arrived before what is sent: an answer may make the next page superfluous. A flood has to wait."""
        wanted = self._waiting is not None or self._asked is not None
        if self._chores < MOST_CHORES or not wanted:
            chore = self._next_chore(now)
            if chore is not None:
                self._chores += wanted
                return chore
        if self._asked is None and self._session.heeds(now):
            return None
        self._chores = 0
        return self._next_message(now) if self._asked is None else self._next_order(self._asked)

    def _next_chore(self, now: float) -> Script[None] | None:
        session = self._session
        if session.check_due <= now < session.sweep_due:
            return watching.check(session)
        return self._next_errand() or (mailbox.sweep(session) if now >= session.sweep_due else None)

    def _next_errand(self) -> Script[None] | None:
        session = self._session
        if session.owed:
            return mailbox.acknowledge(session)
        if session.to_read:
            return mailbox.fetch(session, session.to_read.popleft())
        return mailbox.delete(session, session.to_delete.popleft()) if session.to_delete else None

    def _next_order(self, order: Asked) -> Script[None]:
        self._asked = None
        if order.changes:
            self._stage = Stage.OPENING
        return asked.answer(self._session, order)

    def _next_message(self, now: float) -> Script[None] | None:
        message, self._waiting = self._waiting, None
        sent, self._session.just_sent = self._session.just_sent, ""
        if message is None and sent:
            message = self._following(sent)
            if message is not None and self._quiet_until is None:  # what is to be told waits until there is time for it
                self._quiet_until = now + QUIET
        self._session.under_way = message
        return sending.send(self._session, message) if message is not None else None

    def _script_ended(self, now: float) -> None:
        self._session.under_way = None
        if self._stage is Stage.OPENING and self._wanted is None:
            last = self._session.events[-1] if self._session.events else None
            self._stage = _STAGES.get(type(last), self._stage)
        while self._session.arrivals:
            self._arrivals.take(*self._session.arrivals.popleft(), now)
        if self._session.full:
            self._arrivals.make_room()

    def _fall_silent(self, reason: str, *, useless: bool = False) -> None:
        self._stage = Stage.SILENT
        self._runner.stop()
        self._session.under_way = self._waiting = None
        self._session.events.append(Silent(reason, useless))


_STAGES: dict[type, Stage] = {
    Ready: Stage.READY,
    PinWanted: Stage.LOCKED,
    PinRefused: Stage.SILENT,
    CannotStart: Stage.SILENT,
}
