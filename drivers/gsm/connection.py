"""The dialogue on one open port."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gatewayd.errors import LineDown

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from drivers.gsm.events import GsmEvent
    from drivers.gsm.protocol import Modem
    from drivers.gsm.recording import Recorder
    from gatewayd.transport.adapter import StreamAdapter


@dataclass(slots=True)
class Connection:
    """A modem, the port that it is on, and what runs while that is open."""

    core: Modem
    adapter: StreamAdapter[GsmEvent]
    recorder: Recorder
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def flush(self) -> None:
        """Write what the core wants written; a port that is lost meanwhile is noticed by its reader."""
        with suppress(LineDown):
            self.adapter.flush()

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run something for as long as the port is open."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def close(self) -> None:
        """End what runs, and close the port."""
        for task in self.tasks:
            task.cancel()
        self.adapter.close()
        await self.adapter.wait_closed()
