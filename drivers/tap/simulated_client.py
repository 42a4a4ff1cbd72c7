"""An entry device that can be told to misbehave: a nurse-call system that pages by TAP."""

from __future__ import annotations

import asyncio
import itertools
import logging
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from drivers.tap.blocks import ACK, EOT, NAK, STX, Block, checksum
from drivers.tap.pages import LoggedOff, LogonFailed, PageSettled, TapEvent
from drivers.tap.profile import Profile
from drivers.tap.protocol import EntryDevice
from drivers.tap.simulated import is_device
from gatewayd.clock import sleep
from gatewayd.errors import LineDown
from gatewayd.hayes.simulated import FAULTS as MODEM_FAULTS
from gatewayd.simulator import Faults, Simulator, SimulatorSettings
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.pty import open_pty
from gatewayd.transport.serial import open_serial
from gatewayd.transport.settings import SOCKET, SerialSettings
from gatewayd.transport.tcp import connect_tcp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gatewayd.clock import Clock
    from gatewayd.hayes.network import CallingModem

    Plug = Callable[[StreamAdapter[TapEvent]], Awaitable[None]]

log = logging.getLogger(__name__)


class ClientSettings(SimulatorSettings):
    """An entry device that pages `pager` with `text`, every `every` seconds (0: once).

    `port` is the link to make to a PTY, the path of an existing serial device, or a terminal on the network:
    socket://host:port or line:NAME.
    """

    FAULTS: ClassVar[tuple[str, ...]] = (
        *("garble", "misheard", "linefeed", "stray", "half", "hangup", "no-eot", "dead"),
        *MODEM_FAULTS,
    )

    port: str
    pager: str = Field("2001", description="pager ID")
    text: str = Field("ROOM 12 NURSE CALL", description="what to say")
    every: float = Field(0.0, ge=0, description="seconds; 0: once")
    password: str = Field("", description="of the logon")
    baudrate: int = 9600
    transparent: bool = Field(default=False, description="send control codes as SUB sequences")
    multi_block: bool = Field(default=True, description="send a long text in several blocks")
    max_chars: int = Field(2000, ge=1, description="longest text")
    permanent: bool = Field(default=False, description="stay logged on")
    modem: bool = Field(default=False, description="the port is a modem, which the client calls for every page")

    @model_validator(mode="after")
    def _has_what_fails(self) -> Self:
        if not self.modem and (idle := [name for name in MODEM_FAULTS if name in self.faults]):
            raise ValueError(f"faults: {', '.join(idle)}: only with modem = true is there a modem that can have it")
        return self

    def profile(self) -> Profile:
        """Return how this entry device talks."""
        return Profile(
            password=self.password,
            transparent=self.transparent,
            multi_block=self.multi_block,
            max_chars=self.max_chars,
            permanent=self.permanent,
            idle_logout=0.1,
        )


