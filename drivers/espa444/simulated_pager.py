"""A simulated paging transmitter: the station that the gateway calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from drivers.espa444.protocol import Block, BlockReceived, Header, Id, NakReason
from drivers.espa444.simulated import StationSettings, StationSimulator

if TYPE_CHECKING:
    from drivers.espa444.protocol import Event
    from gatewayd.clock import Clock


REFUSALS = {"nak": NakReason.TRANSMISSION, "busy": NakReason.BUSY, "invalid": NakReason.INVALID}


class PagerSettings(StationSettings):
    """A simulated paging transmitter. `answer` is the call status that it returns for each call (`6`: acknowledged)."""

    FAULTS: ClassVar[tuple[str, ...]] = (*REFUSALS, *StationSettings.FAULTS)

    own: str = "2"
    peer: str = "1"
    control: bool = False
    answer: str = ""


@dataclass(frozen=True, slots=True)
class PagedCall:
    """One call that a simulated paging transmitter has taken."""

    address: str
    text: str
    priority: str
    is_reset: bool
    block: Block

    @classmethod
    def of(cls, block: Block) -> PagedCall:
        """Read a call."""
        address, text, priority = block.get(Id.ADDRESS), block.get(Id.MESSAGE), block.get(Id.PRIORITY)
        return cls(address, text, priority, block.get(Id.CALL_TYPE) == "1", block)


class SimulatedPager(StationSimulator):
    """A paging transmitter. Faults of its answers to calls: nak, busy, invalid, drop, garble, bcc, late; and dead."""

    Settings = PagerSettings

    def __init__(self, clock: Clock, settings: PagerSettings | None = None) -> None:
        self._settings = settings or PagerSettings()
        super().__init__(clock, self._settings)
        self._news = asyncio.Event()
        self.calls: list[PagedCall] = []
        self.requests: list[PagedCall] = []

    async def expect(self, text: str) -> PagedCall:
        """Wait for a call whose text contains `text`; return the newest one."""
        while True:
            for call in reversed(self.calls):
                if text in call.text:
                    return call
            self._news.clear()
            await self._news.wait()

    def acknowledge(self, call: PagedCall) -> None:
        """Let the called person press the key: the gateway hears of it when it polls."""
        self.return_status(call, "6")

    def return_status(self, call: PagedCall, value: str) -> None:
        """Queue the call status `value` (record 7) for `call`."""
        same = {key: call.block.get(key) for key in (Id.ADDRESS, Id.MESSAGE, Id.BEEP)}
        self.queue_status({str(key): data for key, data in same.items() if data} | {Id.CALL_STATUS: value})

    def queue_status(self, records: dict[str, str]) -> None:
        """Queue a status block of any records."""
        self.queue_block(Header.STATUS, records)

    def queue_block(self, header: str, records: dict[str, str]) -> None:
        """Queue a block of any header and records."""
        self._station.queue_status(Block.of(header, records), self.clock.now())
        self.adapter.flush()

    def _handle(self, event: Event) -> None:
        if isinstance(event, BlockReceived):
            self._answer(event.block)

    def _answer(self, block: Block) -> None:
        now = self.clock.now()
        refusal = next((reason for fault, reason in REFUSALS.items() if self.faults.take(fault)), None)
        if refusal is None:
            self._take(block)
            self._station.accept_block(now)
        else:
            self._station.reject_block(refusal, now)
        self.adapter.flush()

    def _take(self, block: Block) -> None:
        call = PagedCall.of(block)
        if block.header == Header.STATUS_REQUEST:
            self.requests.append(call)
            self.return_status(call, self._settings.answer or "3")
            return
        self.calls.append(call)
        self._news.set()
        if self._settings.answer:
            self.return_status(call, self._settings.answer)

    def _is_worth_tampering(self, data: bytes) -> bool:
        """Answers to blocks are."""
        del data
        return self._tampered.heard_block
