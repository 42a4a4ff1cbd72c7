"""Two simulated modems on one telephone line, each with a wire for the program that hangs on it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gatewayd.errors import LineDown
from gatewayd.hayes.network import PhoneNetwork
from gatewayd.simulator import Faults
from gatewayd.transport.adapter import StreamAdapter
from gatewayd.transport.memory import connect

if TYPE_CHECKING:
    from gatewayd.clock import Clock
    from gatewayd.hayes.simulated import SimulatedModem


class Telephone:
    """The line; `adapters` are the modems' ends of the two wires."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.faults = Faults()
        self.network = PhoneNetwork(self.faults, self._changed)
        self.adapters: tuple[StreamAdapter[None], ...] = tuple(
            StreamAdapter(modem, clock) for modem in self.network.modems
        )

    async def open_first(self, settings: object, adapter: StreamAdapter[Any]) -> None:
        connect(adapter, self.adapters[0], self.clock)

    async def open_second(self, settings: object, adapter: StreamAdapter[Any]) -> None:
        connect(adapter, self.adapters[1], self.clock)

    def _changed(self, modem: SimulatedModem) -> None:
        """Let a modem say what it has to say, in a turn of its own."""
        adapter = self.adapters[self.network.modems.index(modem)]

        def flush() -> None:
            with suppress(LineDown):
                adapter.flush()

        asyncio.get_running_loop().call_soon(flush)
