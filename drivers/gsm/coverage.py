"""Whether the network can be reached, with patience: a short gap is no fault (TS 27.007, clauses 7.2 and 8.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.model import AlarmActivated, AlarmReset

if TYPE_CHECKING:
    from drivers.gsm.events import CoverageSeen

KEY = "no-network"
HYSTERESIS = 2  # steps of signal above the limit until a weak signal counts as good again


class Coverage:
    """Turns looks at the network into one fault alarm and its reset. `grace` in seconds, `lowest` in steps of CSQ."""

    def __init__(self, grace: float, lowest: int) -> None:
        self._grace = grace
        self._lowest = lowest
        self._bad_since: float | None = None
        self._told: bool | None = None  # None: a fault from before a restart may stand
        self.problem = ""
        self.registered = True

    def see(self, seen: CoverageSeen, now: float) -> AlarmActivated | AlarmReset | None:
        """Take one look; return what has to be reported because of it."""
        self.registered = seen.registered
        self.problem = self._judge(seen)
        if not self.problem:
            self._bad_since = None
            return AlarmReset(KEY, text="network: reached again") if self._told is not False else None
        if self._bad_since is None:
            self._bad_since = now
        if self._told or now - self._bad_since < self._grace:
            return None
        return AlarmActivated(KEY, f"network: {self.problem}", fault=True)

    def told(self, *, fault: bool) -> None:
        """Take note that the last report is on disk."""
        self._told = fault

    def _judge(self, seen: CoverageSeen) -> str:
        if not seen.registered:
            return f"not registered ({seen.words})"
        limit = self._lowest + (HYSTERESIS if self.problem else 0)
        if seen.signal is not None and seen.signal < limit:
            return f"signal {seen.signal} of 31 is weak"
        return ""
