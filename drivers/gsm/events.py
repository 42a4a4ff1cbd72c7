"""What the modem's protocol tells the driver, and what it is given to send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drivers.gsm.pdu import StatusReport, Submit
    from drivers.gsm.reassembly import Text
    from gatewayd.driver import Outcome
    from gatewayd.hayes.script import Command


@dataclass(frozen=True, slots=True)
class Stored:
    """A message in the modem's memory."""

    memory: str
    index: int


@dataclass(frozen=True, slots=True)
class Passed:
    """A message that the modem passed on without storing it; `owed`: it waits for an acknowledgement (CNMA).

    `key` is where the line remembers it as a part of a long one.
    """

    owed: bool = False
    key: str = ""


Token = Stored | Passed


@dataclass(slots=True)
class Outgoing:
    """A message between `send_message` and its settlement; `taken` parts of it are with the network.

    `commands` are those of its parts, where they were prepared.
    """

    ref: str
    parts: tuple[Submit, ...]
    commands: tuple[Command, ...] = ()
    withdrawn: bool = False
    taken: int = 0

    @property
    def on_its_last_part(self) -> bool:
        """Whether the message is whole when the part under way arrives."""
        return self.taken == len(self.parts) - 1


@dataclass(frozen=True, slots=True)
class Ready:
    """The modem is initialised: messages may be sent. `notes` are for the log, `centre` is the service centre."""

    identity: str
    notes: tuple[str, ...] = ()
    centre: str = ""


@dataclass(frozen=True, slots=True)
class PinWanted:
    """The SIM wants its PIN; `tries` are left, None where the modem does not tell."""

    tries: int | None


@dataclass(frozen=True, slots=True)
class PinRefused:
    """The SIM did not take the PIN, or the modem did not say that it did; `detail` are its words."""

    detail: str


@dataclass(frozen=True, slots=True)
class CannotStart:
    """The modem answers but cannot be used; the reason is for people. `mendable`: a restart may help."""

    reason: str
    mendable: bool = False


@dataclass(frozen=True, slots=True)
class Silent:
    """The modem does not answer, or does nothing it is told: the driver's ladder decides what to do.

    `useless`: it answers, but sends nothing.
    """

    reason: str
    useless: bool = False


@dataclass(frozen=True, slots=True)
class CoverageSeen:
    """One look at the network: `signal` 0-31, None where unknown (TS 27.007, clause 8.5)."""

    registered: bool
    signal: int | None
    words: str


@dataclass(frozen=True, slots=True)
class PartSent:
    """One part is with the network; reports name it by `reference`."""

    ref: str
    reference: int | None


@dataclass(frozen=True, slots=True)
class MessageSettled:
    """The attempt to send a message is over. `references` are those of its parts, as far as they left."""

    ref: str
    outcome: Outcome
    detail: str
    references: tuple[int | None, ...] = ()
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """A part whose answer had been given up was sent after all."""

    ref: str
    reference: int


@dataclass(frozen=True, slots=True)
class DeviceTrouble:
    """The modem or its SIM refuses to work in a way that a person has to look at."""

    detail: str


@dataclass(frozen=True, slots=True)
class CommandAnswered:
    """What the modem said to a command that a person gave; `result` is its last word, or that there was none."""

    lines: tuple[str, ...]
    result: str


@dataclass(frozen=True, slots=True)
class TextArrived:
    """A whole text (or what came of it in time); it stays in the modem until its tokens are settled."""

    text: Text[Token]


@dataclass(frozen=True, slots=True)
class PartArrived:
    """A part of a long text that the modem did not store: remember `body` under `key`, then settle the token."""

    key: str
    body: str
    token: Token


@dataclass(frozen=True, slots=True)
class ReportArrived:
    """A delivery report; settle its token when it is recorded."""

    report: StatusReport
    token: Token


GsmEvent = (
    Ready
    | PinWanted
    | PinRefused
    | CannotStart
    | Silent
    | CoverageSeen
    | PartSent
    | MessageSettled
    | LateAnswer
    | DeviceTrouble
    | CommandAnswered
    | TextArrived
    | PartArrived
    | ReportArrived
)
