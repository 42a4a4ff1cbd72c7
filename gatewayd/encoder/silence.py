"""Whether an encoder that replies still does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.driver import Outcome
from gatewayd.model import AlarmActivated, AlarmReset

if TYPE_CHECKING:
    from gatewayd.encoder.exchange import PageSettled

KEY = "encoder-silent"
ALARM_AFTER = 2  # pages in a row without a reply: one alone may be a reply that was damaged


class Silence:
    """Decides from how pages end when the silence of an encoder is a fault, and when that is over.

    `suspected`: the fault may stand, from before a restart.
    """

    def __init__(self, *, suspected: bool = False) -> None:
        self._unanswered = 0
        self._stands: bool | None = None if suspected else False

    def look(self, settled: PageSettled) -> AlarmActivated | AlarmReset | None:
        """Take the end of a page; return what has to be reported, again and again until it is `recorded`."""
        if settled.answered:
            return self.heard()
        self._unanswered += settled.reply.outcome is Outcome.UNKNOWN
        if self._unanswered < ALARM_AFTER or self._stands:
            return None
        return AlarmActivated(KEY, f"the encoder has not replied to {self._unanswered} pages in a row", fault=True)

    def heard(self) -> AlarmReset | None:
        """Take any reply."""
        self._unanswered = 0
        return None if self._stands is False else AlarmReset(KEY)

    def recorded(self, report: AlarmActivated | AlarmReset) -> None:
        """Take note that a report is on disk."""
        self._stands = isinstance(report, AlarmActivated)
