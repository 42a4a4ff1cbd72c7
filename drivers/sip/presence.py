"""Which of the phones that somebody relies on are gone: not registered, or silent, for longer than a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from drivers.sip.timing import Deadline

# How often the phones are looked over, seconds. A binding that ends unnoticed is noticed then.
LOOK_EVERY = 5.0


class Presence:
    """Tells when a watched user has no phone left (`tell(user, True)`) and when one is back (`tell(user, False)`)."""

    def __init__(
        self,
        users: Iterable[str],
        lost_after: float,
        is_here: Callable[[str, float], bool],
        tell: Callable[[str, bool], None],
    ) -> None:
        self._lost: dict[str, bool | None] = dict.fromkeys(users, False)  # None: not known since the start
        self._since: dict[str, float] = {}
        self._lost_after = lost_after
        self._is_here = is_here
        self._tell = tell
        self._at: Callable[[float, Callable[[float], None]], Deadline] | None = None

    def start(self, lost: Iterable[str], now: float, at: Callable[[float, Callable[[float], None]], Deadline]) -> None:
        """Begin to watch; `lost` are the users whose alarm may stand from before."""
        self._at = at
        for user in lost:
            if user in self._lost:
                self._lost[user] = None
            else:
                self._tell(user, False)  # noqa: FBT003 - nobody watches this phone any more: no alarm may stay behind
        if self._lost:
            self._look(now)

    def look_at(self, user: str, now: float) -> None:
        """Look at one user: something has changed."""
        if self._at is None or user not in self._lost:
            return
        if self._is_here(user, now):
            self._since.pop(user, None)
            self._settle(user, lost=False)
        elif now - self._since.setdefault(user, now) >= self._lost_after:
            self._settle(user, lost=True)

    def _settle(self, user: str, *, lost: bool) -> None:
        if self._lost[user] is not lost:
            self._lost[user] = lost
            self._tell(user, lost)

    def _look(self, now: float) -> None:
        for user in self._lost:
            self.look_at(user, now)
        if self._at is not None:
            self._at(now + LOOK_EVERY, self._look)
