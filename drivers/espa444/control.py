"""The control station's end of an ESPA 4.4.4 line: it owns the line, calls, and polls the other stations."""

from __future__ import annotations

from enum import Enum, auto
from itertools import cycle
from typing import TYPE_CHECKING, Any, ClassVar

from drivers.espa444.events import CallEnded, Ending, NakReason, SelfPoll, StatusReceived
from drivers.espa444.framer import Ack, Enquiry, Eot, Nak, RawBlock
from drivers.espa444.frames import ACK
from drivers.espa444.station import Station
from gatewayd.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.espa444.events import Config
    from drivers.espa444.framer import Token
    from drivers.espa444.frames import Block


class _State(Enum):
    IDLE = auto()  # the line is ours and quiet
    POLLING = auto()  # a station was polled: it ends the turn or selects us
    RECEIVING = auto()  # blocks come to us
    SELECTING = auto()  # the station that is called has to say that it is ready
    SENDING = auto()  # our block waits for its answer
    CLOSING = auto()  # our call was taken back: let the answer that is under way pass, then end the turn


class _Call:
    """A call that has to be made: its frame, and what happened so far."""

    def __init__(self, block: Block, frame: bytes) -> None:
        self.block = block
        self.frame = frame
        self.selects = 0
        self.transmissions = 0
        self.unanswered = 0
        self.saw_eot = False


