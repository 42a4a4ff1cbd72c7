"""The simulated modem: AT commands in, answers out, a prompt for texts (TS 27.005, TS 27.007). Sans-IO."""

from __future__ import annotations

import fnmatch
import heapq
import itertools
from typing import TYPE_CHECKING

from drivers.gsm import pdu
from drivers.gsm.address import Address
from drivers.gsm.octets import Malformed
from drivers.gsm.pdu import Submit
from drivers.gsm.simcommands import ERROR, OK, CommandTable
from drivers.gsm.userdata import Coding, UserData
from gatewayd.hayes.script import number

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.gsm.pdu import Pdu
    from drivers.gsm.simcommands import Answer
    from drivers.gsm.simulated import ModemState

MAX_INPUT = 2_048  # bytes of a command or a text
_CR, _SUBMIT, _ESCAPE = 0x0D, 0x1A, 0x1B
_REPORT_WANTED = 0x20  # in the first octet of a SUBMIT
_BY_ITSELF = ("RING", "+CREG: 1", "^RSSI: 17", "*PSNWID: 1")


class SimulatedModem:
    """One modem on one port: a `StreamProtocol[None]`.

    `on_submit` hears of each message that the network takes and with which reference, `on_reboot` of AT+CFUN=1,1.
    """

    def __init__(
        self, state: ModemState, on_submit: Callable[[Submit, int], None], on_reboot: Callable[[], None]
    ) -> None:
        self.state = state
        self._on_submit = on_submit
        self._on_reboot = on_reboot
        self._input = bytearray()
        self._recipient: str | None = None  # what +CMGS was given, while the text is awaited
        self._out = bytearray()
        self._later: list[tuple[float, int, bytes]] = []
        self._order = itertools.count()
        self._table = CommandTable(state)

    # --- the five methods of every protocol ---------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Take what the gateway sends."""
        if self.state.faults.standing("dead"):
            return
        for byte in data:
            if self._recipient is not None:
                self._take_text(byte, now)
            elif byte == _CR:
                line = self._input.decode("latin-1").strip()
                self._input.clear()
                self._take_command(line, now)
            elif byte != _ESCAPE and len(self._input) < MAX_INPUT:
                self._input.append(byte)

    def data_to_send(self) -> bytes:
        """Return, and forget, what the modem says."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event(self) -> None:
        """Return None: the simulator is told by its callbacks."""

    def get_timer(self) -> float | None:
        """Return when the modem says what takes its time."""
        return self._later[0][0] if self._later else None

    def handle_timer(self, now: float) -> None:
        """Say what is due."""
        while self._later and self._later[0][0] <= now:
            self._out += heapq.heappop(self._later)[2]

    def say(self, line: str, due: float | None = None) -> None:
        """Say a line, now or at a time."""
        self._say(f"\r\n{line}\r\n".encode("latin-1", "replace"), due)

    def show(self, message: Pdu) -> tuple[str, str]:
        """Return how a message is shown: what stands in its header, and its second line."""
        return self._table.show(message)

    # --- input --------------------------------------------------------------------------------------------------------

    def _say(self, data: bytes, due: float | None) -> None:
        if due is None:
            self._out += data
        else:
            heapq.heappush(self._later, (due, next(self._order), data))

    def _take_command(self, line: str, now: float) -> None:
        if self.state.echo and line:
            self._out += line.encode("latin-1") + b"\r"
        if not line.upper().startswith("AT"):
            return
        self.state.interruptions += bool(self._later)
        latency = self._latency(line)
        due = now + latency if latency else None
        if any(fnmatch.fnmatchcase(line, refused) for refused in self.state.settings.refuses):
            self._answer(ERROR, due)
        elif line.startswith("AT+CFUN=1,1"):
            self._answer(OK, None)
            self._reboot()
        elif line.startswith("AT+CMGS="):
            self._ask_for_text(line.removeprefix("AT+CMGS="), due)
        else:
            self._answer(self._table.carry_out(line.removeprefix("AT")), due)

    def _latency(self, line: str) -> float:
        """Return the seconds until a command is answered: those of the first pattern in `slow`, or the usual ones."""
        settings = self.state.settings
        slow = (seconds for pattern, seconds in settings.slow.items() if fnmatch.fnmatchcase(line, pattern))
        return next(slow, settings.latency)

    def _answer(self, answer: Answer, due: float | None) -> None:
        lines, result = answer
        if self.state.faults.take("unsolicited"):
            lines = [*_BY_ITSELF, *lines, *_BY_ITSELF]
        for line in (*lines, result):
            self.say(line, due)

    def _reboot(self) -> None:
        """Restart: what it was going to say is forgotten."""
        self._later.clear()
        self._on_reboot()

    # --- sending ------------------------------------------------------------------------------------------------------

    def _ask_for_text(self, recipient: str, due: float | None) -> None:
        if self.state.faults.take("no-prompt"):
            return
        self._recipient = recipient
        self._say(b"\r\n> ", due)

    def _take_text(self, byte: int, now: float) -> None:
        if byte not in (_SUBMIT, _ESCAPE):
            if len(self._input) < MAX_INPUT:
                self._input.append(byte)
            return
        text, recipient = bytes(self._input), self._recipient or ""
        self._input.clear()
        self._recipient = None
        if byte == _ESCAPE:
            self.say("OK")
        else:
            self._submit(recipient, text, now)

    def _submit(self, recipient: str, text: bytes, now: float) -> None:
        faults, settings = self.state.faults, self.state.settings
        error = self._network_error()
        message = self._message(recipient, text)
        due = now + settings.send_time if settings.send_time else None
        if error is not None or message is None:
            self.say(f"+CMS ERROR: {error or 304}", due)
            return
        if faults.take("reset"):
            self._reboot()
            return
        reference = self.state.next_reference()
        self.state.submitted += 1
        if faults.take("late"):
            due = now + settings.late_by
        if not faults.take("drop"):
            self._answer(([f"+CMGS: {reference}"], "OK"), due)
        if faults.take("garble"):
            self._out = bytearray(self._out.replace(b"OK", b"O\x0b"))
        self._on_submit(message, reference)

    def _network_error(self) -> int | None:
        faults = self.state.faults
        if faults.standing("no-network"):
            return 331
        codes = {"nak": self.state.settings.nak_code, "refuse": 1, "full": 322, "sim-failure": 313, "stuck": 500}
        return next((code for kind, code in codes.items() if faults.take(kind)), None)

    def _message(self, recipient: str, text: bytes) -> Submit | None:
        try:
            if not self.state.text_mode:
                message = pdu.read(text.decode("latin-1"), number(recipient))
                return message if isinstance(message, Submit) else None
            digits, words = recipient.strip('"').split('"')[0], text.decode("latin-1")
            if self.state.ucs2:
                digits, words = (bytes.fromhex(part).decode("utf-16-be") for part in (digits, words))
            report = bool(self.state.parameters[0] & _REPORT_WANTED)
            return Submit(Address.parse(digits), UserData(Coding.UCS2, words.encode("utf-16-be")), report=report)
        except (Malformed, ValueError):
            return None
