"""What both kinds of station do alike: take blocks, keep deadlines, write to the line."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, deque
from typing import TYPE_CHECKING

from drivers.espa444.events import (
    Bcc,
    BlockEnded,
    BlockReceived,
    BlockRefused,
    Ending,
    LinkRestored,
    LinkSilent,
    NakReason,
    Noise,
)
from drivers.espa444.framer import Framer
from drivers.espa444.frames import ACK, ENQ, EOT, NAK, Block
from drivers.espa444.outbox import Outbox, Outgoing
from drivers.espa444.reception import Reception, Verdict
from drivers.espa444.silence import Silence
from gatewayd.errors import RemoteProtocolError

if TYPE_CHECKING:
    from drivers.espa444.events import Config, Event
    from drivers.espa444.framer import RawBlock, Token
    from drivers.espa444.outbox import End


class Station(ABC):
    """One station on the line, without any input or output of its own.

    `counts` has our blocks (`frames`), what was said again (`retries`) or refused (`naks`) since it was cleared.
    """

    def __init__(self, config: Config, now: float) -> None:
        self.config = config
        self._framer = Framer(config.charset, config.bcc)
        self._reception = Reception(config.watchdog)
        self._outbox = Outbox()
        self._status_pause = 0.0
        self._silences = {peer: Silence(peer, config, now) for peer in config.peers}
        self._out = bytearray()
        self._line_free = now
        self._events: deque[Event] = deque()
        self.counts: Counter[str] = Counter()
        self._due: float | None = None
        self._gap_due: float | None = None

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the wire."""
        for token in self._framer.feed(data):
            self._handle_token(token, now)
        self._gap_due = now + self.config.gap_timeout if self._framer.in_block else None
        if self._framer.in_good_block and self._due is not None and self._gap_due is not None:
            self._due = max(self._due, self._gap_due)
        if self._framer.noise:
            self._events.append(Noise(self._framer.noise))
            self._framer.noise = 0

    def data_to_send(self) -> bytes:
        """Return, and forget, the bytes that have to go out."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event(self) -> Event | None:
        """Return the next thing that happened, or None."""
        return self._events.popleft() if self._events else None

    def get_timer(self) -> float | None:
        """Return the earliest deadline."""
        return min((due for due in self._deadlines() if due is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Act on every deadline that has passed."""
        for silence in self._silences.values():
            if silence.check(now):
                self._events.append(LinkSilent(silence.station))
        if self._gap_due is not None and now >= self._gap_due:
            self._handle_gap(now)
        if self._due is not None and now >= self._due:
            self._due = None
            self._handle_timeout(now)

    def accept_block(self, now: float) -> None:
        """Acknowledge the block that was handed on last; it is safe. Raises LocalProtocolError when there is none."""
        if self._reception.decide(now, accepted=True):
            self._answer(bytes((ACK,)), now)

    def reject_block(self, reason: NakReason, now: float) -> None:
        """Refuse the block that was handed on last. Raises LocalProtocolError when there is none."""
        if self._reception.decide(now, accepted=False):
            self._refuse(reason, now)

    # --- what we have to send -----------------------------------------------------------------------------------------

    def send_call(self, block: Block, now: float, station: str = "") -> None:
        """Call a station, the first of the peers unless named; a `BlockEnded` tells how it ended.

        Raises LocalProtocolError while another call is under way, or for what no frame can carry.
        """
        self._outbox.put_call(self._outgoing(block, now, station))
        self._offer(now)

    def queue_status(self, block: Block, now: float, station: str = "") -> None:
        """Send `block` when there is time for it, more than once if need be; a `BlockEnded` tells how it ended.

        Raises LocalProtocolError for what no frame can carry.
        """
        pushed_out = self._outbox.put(self._outgoing(block, now, station))
        if pushed_out is not None:
            self._events.append(BlockEnded(pushed_out.block, Ending.PUSHED_OUT, "newer ones took its place"))
        self._offer(now)

    def withdraw_status(self, block: Block) -> None:
        """Take back a status block that is not true any more, without a `BlockEnded`, unless it has left already."""
        self._outbox.withdraw(block)

    @property
    def waiting_status(self) -> int:
        """How many status blocks wait."""
        return len(self._outbox)

    @abstractmethod
    def cancel_call(self) -> None:
        """Take the call back: no `BlockEnded`, and nothing more of it on the line.

        What was sent is still being answered, and the turn ends with that: the answer must not be taken for the next
        call's.
        """

    @abstractmethod
    def _offer(self, now: float) -> None:
        """Look whether something new can be sent at once."""

    def _outgoing(self, block: Block, now: float, station: str) -> Outgoing:
        frame = block.to_bytes(self.config.charset, with_bcc=self.config.bcc is not Bcc.NONE)
        return Outgoing(block, frame, station or self.config.peers[0], now)

    def _settle(self, item: Outgoing, end: End, now: float) -> None:
        """Take note of how the turn of a block ended, and tell when that was the last of it."""
        is_call = item is self._outbox.call
        if not self._outbox.settle(item, end[0], now + self._status_pause):
            return
        self._events.append(BlockEnded(item.block, *end))
        if end[0] is Ending.NOT_READY and not is_call:
            others = self._outbox.give_up(item.station)
            self._events += [BlockEnded(other.block, Ending.NOT_READY, end[1]) for other in others]

    def _send_block(self, item: Outgoing, now: float) -> None:
        """Transmit a block, or transmit it again, and wait for its answer."""
        item.transmissions += 1
        self.counts["frames" if item.transmissions == 1 else "retries"] += 1
        self._send(item.frame, now)
        self._due = self._answer_deadline()

    def _count_select(self, item: Outgoing) -> None:
        item.selects += 1
        self.counts["retries"] += item.selects > 1

    @property
    def _most_transmissions(self) -> int:
        return 1 + self.config.retransmissions

    # --- what the two kinds do differently ----------------------------------------------------------------------------

    @abstractmethod
    def _handle_token(self, token: Token, now: float) -> None:
        """Act on one token."""

    @abstractmethod
    def _handle_timeout(self, now: float) -> None:
        """Act on the deadline of the present state."""

    @property
    @abstractmethod
    def _sender(self) -> str:
        """The station whose turn it is."""

    @abstractmethod
    def _patience(self, now: float) -> float | None:
        """Return the deadline for a decision."""

    @property
    @abstractmethod
    def _is_receiving(self) -> bool:
        """Whether the other side may send us blocks now."""

    # --- blocks -------------------------------------------------------------------------------------------------------

    def _take_block(self, token: RawBlock, now: float) -> None:
        """Judge a block that was sent to us: refuse it, repeat an answer, or hand it on and answer later."""
        if not token.good:
            self._refuse_block(NakReason.TRANSMISSION, "damaged on the way", now)
            return
        try:
            block = Block.from_bytes(token.content, self.config.charset, raw_text=self.config.raw_text)
        except RemoteProtocolError as error:
            self._refuse_block(NakReason.INVALID, str(error), now)
            return
        verdict = self._reception.take(self._sender, token.content, now)
        if verdict is Verdict.AGAIN:
            self._answer(bytes((ACK,)), now)
        elif verdict is Verdict.BUSY:
            self._refuse_block(NakReason.BUSY, "the block before is not recorded yet", now)
        else:
            self._due = self._patience(now)
        if verdict is Verdict.NEW:
            self._events.append(BlockReceived(block, self._sender))

    def _refuse_block(self, reason: NakReason, detail: str, now: float) -> None:
        self._events.append(BlockRefused(reason, detail))
        self._refuse(reason, now)

    def _refuse(self, reason: NakReason, now: float) -> None:
        self._answer(reason.encode("ascii") + bytes((NAK,)), now)

    def _answer(self, data: bytes, now: float) -> None:
        """Answer the station that has the turn, and wait for its next move."""
        self._send(data, now)
        self._due = now + self.config.watchdog

    def _handle_gap(self, now: float) -> None:
        """Give a block up that stopped half-way; its sender waits for an answer, so ask for it again at once."""
        self._gap_due = None
        self._framer.abandon()
        if self._is_receiving:
            self._refuse_block(NakReason.TRANSMISSION, "stopped half-way", now)

    # --- line ---------------------------------------------------------------------------------------------------------

    def _send(self, data: bytes, now: float) -> None:
        self._out += data
        self._line_free = max(self._line_free, now) + len(data) * self.config.char_time
        self._framer.forget_prefix()

    def _send_enquiry(self, address: str, now: float) -> None:
        self._send(address.encode("latin-1", "replace") + bytes((ENQ,)), now)

    def _send_eot(self, now: float) -> None:
        self._send(bytes((EOT,)), now)

    def _answer_deadline(self) -> float:
        """Return until when the answer to what was sent last has to be there.

        A slow line is still sending that, and it takes its time for the longest answer too: an enquiry of us.
        """
        return self._line_free + (len(self.config.own) + 1) * self.config.char_time + self.config.ack_timeout

    def _deadlines(self) -> list[float | None]:
        return [self._due, self._gap_due, *(silence.due for silence in self._silences.values())]

    def _hear(self, station: str, now: float) -> None:
        silence = self._silences.get(station)
        if silence is not None and silence.hear(now):
            self._events.append(LinkRestored(station))