class ControlStation(Station):
    """Makes one call at a time (`CallEnded`); takes status blocks (`StatusReceived`) from whom it polls."""

    def __init__(self, config: Config, now: float) -> None:
        super().__init__(config, now)
        self._state = _State.IDLE
        self._call: _Call | None = None
        self._partner = config.peers[0]
        self._round = cycle(config.peers)
        self._poll_due = now if config.poll_interval else None

    def send_call(self, block: Block, now: float) -> None:
        """Call the first peer; the answer is a `CallEnded`.

        Raises LocalProtocolError while another call is under way, or for what no frame can carry.
        """
        if self._call is not None:
            raise LocalProtocolError("another call is under way")
        self._call = _Call(block, block.to_bytes(self.config.charset))
        if self._state is _State.IDLE:
            self._open_call(self._call, now)

    def cancel_call(self) -> None:
        """Take the call back: no `CallEnded`, nothing more of it on the line, and an EOT where its turn has begun.

        What was sent is still being answered; the EOT waits for that: the answer must not be taken for the next call's.
        """
        self._call = None
        if self._state in (_State.SELECTING, _State.SENDING):
            self._state = _State.CLOSING

    def _handle_token(self, token: Token, now: float) -> None:
        if self._state is not _State.IDLE:
            self._hear(self._partner, now)
        handler = self._TABLE.get((self._state, type(token)))
        if handler is not None:
            handler(self, token, now)

    def _handle_timeout(self, now: float) -> None:
        if self._state is _State.SELECTING:
            self._handle_no_select_answer(now)
        elif self._state is _State.SENDING:
            self._handle_no_block_answer(now)
        else:
            self._take_line_back(now)

    def handle_timer(self, now: float) -> None:
        """Act on every deadline that has passed."""
        super().handle_timer(now)
        if self._poll_due is not None and now >= self._poll_due:
            self._poll(now)

    # --- turns --------------------------------------------------------------------------------------------------------

    def _take_line_back(self, now: float) -> None:
        """End the turn by EOT: the specification's watchdog, or a turn of our own that is over."""
        self._send_eot(now)
        self._rest(now)

    def _rest(self, now: float) -> None:
        self._state = _State.IDLE
        self._due = None
        self._reception.end_turn()
        if self._call is not None:
            self._open_call(self._call, now)
        elif self.config.poll_interval:
            self._poll_due = now + self.config.poll_interval

    def _handle_end_of_turn(self, _token: Eot, now: float) -> None:
        self._rest(now)

    def _handle_end_of_closing(self, _token: Token, now: float) -> None:
        self._take_line_back(now)

    # --- polls --------------------------------------------------------------------------------------------------------

    def _poll(self, now: float) -> None:
        self._partner = next(self._round)
        self._poll_due = None
        self._send_eot(now)
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

    def _hand_on(self, block: Block) -> StatusReceived:
        return StatusReceived(block)

    def _patience(self, now: float) -> float | None:
        """Return the watchdog: calls must go out even if a status cannot be recorded."""
        return now + self.config.watchdog

    @property
    def _is_receiving(self) -> bool:
        return self._state is _State.RECEIVING

    # --- our call -----------------------------------------------------------------------------------------------------

    def _open_call(self, call: _Call, now: float) -> None:
        """Poll ourselves, which nobody answers, then select: that is how the other side knows a select from a poll."""
        self._poll_due = None
        self._partner = self.config.peers[0]
        call.selects += 1
        self._send_eot(now)
        if self.config.self_poll is not SelfPoll.ABSENT:
            self._send_enquiry(self.config.own, now)
        self._send_enquiry(self._partner, now)
        self._state = _State.SELECTING
        self._due = self._answer_deadline()

    def _transmit(self, now: float) -> None:
        call = self._the_call()
        call.transmissions += 1
        self._state = _State.SENDING
        self._send(call.frame, now)
        self._due = self._answer_deadline()

    def _handle_ready(self, _token: Ack, now: float) -> None:
        self._transmit(now)

    def _handle_select_refused(self, token: Nak, now: float) -> None:
        self._end_call(Ending.BUSY, f"the select was refused by {_describe(token)}", now)

    def _handle_no_select_answer(self, now: float) -> None:
        call = self._the_call()
        if call.selects <= self.config.retransmissions:
            self._open_call(call, now)
        elif call.saw_eot:
            self._end_call(
                Ending.NOT_READY, "the select was answered by EOT, as if it were a poll: check self_poll", now
            )
        else:
            self._end_call(Ending.NOT_READY, f"station {self._partner} did not answer {call.selects} selects", now)

    def _handle_stray_eot(self, _token: Eot, _now: float) -> None:
        """Ignore it: some stations send one after their last ACK, when our next turn may have begun."""
        self._the_call().saw_eot = True

    def _handle_taken(self, _token: Ack, now: float) -> None:
        self._end_call(Ending.TAKEN, "", now)

    def _handle_block_refused(self, token: Nak, now: float) -> None:
        call = self._the_call()
        if token.prefix == NakReason.INVALID:
            self._end_call(Ending.INVALID, "the call was refused as not understood (3 NAK)", now)
        elif token.prefix == NakReason.BUSY:
            self._end_call(Ending.BUSY, "the call was refused as busy (2 NAK)", now)
        elif call.transmissions <= self.config.retransmissions:
            self._transmit(now)
        elif call.unanswered:
            self._end_call(Ending.UNANSWERED, f"{call.unanswered} transmissions were not answered, then refused", now)
        else:
            self._end_call(
                Ending.GARBLED, f"{call.transmissions} transmissions were refused by {_describe(token)}", now
            )

    def _handle_no_block_answer(self, now: float) -> None:
        call = self._the_call()
        call.unanswered += 1
        if call.transmissions <= self.config.retransmissions:
            self._transmit(now)
        else:
            self._end_call(Ending.UNANSWERED, f"the last of {call.transmissions} transmissions was not answered", now)

    def _end_call(self, ending: Ending, detail: str, now: float) -> None:
        self._events.append(CallEnded(self._the_call().block, ending, detail))
        self._call = None
        self._take_line_back(now)

    def _the_call(self) -> _Call:
        if self._call is None:
            raise LocalProtocolError(f"no call in state {self._state}")
        return self._call

    def _deadlines(self) -> list[float | None]:
        return [*super()._deadlines(), self._poll_due]

    # A pair that is not here needs nothing done: it is noise, or too late to matter.
    _TABLE: ClassVar[dict[tuple[_State, type], Callable[[ControlStation, Any, float], None]]] = {
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
        (_State.SENDING, Nak): _handle_block_refused,
        (_State.CLOSING, Ack): _handle_end_of_closing,
        (_State.CLOSING, Nak): _handle_end_of_closing,
    }


def _describe(token: Nak) -> str:
    return f"{token.prefix} NAK".strip()
