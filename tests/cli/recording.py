"""A line that really runs, and what a capture of it would be."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from gatewayd import registry
from gatewayd.cli.player import Player
from gatewayd.cli.replayline import ReplayLine
from gatewayd.clock import SystemClock
from gatewayd.errors import LineDown
from gatewayd.transport.capture import CURRENT, Recorder
from gatewayd.transport.capturefile import Capture, header, line, parse

if TYPE_CHECKING:
    from gatewayd.driver import Driver, News


class Recording:
    """A line of some kind that really runs, and its recorder."""

    def __init__(self, kind: str, **settings: object) -> None:
        self.clock = SystemClock()
        self.recorder = Recorder(self.clock)
        self.told: list[str] = []
        self._news = asyncio.Event()
        self.kind = registry.load(kind)
        self.settings = self.kind.settings.model_validate(settings)
        self.line = ReplayLine("recorded", self.clock, self._hear)  # type: ignore[arg-type]  # here it is real
        self.driver: Driver = self.kind.driver(self.line, self.settings)

    async def __aenter__(self) -> Self:
        CURRENT.set(self.recorder)
        self.recorder.opening()
        self._task = asyncio.create_task(self.driver.run())
        await self.tells("up")
        CURRENT.set(None)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError, LineDown):
            await self._task

    def _hear(self, what: str) -> None:
        self.told.append(what)
        self._news.set()

    async def tells(self, word: str, times: int = 1) -> None:
        """Wait until the driver has said something that begins like this."""
        async with asyncio.timeout(5):
            while sum(what.startswith(word) for what in self.told) < times:
                self._news.clear()
                await self._news.wait()

    async def hears(self, what: str) -> None:
        """Wait until a piece of this kind has been recorded."""
        async with asyncio.timeout(5):
            while what not in [piece.what for piece in self.recorder.pieces()]:
                await self.recorder.wait_for(self.recorder.next_number)

    def tell(self, news: News) -> None:
        """Tell the driver what became of its report, as the engine does."""
        self.recorder.told(news)
        self.driver.tell(news)

    def saved(self) -> Capture:
        """Return what the file says that `gatewayd capture --save` writes."""
        pieces = self.recorder.pieces()
        text = header({"kind": self.kind.name}) + "".join(line(piece, pieces[0].time) for piece in pieces)
        return parse(text, "x.capture")

    async def replayed(self) -> list[str]:
        told: list[str] = []
        await Player(self.kind, self.settings, self.saved(), lambda _, what: told.append(what)).play()
        return told
