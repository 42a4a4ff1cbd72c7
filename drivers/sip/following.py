"""Tells a phone what became of the text that it sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.sip.texts import sender_of
from gatewayd.driver import News, Outcome, Progress, Receipt
from gatewayd.errors import LineDown
from gatewayd.model import Page, Priority

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drivers.sip.settings import SipSettings
    from gatewayd.driver import Line

# Seconds after which nobody cares any more that somebody accepted.
LIFETIME = 60.0


def words(news: News, settings: SipSettings) -> str:
    """Return what a phone is told; empty for what it is not told of."""
    nobody = settings.unreached_text
    texts = {Progress.ACCEPTED: settings.accepted_text, Progress.UNREACHED: nobody, Progress.FAILED: nobody}
    return texts.get(news.progress, "").replace("{who}", news.who)


class Following:
    """Sends a notice once, as well as it can: what matters is in the journal.

    Only phones with an account here are told: another gateway behind the PBX could answer, and so for ever.
    """

    def __init__(self, line: Line, settings: SipSettings, send: Callable[[Page], Awaitable[Receipt]]) -> None:
        self._line = line
        self._settings = settings
        self._send = send

    def is_wanted(self, news: News) -> bool:
        """Return whether there is a phone to tell this to, and something to tell."""
        return sender_of(news.key) in self._settings.accounts and bool(words(news, self._settings))

    async def tell(self, news: News) -> None:
        """Send a notice to the phone that it concerns."""
        clock, user = self._line.clock, sender_of(news.key)
        now = clock.now()
        notice = Page(
            id=0,
            message_id=news.message_id,
            line=self._line.name,
            address=user,
            text=words(news, self._settings),
            priority=Priority.NORMAL,
            created=now,
            due=now,
            expires=now + LIFETIME,
            queue_time=clock.wall(),
        )
        try:
            receipt = await self._send(notice)
        except LineDown:
            return
        if receipt.outcome not in {Outcome.RECEIVED, Outcome.SENT}:
            self._line.count("notices_failed")
            self._line.log.info("%s could not be told what became of a text: %s", user, receipt.detail)
