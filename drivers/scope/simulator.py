"""An encoder that speaks the Scope protocol, on a PTY of its own or on a real port: for tests, the demo and training.

Faults, each of one page: `nak` (refuses the pager ID), `full` (no room), `drop` (loses the page and says nothing),
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

from drivers.scope.frames import LONGEST_FRAME, Call
from gatewayd.errors import RemoteProtocolError
from gatewayd.simulator import Faults, Simulator, SimulatorSettings
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.pty import open_pty
from gatewayd.transport.serial import SerialSettings, open_serial

if TYPE_CHECKING:
    from gatewayd.clock import Clock

log = logging.getLogger(__name__)

QUEUED = b"Page Queued Okay\r\n"


class EncoderSettings(SimulatorSettings):
    """An encoder.

    `port` is where a link to a new PTY is made, or, under /dev/ or socket://, an existing port. Encoders with `replies`
    are WaveWare's. `throttle` makes a PTY as slow as `baudrate`.
    """

    port: str = ""
    baudrate: int = 9600
    throttle: bool = False
    replies: bool = True
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
        """Take bytes from the gateway."""
        if self._faults.standing("dead"):
            return
        self._buffer += data
        *frames, rest = bytes(self._buffer).split(b"\r")
        self._buffer[:] = rest[-LONGEST_FRAME:]
        for frame in frames:
            self._take(frame, now)

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

    def _take(self, frame: bytes, now: float) -> None:
        if self._faults.take("drop") or frame[:1] not in {b"A", b"N"}:
            return  # an encoder ignores what begins otherwise, without a word
        try:
            call = Call.from_bytes(frame)
        except RemoteProtocolError as error:
            self._say(f"Error - {error}".encode() + (b"\r\x15\r\n" if "Beep" in str(error) else b"\r\n"), now)
            return
        if self._faults.take("nak"):
            self._say(b"Error - Invalid Pager ID\r\n", now)
        elif self._faults.take("full"):
            self._say(b"Error - Page buffer full\r\x15\r\n", now)
        else:
            self._pages.append(PagedText(f"{call.pager_type}{call.rate}{call.capcode:07}{call.beep}", call.text))
            self._say(QUEUED, now)

    def _say(self, reply: bytes, now: float) -> None:
        if not self._settings.replies:
            return
        if self._faults.take("garble"):
            reply = bytes(byte ^ 0x11 for byte in reply)
        if self._faults.take("late"):
            self._late.append((now + self._settings.late_by, reply))
        else:
            self._out += reply


class SimulatedEncoder(Simulator):
    """An encoder that speaks the Scope protocol.

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


SIMULATORS: dict[str, type[Simulator]] = {"scope": SimulatedEncoder}
