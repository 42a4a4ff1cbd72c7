"""COMP2, sans-IO: the frames, the errors of the encoder, and the exchange that joins them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.comp2.replies import ErrorLines
from gatewayd.driver import Outcome
from gatewayd.encoder.exchange import Exchange, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.encoder.exchange import Timing

WORD = "handed to the encoder, which acknowledges nothing"


def sender(timing: Timing, unsent: Callable[[], int] = lambda: 0) -> Exchange:
    """Return the sending end: an encoder that says nothing has taken the page."""
    return Exchange(ErrorLines(), timing, Reply(Outcome.SENT, WORD), unsent)
