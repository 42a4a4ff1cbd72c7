"""Messages between their order and their end: what waits for the modem's answer, and what reports will mean."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.gsm.address import tail
from drivers.gsm.events import LateAnswer, MessageSettled, Outgoing, PartSent
from drivers.gsm.tracking import Tracker
from gatewayd.driver import Outcome
from gatewayd.errors import LineDown
from gatewayd.model import PageConfirmed, PageState

if TYPE_CHECKING:
    from drivers.gsm.composing import Composed
    from drivers.gsm.connection import Connection
    from drivers.gsm.pdu import StatusReport
    from gatewayd.clock import Clock

LOST = "the modem was lost before it answered: it may have been sent"
Ending = tuple[MessageSettled, str]  # how a message ended, and the reference by which reports will name it


@dataclass(frozen=True, slots=True)
class Attempt:
    """One message, from when it is made until it is settled; `page_id` is 0 for one that is no page."""

    outgoing: Outgoing
    number: str
    note: str
    page_id: int
    connection: Connection
    settled: asyncio.Future[Ending]


class Attempts:
    """Outlives the connections of a line: reports may come long after."""

    def __init__(self, clock: Clock, validity: float) -> None:
        self.tracker = Tracker(validity)
        self._clock = clock
        self._numbers = itertools.count(1)
        self._waiting: dict[str, Attempt] = {}
        self._unanswered: tuple[str, str] = ("", "")  # the message whose answer is missing: our reference, its number

    def make(self, number: str, composed: Composed, connection: Connection, page_id: int = 0) -> Attempt:
        """Return an attempt at a message; nothing comes of it unless it is begun."""
        commands = connection.core.commands(composed.parts)
        outgoing = Outgoing(str(next(self._numbers)), composed.parts, commands)
        return Attempt(outgoing, number, composed.note, page_id, connection, asyncio.get_running_loop().create_future())

    def begin(self, attempt: Attempt) -> Outgoing:
        """Take note of a message that leaves now; `end` has to be waited for."""
        self._waiting[attempt.outgoing.ref] = attempt
        return attempt.outgoing

    def hand_over(self, attempt: Attempt) -> None:
        """Begin, and hand the message to the modem; `end` has to be waited for. Raises LineDown."""
        connection = attempt.connection
        connection.core.send_message(self.begin(attempt), self._clock.now())
        try:
            connection.adapter.flush()
        except LineDown:
            del self._waiting[attempt.outgoing.ref]
            raise

    async def end(self, attempt: Attempt) -> Ending:
        """Wait for the end of a message; cancelled, nothing more of it leaves. Raises LineDown."""
        try:
            return await attempt.settled
        except asyncio.CancelledError:
            attempt.connection.core.withdraw(attempt.outgoing.ref, self._clock.now())
            attempt.connection.flush()
            raise
        finally:
            self._waiting.pop(attempt.outgoing.ref, None)

    def page_of(self, ref: str) -> int:
        """Return the page that a message under way carries; 0: none."""
        attempt = self._waiting.get(ref)
        return attempt.page_id if attempt is not None else 0

    def lost(self, connection: Connection, reason: LineDown) -> None:
        """End what waits on a port that is gone; whether a text arrived that had left whole is honestly unknown."""
        for ref, attempt in self._waiting.items():
            if attempt.settled.done():
                continue
            if connection.core.may_have_sent(ref):
                attempt.settled.set_result((MessageSettled(ref, Outcome.UNKNOWN, LOST), ""))
            else:
                attempt.settled.set_exception(LineDown(str(reason)))
                attempt.settled.exception()  # asked for here: nobody may be waiting any more

    def may_mean(self, report: StatusReport) -> bool:
        """Return whether a report may be faster than the modem's answer, which tells the reference of what it sends."""
        number = tail(str(report.recipient))
        under_way = any(tail(attempt.number) == number for attempt in self._waiting.values())
        return under_way and not self.tracker.knows(report)

    def part_sent(self, event: PartSent) -> None:
        """Take note of a part that is with the network."""
        attempt = self._waiting.get(event.ref)
        if attempt is not None:
            self.tracker.part_sent(event.ref, attempt.number, event.reference, self._clock.now())

    def settle(self, event: MessageSettled) -> bool:
        """Take note of the end of a message; return whether it is one that was sent."""
        attempt = self._waiting.get(event.ref)
        if attempt is None or attempt.settled.done():
            return False
        sent = event.outcome is Outcome.SENT
        reference = self.tracker.settled(event.ref, attempt.number, event.references, sent=sent)
        if event.outcome is Outcome.UNKNOWN:
            self._unanswered = (event.ref, attempt.number)
        attempt.settled.set_result((event, reference))
        return sent

    def answered_late(self, late: LateAnswer) -> PageConfirmed | None:
        """Return what has to be reported because a message was sent after all."""
        ref, number = self._unanswered
        if ref != late.ref:
            return None
        reference = unanswered_reference(ref)
        self.tracker.late(number, late.reference, reference, self._clock.now())
        return PageConfirmed(reference, PageState.SENT, "sent after all")


def unanswered_reference(ref: str) -> str:
    """Return what a page without an answer is called."""
    return f"unanswered/{ref}"
