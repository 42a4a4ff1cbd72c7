"""What is known of a modem while its port is open; shared by the scripts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drivers.gsm.vocabulary import TEXT_WORDS
from gatewayd.hayes.script import Command, Reply, Script, ask

if TYPE_CHECKING:
    from drivers.gsm.events import GsmEvent, Outgoing, Stored, Token
    from drivers.gsm.profile import Profile
    from gatewayd.hayes.channel import Channel

MAX_KNOWN = 1_024  # messages in the modem that wait to be recorded: more than any memory holds


@dataclass(frozen=True, slots=True)
class Asked:
    """A command that a person gives; `changes`: it may undo what the modem was told at its start."""

    text: str
    seconds: float
    changes: bool


@dataclass(slots=True)
class Session:
    """The state of one modem.

    `known` are stored messages between their arrival and their deletion; `owed` counts acknowledgements (CNMA).
    `memory` is the one that CMGR and CMGD work on; `home` the one that was chosen for new messages, `drains` are others
    in which messages may lie from the time before it was.
    """

    profile: Profile
    channel: Channel
    now: float = 0.0
    events: deque[GsmEvent] = field(default_factory=deque)
    arrivals: deque[tuple[str, str, Token]] = field(default_factory=deque)
    to_read: deque[Stored] = field(default_factory=deque)
    to_delete: deque[Stored] = field(default_factory=deque)
    known: set[Stored] = field(default_factory=set)
    owed: int = 0
    home: str = ""
    drains: list[str] = field(default_factory=list)
    memory: str = ""
    character_set: str = ""
    centre: str = ""
    acknowledges: bool = False
    polls: bool = False
    full: bool = False
    registered: bool = True
    failures: int = 0
    under_way: Outgoing | None = None
    unanswered: str = ""
    sweep_due: float = 0.0
    check_due: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def text_mode(self) -> bool:
        """Whether the modem knows no PDUs."""
        return self.channel.vocabulary is TEXT_WORDS

    def ask(self, command: Command | str) -> Script[Reply]:
        """Run one command. Raises Unresponsive when the modem does not answer, not even AT."""
        command = Command(command) if isinstance(command, str) else command
        return (yield from ask(command, self.profile.resync))

    def select(self, memory: str) -> Script[None]:
        """Let CMGR, CMGL and CMGD work on another memory (TS 27.005, clause 3.2.2)."""
        if memory != self.memory:
            reply = yield from self.ask(Command(f'AT+CPMS="{memory}"', "+CPMS:"))
            if reply.ok:
                self.memory = memory
