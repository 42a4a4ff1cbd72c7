"""The paging system's end of an ESPA 4.4.4 line: it is polled and selected by the control station."""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, ClassVar

from drivers.espa444.events import CallReceived, NakReason, SelfPoll
from drivers.espa444.framer import Ack, Enquiry, Eot, Nak, RawBlock
from drivers.espa444.frames import ACK, Block
from drivers.espa444.station import Station

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.espa444.events import Config
    from drivers.espa444.framer import Token

# Status blocks that wait for a poll. A panel that never polls never takes them; the newest are the ones worth keeping.
MAX_WAITING_STATUS = 32


class _State(Enum):
    IDLE = auto()  # an EOT was the last word: the next enquiry is a poll
    TURN = auto()  # some station has the line: an enquiry of us is a select
    SELECTED = auto()  # blocks come to us
    SELECTING = auto()  # we were polled, have the line, and wait for the control station to take our blocks
    SENDING = auto()  # our block waits for its answer


class PagingStation(Station):
    """Receives calls (`CallReceived`), returns status blocks when it is polled."""

    def __init__(self, config: Config, now: float) -> None:
        super().__init__(config, now)
        self._state = _State.IDLE
        self._polled_last = False
        self._waiting: deque[bytes] = deque(maxlen=MAX_WAITING_STATUS)
        self._sent = b""
        self._repeats = 0

    @property
    def waiting_status(self) -> int:
        """How many status blocks wait for a poll."""
        return len(self._waiting)

    def queue_status(self, block: Block) -> None:
        """Return `block` when the control station polls next. Raises LocalProtocolError for what no frame can carry."""
        self._waiting.append(block.to_bytes(self.config.charset))

    def _handle_token(self, token: Token, now: float) -> None:
        self._hear(self.config.peers[0], now)
        handler = self._TABLE.get((self._state, type(token)))
        if handler is not None:
            handler(self, token, now)

    # --- whose turn it is ---------------------------------------------------------------------------------------------

    def _handle_eot(self, _token: Eot, now: float) -> None:
        del now
        self._rest(_State.IDLE)

    def _handle_first_enquiry(self, token: Enquiry, now: float) -> None:
        if self.config.self_poll is SelfPoll.ABSENT:
            self._handle_later_enquiry(token, now)
        elif token.address == self.config.own:
            self._handle_poll(now)
        else:
            self._watch_turn(now)

    def _handle_later_enquiry(self, token: Enquiry, now: float) -> None:
        absent = self.config.self_poll is SelfPoll.ABSENT
        self._reception.end_turn()
        if token.address == self.config.own or (absent and not token.address):
            self._state = _State.SELECTED
            self._answer(bytes((ACK,)), now)
        else:
            self._watch_turn(now)

    def _handle_lost_turn(self, token: Enquiry, now: float) -> None:
        """Handle an enquiry while we have the line: the control station has taken it back, and its EOT was lost."""
        self._rest(_State.IDLE)
        self._handle_first_enquiry(token, now)

    def _handle_poll(self, now: float) -> None:
        if self._waiting:
            self._send_enquiry(self.config.peers[0], now)
            self._state = _State.SELECTING
            self._due = self._answer_deadline()
        else:
            self._give_line_back(now)
            self._polled_last = True

    def _watch_turn(self, now: float) -> None:
        self._state = _State.TURN
        self._due = now + self.config.watchdog

    def _give_line_back(self, now: float) -> None:
        """End our turn. Where the self-poll is optional our own EOT makes no poll of the next enquiry."""
        self._send_eot(now)
        self._rest(_State.TURN if self.config.self_poll is SelfPoll.OPTIONAL else _State.IDLE)

    def _rest(self, state: _State) -> None:
        self._state = state
        self._due = None
        self._polled_last = False
        self._repeats = 0
        self._reception.end_turn()

    def _handle_timeout(self, now: float) -> None:
        if self._state is _State.SENDING:
            self._repeat_or_give_up(now)
        elif self._state is _State.SELECTING:
            self._give_line_back(now)
        else:
            self._rest(_State.IDLE)

    # --- blocks to us -------------------------------------------------------------------------------------------------

    def _handle_block(self, token: RawBlock, now: float) -> None:
        self._state = _State.SELECTED
        self._polled_last = False
        self._take_block(token, now)

    def _handle_block_without_select(self, token: RawBlock, now: float) -> None:
        """Take a block that was sent without a select, from panels that are known to do so."""
        mode = self.config.self_poll
        if mode is SelfPoll.ABSENT or (mode is SelfPoll.OPTIONAL and self._polled_last):
            self._handle_block(token, now)

    def _hand_on(self, block: Block) -> CallReceived:
        return CallReceived(block)

    def _patience(self, now: float) -> float | None:
        """Return no deadline: only the control station decides when it stops waiting, and it says so by EOT."""
        del now
        return None

    @property
    def _is_receiving(self) -> bool:
        return self._state is _State.SELECTED

    # --- our status blocks --------------------------------------------------------------------------------------------

    def _handle_ready(self, _token: Ack, now: float) -> None:
        self._repeats = 0
        self._send_waiting(now)

    def _handle_not_ready(self, _token: Nak, now: float) -> None:
        self._give_line_back(now)

    def _handle_taken(self, _token: Ack, now: float) -> None:
        self._drop_sent()
        self._send_waiting(now)

    def _handle_refused(self, token: Nak, now: float) -> None:
        if token.prefix == NakReason.INVALID:
            self._drop_sent()
            self._send_waiting(now)
        elif token.prefix == NakReason.BUSY:
            self._give_line_back(now)
        else:
            self._repeat_or_give_up(now)

    def _repeat_or_give_up(self, now: float) -> None:
        """Transmit once more, or keep the block for the next poll."""
        if self._repeats >= self.config.retransmissions:
            self._give_line_back(now)
            return
        self._repeats += 1
        self._send_waiting(now)

    def _drop_sent(self) -> None:
        """Forget the block that was answered, unless newer ones have pushed it out meanwhile."""
        if self._waiting and self._waiting[0] is self._sent:
            self._waiting.popleft()
        self._repeats = 0

    def _send_waiting(self, now: float) -> None:
        if not self._waiting:
            self._give_line_back(now)
            return
        self._state = _State.SENDING
        self._sent = self._waiting[0]
        self._send(self._sent, now)
        self._due = self._answer_deadline()

    # A pair that is not here needs nothing done: answers on a line shared by several stations are not all for us.
    _TABLE: ClassVar[dict[tuple[_State, type], Callable[[PagingStation, Any, float], None]]] = {
        **dict.fromkeys(((state, Eot) for state in _State), _handle_eot),
        (_State.IDLE, Enquiry): _handle_first_enquiry,
        (_State.TURN, Enquiry): _handle_later_enquiry,
        (_State.SELECTED, Enquiry): _handle_later_enquiry,
        (_State.SELECTING, Enquiry): _handle_lost_turn,
        (_State.SENDING, Enquiry): _handle_lost_turn,
        (_State.IDLE, RawBlock): _handle_block_without_select,
        (_State.TURN, RawBlock): _handle_block_without_select,
        (_State.SELECTED, RawBlock): _handle_block,
        (_State.SELECTING, Ack): _handle_ready,
        (_State.SELECTING, Nak): _handle_not_ready,
        (_State.SENDING, Ack): _handle_taken,
        (_State.SENDING, Nak): _handle_refused,
    }
