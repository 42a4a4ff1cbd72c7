"""Messages that came: reading them, putting long ones together, and keeping the parts that the modem does not keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.gsm import mailbox
from drivers.gsm import vocabulary as words
from drivers.gsm.events import LateAnswer, PartArrived, Passed, ReportArrived, TextArrived
from drivers.gsm.pdu import StatusReport
from drivers.gsm.reading import read_message, read_report
from drivers.gsm.reassembly import Reassembly
from gatewayd.hayes.script import fields, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drivers.gsm.events import Token
    from drivers.gsm.pdu import Deliver
    from drivers.gsm.reassembly import Text
    from drivers.gsm.session import Session
    from gatewayd.hayes.channel import Unsolicited

PREFIX = "part/"  # of the keys under which parts are kept


class Arrivals:
    """What has come of long messages; whole ones, and reports, become events of the session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._assembly: Reassembly[Token] = Reassembly(session.profile.part_timeout)

    def take(self, header: str, body: str, token: Token, now: float) -> None:
        """Take a message as the modem shows it."""
        session = self._session
        message = read_message(header, body, session.character_set, text_mode=session.text_mode)
        if isinstance(message, StatusReport):
            session.events.append(ReportArrived(message, token))
            return
        if isinstance(token, Passed):
            token = self._keep(message, body, token)
        self._give_out(self._assembly.add(message, token, now))

    def hear(self, now: float) -> None:
        """Take what the modem said by itself."""
        while self._session.channel.unsolicited:
            self._hear_one(self._session.channel.unsolicited.popleft(), now)

    def restore(self, parts: Mapping[str, str], now: float) -> None:
        """Take up parts that were kept before a restart, by their keys."""
        for key, body in parts.items():
            message = read_message("", body, "", text_mode=False)
            if not isinstance(message, StatusReport):
                self._give_out(self._assembly.add(message, Passed(key=key), now))

    def expire(self, now: float) -> None:
        """Give out what has waited too long for its other parts."""
        self._give_out(self._assembly.expire(now))

    def make_room(self) -> None:
        """Give out everything when nothing but parts fills the memory: the others find no room there."""
        session = self._session
        if session.full and not session.to_read and len(session.known) <= self._assembly.kept:
            session.full = False
            self._give_out(self._assembly.give_up())

    def due(self) -> float | None:
        """Return when `expire` has something to do."""
        return self._assembly.due()

    def _keep(self, message: Deliver, body: str, token: Passed) -> Passed:
        """Have a part written down that the modem does not store: only then the network may forget it."""
        place = message.user_data.concat
        if place is None or place.total == 1:
            return token
        key = f"{PREFIX}{message.sender}/{place.reference}/{place.total}/{place.part}"
        self._session.events.append(PartArrived(key, body, token))
        return Passed(key=key)

    def _give_out(self, texts: list[Text[Token]]) -> None:
        for text in texts:
            self._session.give_out(TextArrived(text))

    def _hear_one(self, said: Unsolicited, now: float) -> None:
        session = self._session
        if said.line.startswith(words.ANNOUNCED):
            mailbox.announced(session, said.line)
        elif said.line.startswith(words.SENT):
            self._answered_late(said.line)
        elif said.body:
            self.take(said.line, said.body, Passed(owed=session.acknowledges), now)
        elif said.line.startswith(words.REPORT):
            report = read_report(said.line)
            if report is not None:
                session.events.append(ReportArrived(report, Passed(owed=session.acknowledges)))
            else:
                session.owed += session.acknowledges
        elif said.line.startswith(words.FULL):
            session.sweep_soon()

    def _answered_late(self, line: str) -> None:
        session = self._session
        reference = number(fields(line)[0])
        if session.unanswered and reference is not None:
            session.events.append(LateAnswer(session.unanswered, reference))
        session.unanswered = ""
