"""Supervision of lines: when to try again, and what the fault of a lost device is called."""

from __future__ import annotations

from gatewayd.model import AlarmActivated, AlarmReset, Priority

BACK_OFF = (0.25, 0.5, 1.0, 2.0, 3.0)  # seconds; the last one for ever: a device that returns is served within 5 s
STEADY = 30.0  # seconds that a line has to stand before its next loss counts as the first again
LINE_DOWN = "line-down"
STORAGE, STORAGE_DOWN = "storage", "storage-down"  # there is little room; nothing can be stored
API_DOWN = "api-down"


def back_off(failures: int) -> float:
    """Return how long to wait before the next attempt to open a line, after `failures` in a row (at least 1)."""
    return BACK_OFF[min(failures, len(BACK_OFF)) - 1]


def fault(line: str, reason: str) -> AlarmActivated:
    """Return the technical alarm of a lost line."""
    return AlarmActivated(LINE_DOWN, f"Line {line} is down: {reason}", "", Priority.HIGH, {}, fault=True)


def poison(key: str, text: str) -> AlarmActivated:
    """Return the technical alarm of something that failed again and again and was set aside."""
    return AlarmActivated(key, text, "", Priority.HIGH, {}, fault=True)


def storage_fault(key: str, reason: str) -> AlarmActivated:
    """Return the technical alarm of a disk that does not take everything, or nothing at all (`STORAGE_DOWN`)."""
    more = " Alarms are paged from memory and forgotten by a restart." if key == STORAGE_DOWN else ""
    text = f"Storage degraded: {reason}.{more} Make room on the disk of the gateway, or replace it"
    return AlarmActivated(key, text, "", Priority.HIGH, {}, fault=True)


def storage_over(key: str) -> AlarmReset:
    """Return the reset of a fault of the disk."""
    return AlarmReset(key, "", "The disk of the gateway takes what it is given again")


def fault_over(line: str) -> AlarmReset:
    """Return the reset of a lost line's fault."""
    return AlarmReset(LINE_DOWN, "", f"Line {line} is up again")


def api_fault(reason: str) -> AlarmActivated:
    """Return the technical alarm of a console that people and programs cannot reach."""
    text = f"The console and the interfaces of the gateway {reason}. Alarms are paged all the same"
    return AlarmActivated(API_DOWN, text, "", Priority.HIGH, {}, fault=True)


def api_over() -> AlarmReset:
    """Return the reset of that fault."""
    return AlarmReset(API_DOWN, "", "The console and the interfaces of the gateway can be reached again")
