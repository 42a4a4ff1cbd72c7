"""Alarms that no rule ends: one that is repeated stays one, one that comes again later is a new one.

A line that no rule knows, or an alarm without a reset and without a `ttl`, stands until a person ends it. If the same
line days later were a repetition of it, nobody would be told.
"""

from __future__ import annotations

MOST_KNOWN = 1_024
AGAIN = " @"  # between the key of an alarm and the second in which it began anew


class Repeats:
    """When such alarms were seen last, and by which key they stand; windows are in seconds."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, str]] = {}

    def seen(self, key: str, now: float, window: float) -> tuple[str, bool]:
        """Return the key by which an alarm stands, and whether this is no repetition: it was not seen in the window."""
        last, current = self._known.pop(key, (float("-inf"), key))
        fresh = now - last > window
        self._keep(key, now, key if fresh else current)
        return (key, True) if fresh else (current, False)

    def anew(self, key: str, now: float) -> str:
        """Return a key for an alarm that begins anew while it still stands."""
        self._known.pop(key, None)
        current = f"{key}{AGAIN}{now:.0f}"
        self._keep(key, now, current)
        return current

    def _keep(self, key: str, now: float, current: str) -> None:
        while len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[key] = now, current
