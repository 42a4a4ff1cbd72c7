"""What an SNPP session tells the driver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drivers.snpp.draft import Pager, Wishes


@dataclass(frozen=True, slots=True)
class MessageSubmitted:
    """A client said SEND and waits: `Session.settle` answers it.

    `number` is the same when it sends the same message again because it was refused. `two_way`: it wants to follow it.
    """

    number: int
    pagers: tuple[Pager, ...]
    text: str
    caller: str
    two_way: Wishes | None = None


@dataclass(frozen=True, slots=True)
class TagGivenUp:
    """A client does not want to know any more what becomes of a message, and waits for `Session.settle`."""

    number: str


@dataclass(frozen=True, slots=True)
class CommandRefused:
    """A client sent what cannot be understood or done."""


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """A client showed a wrong login; `CommandRefused` follows."""


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The last reply is on its way: the connection can be closed."""


Event = MessageSubmitted | TagGivenUp | CommandRefused | LoginRefused | SessionEnded
