"""Puts on disk what phones say, and only then has them answered."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from drivers.sip.texts import KNOWN_FOR
from gatewayd.driver import Outcome
from gatewayd.errors import NotDurable, StoreUnavailable
from gatewayd.model import PageConfirmed, PageState, Recorded, TextReceived

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.sip.events import BindingsChanged, CallReceived, MessageReceived, Notified, PageConfirmedLate
    from drivers.sip.names import Names
    from drivers.sip.protocol import Endpoint
    from gatewayd.driver import Line
    from gatewayd.model import Report

# The worst that a phone can make us wait for when the store fails without saying how.
FAILED_TO_RECORD = 503
# How a call ends that was taken for what it means: there is no voice here.
DECLINED = 603
# What a call says, in the words of a text.
ACCEPT = "OK"


class Clerk:
    """Reports to the line; `flush` sends what the endpoint answers."""

    def __init__(self, line: Line, endpoint: Endpoint, names: Names, flush: Callable[[], None]) -> None:
        self._line = line
        self._endpoint = endpoint
        self._names = names
        self._flush = flush

    async def take_text(self, event: MessageReceived) -> None:
        """Record a text: 200 when it was understood, 202 when it goes on to a person."""
        sender = self._names.address_of(event.sender)
        said = (event.text, event.recipient, event.reference, event.priority, event.lifetime)
        recorded = await self._record(TextReceived(sender, *said, known_for=KNOWN_FOR))
        goes_on = recorded is Recorded.FORWARDED or bool(event.recipient)
        self._answer(event.transaction, 202 if goes_on else 200, recorded)

    async def take_call(self, event: CallReceived) -> None:
        """Record that somebody accepts by calling; whoever was never paged has nothing to accept."""
        recorded: Recorded | None = Recorded.NOTED
        if self._names.was_paged(event.user):
            address = self._names.address_of(event.user)
            said = TextReceived(address, ACCEPT, reference=event.reference, known_for=KNOWN_FOR)
            recorded = await self._record(said)
        meaning = "accepts" if recorded is Recorded.ANSWERED else "finds nothing open"
        self._line.count("calls_accepted" if recorded is Recorded.ANSWERED else "calls_declined")
        self._line.log.info("a call by %s %s", event.user, meaning)
        self._answer(event.transaction, DECLINED, recorded)

    async def take_notification(self, event: Notified) -> None:
        """Record what a phone says of a page."""
        recorded = await self._record(PageConfirmed(event.reference, event.state, "the phone says so"))
        self._answer(event.transaction, 200, recorded)

    async def take_late(self, event: PageConfirmedLate) -> None:
        """Record an answer that came when nobody waited for it any more."""
        state = PageState.RECEIVED if event.outcome is Outcome.RECEIVED else PageState.SENT
        with contextlib.suppress(StoreUnavailable):
            await self._line.report(PageConfirmed(event.reference, state, "answered late"))

    async def save_bindings(self, event: BindingsChanged) -> None:
        """Remember where a user's phones are."""
        saved = False
        try:
            await self._line.memory.save(event.changes)
            saved = True
        except NotDurable:  # a phone that was turned away now could not be paged while nothing can be stored
            saved = True
        except StoreUnavailable:
            self._line.count("not_recorded")
        except Exception:
            self._line.log.exception("the registration of %s could not be saved", event.user)
        self._endpoint.bindings_saved(event.transaction, self._line.clock.now(), saved=saved)
        self._flush()

    async def _record(self, report: Report) -> Recorded | None:
        """Return what became of a report; None when it is not on disk."""
        try:
            return await self._line.report(report)
        except StoreUnavailable:
            self._line.count("not_recorded")
        except Exception:
            self._line.log.exception("what a phone said could not be reported")
        return None

    async def remember(self, changes: dict[str, Any]) -> None:
        """Save what it would only cost some effort to find out again."""
        try:
            await self._line.memory.save(changes)
        except StoreUnavailable:
            self._line.count("not_recorded")

    def _answer(self, transaction: int, status: int, recorded: Recorded | None) -> None:
        status = FAILED_TO_RECORD if recorded is None else status
        self._endpoint.answer(transaction, status, self._line.clock.now())
        self._flush()
