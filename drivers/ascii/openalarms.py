"""Which alarms of a line are open. The panel will not repeat them, so they are remembered on disk."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# Alarms of one line; beyond that they are alarms all the same, but only a reset of their own ends them.
MOST_OPEN = 4_096
MOST_WITH_UNKNOWN = 1_024  # lines that no rule knows are remembered up to here: the others need the room more
PREFIX = "open "  # of the keys in the line's memory

Changes = dict[str, Any]


@dataclass(slots=True)
class OpenAlarm:
    """An alarm that stands; `due` is when it ends for want of repetition (timeline), None where it does not.

    `queued` is the time of its entry in the heap, which is looked at then: a repetition only moves `due`.
    """

    address: str
    ttl: float | None
    due: float | None = None
    queued: float | None = None


class OpenAlarms:
    """The open alarms of a line, oldest first, MOST_OPEN at most. Methods return what has to be saved in its memory."""

    def __init__(self, memory: Mapping[str, Any]) -> None:
        self._open = {
            key.removeprefix(PREFIX): OpenAlarm(str(value.get("address", "")), value.get("ttl"))
            for key, value in memory.items()
            if key.startswith(PREFIX) and isinstance(value, dict)
        }
        self._due: list[tuple[float, str]] = []

    def __contains__(self, key: str) -> bool:
        return key in self._open

    def restart(self, now: float) -> None:
        """Give every alarm its whole time again: while nobody listened, repetitions were missed."""
        self._due.clear()
        for key, alarm in self._open.items():
            alarm.queued = None
            self._schedule(key, alarm, now)

    def activate(self, key: str, address: str, ttl: float | None, now: float, most: int = MOST_OPEN) -> Changes:
        """Note that an alarm stands, or is repeated; a new one is noted while fewer than `most` stand."""
        alarm = self._open.get(key)
        known = alarm is not None and (alarm.address, alarm.ttl) == (address, ttl)
        if alarm is None:
            if len(self._open) >= most:
                return {}
            alarm = self._open[key] = OpenAlarm(address, ttl)
        alarm.address, alarm.ttl = address, ttl
        self._schedule(key, alarm, now)
        return {} if known else {PREFIX + key: {"address": address, "ttl": ttl}}

    def end(self, key: str) -> Changes:
        """Note that an alarm is over."""
        return {PREFIX + key: None} if self._open.pop(key, None) is not None else {}

    def address_of(self, key: str) -> str:
        """Return the address that an open alarm came with."""
        return self._open[key].address

    def keys(self, address: str = "") -> list[str]:
        """Return the open alarms, or those of one address; oldest first."""
        return [key for key, alarm in self._open.items() if not address or alarm.address == address]

    def next_due(self) -> float | None:
        """Return when the next alarm ends for want of repetition."""
        while self._due:
            when, key = self._due[0]
            alarm = self._open.get(key)
            if alarm is not None and alarm.queued == when == alarm.due:
                return when
            heapq.heappop(self._due)
            if alarm is not None and alarm.queued == when:
                alarm.queued = None
                self._queue(key, alarm)
        return None

    def expired(self, now: float) -> list[str]:
        """Return the alarms whose time is over."""
        due = self.next_due()
        if due is None or due > now:
            return []
        return [key for key, alarm in self._open.items() if alarm.due is not None and alarm.due <= now]

    def _schedule(self, key: str, alarm: OpenAlarm, now: float) -> None:
        alarm.due = now + alarm.ttl if alarm.ttl else None
        self._queue(key, alarm)

    def _queue(self, key: str, alarm: OpenAlarm) -> None:
        """See to it that the alarm is looked at when it is due at the latest."""
        if alarm.due is not None and (alarm.queued is None or alarm.due < alarm.queued):
            alarm.queued = alarm.due
            heapq.heappush(self._due, (alarm.due, key))
