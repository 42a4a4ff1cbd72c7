"""A simulated panel: the control station that calls the gateway."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from drivers.espa444.protocol import Block, BlockEnded, BlockReceived, Ending, Header, Id, NakReason
from drivers.espa444.simulated import StationSettings, StationSimulator
from gatewayd.clock import sleep
from gatewayd.errors import DeliveryFailed, DeliveryFailedForGood, DeliveryFailedForNow

if TYPE_CHECKING:
    from drivers.espa444.protocol import Event
    from gatewayd.clock import Clock

SOH = 0x01


class ScriptStep(BaseModel):
    """One step of a script: `after` seconds, activate or reset the alarm of that address and `text`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: float = Field(default=0.0, ge=0)
    activate: str = ""
    reset: str = ""
    text: str = ""
    priority: str = ""

    @model_validator(mode="after")
    def _does_one_thing(self) -> ScriptStep:
        if bool(self.activate) == bool(self.reset):
            raise ValueError("a step has either activate or reset, with an address")
        return self


class PanelSettings(StationSettings):
    """A simulated panel. It polls every `poll_interval` seconds (0: never) and makes a call `attempts` times.

    `script` plays by itself, `repeat` over and over.
    """

    FAULTS: ClassVar[tuple[str, ...]] = (*StationSettings.FAULTS, "duplicate", "nak")

    own: str = "1"
    peer: str = "2"
    control: bool = True
    attempts: Annotated[int, Field(ge=1)] = 3
    retry_after: float = 5.0
    script: tuple[ScriptStep, ...] = ()
    repeat: bool = False


class SimulatedPanel(StationSimulator):
    """A panel that polls, calls, and tries again.

    Faults of its blocks: drop, garble, bcc (wrong check character), late, duplicate (misses the answer and transmits
    again); nak refuses a status block; dead.
    """

    Settings = PanelSettings

    def __init__(self, clock: Clock, settings: PanelSettings | None = None) -> None:
        self._settings = settings or PanelSettings()
        super().__init__(clock, self._settings)
        self._turn = asyncio.Lock()
        self._ended: asyncio.Future[BlockEnded] | None = None
        self.statuses: list[Block] = []
        self.endings: list[Ending] = []

    async def activate(self, address: str, text: str = "", priority: str = "", **records: str) -> None:
        """Call until the gateway acknowledges. Other records go by name: `beep="5"`.

        Raises DeliveryFailedForGood when the call is refused as invalid, DeliveryFailedForNow when all attempts fail.
        """
        await self._call(address, text, {"call_type": "3", "priority": priority} | records)

    async def reset(self, address: str, text: str = "") -> None:
        """Cancel a call; raises like `activate`."""
        await self._call(address, text, {"call_type": "1"})

    async def ask(self, address: str, text: str = "") -> None:
        """Ask what became of a call; the answer comes with a poll and stands in `statuses`. Raises like `activate`."""
        await self.send(Header.STATUS_REQUEST, {"1": address, "2": text})

    async def send(self, header: str, records: dict[str, str]) -> None:
        """Send a block of any header and records; raises like `activate`."""
        block = Block.of(header, {key: data for key, data in records.items() if data})
        async with self._turn:
            await self._attempt_until_taken(block)

    async def repeat(self, address: str, text: str, every: float) -> None:
        """Call again and again until cancelled, like a panel that knows no resets."""
        while True:
            await self.activate(address, text)
            await sleep(self.clock, every)

    async def serve(self) -> None:
        """Act on what the gateway does, and play the script, until cancelled."""
        script = asyncio.create_task(self._play())
        try:
            await super().serve()
        finally:
            script.cancel()
            await asyncio.gather(script, return_exceptions=True)

    async def _play(self) -> None:
        playing = bool(self._settings.script)
        while playing:
            for step in self._settings.script:
                await sleep(self.clock, step.after)
                await self._act(step)
            playing = self._settings.repeat

    async def _act(self, step: ScriptStep) -> None:
        """Carry out a step; that it failed stands in `endings`, and the script goes on, as life does."""
        try:
            if step.reset:
                await self.reset(step.reset, step.text)
            else:
                await self.activate(step.activate, step.text, step.priority)
        except DeliveryFailed:
            return

    async def _call(self, address: str, text: str, records: dict[str, str]) -> None:
        named = {Id[name.upper()]: data for name, data in records.items()}
        everything = {Id.ADDRESS: address, Id.MESSAGE: text} | named
        await self.send(Header.CALL, {str(key): data for key, data in everything.items()})

    async def _attempt_until_taken(self, block: Block) -> None:
        detail = ""
        for attempt in range(self._settings.attempts):
            if attempt:
                await sleep(self.clock, self._settings.retry_after)
            ended = await self._exchange(block)
            self.endings.append(ended.ending)
            detail = ended.detail
            if ended.ending is Ending.TAKEN:
                return
            if ended.ending is Ending.INVALID:
                raise DeliveryFailedForGood(detail)
        raise DeliveryFailedForNow(detail)

    async def _exchange(self, block: Block) -> BlockEnded:
        self._ended = asyncio.get_running_loop().create_future()
        self._station.send_call(block, self.clock.now())
        try:
            self.adapter.flush()
            return await self._ended
        except asyncio.CancelledError:
            self._station.cancel_call()
            raise

    def _handle(self, event: Event) -> None:
        if isinstance(event, BlockEnded) and self._ended is not None and not self._ended.done():
            self._ended.set_result(event)
        elif isinstance(event, BlockReceived):
            self._take_status(event.block)

    def _take_status(self, block: Block) -> None:
        if self.faults.take("nak"):
            self._station.reject_block(NakReason.TRANSMISSION, self.clock.now())
        else:
            self.statuses.append(block)
            self._station.accept_block(self.clock.now())
        self.adapter.flush()

    def _is_worth_tampering(self, data: bytes) -> bool:
        """Blocks are; with the fault `duplicate` the answer to one is missed, so that the panel transmits it again."""
        if SOH not in data:
            return False
        if self.faults.take("duplicate"):
            self._tampered.deaf_for = 1
        return True
