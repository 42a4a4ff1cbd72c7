"""Which faults of a line may stand: one that was never raised needs no end, one from before a restart does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drivers.gsm.recording import Recorder
    from gatewayd.model import AlarmActivated, AlarmReset

PREFIX = "fault/"  # of what is remembered


def _nothing() -> None:
    """Nobody waits for it."""


class Standing:
    """Remembers a fault before it is raised and forgets it after it was cleared, so that no kill leaves it for ever."""

    def __init__(self) -> None:
        self._wanted: dict[str, bool] = {}  # by key, while the fault may stand: whether it should

    def load(self, memory: Mapping[str, Any]) -> None:
        """Take up what was remembered before a restart."""
        for key in memory:
            if key.startswith(PREFIX):
                self._wanted.setdefault(key.removeprefix(PREFIX), True)

    def begin(self, report: AlarmActivated, recorder: Recorder, recorded: Callable[[], None] = _nothing) -> bool:
        """Raise a fault; returns False when the recorder is full."""
        self._wanted[report.key] = True
        return recorder.put(report, recorded, {PREFIX + report.key: True})

    def end(self, report: AlarmReset, recorder: Recorder, recorded: Callable[[], None] = _nothing) -> bool:
        """Clear a fault where it may stand, call `recorded` either way; returns False when the recorder is full."""
        if report.key not in self._wanted:
            return recorder.put(None, recorded)
        self._wanted[report.key] = False
        return recorder.put(report, partial(self._ended, report.key, recorder, recorded))

    def _ended(self, key: str, recorder: Recorder, recorded: Callable[[], None]) -> None:
        recorded()
        if not self._wanted.get(key, True):  # it was not raised anew meanwhile
            del self._wanted[key]
            recorder.put(None, changes={PREFIX + key: None})