class SimulatedEntryDevice(EntryDevice):
    """An entry device whose faults are on the wire: what it sends is damaged, what it hears is misunderstood."""

    def __init__(self, profile: Profile, faults: Faults) -> None:
        super().__init__(profile)
        self._faults = faults
        self.broken_off = False

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes; an ACK may be taken for a NAK."""
        if ACK in data and self._box.page is not None and self._faults.take("misheard"):
            data = data.replace(bytes((ACK,)), bytes((NAK,)))
        super().receive_data(data, now)

    def data_to_send(self) -> bytes:
        """Return the bytes for the terminal, as the faults make them."""
        data = super().data_to_send()
        if self._faults.standing("dead") or self.broken_off:
            return b""
        if data[:1] == bytes((STX,)):
            return self._damaged(data)
        if data[:1] == bytes((EOT,)) and self._faults.take("no-eot"):
            return b""
        return data

    def _damaged(self, block: bytes) -> bytes:
        if self._faults.take("garble"):
            return block[:1] + bytes((block[1] ^ 1,)) + block[2:]
        if self._faults.take("linefeed"):
            data = Block.from_bytes(block).info.replace(b"\r", b"\r\n")
            framed = b"\x02%b%c" % (data, block[-5])
            return b"%b%b\r\n" % (framed, checksum(framed))
        if self._faults.take("stray"):
            return b"PAGE\r" + block
        if self._faults.take("half"):
            self.broken_off = True
            return block[: len(block) // 2]
        self.broken_off = self._faults.take("hangup")
        return block


class TapClient(Simulator):
    """An entry device that pages a TAP terminal."""

    Settings: ClassVar[type[SimulatorSettings]] = ClientSettings

    def __init__(self, clock: Clock, settings: ClientSettings, plug: Plug | None = None) -> None:
        super().__init__(clock)
        self._settings = settings
        self._plug = plug or self._open
        self._numbers = itertools.count(1)
        self._adapter: StreamAdapter[TapEvent] | None = None
        self._core: SimulatedEntryDevice | None = None
        self._modem: CallingModem | None = None
        self._wanted = ("", "", "")  # number, pager ID and text of the page
        self.faults = Faults(settings.faults)
        self.answers: list[PageSettled] = []

    async def run(self) -> None:
        """Page as the settings say until cancelled."""
        try:
            while True:
                await self._page_and_tell()
                if not self._settings.every:
                    await asyncio.Event().wait()
                await sleep(self.clock, self._settings.every)
        finally:
            self.hang_up()

    async def page(self, pager_id: str, text: str) -> PageSettled:
        """Page once and log off. Raises LineDown when the terminal cannot be reached or is lost."""
        core, adapter = await self._connected()
        number = str(next(self._numbers))
        self._wanted = (number, pager_id, text)
        if self._modem is None:
            self._say(self.clock.now())
        else:
            self._modem.ring(self.clock.now())
        adapter.flush()
        settled: PageSettled | None = None
        async for event in adapter.events():
            if core.broken_off:
                self.hang_up()
                raise LineDown("broken off on purpose")
            if isinstance(event, PageSettled) and event.page_ref == number:
                settled = event
                self.answers.append(event)
            over = isinstance(event, LoggedOff | LogonFailed) or self._settings.permanent
            if settled is not None and over:
                break
        if self._modem is not None:
            self._modem.end_call()
            adapter.flush()
        if settled is None:
            raise LineDown("the terminal was lost")
        return settled

    def hang_up(self) -> None:
        """Drop the connection; the next page makes a new one."""
        if self._adapter is not None:
            self._adapter.close()
        self._adapter = self._core = None

    async def _page_and_tell(self) -> None:
        settings = self._settings
        try:
            settled = await self.page(settings.pager, settings.text)
        except LineDown as error:
            self.hang_up()
            log.warning("not paged: %s", error)
        else:
            log.info("paged %s: %s (%s: %s)", settings.pager, settings.text, settled.outcome.value, settled.detail)

    def _say(self, now: float) -> None:
        """Hand the page to the entry device, which has somebody to talk to."""
        if self._core is not None:
            self._core.send_page(*self._wanted, now)

    async def _connected(self) -> tuple[SimulatedEntryDevice, StreamAdapter[TapEvent]]:
        if self._core is None or self._adapter is None or self._adapter.lost is not None:
            core = SimulatedEntryDevice(self._settings.profile(), self.faults)
            if self._settings.modem:
                from gatewayd.hayes.network import CallingModem  # without a modem, as usual, nobody needs it

                self._modem = CallingModem(core, self._say, self.faults)
            adapter: StreamAdapter[TapEvent] = StreamAdapter(self._modem or core, self.clock)
            await self._plug(adapter)
            self._core, self._adapter = core, adapter
        return self._core, self._adapter

    async def _open(self, adapter: StreamAdapter[TapEvent]) -> None:
        port = self._settings.port
        host = urlsplit(f"//{port.removeprefix(SOCKET)}")
        if host.port is not None and host.hostname:
            await connect_tcp(host.hostname, host.port, adapter)
        elif is_device(port):
            await open_serial(SerialSettings(port=port, baudrate=self._settings.baudrate), adapter)
        else:
            open_pty(adapter, Path(port))
