"""The Scope protocol, sans-IO: the frames, the replies, and the exchange that joins them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.scope.replies import ScopeReplies
from gatewayd.driver import Outcome
from gatewayd.encoder.exchange import Exchange, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.encoder.exchange import Timing

UNANSWERED = Reply(Outcome.UNKNOWN, "the encoder did not reply")
HANDED_OVER = Reply(Outcome.SENT, "handed to the encoder, which acknowledges nothing")


def sender(timing: Timing, unsent: Callable[[], int] = lambda: 0) -> Exchange:
    """Return the sending end. Without a time for replies there are none, and a frame that left counts as sent."""
    return Exchange(ScopeReplies(), timing, UNANSWERED if timing.reply else HANDED_OVER, unsent)
