"""What an SNPP session tells the driver."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MessageSubmitted:
    """A client said SEND and waits: `Session.settle` answers it."""

    pagers: tuple[str, ...]
    text: str
    caller: str


@dataclass(frozen=True, slots=True)
class CommandRefused:
    """A client sent what cannot be understood or done."""


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The last reply is on its way: the connection can be closed."""


Event = MessageSubmitted | CommandRefused | SessionEnded
