"""A whole gateway and a modem: what is queued leaves in order, is written down, and its capture can be replayed."""

from __future__ import annotations

import math
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING

import pytest

from drivers.gsm.driver import GsmDriver
from drivers.gsm.settings import GsmSettings
from drivers.gsm.simulated import ModemSettings
from drivers.gsm.simulator import GsmSimulator
from gatewayd import registry
from gatewayd.cli.player import Player
from gatewayd.clock import ManualClock, settle
from gatewayd.engine.engine import Engine
from gatewayd.model import Contact, Page, PageState, Priority, Site, TextReceived
from gatewayd.store import open_store
from gatewayd.transport.capturefile import Capture
from gatewayd.transport.memory import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from drivers.gsm.events import GsmEvent
    from gatewayd.engine.line import RunningLine
    from gatewayd.transport.adapter import StreamAdapter
    from gatewayd.transport.serial import SerialSettings

PEOPLE = 8


class House:
    """An engine with a store on disk, one GSM line or a pool, and their modems, which take a second a message each."""

    def __init__(self, data: Path, names: tuple[str, ...] = ("sms",)) -> None:
        self.clock = ManualClock()
        self.store = open_store(data)
        self.store.writer.slow_commit = math.inf
        people = (Contact(number, f"c{number}", "sms", f"+4917000000{number:02}") for number in range(1, PEOPLE + 1))
        self.store.save_site(Site(contacts=tuple(people)))
        self.settings = GsmSettings(port="/dev/memory", validity=600)  # a capture does not say how long a page lived
        modem = ModemSettings(port="memory", reports=False, send_time=1.0)
        self.modems = {name: GsmSimulator(self.clock, modem) for name in names}
        self.modem = self.modems[names[0]]
        self.engine = Engine(self.store, self.clock)
        for name in names:
            self.engine.add_line(name, self._driver, "sms" if len(names) > 1 else "")
        self.engine.start()

    def _driver(self, line: RunningLine) -> GsmDriver:
        return GsmDriver(line, self.settings, partial(self._open, self.modems[line.name]))

    async def _open(self, modem: GsmSimulator, settings: SerialSettings, adapter: StreamAdapter[GsmEvent]) -> None:
        other_end = Context().run(modem.adapter)  # outside of the line's context: its capture is not the modem's
        connect(adapter, other_end, self.clock)

    async def says(self, text: str, person: int, priority: Priority = Priority.NORMAL) -> None:
        await self.engine.report("desk", TextReceived("", text, f"c{person}", priority=priority))
        await settle()

    def pages(self) -> list[Page]:
        return [page for number in range(1, PEOPLE + 1) if (page := self.store.paging.get(number)) is not None]

    def arrived(self) -> list[str]:
        return [message.text.removeprefix("desk: ").split(" #")[0] for message in self.modem.sent]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path)
    await made.clock.advance(2)
    yield made
    await made.engine.stop()
    made.store.close()


async def test_the_most_urgent_page_leaves_next_although_another_one_was_prepared(house: House) -> None:
    for person, text in enumerate(("one", "two", "three"), 1):
        await house.says(text, person)
    await house.clock.advance(0.5)
    await house.says("FIRE", 5, Priority.EMERGENCY)
    await house.clock.advance(10)
    assert house.arrived() == ["one", "FIRE", "two", "three"]
    assert [page.state for page in house.pages()] == [PageState.SENT] * 4
    assert len({page.reference for page in house.pages()}) == 4


async def test_the_modem_does_not_idle_while_pages_wait(house: House) -> None:
    began = house.clock.now()
    for person in range(1, PEOPLE + 1):
        await house.says(f"text {person}", person)
    await house.clock.advance(20)
    assert [round(message.time - began, 3) for message in house.modem.sent] == [float(n) for n in range(PEOPLE)]


async def test_the_modems_of_a_pool_do_not_idle_while_pages_wait(tmp_path: Path) -> None:
    house = House(tmp_path, ("sms1", "sms2"))
    await house.clock.advance(2)
    began = house.clock.now()
    for person in range(1, PEOPLE + 1):
        await house.says(f"text {person}", person)
    await house.clock.advance(20)
    for modem in house.modems.values():
        assert [round(message.time - began, 3) for message in modem.sent] == [0.0, 1.0, 2.0, 3.0]
    assert [page.state for page in house.pages()] == [PageState.SENT] * PEOPLE
    assert {page.detail.partition(":")[0] for page in house.pages()} == {"sms1", "sms2"}
    await house.engine.stop()
    house.store.close()


async def test_the_capture_of_pages_that_followed_one_another_is_replayed_as_it_was(house: House) -> None:
    for person in range(1, 5):
        await house.says(f"text {person}", person)
    await house.clock.advance(10)
    pieces = house.engine.lines["sms"].recorder.pieces()
    capture = Capture(tuple(piece._replace(time=piece.time - pieces[0].time) for piece in pieces))
    told: list[str] = []
    await Player(registry.load("gsm"), house.settings, capture, lambda _, text: told.append(text)).play()
    assert [text.split(":")[0] for text in told if text.startswith("page") and " to " not in text] == [
        f"page {page.id} sent" for page in house.pages()
    ]
    assert any(text.startswith("sent as recorded") for text in told)
