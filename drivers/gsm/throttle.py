"""How many messages a SIM may send: networks block those that send too many."""

from __future__ import annotations

from collections import deque

MINUTE = 60.0


class Throttle:
    """Allows `per_minute` messages in any minute; 0: as many as there are."""

    def __init__(self, per_minute: int) -> None:
        self._sent: deque[float] = deque(maxlen=per_minute or 1)
        self._limited = per_minute > 0

    def book(self, count: int, now: float) -> None:
        """Count messages that leave now."""
        self._sent.extend([now] * min(count, self._sent.maxlen or 1))

    def wait(self, now: float) -> float:
        """Return the seconds until the next message may leave."""
        if not self._limited or len(self._sent) < (self._sent.maxlen or 1):
            return 0.0
        return max(0.0, self._sent[0] + MINUTE - now)
