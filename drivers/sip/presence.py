"""Which of the phones that somebody relies on are gone: not registered, or silent, for longer than a moment."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from drivers.sip.timing import Deadline


class Presence:
    """Tells when a watched user has no phone left (`tell(user, True)`) and when one is back (`tell(user, False)`).

    `here_until(user, now)` is until when a user has a phone if nothing happens, None when there is none now. Whoever
    learns that something has happened calls `look_at`; what only passes with time is looked at when it is due.
    """

    def __init__(
        self,
        users: Iterable[str],
        lost_after: float,
        here_until: Callable[[str, float], float | None],
        tell: Callable[[str, bool], None],
    ) -> None:
        self._lost: dict[str, bool | None] = dict.fromkeys(users, False)  # None: not known since the start
        self._since: dict[str, float] = {}
        self._lost_after = lost_after
        self._here_until = here_until
        self._tell = tell
        self._at: Callable[[float, Callable[[float], None]], Deadline] | None = None
        self._planned: dict[str, Deadline] = {}

    def start(self, lost: Iterable[str], now: float, at: Callable[[float, Callable[[float], None]], Deadline]) -> None:
        """Begin to watch; `lost` are the users whose alarm may stand from before."""
        self._at = at
        for user in lost:
            if user in self._lost:
                self._lost[user] = None
            else:
                self._tell(user, False)  # noqa: FBT003 - nobody watches this phone any more: no alarm may stay behind
        for user in self._lost:
            self.look_at(user, now)

    def look_at(self, user: str, now: float) -> None:
        """Look at one user: something has changed, or is due."""
        if self._at is None or user not in self._lost:
            return
        if user in self._planned:
            self._planned.pop(user).cancel()
        until = self._here_until(user, now)
        if until is not None:
            self._since.pop(user, None)
            self._settle(user, lost=False)
            self._plan(user, until)
            return
        due = self._since.setdefault(user, now) + self._lost_after
        if now >= due:
            self._settle(user, lost=True)
        else:
            self._plan(user, due)

    def something_happened(self, user: str) -> None:
        """Look at a user as soon as the present event is over."""
        if user in self._lost:
            self._plan(user, 0.0)

    def _plan(self, user: str, when: float) -> None:
        if user in self._planned:
            self._planned.pop(user).cancel()
        if self._at is not None and when < inf:
            self._planned[user] = self._at(when, lambda now: self.look_at(user, now))

    def _settle(self, user: str, *, lost: bool) -> None:
        if self._lost[user] is not lost:
            self._lost[user] = lost
            self._tell(user, lost)
