"""What both kinds of station do alike: take blocks, keep deadlines, write to the line."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING

from drivers.espa444.events import BlockRefused, LinkRestored, LinkSilent, NakReason, Noise
from drivers.espa444.framer import Framer
from drivers.espa444.frames import ACK, ENQ, EOT, NAK, Block
from drivers.espa444.reception import Reception, Verdict
from drivers.espa444.silence import Silence
from gatewayd.errors import RemoteProtocolError

if TYPE_CHECKING:
    from drivers.espa444.events import CallReceived, Config, Event, StatusReceived
    from drivers.espa444.framer import RawBlock, Token


class Station(ABC):
    """One station on the line, without any input or output of its own."""

    def __init__(self, config: Config, now: float) -> None:
        self.config = config
        self._framer = Framer(config.charset, check_bcc=config.check_bcc)
        self._reception = Reception(config.watchdog)
        self._silences = {peer: Silence(peer, config, now) for peer in config.peers}
        self._out = bytearray()
        self._line_free = now
        self._events: deque[Event] = deque()
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

    # --- what the two kinds do differently ----------------------------------------------------------------------------

    @abstractmethod
    def _handle_token(self, token: Token, now: float) -> None:
        """Act on one token."""

    @abstractmethod
    def _handle_timeout(self, now: float) -> None:
        """Act on the deadline of the present state."""

    @abstractmethod
    def _hand_on(self, block: Block) -> CallReceived | StatusReceived:
        """Return the event for a new good block."""

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
        verdict = self._reception.take(token.content, now)
        if verdict is Verdict.AGAIN:
            self._answer(bytes((ACK,)), now)
        elif verdict is Verdict.BUSY:
            self._refuse_block(NakReason.BUSY, "the block before is not recorded yet", now)
        else:
            self._due = self._patience(now)
        if verdict is Verdict.NEW:
            self._events.append(self._hand_on(block))

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
        """Return until when the answer to what was sent last has to begin: slow lines are still sending it."""
        return self._line_free + self.config.ack_timeout

    def _deadlines(self) -> list[float | None]:
        return [self._due, self._gap_due, *(silence.due for silence in self._silences.values())]

    def _hear(self, station: str, now: float) -> None:
        silence = self._silences.get(station)
        if silence is not None and silence.hear(now):
            self._events.append(LinkRestored(station))
