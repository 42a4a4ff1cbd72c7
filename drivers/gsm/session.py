"""What is known of a modem while its port is open; shared by the scripts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drivers.gsm.vocabulary import PDU_WORDS
from gatewayd.hayes.script import Command, Reply, Script, ask

if TYPE_CHECKING:
    from drivers.gsm.events import GsmEvent, Outgoing, Stored, TextArrived, Token
    from drivers.gsm.profile import Profile
    from gatewayd.hayes.channel import Channel

MAX_KNOWN = 1_024  # messages in the modem that wait to be recorded: more than any memory holds


COMPLAINT_GAP = 5.0  # seconds
HEED = 0.1  # seconds that a message waits at most for what the gateway makes of a text that has just come


@dataclass(frozen=True, slots=True)
class Asked:
    """A command that a person gives; `changes`: it may undo what the modem was told at its start."""

    text: str
    seconds: float
    changes: bool


@dataclass(slots=True)
class Session:
    """The state of one modem.

    `known` are stored messages between their arrival and their deletion, `undeleted` those of them that the modem would
    not delete; `owed` counts acknowledgements (CNMA). `memory` is the one that CMGR and CMGD work on; `home` the one
    that was chosen for new messages, `drains` are others in which messages may lie from the time before it was.
    `routing` is what the modem shows of how it announces messages, empty where it does not tell; `forgetful`: it was
    found without it. `failures` and `setbacks` count messages in a row that were not sent, `refused` are the numbers of
    those that never will be. `just_sent` is the message that the network took last, until another one is asked for.
    `complained` is when the modem last had its memory looked through. `unheeded` are texts that were given out and are
    not recorded yet: until `heed_until` nothing is sent, for one of them may be the answer that makes it superfluous.
    """

    profile: Profile
    channel: Channel
    now: float = 0.0
    events: deque[GsmEvent] = field(default_factory=deque)
    arrivals: deque[tuple[str, str, Token]] = field(default_factory=deque)
    to_read: deque[Stored] = field(default_factory=deque)
    to_delete: deque[Stored] = field(default_factory=deque)
    undeleted: list[Stored] = field(default_factory=list)
    known: set[Stored] = field(default_factory=set)
    owed: int = 0
    home: str = ""
    drains: list[str] = field(default_factory=list)
    memory: str = ""
    character_set: str = ""
    centre: str = ""
    acknowledges: bool = False
    polls: bool = False
    routing: tuple[str, ...] = ()
    forgetful: bool = False
    full: bool = False
    registered: bool = True
    failures: int = 0
    setbacks: int = 0
    refused: set[str] = field(default_factory=set)
    under_way: Outgoing | None = None
    just_sent: str = ""
    unanswered: str = ""
    sweep_due: float = 0.0
    complained: float = float("-inf")
    check_due: float = 0.0
    unheeded: set[Token] = field(default_factory=set)
    heed_until: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def text_mode(self) -> bool:
        """Whether the modem knows no PDUs."""
        return self.channel.vocabulary is not PDU_WORDS

    def give_out(self, text: TextArrived) -> None:
        """Tell of a text."""
        self.events.append(text)
        self.unheeded.update(text.text.tokens)
        if self.now >= self.heed_until:  # a flood does not make it longer
            self.heed_until = self.now + HEED

    def heeds(self, now: float) -> bool:
        """Return whether the gateway still looks at what people wrote."""
        return bool(self.unheeded) and now < self.heed_until

    def sweep_soon(self) -> None:
        """Look through the memory, for the modem says that it is full; one that never stops saying so must wait."""
        due = max(self.now, self.complained + COMPLAINT_GAP)
        if due < self.sweep_due:
            self.sweep_due = self.complained = due

    def ask(self, command: Command | str) -> Script[Reply]:
        """Run one command. Raises Unresponsive when the modem does not answer, not even AT."""
        command = Command(command) if isinstance(command, str) else command
        return (yield from ask(command, self.profile.resync))

    def select(self, memory: str) -> Script[bool]:
        """Let CMGR, CMGL and CMGD work on another memory (TS 27.005, clause 3.2.2); return whether they do.

        A modem that refuses to say which memory it works on has only one.
        """
        if memory != self.memory:
            reply = yield from self.ask(Command(f'AT+CPMS="{memory}"', "+CPMS:"))
            if reply.ok:
                self.memory = memory
        return self.memory in {memory, ""}
