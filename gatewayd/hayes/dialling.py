"""A modem on a telephone line: initialised, then idle, dialling or answering, in a call, hanging up. Sans-IO.

Commands follow ITU-T V.250: D (6.3.1), A (6.3.5), H (6.3.6), and `NO CARRIER` where a call breaks off. Every step is a
script; in a call the bytes belong to whoever calls `send` and takes `DataReceived`.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from math import inf

from gatewayd.hayes.calls import (
    CallFailed,
    CallSetup,
    CarrierLost,
    Connected,
    DataReceived,
    DtrWanted,
    HungUp,
    ModemReady,
    ModemSilent,
    PhoneEvent,
)
from gatewayd.hayes.channel import Channel
from gatewayd.hayes.results import RING, Result
from gatewayd.hayes.runner import Runner
from gatewayd.hayes.script import Command, Pause, Reply, Resync, Script, Unresponsive, resync

ANSWER_LIMIT = 60.0
RESET_TIME = 0.5  # seconds that a modem may need after ATZ although it has said OK
LINGER = 0.5  # seconds for the last bytes to leave before the call is ended: 60 characters at 1200 Bd
DROP_TIME = 1.0  # seconds of DTR off; S25 and V.250 6.2.8 want less
LOST = b"NO CARRIER"


class Stage(Enum):
    """Where the modem stands."""

    CLOSED = "not initialised"
    OPENING = "being initialised"
    IDLE = "on the hook"
    CALLING = "dialling or answering"
    ONLINE = "in a call"
    LEAVING = "hanging up"


class Phone:
    """One modem: a `StreamProtocol[PhoneEvent]` with `open`, `dial`, `send`, `hang_up`, `probe`.

    Whoever has the port sees to DTR when `DtrWanted` says so, and says `carrier_dropped` when DCD goes off.
    """

    def __init__(self, setup: CallSetup | None = None, manner: Resync | None = None) -> None:
        self._setup = setup or CallSetup()
        self._manner = manner or Resync()
        self._channel = Channel()
        self._runner = Runner(self._channel)
        self._number = ""  # that waits to be called
        self._events: deque[PhoneEvent] = deque()
        self._loss = LossFinder()
        self.stage = Stage.CLOSED

    # --- commands -----------------------------------------------------------------------------------------------------

    def open(self, now: float) -> None:
        """Initialise the modem; ends in ModemReady or ModemSilent."""
        self.stage = Stage.OPENING
        self._begin(self._initialise(), now)

    def probe(self, now: float) -> None:
        """Have an idle modem prove that it lives; ends in ModemReady or ModemSilent. Otherwise it is known to."""
        if self.stage is Stage.IDLE:
            self._begin(self._prove(), now)

    def dial(self, number: str, now: float) -> None:
        """Call a number as soon as the modem is free; ends in Connected, CallFailed or ModemSilent."""
        self._number = number
        self._go_on(now)

    def send(self, data: bytes) -> None:
        """Send bytes to the other end of the call; without one they are lost."""
        if self.stage is Stage.ONLINE:
            self._channel.out += data

    def hang_up(self, now: float) -> None:
        """End the call, or the attempt; ends in HungUp. Without either nothing happens."""
        self._number = ""
        if self.stage in (Stage.CALLING, Stage.ONLINE):
            self.stage = Stage.LEAVING
            self._channel.hung_up()
            self._begin(self._hang_up(), now)

    def carrier_dropped(self, now: float) -> None:
        """Take note that DCD went off in a call."""
        if self.stage is Stage.ONLINE:
            self._lose(now)

    # --- the five methods of every protocol ---------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the modem."""
        reply = self._channel.receive(data, now)
        if reply is not None:
            self._resume(reply, now)
        if self._channel.online:
            self._take_data(now)
        self._take_unsolicited(now)

    def data_to_send(self) -> bytes:
        """Return, and forget, the bytes for the modem."""
        data = bytes(self._channel.out)
        self._channel.out.clear()
        return data

    def next_event(self) -> PhoneEvent | None:
        """Return the next thing that happened, or None."""
        return self._events.popleft() if self._events else None

    def get_timer(self) -> float | None:
        """Return when something has to be done without being told."""
        return self._runner.due()

    def handle_timer(self, now: float) -> None:
        """Deal with silence, go on after a pause."""
        reply = self._runner.expire(now)
        if reply is not None:
            self._resume(reply, now)

    # --- scripts ------------------------------------------------------------------------------------------------------

    def _begin(self, script: Script[None], now: float) -> None:
        self._runner.stop()
        self._channel.expire(inf)  # whatever was asked is not waited for any more
        self._runner.begin(script)
        self._resume(None, now)

    def _resume(self, reply: Reply | None, now: float) -> None:
        try:
            self._runner.resume(reply, now)
        except Unresponsive as silence:
            self.stage = Stage.CLOSED
            self._number = ""
            self._events.append(ModemSilent(str(silence)))
        self._go_on(now)

    def _go_on(self, now: float) -> None:
        if self._number and self.stage is Stage.IDLE and not self._runner.busy:
            number, self._number = self._number, ""
            self.stage = Stage.CALLING
            how = "P" if self._setup.pulse else "T"
            self._begin(self._call(Command(f"ATD{how}{number}", timeout=self._setup.dial_limit, dials=True)), now)

    def _initialise(self) -> Script[None]:
        yield from resync(self._manner)
        notes = []
        for command in self._setup.init:
            reply = yield Command(command)
            if reply.timed_out:
                yield from resync(self._manner)
            if not reply.ok:
                notes.append(command)
            if command.upper().startswith("ATZ"):
                yield Pause(RESET_TIME)
        self.stage = Stage.IDLE
        self._events.append(ModemReady(tuple(notes)))

    def _prove(self) -> Script[None]:
        yield from resync(self._manner)
        self._events.append(ModemReady())

    def _call(self, command: Command) -> Script[None]:
        reply = yield command
        if reply.result is Result.CONNECT:
            self.stage = Stage.ONLINE
            self._loss = LossFinder()
            self._events.append(Connected(reply.final))
            return
        if reply.timed_out:
            yield from self._on_the_hook()  # its first character ends dialling (V.250, 5.6.1)
        self.stage = Stage.IDLE
        self._events.append(CallFailed(reply.result, reply.final or reply.result.value))

    def _hang_up(self) -> Script[None]:
        """Drop DTR; a modem whose DTR is not wired, or not heeded, is called back by +++ in `resync`."""
        yield Pause(LINGER)
        self._events.append(DtrWanted(on=False))
        yield Pause(DROP_TIME)
        self._events.append(DtrWanted(on=True))
        yield from self._on_the_hook()
        self.stage = Stage.IDLE
        self._events.append(HungUp())

    def _on_the_hook(self) -> Script[None]:
        yield from resync(self._manner)
        yield Command("ATH")

    def _after_loss(self) -> Script[None]:
        yield from self._on_the_hook()
        self.stage = Stage.IDLE
        self._events.append(HungUp())

    # --- calls --------------------------------------------------------------------------------------------------------

    def _take_data(self, now: float) -> None:
        data = self._channel.take_data()
        if not data:
            return
        if self.stage is Stage.ONLINE:
            end = self._loss.feed(data)
            self._events.append(DataReceived(data[:end]))
            if end is not None:
                self._lose(now)

    def _lose(self, now: float) -> None:
        self.stage = Stage.LEAVING
        self._channel.hung_up()
        self._events.append(CarrierLost())
        self._begin(self._after_loss(), now)

    def _take_unsolicited(self, now: float) -> None:
        while self._channel.unsolicited:
            line = self._channel.unsolicited.popleft().line
            free = self.stage is Stage.IDLE and not self._runner.busy
            if self._setup.answers and free and line.startswith(RING):
                self.stage = Stage.CALLING
                self._begin(self._call(Command("ATA", timeout=ANSWER_LIMIT, dials=True)), now)


class LossFinder:
    """Finds a line that says NO CARRIER in what comes during a call: that is the modem, not the other end."""

    def __init__(self) -> None:
        self._line = bytearray()

    def feed(self, data: bytes) -> int | None:
        """Return where the bytes of the call end in `data`, None where they do not."""
        for position, byte in enumerate(data, 1):
            char = byte & 0x7F
            if char not in (0x0D, 0x0A):
                if len(self._line) <= len(LOST):
                    self._line.append(char)
                continue
            if self._line == LOST:
                return max(0, position - len(LOST) - 1)
            self._line.clear()
        return None
