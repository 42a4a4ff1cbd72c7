"""When a port that is still there is of no use any more: nothing leaves it, or a modem line went off.

Pure: what was seen and the time come in as arguments.
"""

from __future__ import annotations


class Stall:
    """Tells how long nothing has left: XOFF, CTS off, or nobody takes anything."""

    def __init__(self) -> None:
        self._left = 0
        self._since: float | None = None

    def look(self, left: int, unsent: int, now: float) -> float:
        """Return for how many seconds nothing has moved; `left` bytes have left in all, `unsent` have not."""
        if not unsent:
            self._since = None
        elif self._since is None or left != self._left:
            self._left, self._since = left, now
        return 0.0 if self._since is None else now - self._since


class PinWatch:
    """Tells when modem lines that have to be on were off for too long (`limit` seconds)."""

    def __init__(self, wanted: tuple[str, ...], limit: float) -> None:
        self._wanted = wanted
        self._limit = limit
        self._off_since: float | None = None

    def look(self, on: frozenset[str], now: float) -> str:
        """Return what is wrong, or nothing."""
        reason = missing(self._wanted, on)
        if not reason:
            self._off_since = None
            return ""
        if self._off_since is None:
            self._off_since = now
        return reason if now - self._off_since >= self._limit else ""


def missing(wanted: tuple[str, ...], on: frozenset[str]) -> str:
    """Return which of the wanted modem lines are off, in words, or nothing."""
    off = [pin.upper() for pin in wanted if pin not in on]
    if not off:
        return ""
    return f"{' and '.join(off)} {'is' if len(off) == 1 else 'are'} off: is the device switched on and plugged in?"
