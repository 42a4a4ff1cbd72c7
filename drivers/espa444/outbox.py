"""Blocks that we have to send: what happened to each so far, and which one is next."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from drivers.espa444.events import Ending, NakReason
from gatewayd.errors import LocalProtocolError

if TYPE_CHECKING:
    from drivers.espa444.framer import Nak
    from drivers.espa444.frames import Block

# Status blocks that wait. A panel that never polls never takes them; the newest are the ones worth keeping.
MAX_WAITING = 32
# What a status block may suffer before it is given up: one that is refused gets nine turns. One that is not answered
# holds the line up for the time of an answer again and again, so that counts more.
_PATIENCE = 9
_COST = {Ending.NOT_READY: 5, Ending.UNANSWERED: 5}
STATUS_PAUSE = 1.0  # seconds between two tries of a control station, which nobody paces

End = tuple[Ending, str]


class Outgoing:
    """One block on its way to `station`. Of a call somebody waits to hear the end; a status block has time."""

    def __init__(self, block: Block, frame: bytes, station: str, due: float) -> None:
        self.block = block
        self.frame = frame
        self.station = station
        self.due = due
        self.selects = 0
        self.transmissions = 0
        self.saw_eot = False
        self._unanswered = 0
        self._patience = _PATIENCE

    def select_refused(self, token: Nak) -> End:
        """Return how a call ends whose select was answered NAK."""
        return Ending.BUSY, f"the select was refused by {_describe(token)}"

    def select_unanswered(self, most: int) -> End | None:
        """Take note that a select was not answered; return how that ends, or None to select again."""
        if self.selects < most:
            return None
        if self.saw_eot:
            return Ending.NOT_READY, "the select was answered by EOT, as if it were a poll: check self_poll"
        return Ending.NOT_READY, f"station {self.station} did not answer {self.selects} selects"

    def refused(self, token: Nak, most: int) -> End | None:
        """Take note of a NAK for the block; return how that ends, or None to transmit again."""
        if token.prefix == NakReason.INVALID:
            return Ending.INVALID, "the call was refused as not understood (3 NAK)"
        if token.prefix == NakReason.BUSY:
            return Ending.BUSY, "the call was refused as busy (2 NAK)"
        if self.transmissions < most:
            return None
        if self._unanswered:
            return Ending.UNANSWERED, f"{self._unanswered} transmissions were not answered, then refused"
        return Ending.GARBLED, f"{self.transmissions} transmissions were refused by {_describe(token)}"

    def unanswered(self, most: int) -> End | None:
        """Take note that the block was not answered; return how that ends, or None to transmit again."""
        self._unanswered += 1
        if self.transmissions < most:
            return None
        return Ending.UNANSWERED, f"the last of {self.transmissions} transmissions was not answered"

    def begin_again(self, ending: Ending, due: float) -> bool:
        """Make ready for another turn; return whether it is worth one."""
        if ending in (Ending.TAKEN, Ending.INVALID):
            return False
        self._patience -= _COST.get(ending, 1)
        self.selects = self.transmissions = self._unanswered = 0
        self.due = due
        return self._patience > 0


class Outbox:
    """The call under way, and the status blocks that wait; a call goes first."""

    def __init__(self) -> None:
        self.call: Outgoing | None = None
        self._waiting: deque[Outgoing] = deque()

    def __len__(self) -> int:
        """Return how many status blocks wait."""
        return len(self._waiting)

    def put_call(self, item: Outgoing) -> None:
        """Take the one call. Raises LocalProtocolError while there is another."""
        if self.call is not None:
            raise LocalProtocolError("another call is under way")
        self.call = item

    def put(self, item: Outgoing) -> Outgoing | None:
        """Take a status block; return the one that it pushed out, if there was no room."""
        self._waiting.append(item)
        return self._waiting.popleft() if len(self._waiting) > MAX_WAITING else None

    def withdraw(self, block: Block) -> None:
        """Take a status block back."""
        self._waiting = deque(item for item in self._waiting if item.block is not block)

    def give_up(self, station: str) -> list[Outgoing]:
        """Take out and return the status blocks that wait for a station."""
        theirs = [item for item in self._waiting if item.station == station]
        self._waiting = deque(item for item in self._waiting if item.station != station)
        return theirs

    def next(self, now: float) -> Outgoing | None:
        """Return what is to be sent now."""
        return self.call or next((item for item in self._waiting if item.due <= now), None)

    def next_due(self) -> float | None:
        """Return when a status block may be sent."""
        return min((item.due for item in self._waiting), default=None)

    def settle(self, item: Outgoing, ending: Ending, due: float) -> bool:
        """Take note of how a block's turn ended; return whether it is over: a status block gets another turn."""
        if item is self.call:
            self.call = None
            return True
        if item not in self._waiting:
            return False
        if item.begin_again(ending, due):
            return False
        self._waiting.remove(item)
        return True


def _describe(token: Nak) -> str:
    return f"{token.prefix} NAK".strip()
