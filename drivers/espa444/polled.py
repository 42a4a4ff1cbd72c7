"""The polled station's end of an ESPA 4.4.4 line: the control station asks it, and selects it."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any, ClassVar

from drivers.espa444.events import Ending, Hint, Neglected, SelfPoll, Suspicion
from drivers.espa444.framer import Ack, Enquiry, Eot, Nak, RawBlock
from drivers.espa444.frames import ACK
from drivers.espa444.silence import Attention
from drivers.espa444.station import Station
from gatewayd.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.espa444.events import Config
    from drivers.espa444.framer import Token
    from drivers.espa444.frames import Block
    from drivers.espa444.outbox import End, Outgoing


class _State(Enum):
    IDLE = auto()  # an EOT was the last word: the next enquiry is a poll
    TURN = auto()  # some station has the line: an enquiry of us is a select
    SELECTED = auto()  # blocks come to us
    SELECTING = auto()  # we were polled, have the line, and wait for the other station to take our blocks
    SENDING = auto()  # our block waits for its answer
    CLOSING = auto()  # our call was taken back: let the answer that is under way pass, then give the line back


_OURS = (_State.SELECTING, _State.SENDING, _State.CLOSING)


class PolledStation(Station):
    """Takes blocks (`BlockReceived`); sends its own when it is polled (`BlockEnded`)."""

    def __init__(self, config: Config, now: float) -> None:
        super().__init__(config, now)
        self._state = _State.IDLE
        self._attention = Attention(config, now)
        self._polled_last = False
        self._master = config.peers[0]
        self._item: Outgoing | None = None
        self._call_due: float | None = None

    def send_call(self, block: Block, now: float, station: str = "") -> None:
        """Call when the control station polls next, but not after `poll_wait`; see `Station.send_call`."""
        super().send_call(block, now, station)
        self._call_due = now + self.config.poll_wait

    def cancel_call(self) -> None:
        """Take the call back; we give the line back once what was sent has been answered."""
        call, self._outbox.call = self._outbox.call, None
        self._call_due = None
        if call is not None and call is self._item:
            self._item = None
            self._state = _State.CLOSING

    def _offer(self, now: float) -> None:
        """Wait for the next poll."""

    def _handle_token(self, token: Token, now: float) -> None:
        self._hear(self.config.peers[0], now)
        if isinstance(token, Enquiry) and (asked := self._attention.hear(token.address, now)) is not None:
            self._events.append(Neglected(asked))
        self.counts["naks"] += isinstance(token, Nak) and self._state in _OURS
        handler = self._TABLE.get((self._state, type(token)))
        if handler is not None:
            handler(self, token, now)

    def handle_timer(self, now: float) -> None:
        """Act on every deadline that has passed."""
        super().handle_timer(now)
        if self._call_due is not None and now >= self._call_due:
            self._give_call_up(now)

    def _give_call_up(self, now: float) -> None:
        """End a call that waited too long for a poll; one that is on the line comes to its own end."""
        call, self._call_due = self._outbox.call, None
        if call is None:
            return
        if call is self._item:
            self._call_due = now + self.config.watchdog
        else:
            self._settle(call, (Ending.NOT_READY, f"nobody polled us for {self.config.poll_wait:g} s"), now)

    # --- whose turn it is ---------------------------------------------------------------------------------------------

    def _handle_eot(self, _token: Eot, now: float) -> None:
        self._break_off(now)
        self._rest(_State.IDLE)

    def _handle_first_enquiry(self, token: Enquiry, now: float) -> None:
        self._master = token.address
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
        self._break_off(now)
        self._rest(_State.IDLE)
        self._handle_first_enquiry(token, now)

    def _handle_poll(self, now: float) -> None:
        item = self._outbox.next(now)
        if item is not None:
            self._select(item, now)
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
        self._item = None
        self._reception.end_turn()

    def _handle_timeout(self, now: float) -> None:
        if self._state is _State.SENDING:
            item = self._the_item()
            self._repeat_or_end(item, item.unanswered(self._most_transmissions), now)
        elif self._state in _OURS:
            self._break_off(now)
            self._give_line_back(now)
        else:
            self._rest(_State.IDLE)

    # --- blocks to us -------------------------------------------------------------------------------------------------

    def _handle_block(self, token: RawBlock, now: float) -> None:
        self._state = _State.SELECTED
        self._polled_last = False
        self._take_block(token, now)

    def _handle_block_without_select(self, token: RawBlock, now: float) -> None:
        """Take a block that was sent without a select, from panels that are known to do so.

        In another station's turn it is for somebody else; after an EOT it is for nobody, so it may well be for us.
        """
        mode = self.config.self_poll
        if mode is SelfPoll.ABSENT or (mode is SelfPoll.OPTIONAL and self._polled_last):
            self._handle_block(token, now)
        elif token.good and self._state is _State.IDLE:
            self._events.append(Suspicion(Hint.BLOCK_UNASKED))

    @property
    def _sender(self) -> str:
        """Return who has the turn: the station that was polled. Without one it is the one that we know."""
        return self._master if self._master in self.config.peers else self.config.peers[0]

    def _patience(self, now: float) -> float | None:
        """Return no deadline: only the control station decides when it stops waiting, and it says so by EOT."""
        del now
        return None

    @property
    def _is_receiving(self) -> bool:
        return self._state is _State.SELECTED

    # --- our blocks ---------------------------------------------------------------------------------------------------

    def _select(self, item: Outgoing, now: float) -> None:
        self._item = item
        self._count_select(item)
        self._send_enquiry(item.station, now)
        self._state = _State.SELECTING
        self._due = self._answer_deadline()

    def _transmit(self, item: Outgoing, now: float) -> None:
        self._item = item
        self._state = _State.SENDING
        self._send_block(item, now)

    def _handle_ready(self, _token: Ack, now: float) -> None:
        self._transmit(self._the_item(), now)

    def _handle_not_ready(self, token: Nak, now: float) -> None:
        self._settle(self._the_item(), self._the_item().select_refused(token), now)
        self._give_line_back(now)

    def _handle_taken(self, _token: Ack, now: float) -> None:
        self._end((Ending.TAKEN, ""), now)

    def _handle_refused(self, token: Nak, now: float) -> None:
        item = self._the_item()
        self._repeat_or_end(item, item.refused(token, self._most_transmissions), now)

    def _repeat_or_end(self, item: Outgoing, end: End | None, now: float) -> None:
        if end is None:
            self._transmit(item, now)
        else:
            self._end(end, now)

    def _end(self, end: End, now: float) -> None:
        """Note how a block ended. The same station may take the next one in this turn, if it takes blocks at all."""
        item = self._the_item()
        self._settle(item, end, now)
        following = self._outbox.next(now) if end[0] in (Ending.TAKEN, Ending.INVALID) else None
        if following is not None and following.station == item.station:
            self._transmit(following, now)
        else:
            self._give_line_back(now)

    def _break_off(self, now: float) -> None:
        """Note that our turn was ended from outside: a call gets another poll, as often as it is transmitted."""
        item = self._item
        if item is None:
            return
        if self._state is _State.SENDING:
            end = item.unanswered(self._most_transmissions)
        else:
            end = item.select_unanswered(self._most_transmissions)
        if end is not None:
            self._settle(item, end, now)

    def _handle_end_of_closing(self, _token: Token, now: float) -> None:
        self._give_line_back(now)

    def _the_item(self) -> Outgoing:
        if self._item is None:
            raise LocalProtocolError(f"no block in state {self._state}")
        return self._item

    def _deadlines(self) -> list[float | None]:
        return [*super()._deadlines(), self._call_due]

    # A pair that is not here needs nothing done: answers on a line shared by several stations are not all for us.
    _TABLE: ClassVar[dict[tuple[_State, type], Callable[[PolledStation, Any, float], None]]] = {
        **dict.fromkeys(((state, Eot) for state in _State), _handle_eot),
        (_State.IDLE, Enquiry): _handle_first_enquiry,
        (_State.TURN, Enquiry): _handle_later_enquiry,
        (_State.SELECTED, Enquiry): _handle_later_enquiry,
        (_State.SELECTING, Enquiry): _handle_lost_turn,
        (_State.SENDING, Enquiry): _handle_lost_turn,
        (_State.CLOSING, Enquiry): _handle_lost_turn,
        (_State.IDLE, RawBlock): _handle_block_without_select,
        (_State.TURN, RawBlock): _handle_block_without_select,
        (_State.SELECTED, RawBlock): _handle_block,
        (_State.SELECTING, Ack): _handle_ready,
        (_State.SELECTING, Nak): _handle_not_ready,
        (_State.SENDING, Ack): _handle_taken,
        (_State.SENDING, Nak): _handle_refused,
        (_State.CLOSING, Ack): _handle_end_of_closing,
        (_State.CLOSING, Nak): _handle_end_of_closing,
    }
