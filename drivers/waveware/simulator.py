"""A WaveWare encoder on a PTY of its own or on a real port: for tests, the demo and training.

Faults, each of one page: `nak` (refuses the capcode), `full` (no room), `drop` (loses the page and says nothing),
`garble` (takes the page, its reply arrives damaged), `late` (takes the page, replies `late_by` seconds later); `dead`
(hears and says nothing until repaired).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from drivers.waveware.frames import EOT, SOH, Call
from drivers.waveware.replies import MAX_FRAME
from gatewayd.errors import RemoteProtocolError
from gatewayd.simulator import Faults, Simulator, SimulatorSettings
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.pty import open_pty
from gatewayd.transport.serial import SerialSettings, open_serial

if TYPE_CHECKING:
    from gatewayd.clock import Clock

log = logging.getLogger(__name__)

ACK, NAK = b"\x06", b"\x15"


class EncoderSettings(SimulatorSettings):
    """An encoder.

    `port` is where a link to a new PTY is made, or, under /dev/ or socket://, an existing port. `echo`: it repeats each
    command before it replies. `throttle` makes a PTY as slow as `baudrate`.
    """

    port: str = ""
    baudrate: int = 9600
    throttle: bool = False
    echo: bool = True
    late_by: float = 5.0


@dataclass(frozen=True, slots=True)
class PagedText:
    """A page that the encoder has queued; `head` is all that stands before the text."""

    head: str
    text: str


class Encoder:
    """The encoder's protocol, a `StreamProtocol`; its events are the pages that it queues."""

    def __init__(self, settings: EncoderSettings, faults: Faults) -> None:
        self._settings = settings
        self._faults = faults
        self._buffer = bytearray()
        self._out = bytearray()
        self._late: deque[tuple[float, bytes]] = deque()
        self._pages: deque[PagedText] = deque()

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the gateway. A SOH always begins anew."""
        if self._faults.standing("dead"):
            return
        self._buffer += data
        *frames, rest = bytes(self._buffer).split(EOT)
        self._buffer[:] = rest[-MAX_FRAME:]
        for frame in frames:
            before, begun, command = frame.rpartition(SOH)
            del before
            if begun:
                self._take(command, now)

    def data_to_send(self) -> bytes:
        """Return, and forget, what the encoder says."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event(self) -> PagedText | None:
        """Return the next page that it transmits."""
        return self._pages.popleft() if self._pages else None

    def get_timer(self) -> float | None:
        """Return when it says something late."""
        return self._late[0][0] if self._late else None

    def handle_timer(self, now: float) -> None:
        """Say what is late."""
        while self._late and self._late[0][0] <= now:
            self._out += self._late.popleft()[1]

    def _take(self, command: bytes, now: float) -> None:
        if self._faults.take("drop"):
            return
        try:
            call = Call.from_bytes(command)
        except RemoteProtocolError:
            self._say(command, NAK + b"08", now)
            return
        if self._faults.take("nak"):
            self._say(command, NAK + b"03", now)
        elif self._faults.take("full"):
            self._say(command, NAK + b"05", now)
        else:
            self._pages.append(PagedText(f"{call.pager_type}{call.rate}{call.capcode}", call.text))
            self._say(command, ACK + b"V9.01,01,0,0,00", now)

    def _say(self, command: bytes, reply: bytes, now: float) -> None:
        echo = SOH + command + EOT if self._settings.echo else b""
        if self._faults.take("garble"):
            reply = bytes(byte ^ 0x10 for byte in reply)
        said = echo + SOH + reply + EOT
        if self._faults.take("late"):
            self._late.append((now + self._settings.late_by, said))
        else:
            self._out += said


class SimulatedEncoder(Simulator):
    """A WaveWare encoder that speaks its own protocol.

    `pages` has everything that it took. `adapter` may be joined to a wire instead of `run`; then `serve` is to be run.
    """

    Settings: ClassVar[type[SimulatorSettings]] = EncoderSettings

    def __init__(self, clock: Clock, settings: EncoderSettings | None = None) -> None:
        super().__init__(clock)
        self.settings = settings or EncoderSettings()
        self.faults = Faults(self.settings.faults)
        self.adapter: StreamAdapter[PagedText] = StreamAdapter(Encoder(self.settings, self.faults), clock)
        self.pages: list[PagedText] = []
        self._arrived = asyncio.Event()

    async def run(self) -> None:
        """Open the port and serve until cancelled. Raises LineDown when an existing port is lost."""
        settings = self.settings
        if settings.port.startswith(("/dev/", "socket://")):
            await open_serial(SerialSettings(port=settings.port, baudrate=settings.baudrate), self.adapter)
        else:
            link = Path(settings.port) if settings.port else None
            open_pty(self.adapter, link, baudrate=settings.baudrate if settings.throttle else None)
        log.info("an encoder listens at %s", settings.port)
        try:
            await self.serve()
        finally:
            self.adapter.close()
            await self.adapter.wait_closed()

    async def serve(self) -> None:
        """Transmit pages until cancelled."""
        async for page in self.adapter.events():
            log.info("page for %s: %s", page.head, page.text)
            self.pages.append(page)
            self._arrived.set()

    async def expect(self, text: str) -> PagedText:
        """Wait for a page with this text."""
        while (found := next((page for page in self.pages if page.text == text), None)) is None:
            self._arrived.clear()
            await self._arrived.wait()
        return found


SIMULATORS: dict[str, type[Simulator]] = {"waveware": SimulatedEncoder}
