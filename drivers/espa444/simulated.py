"""What both simulated stations do alike: open a port, serve, misbehave on demand."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from drivers.espa444.protocol import Bcc, Charset, Config, ControlStation, PolledStation, Select, SelfPoll
from drivers.espa444.quirks import Quirk, spoken
from drivers.espa444.tampering import TamperedStation
from gatewayd.simulator import Faults, Simulator, SimulatorSettings
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.device import device_port

if TYPE_CHECKING:
    from drivers.espa444.protocol import Event
    from gatewayd.clock import Clock


class StationSettings(SimulatorSettings):
    """What both simulators have.

    `port` is where a link to a new PTY is made, or, under /dev/ or socket://, an existing port to open; `throttle`
    makes a PTY as slow as `baudrate`. `control` says whether this station polls; `quirks` are the habits of devices
    that do not keep to the specification.
    """

    FAULTS: ClassVar[tuple[str, ...]] = ("drop", "garble", "bcc", "late", "dead")

    port: str = ""
    baudrate: int = 9600
    throttle: bool = False
    own: str
    peer: str
    control: bool
    poll_interval: Annotated[float, Field(ge=0)] = 1.0
    bcc: Bcc = Bcc.STRICT
    quirks: frozenset[Quirk] = frozenset()
    self_poll: SelfPoll = SelfPoll.STRICT
    encoding: Charset = Charset.ASCII
    ack_timeout: float = 2.0
    late_by: float = 5.0

    def station(self, now: float) -> ControlStation | PolledStation:
        """Return the simulated station."""
        kind = ControlStation if self.control else PolledStation
        return kind(self._config(), now)

    def _config(self) -> Config:
        direct = {Quirk.DIRECT: Select.NONE, Quirk.BARE_ENQUIRY: Select.BARE}
        return Config(
            own=self.own,
            peers=(self.peer,),
            self_poll=self.self_poll,
            select=next((select for quirk, select in direct.items() if quirk in self.quirks), Select.ADDRESS),
            charset=self.encoding,
            bcc=self.bcc,
            ack_timeout=self.ack_timeout,
            poll_interval=self.poll_interval if self.control and self.self_poll is not SelfPoll.ABSENT else 0.0,
            char_time=10 / self.baudrate,
        )


class StationSimulator(Simulator):
    """What both simulators do: open the port, serve, misbehave on demand.

    `adapter` may be joined to a wire instead of `run`; then `serve` is to be run.
    """

    def __init__(self, clock: Clock, settings: StationSettings) -> None:
        super().__init__(clock)
        self.settings = settings
        self.faults = Faults(settings.faults)
        self._station = settings.station(clock.now())
        self._tampered = TamperedStation(self._station, self.faults, self._tamper, settings.own, settings.quirks)
        self.adapter: StreamAdapter[Event] = StreamAdapter(self._tampered, clock)

    async def run(self) -> None:
        """Open the port and serve until cancelled. Raises LineDown when an existing port is lost."""
        settings = self.settings
        async with device_port(self.adapter, settings.port, baudrate=settings.baudrate, throttle=settings.throttle):
            await self.serve()

    async def serve(self) -> None:
        """Act on what the gateway does until cancelled."""
        async for event in self.adapter.events():
            self._handle(event)

    @abstractmethod
    def _handle(self, event: Event) -> None:
        """Act on one event."""

    @abstractmethod
    def _is_worth_tampering(self, data: bytes) -> bool:
        """Return whether faults apply to `data`: they befall blocks or their answers, not idle polls."""

    def _tamper(self, data: bytes) -> tuple[bytes, float]:
        """Return what is really sent instead of `data`, and the delay in seconds."""
        data = spoken(data, self.settings.quirks, answers_block=self._tampered.heard_block)
        if not self._is_worth_tampering(data):
            return data, 0.0
        if self.faults.take("drop"):
            return b"", 0.0
        if self.faults.take("garble"):
            data = bytes((*data[:-1], data[-1] ^ 0x08)) if len(data) == 1 else _damage(data, len(data) // 2)
        if self.faults.take("bcc"):
            data = _damage(data, len(data) - 1)
        return data, self.settings.late_by if self.faults.take("late") else 0.0


def _damage(data: bytes, position: int) -> bytes:
    return bytes(byte ^ 0x10 if index == position else byte for index, byte in enumerate(data))
