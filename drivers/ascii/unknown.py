"""Lines that no rule knows: one that is repeated is the same alarm, one that comes again later is a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = "unmatched "  # of the keys of their alarms; then the second in which it began, then the line
MOST_KNOWN = 1_024


class UnknownLines:
    """Gives unknown lines the keys of their alarms; `window` is in seconds, `keys` are those of alarms that stand.

    No rule ends such an alarm. If a line that comes again days later were a repetition of it, nobody would be told.
    """

    def __init__(self, window: float, keys: Iterable[str] = ()) -> None:
        self._window = window
        self._known: dict[str, tuple[float, str]] = {}  # of a line: when it was seen last, and its key
        for key in keys:
            self._remember(key)

    def key(self, line: str, now: float) -> str:
        """Return the key of the alarm of an unknown line."""
        seen, key = self._known.pop(line, (float("-inf"), ""))
        if now - seen > self._window:
            key = f"{PREFIX}{now:.0f} {line}"
        while len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[line] = now, key
        return key

    def _remember(self, key: str) -> None:
        began, _, line = key.removeprefix(PREFIX).partition(" ")
        if key.startswith(PREFIX) and began.isdecimal():
            self._known[line] = float(began), key
