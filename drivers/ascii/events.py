"""What happens on a line of text, and what the receiver has to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from drivers.ascii.assembly import Assembly
from drivers.ascii.framing import FrameRules
from drivers.ascii.patience import Patience
from drivers.ascii.rules import RuleBook
from drivers.ascii.text import Reading

if TYPE_CHECKING:
    import re


class Watch(Enum):
    """What supervises the line."""

    SILENCE = "silent"  # not a byte
    HEARTBEAT = "heartbeat-missing"  # bytes perhaps, but neither a heartbeat nor a readable record


@dataclass(frozen=True, slots=True)
class Config:
    """How a line is received. Times in seconds; a limit of 0 watches nothing."""

    frames: FrameRules = field(default_factory=FrameRules)
    reading: Reading = field(default_factory=Reading)
    assembly: Assembly = field(default_factory=Assembly)
    rules: RuleBook = field(default_factory=RuleBook)
    patience: Patience = field(default_factory=Patience)
    ignore: tuple[re.Pattern[str], ...] = ()
    idle_gap: float = 2.0
    silent_after: float = 0.0
    heartbeat_after: float = 0.0
    heartbeat_answer: bytes = b""


@dataclass(frozen=True, slots=True)
class RecordReceived:
    """A record for the rules. `complete` is false where its end was not seen, `readable` where most of it is noise."""

    text: str
    time: float
    complete: bool = True
    readable: bool = True


@dataclass(frozen=True, slots=True)
class RecordIgnored:
    """A line that the ignore list drops."""

    text: str


@dataclass(frozen=True, slots=True)
class HeartbeatReceived:
    """The device says that it lives; it has been answered."""


@dataclass(frozen=True, slots=True)
class SignHeard:
    """The first sign of life on this connection, or the first one after `SignMissed`."""

    watch: Watch


@dataclass(frozen=True, slots=True)
class SignMissed:
    """No sign of life for `seconds`."""

    watch: Watch
    seconds: float


@dataclass(frozen=True, slots=True)
class ReminderDue:
    """The time that `remind` was given has come; everything that was received before it came earlier."""

    time: float


Event = RecordReceived | RecordIgnored | HeartbeatReceived | SignHeard | SignMissed | ReminderDue
