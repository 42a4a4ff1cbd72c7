"""What the simulated modem does on each command, and how it shows messages (TS 27.005, TS 27.007)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.gsm.pdu import Deliver, StatusReport, Submit
from gatewayd.hayes.script import fields, number

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from drivers.gsm.pdu import Pdu
    from drivers.gsm.simulated import Entry, ModemState

Answer = tuple[list[str], str]  # information lines and the result
OK: Answer = ([], "OK")
ERROR: Answer = ([], "ERROR")


class CommandTable:
    """Everything but AT+CMGS and AT+CFUN; a command that it does not know is taken, as most modems do."""

    def __init__(self, state: ModemState) -> None:
        self._state = state
        self._table: dict[str, Callable[[str], Answer]] = {
            "E0": self._echo_off,
            "+CGMI": lambda _: (["Simulated"], "OK"),
            "+CGMM": lambda _: (["Modem"], "OK"),
            "+CPIN": self._pin,
            "+CPINC": self._pin_tries,
            "+CREG": self._registration,
            "+CEREG": self._registration,
            "+CSQ": lambda _: ([f"+CSQ: {3 if self._state.faults.standing('weak') else 20},99"], "OK"),
            "+CSCA": lambda argument: (['+CSCA: "+491710760000",145'], "OK") if argument == "?" else OK,
            "+CSMS": self._service_level,
            "+CMGF": self._mode,
            "+CSCS": self._character_set,
            "+CSMP": self._parameters,
            "+CPMS": self._storage,
            "+CNMI": self._routing,
            "+CMGL": self._list,
            "+CMGR": self._read,
            "+CMGD": self._delete,
            "+CNMA": self._acknowledge,
        }

    def carry_out(self, command: str) -> Answer:
        """Carry out a command, without its AT."""
        names = [name for name in self._table if command.startswith(name)]
        if not names:
            return OK
        name = max(names, key=len)
        argument = command.removeprefix(name)
        return self._table[name]("=?" if argument == "=?" else argument.removeprefix("="))

    def show(self, message: Pdu) -> tuple[str, str]:
        """Return how a message is shown: what stands in its header, and its second line."""
        if self._state.text_mode and isinstance(message, Deliver):
            text, sender = (self._spelled(part) for part in (message.user_data.text, str(message.sender)))
            return f'"{sender}",,"{_stamp(message.time)}"', text
        if self._state.text_mode and isinstance(message, StatusReport):
            number_shown, stamp = self._spelled(str(message.recipient)), _stamp(message.sent)
            return f'6,{message.reference},"{number_shown}",145,"{stamp}","{stamp}",{message.status}', ""
        tpdu = message.to_bytes()
        return f",{len(tpdu)}", "00" + tpdu.hex().upper()

    def _spelled(self, text: str) -> str:
        return text.encode("utf-16-be").hex().upper() if self._state.ucs2 else text

    def _echo_off(self, _: str) -> Answer:
        self._state.echo = False
        return OK

    def _pin(self, argument: str) -> Answer:
        state = self._state
        if argument == "?" and state.excuses:
            return [], state.excuses.popleft()
        if argument == "?":
            shown = "READY" if state.unlocked else "SIM PIN" if state.tries else "SIM PUK"
            return [f"+CPIN: {shown}"], "OK"
        if state.unlocked or not state.tries or argument.strip('"') != state.settings.pin:
            state.tries = max(0, state.tries - 1)
            return [], "+CME ERROR: 16"
        state.unlocked, state.tries = True, 3
        return OK

    def _pin_tries(self, _: str) -> Answer:
        return ([f"+CPINC: {self._state.tries},10"], "OK") if self._state.settings.counts_tries else ERROR

    def _registration(self, argument: str) -> Answer:
        state = 2 if self._state.faults.standing("no-network") else 1
        return ([f"+CREG: 0,{state}", f"+CEREG: 0,{state}"], "OK") if argument == "?" else OK

    def _service_level(self, argument: str) -> Answer:
        if argument == "?":
            return [f"+CSMS: {self._state.service_level},1,1,1"], "OK"
        self._state.service_level = number(argument) or 0
        return ["+CSMS: 1,1,1"], "OK"

    def _mode(self, argument: str) -> Answer:
        self._state.text_mode = argument == "1"
        return OK

    def _character_set(self, argument: str) -> Answer:
        self._state.ucs2 = argument == '"UCS2"'
        return OK

    def _parameters(self, argument: str) -> Answer:
        self._state.parameters = tuple(number(field) or 0 for field in fields(f":{argument}"))
        return OK

    def _storage(self, argument: str) -> Answer:
        """AT+CPMS: one memory to work on, or three, the last for what arrives."""
        state = self._state
        offered = ",".join(f'"{name}"' for name in state.settings.storages)
        if argument == "=?":
            return [f"+CPMS: ({offered}),({offered}),({offered})"], "OK"
        if argument != "?":
            wanted = fields(f":{argument}")
            if not set(wanted) <= set(state.settings.storages):
                return [], "+CMS ERROR: 302"
            state.storage = wanted[0]
            state.arrivals = wanted[-1] if len(wanted) > 1 else state.arrivals
        places = [(name, len(state.memories[name])) for name in (state.storage, state.storage, state.arrivals)]
        marks = (f'"{name}",' if argument == "?" else "" for name, _ in places)
        shown = (f"{mark}{used},{state.capacity(name)}" for mark, (name, used) in zip(marks, places, strict=True))
        return [f"+CPMS: {','.join(shown)}"], "OK"

    def _routing(self, argument: str) -> Answer:
        if argument == "?":
            return [f"+CNMI: {','.join(map(str, self._state.routing))}"], "OK"
        if self._state.faults.take("lies"):
            return OK
        self._state.routing = tuple(number(field) or 0 for field in fields(f":{argument}"))
        return OK

    def _list(self, _: str) -> Answer:
        if not self._state.selected and self._state.settings.empty_is_error:
            return [], "+CMS ERROR: 321"
        lines = []
        for index, entry in sorted(self._state.selected.items()):
            header, body = self.show(entry.message)
            status = self._status(entry)
            lines += [f"+CMGL: {index},{status}{header}", body]
            entry.unread = False
        return lines, "OK"

    def _status(self, entry: Entry) -> str:
        if isinstance(entry.message, Submit):
            return "2,"
        return '"REC UNREAD",' if self._state.text_mode else f"{0 if entry.unread else 1},"

    def _read(self, argument: str) -> Answer:
        entry = self._state.selected.get(number(argument) or 0)
        if entry is None:
            return [], "+CMS ERROR: 321"
        header, body = self.show(entry.message)
        status = self._status(entry)
        entry.unread = False
        return [f"+CMGR: {status}{header}", body], "OK"

    def _delete(self, argument: str) -> Answer:
        if self._state.selected.pop(number(argument.split(",", maxsplit=1)[0]) or 0, None) is None:
            return [], "+CMS ERROR: 321"
        return OK

    def _acknowledge(self, _: str) -> Answer:
        if not self._state.unacknowledged:
            return [], "+CMS ERROR: 340"
        self._state.unacknowledged -= 1
        return OK


def _stamp(time: datetime | None) -> str:
    return f"{time:%y/%m/%d,%H:%M:%S}+00" if time is not None else "00/00/00,00:00:00+00"
