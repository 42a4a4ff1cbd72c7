"""A panel that prints: for tests, the demo and training.

Faults, each of one line that it prints: `drop` (prints nothing), `garble` (bits of its bytes are wrong), `cut` (only
the first half arrives, without an end), `late` (printed `late_by` seconds later), `noise` (other bytes come first),
`break` (the line was broken: NULs come first), `twice` (printed twice), `pause` (it stops in the middle for `late_by`
seconds), `parity` (its bytes carry a parity bit that nobody told us of); `dead` (neither lines nor heartbeats until
repaired).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from gatewayd.clock import sleep
from gatewayd.errors import LineDown
from gatewayd.simulator import Faults, Simulator, SimulatorSettings
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.device import device_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayd.clock import Clock

log = logging.getLogger(__name__)

NOISE = b"\x80\xf8\x1c\xe6\x00\xff\x98\x9e"
HEARD_LIMIT = 4_096  # bytes of answers that are kept
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "noise": lambda data: NOISE + data,
    "break": lambda data: bytes(3) + data,
    "twice": lambda data: data * 2,
    "parity": lambda data: bytes(byte | 0x80 if byte.bit_count() % 2 else byte for byte in data),
    "garble": lambda data: bytes(byte ^ 0x91 for byte in data),
    "cut": lambda data: data[: len(data) // 2],
}


class PrintedLine(BaseModel):
    """One line of a script: `after` seconds, print `text`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: float = Field(default=0.0, ge=0)
    text: str


class PrinterSettings(SimulatorSettings):
    """A panel on a printer port.

    `port` is where a link to a new PTY is made, or, under /dev/ or socket://, an existing port. `terminator` ends a
    line. `script` plays by itself, `repeat` over and over. `heartbeat` is sent every `heartbeat_every` seconds (0:
    never).
    """

    FAULTS: ClassVar[tuple[str, ...]] = (*DAMAGE, "drop", "late", "pause", "dead")

    port: str = ""
    baudrate: int = 9600
    throttle: bool = False
    terminator: str = "\r\n"
    encoding: str = "latin-1"
    script: tuple[PrintedLine, ...] = ()
    repeat: bool = False
    heartbeat: str = "\r"
    heartbeat_every: Annotated[float, Field(ge=0)] = 0.0
    late_by: float = 5.0


class Mouth:
    """The panel's protocol: bytes that it was told to print go out, what it hears is kept."""

    def __init__(self) -> None:
        self._out = bytearray()
        self.heard = bytearray()

    def say(self, data: bytes) -> None:
        """Have bytes sent."""
        self._out += data

    def receive_data(self, data: bytes, now: float) -> None:
        """Keep what the gateway says: answers to heartbeats."""
        del now
        self.heard += data
        del self.heard[:-HEARD_LIMIT]

    def data_to_send(self) -> bytes:
        """Return, and forget, what is to be printed."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event(self) -> None:
        """Return nothing: a printer port hears nothing that it would act on."""

    def get_timer(self) -> float | None:
        """Return no deadline: the script has a clock of its own."""
        return None

    def handle_timer(self, now: float) -> None:
        """Do nothing: there is no deadline."""


class SimulatedPrinterPort(Simulator):
    """A panel that prints lines of text and sends heartbeats.

    `adapter` may be joined to a wire instead of `run`; then `serve` is to be run.
    """

    Settings: ClassVar[type[SimulatorSettings]] = PrinterSettings

    def __init__(self, clock: Clock, settings: PrinterSettings | None = None) -> None:
        super().__init__(clock)
        self.settings = settings or PrinterSettings()
        self.faults = Faults(self.settings.faults)
        self._mouth = Mouth()
        self.adapter: StreamAdapter[None] = StreamAdapter(self._mouth, clock)

    @property
    def heard(self) -> bytes:
        """What the gateway has answered."""
        return bytes(self._mouth.heard)

    async def run(self) -> None:
        """Open the port and print until cancelled. Raises LineDown when an existing port is lost."""
        at = self.settings
        async with device_port(self.adapter, at.port, baudrate=at.baudrate, throttle=at.throttle):
            log.info("a panel prints at %s", at.port)
            await self.serve()

    async def serve(self) -> None:
        """Play the script and send heartbeats until cancelled."""
        tasks = [asyncio.create_task(work) for work in (self._play(), self._beat(), self._listen())]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def prints(self, *lines: str) -> None:
        """Print lines, each with its terminator."""
        settings = self.settings
        for line in lines:
            await self.transmits((line + settings.terminator).encode(settings.encoding, "replace"))

    async def transmits(self, data: bytes) -> None:
        """Send the bytes of one line, or what the faults leave of them."""
        if self.faults.standing("dead") or self.faults.take("drop"):
            return
        if self.faults.take("late"):
            await sleep(self.clock, self.settings.late_by)
        data = self._damaged(data)
        if self.faults.take("pause"):
            self._say(data[: len(data) // 2])
            await sleep(self.clock, self.settings.late_by)
            data = data[len(data) // 2 :]
        self._say(data)

    def _damaged(self, data: bytes) -> bytes:
        """Return what the faults make of the bytes of a line."""
        for fault, damage in DAMAGE.items():
            if self.faults.take(fault):
                data = damage(data)
        return data

    def _say(self, data: bytes) -> None:
        self._mouth.say(data)
        self.adapter.flush()

    async def _play(self) -> None:
        playing = bool(self.settings.script)
        while playing:
            for step in self.settings.script:
                await sleep(self.clock, step.after)
                await self.prints(step.text)
            playing = self.settings.repeat

    async def _beat(self) -> None:
        every = self.settings.heartbeat_every
        while every:
            await sleep(self.clock, every)
            if not self.faults.standing("dead"):
                self._say(self.settings.heartbeat.encode("latin-1", "replace"))

    async def _listen(self) -> None:
        try:
            async for _ in self.adapter.events():
                pass
        except LineDown:
            log.info("the port was closed")
            raise


SIMULATORS: dict[str, type[Simulator]] = {"ascii-panel": SimulatedPrinterPort}
