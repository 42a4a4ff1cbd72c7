"""What the stations of an ESPA 4.4.4 line can be told, and what they tell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING

from drivers.espa444.charset import Charset

if TYPE_CHECKING:
    from drivers.espa444.frames import Block


class SelfPoll(StrEnum):
    """Whether the control station polls itself before it selects, which is what tells a select from a poll.

    `strict`: after an EOT of either side the first enquiry is a poll. `optional`: only after an EOT of the control
    station, and a block that follows a poll at once is taken. `absent`: nothing is a poll, every enquiry is a select,
    and a block needs none.
    """

    STRICT = "strict"
    OPTIONAL = "optional"
    ABSENT = "absent"


class Bcc(StrEnum):
    """What is made of the check character after ETX: checked, taken and overlooked, or not there at all."""

    STRICT = "strict"
    IGNORE = "ignore"
    NONE = "none"


class Select(StrEnum):
    """What a control station sends before a block: the other's address and ENQ, ENQ alone, or nothing at all."""

    ADDRESS = "address"
    BARE = "bare"
    NONE = "none"


class NakReason(StrEnum):
    """The prefix of a NAK (1984 proposal, optional)."""

    TRANSMISSION = "1"
    BUSY = "2"
    INVALID = "3"


@dataclass(frozen=True, slots=True)
class Config:
    """One station. Addresses are strings of any characters; times are seconds.

    `peers` are the stations that a control station polls, or those that exchange blocks with a polled one; blocks go to
    the first unless they are meant for another. `watchdog` is the specification's only timeout; `char_time` is how
    long one character takes on the line; `silent_after` None means that silence is normal. Every station is polled
    once in `poll_interval` (0: nobody is), an absent one once in `absent_interval`; `eot_pause` lies between an EOT and
    the enquiry behind it. A turn is held for `hold_turn` after a block was taken, in case another one follows for the
    same station. A polled station waits `poll_wait` for the poll that lets it make a call.
    """

    own: str
    peers: tuple[str, ...]
    self_poll: SelfPoll = SelfPoll.STRICT
    charset: Charset = Charset.ASCII
    bcc: Bcc = Bcc.STRICT
    select: Select = Select.ADDRESS
    raw_text: bool = False
    ack_timeout: float = 2.0
    gap_timeout: float = 3.0
    watchdog: float = 10.0
    retransmissions: int = 2
    poll_interval: float = 1.0
    absent_interval: float = 10.0
    eot_pause: float = 0.0
    hold_turn: float = 0.0
    poll_wait: float = 30.0
    silent_after: float | None = 120.0
    char_time: float = 11 / 9600


@dataclass(frozen=True, slots=True)
class BlockReceived:
    """A good block of another station, which waits for `accept_block` or `reject_block`."""

    block: Block
    station: str


class Ending(Enum):
    """How a call that the control station made has ended."""

    TAKEN = "taken"  # the block was acknowledged
    BUSY = "busy"  # the select or the block was refused: later
    INVALID = "invalid"  # the block was refused for what it says: never again
    GARBLED = "garbled"  # every transmission was refused as damaged
    NOT_READY = "not ready"  # the select was not answered, or nobody polled us: the block was never sent
    UNANSWERED = "unanswered"  # the block was sent, and no answer came: it may have been taken
    PUSHED_OUT = "pushed out"  # a status block that waited too long: newer ones took its place


@dataclass(frozen=True, slots=True)
class BlockEnded:
    """A block that we had to send is over; `detail` is for people."""

    block: Block
    ending: Ending
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LinkSilent:
    """Nothing was understood from this station for `silent_after` seconds."""

    station: str


@dataclass(frozen=True, slots=True)
class LinkRestored:
    """The station is heard: for the first time, or again after silence."""

    station: str


@dataclass(frozen=True, slots=True)
class Neglected:
    """The control station asks for `station` and has not asked for us for `silent_after` seconds; empty: it does."""

    station: str


class Hint(Enum):
    """What the other end does that shows how it has to be spoken to, in words for the installer."""

    BLOCK_UNASKED = "calls come without a select and are lost: try self_poll optional or absent"
    SELF_POLL_ANSWERED = "the self-poll is acknowledged like a select: set self_poll to absent"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """The line seems to be set up wrongly."""

    hint: Hint


@dataclass(frozen=True, slots=True)
class BlockRefused:
    """A block was answered NAK without anybody being asked."""

    reason: NakReason
    detail: str


@dataclass(frozen=True, slots=True)
class Noise:
    """So many bytes belonged to nothing."""

    count: int


Event = BlockReceived | BlockEnded | LinkSilent | LinkRestored | Neglected | Suspicion | BlockRefused | Noise
