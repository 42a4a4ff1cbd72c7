"""The response codes of TAP 1.8 and what each one means for the page.

The control byte decides (ACK, NAK, RS, ESC EOT); a code refines it. Terminals older than 1.6 send no code at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gatewayd.driver import Outcome


class Control(Enum):
    """What a terminal says, by its control bytes."""

    ASKED = "ID="  # it wants a logon
    ACK = "ACK"
    NAK = "NAK"
    RS = "RS"  # abandon this transaction, go on with the next
    HANG_UP = "ESC EOT"
    GO_AHEAD = "ESC [ p"
    WAIT = "111"  # it is still working: no control byte follows yet


@dataclass(frozen=True, slots=True)
class Disposition:
    """What to do about a page that was not acknowledged; an outcome of None means: send the block again."""

    outcome: Outcome | None
    retry_after: float | None = None


RESEND = Disposition(None)
REFUSED = Disposition(Outcome.REFUSED)
GIVEN_UP = Disposition(Outcome.FAILED, 5.0)
NEW_SESSION = Disposition(Outcome.FAILED, 1.0)
BUSY = Disposition(Outcome.FAILED, 15.0)
EXHAUSTED = Disposition(Outcome.FAILED, 60.0)


@dataclass(frozen=True, slots=True)
class Code:
    """One response code: its meaning for people, and its advice where it gives one."""

    meaning: str
    advice: Disposition | None = None


WAIT_CODE = 111
HELD_CODE = 213
BAD_LOGON = frozenset((507, 508, 509))

CODES = {
    110: Code("protocol version"),
    111: Code("processing, wait"),
    112: Code("maximum of pages for this session", NEW_SESSION),
    113: Code("maximum time for this session", NEW_SESSION),
    114: Code("welcome"),
    115: Code("goodbye"),
    211: Code("page accepted"),
    212: Code("text cut by the terminal and sent"),
    213: Code("held by the terminal, to be sent later"),
    214: Code("character maximum, text cut by the terminal and sent"),
    501: Code("time-out waiting for input", GIVEN_UP),
    502: Code("unexpected characters before the transaction", GIVEN_UP),
    503: Code("too many checksum errors", GIVEN_UP),
    504: Code("message not allowed for this pager (tone only)", REFUSED),
    505: Code("letters not allowed for this pager (numeric)", REFUSED),
    506: Code("too many invalid pages", REFUSED),
    507: Code("logon malformed", REFUSED),
    508: Code("service type or category not supported", REFUSED),
    509: Code("bad password", REFUSED),
    510: Code("illegal pager ID", REFUSED),
    511: Code("no such subscriber", REFUSED),
    512: Code("temporarily cannot deliver", BUSY),
    513: Code("message too long", REFUSED),
    514: Code("checksum error", RESEND),
    515: Code("format error", REFUSED),
    516: Code("quota exceeded", EXHAUSTED),
    517: Code("character maximum, rejected", REFUSED),
}

_WITHOUT_ADVICE = {Control.NAK: RESEND, Control.RS: REFUSED, Control.HANG_UP: GIVEN_UP}


def dispose(control: Control, code: int | None) -> Disposition:
    """Return what NAK, RS or ESC EOT with `code` means for the page.

    Only NAK asks for the same block again; a bad checksum reported with RS or ESC EOT means that it gave up for now.
    """
    known = CODES.get(code) if code is not None else None
    advice = known.advice if known is not None else None
    if advice is None:
        return _WITHOUT_ADVICE[control]
    if advice is RESEND and control is not Control.NAK:
        return GIVEN_UP
    return advice
