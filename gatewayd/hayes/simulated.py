"""A simulated telephone modem, sans-IO: what `dialling` and everybody who dials is tested and trained on.

Faults: `busy`, `no-carrier`, `no-dialtone`, `no-answer` (how a call ends that is dialled), `carrier-loss` (the call
breaks off after `lose_after` bytes from the other end), `deaf` (says nothing to a command), `dead-modem` (says nothing
until repaired).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gatewayd.simulator import Faults

MAX_COMMAND = 256
GUARD = 0.9  # seconds of silence that make +++ an escape
RING_EVERY = 5.0
RESULTS = {"busy": "BUSY", "no-carrier": "NO CARRIER", "no-dialtone": "NO DIALTONE", "no-answer": "NO ANSWER"}
FAULTS = (*RESULTS, "carrier-loss", "deaf", "dead-modem")
_CR, _LF, _ESC = 0x0D, 0x0A, 0x1B
_DIGITS = {
    "OK": "0",
    "CONNECT": "1",
    "RING": "2",
    "NO CARRIER": "3",
    "ERROR": "4",
    "NO DIALTONE": "6",
    "BUSY": "7",
    "NO ANSWER": "8",
}


class Exchange(Protocol):
    """The telephone network as a modem sees it."""

    def call(self, modem: SimulatedModem, number: str, now: float) -> bool:
        """Let a number ring; whoever answers calls `SimulatedModem.connect`. Returns False when nobody ever will."""

    def answer(self, modem: SimulatedModem, now: float) -> bool:
        """Lift the receiver of a ringing modem, and connect both; returns False when the caller has gone."""

    def carry(self, modem: SimulatedModem, data: bytes, now: float) -> None:
        """Take bytes to the other end."""

    def hang_up(self, modem: SimulatedModem, now: float) -> None:
        """End the call of a modem."""


class SimulatedModem:
    """A modem with its computer on one side (a `StreamProtocol[None]`) and an exchange on the other."""

    def __init__(self, exchange: Exchange, faults: Faults, rate: int = 1200, lose_after: int = 20) -> None:
        self._exchange = exchange
        self._faults = faults
        self._rate = rate
        self._lose_after = lose_after
        self._out = bytearray()
        self._command = bytearray()
        self._pluses = 0
        self._last = -GUARD
        self._escape_due: float | None = None
        self._ring_due: float | None = None
        self._echo = self._words = True
        self._quiet = False
        self._calling = False
        self.in_call = False
        self.online = False  # in a call, and not escaped from it
        self.dialled: list[str] = []
        self.commands: list[str] = []

    # --- the side of the computer -------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Take commands, or bytes for the other end of the call."""
        if self._faults.standing("dead-modem"):
            return
        if self.online:
            self._take_call_data(data, now)
        elif self._calling:
            self._calling = False  # any character ends dialling
            self._exchange.hang_up(self, now)
            self._say("NO CARRIER")
        else:
            for byte in data:
                self._take_command_byte(byte & 0x7F, now)
        self._last = now

    def data_to_send(self) -> bytes:
        """Return, and forget, the bytes for the computer."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event(self) -> None:
        """Return None: nobody is told."""

    def get_timer(self) -> float | None:
        """Return when it rings again, or +++ has had its silence."""
        return min((due for due in (self._escape_due, self._ring_due) if due is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Ring, or take +++ for an escape."""
        if self._ring_due is not None and now >= self._ring_due:
            self._ring_due = now + RING_EVERY
            self._say("RING")
        if self._escape_due is not None and now >= self._escape_due:
            self._escape_due = None
            self.online = False
            self._say("OK")

    # --- the side of the telephone network ----------------------------------------------------------------------------

    def ring(self, now: float) -> None:
        """Ring: somebody calls."""
        self._ring_due = now

    def stop_ringing(self) -> None:
        """Stop: nobody calls any more."""
        self._ring_due = None

    def connect(self) -> None:
        """Let the call stand: the other end has answered, or we have."""
        self._ring_due = None
        self._calling = False
        self.in_call = self.online = True
        self._say(f"CONNECT {self._rate}" if self._words else "CONNECT")

    def fail(self, result: str) -> None:
        """Tell that the call did not come about."""
        self._calling = False
        self._say(result)

    def hear(self, data: bytes, now: float) -> None:
        """Take bytes from the other end."""
        if not self.online:
            return
        if self._faults.standing("carrier-loss"):
            data = data[: max(0, self._lose_after)]
            self._lose_after -= len(data)
            self._out += data
            if self._lose_after <= 0 and self._faults.take("carrier-loss"):
                self._exchange.hang_up(self, now)
                self.lose_carrier()
            return
        self._out += data

    def lose_carrier(self) -> None:
        """Lose the call: the other end is gone."""
        if self.in_call:
            self.in_call = self.online = False
            self._escape_due = None
            self._say("NO CARRIER")

    def drop_dtr(self, now: float) -> None:
        """Hang up, as AT&D2 wants it, when the computer switches DTR off."""
        if self.in_call:
            self._exchange.hang_up(self, now)
            self.in_call = self.online = False
            self._escape_due = None
            self._say("NO CARRIER")

    # --- inside -------------------------------------------------------------------------------------------------------

    def _take_call_data(self, data: bytes, now: float) -> None:
        self._escape_due = None
        if data == b"+++" and now - self._last >= GUARD:
            self._escape_due = now + GUARD
            return
        self._exchange.carry(self, data, now)

    def _take_command_byte(self, byte: int, now: float) -> None:
        if self._echo:
            self._out.append(byte)
        if byte != _CR:
            if byte not in (_LF, _ESC) and len(self._command) < MAX_COMMAND:
                self._command.append(byte)
            return
        line = self._command.decode("ascii").strip().upper()
        self._command.clear()
        if line.startswith("AT") and not self._faults.take("deaf"):
            self.commands.append(line)
            self._carry_out(line.removeprefix("AT"), now)

    def _carry_out(self, command: str, now: float) -> None:
        if command.startswith("D"):
            self._dial(command[1:].lstrip("TP"), now)
        elif command.startswith("A"):
            self._answer(now)
        elif command.startswith("H"):
            if self.in_call:
                self._exchange.hang_up(self, now)
                self.in_call = False
            self._say("OK")
        elif command.startswith("O") and self.in_call:
            self.online = True
            self._say("CONNECT")
        else:
            self._set(command)
            self._say("OK")

    def _set(self, command: str) -> None:
        if "Z" in command:
            self._echo = self._words = True
            self._quiet = False
        for option, value in pairwise(command):
            if option == "E":
                self._echo = value != "0"
            elif option == "V":
                self._words = value != "0"
            elif option == "Q":
                self._quiet = value == "1"

    def _dial(self, number: str, now: float) -> None:
        self.dialled.append(number)
        failure = next((result for fault, result in RESULTS.items() if self._faults.take(fault)), None)
        if failure is not None:
            self.fail(failure)
            return
        self._calling = True
        if not self._exchange.call(self, number, now):
            self.fail("NO CARRIER")

    def _answer(self, now: float) -> None:
        ringing, self._ring_due = self._ring_due is not None, None
        if not (ringing and self._exchange.answer(self, now)):
            self._say("NO CARRIER")

    def _say(self, result: str) -> None:
        if self._quiet or self._faults.standing("dead-modem"):
            return
        if self._words:
            self._out += f"\r\n{result}\r\n".encode("ascii")
        else:
            self._out += f"{_DIGITS[result]}\r".encode("ascii")
