"""How a command ends: the result codes in words and in digits (V.250, clause 5.7.1, and what modems add)."""

from __future__ import annotations

from enum import Enum


class Result(Enum):
    """How a command ended."""

    OK = "OK"
    CONNECT = "CONNECT"
    NO_CARRIER = "NO CARRIER"
    ERROR = "ERROR"
    NO_DIALTONE = "NO DIALTONE"
    BUSY = "BUSY"
    NO_ANSWER = "NO ANSWER"
    BARRED = "DELAYED"  # the modem does not dial this number again so soon: many countries limit redialling
    TIMEOUT = "no answer"  # the modem said nothing final


RING = "RING"
OF_CALLS = frozenset(
    {Result.CONNECT, Result.NO_CARRIER, Result.NO_DIALTONE, Result.BUSY, Result.NO_ANSWER, Result.BARRED}
)
"""Results that end only a command that dials or answers; at any other time they tell of a call."""

_WORDS = {
    "OK": Result.OK,
    "ERROR": Result.ERROR,
    "COMMAND NOT SUPPORT": Result.ERROR,
    "NO CARRIER": Result.NO_CARRIER,
    "NO DIALTONE": Result.NO_DIALTONE,
    "NO DIAL TONE": Result.NO_DIALTONE,
    "BUSY": Result.BUSY,
    "NO ANSWER": Result.NO_ANSWER,
    "DELAYED": Result.BARRED,
    "BLACKLISTED": Result.BARRED,
}
_BEGINNINGS = {
    "CONNECT": Result.CONNECT,  # a rate and a protocol may follow
    "+CMS ERROR": Result.ERROR,
    "+CME ERROR": Result.ERROR,
    "ERROR": Result.ERROR,
    "COMMAND NOT SUPPORT": Result.ERROR,
    "DELAYED": Result.BARRED,  # some say how long
    "BLACKLISTED": Result.BARRED,
}
_STARTS = tuple(_BEGINNINGS)
_DIGITS = {
    "0": Result.OK,
    "1": Result.CONNECT,
    "3": Result.NO_CARRIER,
    "4": Result.ERROR,
    "5": Result.CONNECT,  # at 1200
    "6": Result.NO_DIALTONE,
    "7": Result.BUSY,
    "8": Result.NO_ANSWER,
    "10": Result.CONNECT,  # at 2400
    "11": Result.CONNECT,
    "12": Result.CONNECT,
}
_RING_DIGIT = "2"


def final(line: str, *, numeric: bool = False) -> Result | None:
    """Return how a line ends a command, None when it ends none. `numeric`: the modem may answer in digits (ATV0)."""
    if numeric and line in _DIGITS:
        return _DIGITS[line]
    if line in _WORDS:
        return _WORDS[line]
    if not line.startswith(_STARTS):
        return None
    return next(result for beginning, result in _BEGINNINGS.items() if line.startswith(beginning))


def is_ring(line: str, *, numeric: bool = False) -> bool:
    """Return whether a line says that somebody calls."""
    return line.startswith(RING) or (numeric and line == _RING_DIGIT)
