"""Telephone calls: how they are made, and what is told of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gatewayd.hayes.results import Result

DIAL_LIMIT = 75.0  # seconds; modems give up by themselves (S7), usually after 50 or 60


@dataclass(frozen=True, slots=True)
class CallSetup:
    """How a modem is prepared, one command each, and how it calls; `pulse` dials as a rotary telephone does.

    Modems refuse settings that they do not have: none of `init` has to work.
    """

    init: tuple[str, ...] = ("ATZ", "ATE0V1Q0", "ATX4", "AT&C1&D2", "ATS0=0")
    pulse: bool = False
    dial_limit: float = DIAL_LIMIT
    answers: bool = False


@dataclass(frozen=True, slots=True)
class ModemReady:
    """The modem answers: it was initialised, or has proved that it lives. `notes` are commands that it refused."""

    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModemSilent:
    """The modem does not answer; nothing can be done with it until it is opened anew."""

    reason: str


@dataclass(frozen=True, slots=True)
class Connected:
    """A call stands; `said` is the modem's word for it, with the rate where it tells it."""

    said: str


@dataclass(frozen=True, slots=True)
class CallFailed:
    """Nobody was reached; `said` is the modem's word."""

    result: Result
    said: str


@dataclass(frozen=True, slots=True)
class DataReceived:
    """Bytes of the other end."""

    data: bytes


@dataclass(frozen=True, slots=True)
class CarrierLost:
    """The call broke off, or the other end hung up."""


@dataclass(frozen=True, slots=True)
class HungUp:
    """The call that we ended is over."""


@dataclass(frozen=True, slots=True)
class DtrWanted:
    """DTR has to be switched on or off; where there is none the modem is called back by +++."""

    on: bool


PhoneEvent = ModemReady | ModemSilent | Connected | CallFailed | DataReceived | CarrierLost | HungUp | DtrWanted
