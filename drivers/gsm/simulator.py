"""A modem on a PTY of its own or on a real port: for tests, the demo and training. `ModemSettings` lists its faults."""

from __future__ import annotations

import asyncio
import logging
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from drivers.gsm.address import Address
from drivers.gsm.modem import SimulatedModem
from drivers.gsm.pdu import Deliver, StatusReport, Submit
from drivers.gsm.reassembly import Reassembly
from drivers.gsm.simulated import ModemSettings, ModemState, SentMessage
from drivers.gsm.userdata import split
from gatewayd import clock as clocks
from gatewayd.errors import LineDown
from gatewayd.simulator import Faults, Simulator, SimulatorSettings
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.pty import Pty, open_pty
from gatewayd.transport.serial import SerialSettings, open_serial

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.clock import Clock

log = logging.getLogger(__name__)

PART_TIMEOUT = 600.0
MAX_PARTS = 255
_CODE = re.compile(r"#[0-9]{1,15}")
_STATUS_DELIVERED, _STATUS_FAILED = 0x00, 0x41
_PASSED_ON = 2  # of the second parameter of CNMI: messages are not stored
_STORED = 2  # of its fourth: reports are


class GsmSimulator(Simulator):
    """A modem; `sent` has every text that the network took, `on_text` hears of each."""

    Settings: ClassVar[type[SimulatorSettings]] = ModemSettings

    def __init__(
        self, clock: Clock, settings: ModemSettings, on_text: Callable[[SentMessage], None] | None = None
    ) -> None:
        super().__init__(clock)
        self.settings = settings
        self._on_text = on_text
        self.faults = Faults(settings.faults)
        self.state = ModemState(settings, self.faults)
        self.state.reboot()
        self.sent: list[SentMessage] = []
        self._unclaimed: list[SentMessage] = []
        self._arrived = asyncio.Event()
        self._assembly: Reassembly[int] = Reassembly(PART_TIMEOUT)
        self._core: SimulatedModem | None = None
        self._adapter: StreamAdapter[None] | None = None
        self._pty: Pty | None = None
        self._references = 0
        self._answered: set[str] = set()  # numbers whose telephone has answered already
        for number in range(settings.stored):
            self.state.store(_old_text(number))

    # --- ports --------------------------------------------------------------------------------------------------------

    def adapter(self) -> StreamAdapter[None]:
        """Return the modem's end of a new connection."""
        self._core = SimulatedModem(self.state, self._take, self.restarts)
        self._adapter = StreamAdapter(self._core, self.clock)
        return self._adapter

    def open_pty(self, link: Path | None = None) -> Pty:
        """Plug the modem into a new PTY and return it."""
        self._pty = open_pty(self.adapter(), link, baudrate=self.settings.baudrate if self.settings.throttle else None)
        return self._pty

    async def run(self) -> None:
        """Be a modem until cancelled. Raises LineDown when a real port cannot be opened or is lost."""
        if _is_device(self.settings.port):
            await self._run_on_device()
            return
        pty = self.open_pty(Path(self.settings.port))
        log.info("modem at %s", pty.path)
        try:
            await asyncio.Event().wait()
        finally:
            pty.close()

    async def _run_on_device(self) -> None:
        adapter = self.adapter()
        await open_serial(SerialSettings(port=self.settings.port, baudrate=self.settings.baudrate), adapter)
        log.info("modem at %s", self.settings.port)
        try:
            async for _ in adapter.events():
                pass
        finally:
            adapter.close()

    def restarts(self) -> None:
        """Let the modem restart: a USB modem vanishes with its port and comes back a little later."""
        self.state.reboot()
        self.faults.repair("dead")
        pty = self._pty
        if pty is not None:
            loop = asyncio.get_running_loop()
            loop.call_soon(pty.unplug)
            self.clock.call_at(self.clock.now() + self.settings.reset_time, pty.replug)

    # --- messages that come in ----------------------------------------------------------------------------------------

    async def receives(self, sender: str, text: str) -> None:
        """Let a text from a telephone arrive; it waits in the network while the memory is full."""
        self._arrives(sender, text)
        await asyncio.sleep(0)

    def _arrives(self, sender: str, text: str) -> None:
        self._references = (self._references + 1) % 256
        try:
            address = Address.parse(sender)
        except ValueError:
            address = Address(sender, 0xD0)
        now = datetime.fromtimestamp(int(self.clock.wall()), UTC)
        for part in split(text, MAX_PARTS, self._references).parts:
            self._deliver(Deliver(address, part, now))

    def makes_room(self) -> None:
        """Let what the network holds arrive, as far as there is room again."""
        while self.state.held and len(self.state.memory) < self.settings.capacity:
            self._deliver(self.state.held.popleft())

    def _deliver(self, message: Deliver) -> None:
        core = self._core
        if core is not None and self.state.routing[1] == _PASSED_ON:
            self.state.unacknowledged += self.state.service_level
            header, body = core.show(message)
            self._say(f"+CMT: {header}\r\n{body}")
            return
        index = self.state.store(message)
        if index is None:
            self.state.held.append(message)
            self._say('^SMMEMFULL: "SM"')
        elif self.state.routing[1]:
            self._say(f'+CMTI: "{self.state.arrivals}",{index}')

    def _say(self, line: str) -> None:
        if self._core is not None and self._adapter is not None and not self.faults.standing("dead"):
            self._core.say(line)
            with suppress(LineDown):
                self._adapter.flush()

    # --- messages that go out -----------------------------------------------------------------------------------------

    def _take(self, message: Submit, reference: int) -> None:
        number = str(message.destination)
        arrived = Deliver(message.destination, message.user_data)
        for text in self._assembly.add(arrived, reference, self.clock.now()):
            self._note(SentMessage(number, text.text, len(text.tokens), self.clock.now()))
        if message.report and self.settings.reports and not self.faults.take("no-report"):
            failed = self.faults.take("failed-report")
            self._report(StatusReport(reference, message.destination, _STATUS_FAILED if failed else _STATUS_DELIVERED))
        if number == self.settings.own_number:
            self.clock.call_at(self.clock.now(), lambda: self._deliver(arrived))

    def _report(self, report: StatusReport) -> None:
        core, routing = self._core, self.state.routing
        if core is None or not routing[3]:
            return
        after = self.settings.report_after
        if routing[3] == _STORED:
            index = self.state.store(report)
            self._say_after(f'+CDSI: "{self.state.arrivals}",{index}', after)
        else:
            self.state.unacknowledged += self.state.service_level
            header, body = core.show(report)
            self._say_after("\r\n".join(filter(None, (f"+CDS: {header.removeprefix(',')}", body))), after)

    def _say_after(self, line: str, after: float) -> None:
        """Say it behind the answer that is on its way, or later, to whoever has the port then."""
        after += self.settings.send_time
        if after:
            self.clock.call_at(self.clock.now() + after, lambda: self._say(line))
        elif self._core is not None:
            self._core.say(line)

    def _note(self, message: SentMessage) -> None:
        log.info("text for %s: %s", message.number, message.text)
        self.sent.append(message)
        self._unclaimed.append(message)
        self._arrived.set()
        if self._on_text is not None:
            self._on_text(message)
        if self.settings.answer and _CODE.search(message.text) and message.number not in self._answered:
            self._answered.add(message.number)
            self.clock.call_at(self.clock.now() + self.settings.answer_after, lambda: self._answer(message))

    def _answer(self, message: SentMessage) -> None:
        code = _CODE.search(message.text)
        self._arrives(message.number, f"{self.settings.answer} {code[0] if code else ''}".strip())

    async def expect(self, number: str, text: str, within: float = 30.0) -> SentMessage:
        """Wait for a text; each one is found once. Raises TimeoutError with what came instead, `within` in seconds."""
        given_up = asyncio.create_task(clocks.sleep(self.clock, within))
        try:
            while (message := self._claim(number, text)) is None:
                self._arrived.clear()
                arrived = asyncio.create_task(self._arrived.wait())
                await asyncio.wait((arrived, given_up), return_when=asyncio.FIRST_COMPLETED)
                arrived.cancel()
                if given_up.done():
                    raise TimeoutError(f"no text {text!r} for {number}, only {self._unclaimed}")
            return message
        finally:
            given_up.cancel()

    def _claim(self, number: str, text: str) -> SentMessage | None:
        for message in self._unclaimed:
            if (message.number, message.text) == (number, text):
                self._unclaimed.remove(message)
                return message
        return None


def _old_text(number: int) -> Deliver:
    (part,) = split(f"OLD TEXT {number + 1}", 1, 0).parts
    return Deliver(Address.parse("+491520000000"), part, datetime(2020, 1, 1, 0, number % 60, tzinfo=UTC))


def _is_device(port: str) -> bool:
    """Tell a serial device from the link of an earlier simulation, which is replaced."""
    path = Path(port)
    return path.is_char_device() and not (path.is_symlink() and path.resolve().is_relative_to("/dev/pts"))


SIMULATORS: dict[str, type[Simulator]] = {"gsm": GsmSimulator}
