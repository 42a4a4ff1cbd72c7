"""WaveWare's own protocol, sans-IO: the commands, the replies, and the exchange that joins them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.waveware.replies import WaveWareReplies
from gatewayd.driver import Outcome
from gatewayd.encoder.exchange import Exchange, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.encoder.exchange import Timing

UNANSWERED = Reply(Outcome.UNKNOWN, "the encoder did not reply")


def sender(timing: Timing, unsent: Callable[[], int] = lambda: 0) -> Exchange:
    """Return the sending end."""
    return Exchange(WaveWareReplies(), timing, UNANSWERED, unsent)
