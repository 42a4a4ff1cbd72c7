"""Blocks that wait for a decision, and copies of blocks whose answer was lost. The protocol numbers no blocks."""

from __future__ import annotations

from enum import Enum, auto

from gatewayd.errors import LocalProtocolError

_Sent = tuple[str, bytes]  # who sent a block, and what stood in it


class Verdict(Enum):
    """What to do with a good block."""

    NEW = auto()  # hand it on and wait for the decision
    WAIT = auto()  # a copy of the one under decision: the decision will answer both
    AGAIN = auto()  # a copy of one that was acknowledged: acknowledge it again
    BUSY = auto()  # another one is still under decision


class Reception:
    """At most one block is under decision, and a decision that nobody waits for any more is not sent.

    It could be taken for the answer to another block. The sender that was never told repeats its block; that copy is
    acknowledged without handing it on again, for `copy_window` seconds. Not for longer: a panel may repeat an alarm
    that a person has ended meanwhile.
    """

    def __init__(self, copy_window: float) -> None:
        self._copy_window = copy_window
        self._undecided: _Sent | None = None
        self._sender_waits = False
        self._accepted: _Sent | None = None
        self._accepted_until = 0.0
        self._told = False

    def take(self, station: str, content: bytes, now: float) -> Verdict:
        """Judge a good block that has just arrived; the same from another station is another block."""
        sent = (station, content)
        if self._undecided is not None:
            self._sender_waits = sent == self._undecided
            return Verdict.WAIT if self._sender_waits else Verdict.BUSY
        if sent == self._accepted and now <= self._accepted_until:
            self._told = True
            return Verdict.AGAIN
        self._undecided = sent
        self._sender_waits = True
        return Verdict.NEW

    def end_turn(self) -> None:
        """Note that the sender gave the line back: it waits no more, and what it was told is settled."""
        self._sender_waits = False
        if self._told:
            self._accepted = None

    def decide(self, now: float, *, accepted: bool) -> bool:
        """End the decision; return whether the sender waits for it. Raises LocalProtocolError when there is none."""
        if self._undecided is None:
            raise LocalProtocolError("no block waits for a decision")
        sent, self._undecided = self._undecided, None
        self._told, self._sender_waits = self._sender_waits, False
        self._accepted = sent if accepted else None
        self._accepted_until = now + self._copy_window
        return self._told
