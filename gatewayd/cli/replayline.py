"""What a driver sees of the gateway in a replay: nothing is kept longer than it, everything is told."""

from __future__ import annotations

import logging
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from gatewayd.model import Recorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.clock import ManualClock
    from gatewayd.model import Report


class ReplayLine:
    """A line (`gatewayd.driver.Line` and what it can do besides); `tell` hears of everything."""

    def __init__(self, name: str, clock: ManualClock, tell: Callable[[str], None]) -> None:
        self.name = name
        self.clock = clock
        self.log = logging.LoggerAdapter(logging.getLogger("gatewayd.replay"), {"line": name})
        self.memory = _Memory()
        self.counters: dict[str, int] = {}
        self._tell = tell
        self._degraded = ""

    def up(self) -> None:
        """Tell that the device answers."""
        self._tell("up")

    def count(self, what: str, amount: int = 1) -> None:
        """Count; the sums are told at the end."""
        self.counters[what] = self.counters.get(what, 0) + amount

    def trouble(self, what: str, amount: int = 1) -> None:
        """Count bad input, and tell it at once."""
        self.count(what, amount)
        self._tell(f"trouble {what}: {amount}")

    def degraded(self, reason: str) -> None:
        """Tell that the line works badly, or well again."""
        if reason != self._degraded:
            self._tell(f"works badly: {reason}" if reason else "works well again")
        self._degraded = reason

    def reachable(self, address: str) -> None:
        """Tell that a device is back."""
        self._tell(f"reachable {address!r}")

    async def report(self, report: Report) -> Recorded:
        """Tell a report."""
        self._tell(words(report))
        return Recorded.NEW


class _Memory:
    """A line's memory that forgets when the replay ends."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def items(self) -> dict[str, Any]:
        return dict(self._kept)

    async def save(self, changes: dict[str, Any]) -> None:
        self._kept = {key: value for key, value in (self._kept | changes).items() if value is not None}


def words(report: Report) -> str:
    """Return a report in words: its name and whatever is not as usual in it; printable, whatever the device sent."""
    said = []
    for field in fields(report):
        usual = field.default_factory() if field.default_factory is not MISSING else field.default
        value = getattr(report, field.name)
        if value != usual:
            said.append(f"{field.name}={value!r}")
    return f"{type(report).__name__} {' '.join(said)}"
