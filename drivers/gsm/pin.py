"""Whether it is safe to enter the PIN: three wrong ones lock the SIM, and a restart must not use them up."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MEMORY_KEY = "pin_tried"
SAFE_TRIES = 2  # left before ours: a wrong one then still leaves a person one
ALL_TRIES = 3
_REFUSED = "!"


def mark(pin: str) -> str:
    """Return a sign by which a changed PIN is noticed: eight bits, which do not give the PIN away."""
    return hashlib.sha256(b"gatewayd gsm " + pin.encode()).hexdigest()[:2]


def refused(pin: str) -> str:
    """Return a sign by which a PIN that the SIM did not take is known."""
    return mark(pin) + _REFUSED


def objection(pin: str, tries: int | None, memory: Mapping[str, Any]) -> str:
    """Return why the PIN must not be entered, or nothing."""
    if not pin:
        return "the SIM wants a PIN: set pin, or switch the PIN off in a telephone"
    if tries is not None and tries < SAFE_TRIES:
        return f"the SIM wants its PIN, but only {tries} tries are left: unlock it in a telephone"
    remembered = memory.get(MEMORY_KEY)
    if remembered == refused(pin) or (tries != ALL_TRIES and remembered == mark(pin)):
        return "the SIM did not take this PIN before, it is not tried again: correct pin, or unlock it in a telephone"
    return ""
