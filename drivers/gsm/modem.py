"""The simulated modem: AT commands in, answers out, a prompt for texts (TS 27.005, TS 27.007). Sans-IO."""

from __future__ import annotations

import fnmatch
import heapq
import itertools
from typing import TYPE_CHECKING

from drivers.gsm import pdu
from drivers.gsm.address import Address
from drivers.gsm.octets import Malformed
from drivers.gsm.pdu import Deliver, Submit
from drivers.gsm.userdata import Coding, UserData
from gatewayd.hayes.script import fields, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.gsm.pdu import Pdu
    from drivers.gsm.simulated import Entry, ModemState

Answer = tuple[list[str], str]
MAX_INPUT = 2_048  # bytes of a command or a text
_CR, _SUBMIT, _ESCAPE = 0x0D, 0x1A, 0x1B
_BY_ITSELF = ("RING", "+CREG: 1", "^RSSI: 17", "*PSNWID: 1")
_OK: Answer = ([], "OK")
_ERROR: Answer = ([], "ERROR")


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
        self._table: dict[str, Callable[[str], Answer]] = {
            "E0": self._echo_off,
            "+CGMI": lambda _: (["Simulated"], "OK"),
            "+CGMM": lambda _: (["Modem"], "OK"),
            "+CPIN": self._pin,
            "+CPINC": self._pin_tries,
            "+CREG": self._registration,
            "+CEREG": self._registration,
            "+CSQ": lambda _: ([f"+CSQ: {3 if self.state.faults.standing('weak') else 20},99"], "OK"),
            "+CSCA": lambda argument: (['+CSCA: "+491710760000",145'], "OK") if argument == "?" else _OK,
            "+CSMS": self._service_level,
            "+CMGF": self._mode,
            "+CSCS": self._character_set,
            "+CPMS": self._storage,
            "+CNMI": self._routing,
            "+CMGL": self._list,
            "+CMGR": self._read,
            "+CMGD": self._delete,
            "+CNMA": self._acknowledge,
        }

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
        if self.state.text_mode and isinstance(message, Deliver):
            text, sender = message.user_data.text, str(message.sender)
            if self.state.ucs2:
                text, sender = (part.encode("utf-16-be").hex().upper() for part in (text, sender))
            return f'"{sender}",,"26/01/02,03:04:05+04"', text
        tpdu = message.to_bytes()
        return f",{len(tpdu)}", "00" + tpdu.hex().upper()

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
        due = now + self.state.settings.latency if self.state.settings.latency else None
        if any(fnmatch.fnmatchcase(line, refused) for refused in self.state.settings.refuses):
            self._answer(_ERROR, due)
        elif line.startswith("AT+CFUN=1,1"):
            self._answer(_OK, None)
            self._on_reboot()
        elif line.startswith("AT+CMGS="):
            self._ask_for_text(line.removeprefix("AT+CMGS="), due)
        else:
            self._answer(self._carry_out(line.removeprefix("AT")), due)

    def _carry_out(self, command: str) -> Answer:
        names = [name for name in self._table if command.startswith(name)]
        if not names:
            return _OK
        name = max(names, key=len)
        argument = command.removeprefix(name)
        return self._table[name]("=?" if argument == "=?" else argument.removeprefix("="))

    def _answer(self, answer: Answer, due: float | None) -> None:
        lines, result = answer
        if self.state.faults.take("unsolicited"):
            lines = [*_BY_ITSELF, *lines, *_BY_ITSELF]
        for line in (*lines, result):
            self.say(line, due)

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
            return Submit(Address.parse(digits), UserData(Coding.UCS2, words.encode("utf-16-be")))
        except (Malformed, ValueError):
            return None

    # --- commands -----------------------------------------------------------------------------------------------------

    def _echo_off(self, _: str) -> Answer:
        self.state.echo = False
        return _OK

    def _pin(self, argument: str) -> Answer:
        state = self.state
        if argument == "?" and state.excuses:
            return [], state.excuses.popleft()
        if argument == "?":
            shown = "READY" if state.unlocked else "SIM PIN" if state.tries else "SIM PUK"
            return [f"+CPIN: {shown}"], "OK"
        if state.unlocked or not state.tries or argument.strip('"') != state.settings.pin:
            state.tries = max(0, state.tries - 1)
            return [], "+CME ERROR: 16"
        state.unlocked, state.tries = True, 3
        return _OK

    def _pin_tries(self, _: str) -> Answer:
        return ([f"+CPINC: {self.state.tries},10"], "OK") if self.state.settings.counts_tries else _ERROR

    def _registration(self, argument: str) -> Answer:
        state = 2 if self.state.faults.standing("no-network") else 1
        return ([f"+CREG: 0,{state}", f"+CEREG: 0,{state}"], "OK") if argument == "?" else _OK

    def _service_level(self, argument: str) -> Answer:
        if argument == "?":
            return [f"+CSMS: {self.state.service_level},1,1,1"], "OK"
        self.state.service_level = number(argument) or 0
        return ["+CSMS: 1,1,1"], "OK"

    def _mode(self, argument: str) -> Answer:
        self.state.text_mode = argument == "1"
        return _OK

    def _character_set(self, argument: str) -> Answer:
        self.state.ucs2 = argument == '"UCS2"'
        return _OK

    def _storage(self, argument: str) -> Answer:
        state = self.state
        offered = ",".join(f'"{name}"' for name in state.settings.storages)
        used = f"{len(state.memory)},{state.settings.capacity}"
        place = f'"{state.storage}",{used}'
        if argument == "?":
            return [f"+CPMS: {','.join([place] * 3)}"], "OK"
        if argument == "=?":
            return [f"+CPMS: ({offered}),({offered}),({offered})"], "OK"
        wanted = fields(f":{argument}")[0]
        if wanted not in state.settings.storages:
            return [], "+CMS ERROR: 302"
        state.storage = wanted
        return [f"+CPMS: {','.join([used] * 3)}"], "OK"

    def _routing(self, argument: str) -> Answer:
        if argument == "?":
            return [f"+CNMI: {','.join(map(str, self.state.routing))}"], "OK"
        if self.state.faults.take("lies"):
            return _OK
        self.state.routing = tuple(number(field) or 0 for field in fields(f":{argument}"))
        return _OK

    def _list(self, _: str) -> Answer:
        if not self.state.memory and self.state.settings.empty_is_error:
            return [], "+CMS ERROR: 321"
        lines = []
        for index, entry in sorted(self.state.memory.items()):
            header, body = self.show(entry.message)
            status = self._status(entry)
            lines += [f"+CMGL: {index},{status}{header}", body]
            entry.unread = False
        return lines, "OK"

    def _status(self, entry: Entry) -> str:
        if isinstance(entry.message, Submit):
            return "2,"
        return '"REC UNREAD",' if self.state.text_mode else f"{0 if entry.unread else 1},"

    def _read(self, argument: str) -> Answer:
        entry = self.state.memory.get(number(argument) or 0)
        if entry is None:
            return [], "+CMS ERROR: 321"
        header, body = self.show(entry.message)
        status = self._status(entry)
        entry.unread = False
        return [f"+CMGR: {status}{header}", body], "OK"

    def _delete(self, argument: str) -> Answer:
        if self.state.memory.pop(number(argument.split(",", maxsplit=1)[0]) or 0, None) is None:
            return [], "+CMS ERROR: 321"
        return _OK

    def _acknowledge(self, _: str) -> Answer:
        if not self.state.unacknowledged:
            return [], "+CMS ERROR: 340"
        self.state.unacknowledged -= 1
        return _OK
