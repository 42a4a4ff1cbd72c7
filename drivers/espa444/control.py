"""The control station's end of an ESPA 4.4.4 line: it owns the line, calls, and polls the other stations."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any, ClassVar

from drivers.espa444.events import Ending, Hint, Select, SelfPoll, Suspicion
from drivers.espa444.framer import Ack, Enquiry, Eot, Nak, RawBlock
from drivers.espa444.frames import ACK
from drivers.espa444.outbox import STATUS_PAUSE
from drivers.espa444.rota import Rota
from drivers.espa444.station import Station
from gatewayd.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.espa444.events import Config
    from drivers.espa444.framer import Token
    from drivers.espa444.outbox import End, Outgoing


class _State(Enum):
    IDLE = auto()  # the line is ours and quiet
    PAUSING = auto()  # our EOT is out; the others get time to take note of it
    POLLING = auto()  # a station was polled: it ends the turn or selects us
    RECEIVING = auto()  # blocks come to us
    SELECTING = auto()  # the station that our block is for has to say that it is ready
    SENDING = auto()  # our block waits for its answer
    HOLDING = auto()  # our block was taken; the next one for the same station may follow without another select
    CLOSING = auto()  # our call was taken back: let the answer that is under way pass, then end the turn


class ControlStation(Station):
    """Polls the others and takes their blocks (`BlockReceived`); sends one block at a time (`BlockEnded`)."""

    def __init__(self, config: Config, now: float) -> None:
        super().__init__(config, now)
        self._state = _State.IDLE
        self._item: Outgoing | None = None
        self._partner = config.peers[0]
        self._wondering_until = now
        self._follows = False  # whether our block came behind another one, without a select
        self._one_a_turn: set[str] = set()
        self._rota = Rota(config.peers, config.absent_interval)
        self._status_pause = STATUS_PAUSE
        self._poll_pause = config.poll_interval / len(config.peers)
        self._poll_due = now if config.poll_interval else None

    def free_line(self, now: float) -> None:
        """Send the EOT that ends a turn, where none is under way: it disturbs nobody, and shows whether bytes leave."""
        if self._state is _State.IDLE:
            self._take_line_back(now)

    def cancel_call(self) -> None:
        """Take the call back; the EOT waits for the answer to what was sent."""
        call, self._outbox.call = self._outbox.call, None
        if call is not None and call is self._item:
            self._item = None
            self._state = _State.CLOSING

    def _offer(self, now: float) -> None:
        if self._state is _State.IDLE:
            self._send_next(now)
        elif self._state is _State.HOLDING:
            self._follow_up(now)

    def _follow_up(self, now: float) -> None:
        """Send what has come for the station that holds ready; what is for another one needs a turn of its own."""
        item = self._outbox.next(now)
        if item is not None and item.station == self._partner:
            self._item = item
            self._follows = True
            self._transmit(item, now)
        elif item is not None:
            self._take_line_back(now)

    def _send_next(self, now: float) -> bool:
        """Open a turn of our own if a block waits for one."""
        item = self._outbox.next(now)
        if item is not None:
            self._open(item, now)
        return item is not None

    def _handle_token(self, token: Token, now: float) -> None:
        if self._state not in (_State.IDLE, _State.PAUSING):
            self._hear(self._partner, now)
            self._rota.answered(self._partner)
            self.counts["naks"] += isinstance(token, Nak)
        handler = self._TABLE.get((self._state, type(token)))
        if handler is not None:
            handler(self, token, now)

    def _handle_timeout(self, now: float) -> None:
        if self._state is _State.PAUSING:
            self._enquire(now)
        elif self._state is _State.SELECTING:
            self._handle_no_select_answer(now)
        elif self._state is _State.SENDING:
            self._handle_no_block_answer(now)
        else:
            if self._state is _State.POLLING:
                self._rota.missed(self._partner, now)
            self._take_line_back(now)

    def handle_timer(self, now: float) -> None:
        """Act on every deadline that has passed."""
        super().handle_timer(now)
        if self._state is _State.IDLE and not self._send_next(now) and self._poll_due is not None:
            self._poll_if_due(self._poll_due, now)

    # --- turns --------------------------------------------------------------------------------------------------------

    def _take_line_back(self, now: float) -> None:
        """End the turn by EOT: the specification's watchdog, or a turn of our own that is over."""
        self._send_eot(now)
        self._rest(now)

    def _rest(self, now: float) -> None:
        self._state = _State.IDLE
        self._due = None
        self._item = None
        self._reception.end_turn()
        if not self._send_next(now) and self._poll_pause:
            self._poll_due = now + self._poll_pause

    def _begin_turn(self, now: float) -> None:
        """Send the EOT that every turn begins with, and give those that are slow to hear it some time."""
        self._poll_due = None
        self._send_eot(now)
        if self.config.eot_pause:
            self._state = _State.PAUSING
            self._due = self._line_free + self.config.eot_pause
        else:
            self._enquire(now)

    def _enquire(self, now: float) -> None:
        if self._item is None:
            self._ask(now)
        else:
            self._select(self._item, now)

    def _handle_end_of_turn(self, _token: Eot, now: float) -> None:
        self._rest(now)

    def _handle_end_of_closing(self, _token: Token, now: float) -> None:
        self._take_line_back(now)

    # --- polls --------------------------------------------------------------------------------------------------------

    def _poll_if_due(self, due: float, now: float) -> None:
        if now < due:
            return
        self._partner = self._rota.next(now)
        self._begin_turn(now)

    def _ask(self, now: float) -> None:
        self._send_enquiry(self._partner, now)
        self._state = _State.POLLING
        self._due = self._answer_deadline()

    def _handle_select_of_us(self, token: Enquiry, now: float) -> None:
        """Make ready for blocks; an enquiry of another station is between those two, within the watchdog."""
        self._reception.end_turn()
        if token.address in (self.config.own, ""):
            self._state = _State.RECEIVING
            self._answer(bytes((ACK,)), now)
        else:
            self._due = now + self.config.watchdog

    def _handle_odd_poll_answer(self, _token: Token, now: float) -> None:
        """End the turn of a station that answers a poll by ACK or NAK: it lives, and has nothing to send."""
        self._take_line_back(now)

    def _handle_block(self, token: RawBlock, now: float) -> None:
        self._state = _State.RECEIVING
        self._take_block(token, now)

    @property
    def _sender(self) -> str:
        return self._partner

    def _patience(self, now: float) -> float | None:
        """Return the watchdog: calls must go out even if a status cannot be recorded."""
        return now + self.config.watchdog

    @property
    def _is_receiving(self) -> bool:
        return self._state is _State.RECEIVING

    # --- our blocks ---------------------------------------------------------------------------------------------------

    def _open(self, item: Outgoing, now: float) -> None:
        self._item = item
        self._follows = False
        self._partner = item.station
        self._count_select(item)
        self._begin_turn(now)

    def _select(self, item: Outgoing, now: float) -> None:
        """Poll ourselves, which nobody answers, then select: that is how the other side knows a select from a poll."""
        if self.config.self_poll is not SelfPoll.ABSENT:
            self._send_enquiry(self.config.own, now)
        if self.config.select is Select.NONE:
            self._transmit(item, now)
            return
        self._send_enquiry("" if self.config.select is Select.BARE else item.station, now)
        self._state = _State.SELECTING
        self._due = self._answer_deadline()

    def _transmit(self, item: Outgoing, now: float) -> None:
        self._state = _State.SENDING
        self._send_block(item, now)

    def _handle_ready(self, _token: Ack, now: float) -> None:
        self._transmit(self._the_item(), now)

    def _handle_select_refused(self, token: Nak, now: float) -> None:
        self._end(self._the_item().select_refused(token), now)

    def _handle_no_select_answer(self, now: float) -> None:
        """Select again; a station that leaves polls unanswered too gets no second one, or it would hold up the rest."""
        item = self._the_item()
        end = item.select_unanswered(1 if self._rota.is_absent(item.station) else self._most_transmissions)
        if end is None:
            self._open(item, now)
        else:
            self._end(end, now)

    def _handle_stray_eot(self, _token: Eot, _now: float) -> None:
        """Ignore it: some stations send one after their last ACK, when our next turn may have begun."""
        self._the_item().saw_eot = True

    def _handle_taken(self, _token: Ack, now: float) -> None:
        self._settle(self._the_item(), (Ending.TAKEN, ""), now)
        if self.config.hold_turn and self._partner not in self._one_a_turn:
            self._item = None
            self._state = _State.HOLDING
            self._due = now + self.config.hold_turn
            self._follow_up(now)
        else:
            self._take_line_back(now)
            self._wondering_until = self._line_free + self.config.ack_timeout

    def _handle_end_of_holding(self, _token: Token, now: float) -> None:
        """Take the hint of a station that says more than ACK: it has ended the turn itself."""
        self._one_a_turn.add(self._partner)
        self._take_line_back(now)

    def _handle_eot_for_block(self, _token: Eot, now: float) -> None:
        """Select again for a block that followed another: its station had ended the turn. Else it is a stray EOT."""
        if self._follows:
            self._select_after_all(self._the_item(), now)

    def _select_after_all(self, item: Outgoing, now: float) -> None:
        """Give up sending several blocks in one turn to a station that does not answer the second."""
        self._one_a_turn.add(item.station)
        self._open(item, now)

    def _handle_second_ack(self, _token: Ack, now: float) -> None:
        """Wonder why a block that was taken is acknowledged again: the first ACK may have been for the self-poll."""
        if now < self._wondering_until and self.config.self_poll is not SelfPoll.ABSENT:
            self._events.append(Suspicion(Hint.SELF_POLL_ANSWERED))

    def _handle_block_refused(self, token: Nak, now: float) -> None:
        item = self._the_item()
        self._repeat_or_end(item, item.refused(token, self._most_transmissions), now)

    def _handle_no_block_answer(self, now: float) -> None:
        item = self._the_item()
        end = item.unanswered(self._most_transmissions)
        if self._follows and end is None:
            self._select_after_all(item, now)
        else:
            self._repeat_or_end(item, end, now)

    def _repeat_or_end(self, item: Outgoing, end: End | None, now: float) -> None:
        if end is None:
            self._transmit(item, now)
        else:
            self._end(end, now)

    def _end(self, end: End, now: float) -> None:
        self._settle(self._the_item(), end, now)
        self._take_line_back(now)

    def _the_item(self) -> Outgoing:
        if self._item is None:
            raise LocalProtocolError(f"no block in state {self._state}")
        return self._item

    def _deadlines(self) -> list[float | None]:
        waiting = self._outbox.next_due() if self._state is _State.IDLE else None
        return [*super()._deadlines(), self._poll_due, waiting]

    # A pair that is not here needs nothing done: it is noise, or too late to matter.
    _TABLE: ClassVar[dict[tuple[_State, type], Callable[[ControlStation, Any, float], None]]] = {
        (_State.IDLE, Ack): _handle_second_ack,
        (_State.POLLING, Eot): _handle_end_of_turn,
        (_State.POLLING, Enquiry): _handle_select_of_us,
        (_State.POLLING, Ack): _handle_odd_poll_answer,
        (_State.POLLING, Nak): _handle_odd_poll_answer,
        (_State.POLLING, RawBlock): _handle_block,
        (_State.RECEIVING, Enquiry): _handle_select_of_us,
        (_State.RECEIVING, RawBlock): _handle_block,
        (_State.RECEIVING, Eot): _handle_end_of_turn,
        (_State.SELECTING, Ack): _handle_ready,
        (_State.SELECTING, Nak): _handle_select_refused,
        (_State.SELECTING, Eot): _handle_stray_eot,
        (_State.SENDING, Ack): _handle_taken,
        (_State.SENDING, Eot): _handle_eot_for_block,
        (_State.HOLDING, Eot): _handle_end_of_holding,
        (_State.HOLDING, Nak): _handle_end_of_holding,
        (_State.SENDING, Nak): _handle_block_refused,
        (_State.CLOSING, Ack): _handle_end_of_closing,
        (_State.CLOSING, Nak): _handle_end_of_closing,
    }
