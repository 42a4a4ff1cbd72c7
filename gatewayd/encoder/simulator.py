"""What simulated encoders share: a port, pages that they have taken, and replies that may be late or damaged.

Faults of every kind, each of one page: `late` (what it says comes `late_by` seconds later), `garble` (it comes
damaged), `drop` (the page is lost and nothing is said), `hold` (it stops us with XOFF, and lets us go on `late_by`
seconds later); `dead` (hears and says nothing until repaired). The kinds add their own.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from gatewayd.simulator import Faults, Simulator, SimulatorSettings
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.device import device_port

if TYPE_CHECKING:
    from gatewayd.clock import Clock

__all__ = ["EncoderEnd", "EncoderSimulator", "EncoderSimulatorSettings", "Faults", "PagedText"]

log = logging.getLogger(__name__)

XON, XOFF = b"\x11", b"\x13"
NEVER = float("inf")


class EncoderSimulatorSettings(SimulatorSettings):
    """An encoder; the kinds add their own faults to these."""

    FAULTS: ClassVar[tuple[str, ...]] = ("late", "garble", "drop", "hold", "dead")

    port: str = Field("", description="where a link to a new PTY is made; under /dev/ or socket://: an existing port")
    baudrate: int = 9600
    throttle: bool = Field(default=False, description="make the PTY as slow as its baudrate")
    late_by: float = Field(5.0, description="seconds of the faults late and hold")


@dataclass(frozen=True, slots=True)
class PagedText:
    """A page that the encoder has taken; `address` is all that stands before the text."""

    address: str
    text: str


class EncoderEnd(ABC):
    """An encoder's protocol, a `StreamProtocol`; its events are the pages that it takes."""

    discard_after = NEVER  # seconds of silence after which it forgets half a frame

    def __init__(self, faults: Faults, late_by: float) -> None:
        self.faults = faults
        self._late_by = late_by
        self._buffer = bytearray()
        self._out = bytearray()
        self._late: deque[tuple[float, bytes]] = deque()
        self._discard_at = NEVER
        self._pages: deque[PagedText] = deque()

    @abstractmethod
    def split(self, buffer: bytearray) -> list[bytes]:
        """Take the complete frames out of the buffer, and bound what stays in it."""

    @abstractmethod
    def take(self, frame: bytes) -> tuple[PagedText | None, bytes]:
        """Return the page of a frame, if it is taken, and what the encoder says to it."""

    def damage(self, said: bytes) -> bytes:
        """Return what arrives when what it says is damaged."""
        return bytes(byte ^ 0x11 for byte in said)

    # --- stream protocol ----------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the gateway."""
        if self.faults.standing("dead"):
            return
        self._buffer += data
        for frame in self.split(self._buffer):
            self._answer(frame, now)
        self._discard_at = now + self.discard_after if self._buffer else NEVER

    def data_to_send(self) -> bytes:
        """Return, and forget, what the encoder says."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event(self) -> PagedText | None:
        """Return the next page that it has taken."""
        return self._pages.popleft() if self._pages else None

    def get_timer(self) -> float | None:
        """Return when it says something late, or discards half a frame."""
        due = min([self._discard_at, *(when for when, _ in self._late)])
        return None if due == NEVER else due

    def handle_timer(self, now: float) -> None:
        """Say what is late, discard what is old."""
        while self._late and self._late[0][0] <= now:
            self._out += self._late.popleft()[1]
        if self._discard_at <= now:
            self._discard_at = NEVER
            self._buffer.clear()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _answer(self, frame: bytes, now: float) -> None:
        if self.faults.take("drop"):
            return
        page, said = self.take(frame)
        if page is not None:
            self._pages.append(page)
        if self.faults.take("hold"):
            self._out += XOFF
            self._late.append((now + self._late_by, XON))
        if said and self.faults.take("garble"):
            said = self.damage(said)
        if said and self.faults.take("late"):
            self._late.append((now + self._late_by, said))
        else:
            self._out += said


class EncoderSimulator(Simulator):
    """An encoder on a PTY of its own or on a real port.

    `pages` has everything that it took. `adapter` may be joined to a wire instead of `run`; then `serve` is to be run.
    """

    Settings: ClassVar[type[SimulatorSettings]] = EncoderSimulatorSettings

    def __init__(self, clock: Clock, settings: EncoderSimulatorSettings, end: EncoderEnd) -> None:
        super().__init__(clock)
        self.settings = settings
        self.faults = end.faults
        self.adapter: StreamAdapter[PagedText] = StreamAdapter(end, clock)
        self.pages: list[PagedText] = []
        self._arrived = asyncio.Event()

    async def run(self) -> None:
        """Open the port and serve until cancelled. Raises LineDown when an existing port is lost."""
        at = self.settings
        async with device_port(self.adapter, at.port, baudrate=at.baudrate, throttle=at.throttle):
            log.info("an encoder listens at %s", at.port)
            await self.serve()

    async def serve(self) -> None:
        """Take pages until cancelled."""
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
