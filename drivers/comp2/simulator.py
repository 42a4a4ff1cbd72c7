"""A COMP2 encoder on a PTY of its own or on a real port: for tests, the demo and training.

Faults, each of one page: `nak` (refuses the pager ID), `full` (another error), `drop` (loses the page and says
nothing), `garble` (loses the page, and its error arrives damaged), `late` (refuses `late_by` seconds later); `dead`
(hears and says nothing until repaired).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from drivers.comp2.frames import LONGEST_FRAME, Call
from gatewayd.errors import RemoteProtocolError
from gatewayd.simulator import Faults, Simulator, SimulatorSettings
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.pty import open_pty
from gatewayd.transport.serial import SerialSettings, open_serial

if TYPE_CHECKING:
    from gatewayd.clock import Clock

log = logging.getLogger(__name__)

DISCARD_AFTER = 10.0  # seconds of silence inside a frame
ERROR_END = b"\r\r\x1e\r"
BAD_ID = "Invalid character in pager ID"


class EncoderSettings(SimulatorSettings):
    """An encoder.

    `port` is where a link to a new PTY is made, or, under /dev/ or socket://, an existing port. `verbose` encoders say
    what is wrong. `throttle` makes a PTY as slow as `baudrate`.
    """

    port: str = ""
    baudrate: int = 9600
    throttle: bool = False
    delimiter: str = "\r"
    verbose: bool = True
    late_by: float = 5.0


@dataclass(frozen=True, slots=True)
class PagedText:
    """A page that the encoder has transmitted."""

    address: str
    text: str


class Encoder:
    """The encoder's protocol, a `StreamProtocol`; its events are the pages that it transmits."""

    def __init__(self, settings: EncoderSettings, faults: Faults) -> None:
        self._settings = settings
        self._faults = faults
        self._delimiter = settings.delimiter.encode("ascii")
        self._buffer = bytearray()
        self._out = bytearray()
        self._late: deque[tuple[float, bytes]] = deque()
        self._discard_at: float | None = None
        self._pages: deque[PagedText] = deque()

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the gateway."""
        if self._faults.standing("dead"):
            return
        self._buffer += data
        while self._buffer.count(self._delimiter) > 1:
            end = self._buffer.index(self._delimiter, self._buffer.index(self._delimiter) + 1) + 1
            frame = bytes(self._buffer[:end])
            del self._buffer[:end]
            self._take(frame, now)
        del self._buffer[: -LONGEST_FRAME - 3]
        self._discard_at = now + DISCARD_AFTER if self._buffer else None

    def data_to_send(self) -> bytes:
        """Return, and forget, what the encoder says."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event(self) -> PagedText | None:
        """Return the next page that it transmits."""
        return self._pages.popleft() if self._pages else None

    def get_timer(self) -> float | None:
        """Return when it says something late, or discards half a frame."""
        due = [self._late[0][0]] if self._late else []
        return min([*due, *([self._discard_at] if self._discard_at is not None else [])], default=None)

    def handle_timer(self, now: float) -> None:
        """Say what is late, discard what is old."""
        while self._late and self._late[0][0] <= now:
            self._out += self._late.popleft()[1]
        if self._discard_at is not None and self._discard_at <= now:
            self._discard_at = None
            self._buffer.clear()

    def _take(self, frame: bytes, now: float) -> None:
        try:
            call = Call.from_bytes(frame, self._delimiter)
        except RemoteProtocolError as error:
            self._complain(str(error))
            return
        if self._faults.take("drop"):
            return
        if self._faults.take("nak"):
            self._complain(BAD_ID)
        elif self._faults.take("full"):
            self._complain("Error page buffer full")
        elif self._faults.take("garble"):
            self._out += bytes(byte ^ 0x11 for byte in BAD_ID.encode()) + ERROR_END
        elif self._faults.take("late"):
            self._late.append((now + self._settings.late_by, BAD_ID.encode() + ERROR_END))
        else:
            self._pages.append(PagedText(call.pager_id, call.text))

    def _complain(self, text: str) -> None:
        if self._settings.verbose:
            self._out += text.encode("ascii", "replace") + ERROR_END


class SimulatedEncoder(Simulator):
    """A COMP2 encoder that says nothing unless something is wrong.

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
            log.info("page for %s: %s", page.address, page.text)
            self.pages.append(page)
            self._arrived.set()

    async def expect(self, text: str) -> PagedText:
        """Wait for a page with this text."""
        while (found := next((page for page in self.pages if page.text == text), None)) is None:
            self._arrived.clear()
            await self._arrived.wait()
        return found


SIMULATORS: dict[str, type[Simulator]] = {"comp2": SimulatedEncoder}
