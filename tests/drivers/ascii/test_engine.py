"""A panel's lines through the whole engine: pairing of set and reset, across a kill of the gateway and a full disk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from drivers.ascii import DRIVER
from drivers.ascii.simulator import SimulatedPrinterPort
from gatewayd.clock import settle
from gatewayd.transport.memory import connect
from tests.drivers.ascii.samples import FIRE, line
from tests.engine.conftest import ADMIN, Box

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gatewayd.model import Alarm
    from gatewayd.transport.adapter import StreamAdapter


class FireStation(Box):
    """A box with a panel that prints; the panel prints each line once."""

    def _open(self) -> None:
        super()._open()
        self.printer = SimulatedPrinterPort(self.clock)
        self.fire = self.engine.add_line("fire", lambda found: DRIVER(found, line(FIRE), self._plug))
        self.tasks = [asyncio.create_task(self.fire.supervise()), asyncio.create_task(self.printer.serve())]

    async def _plug(self, settings: object, adapter: StreamAdapter[Any]) -> None:
        connect(adapter, self.printer.adapter, self.clock)

    async def prints(self, *lines: str) -> None:
        await self.printer.prints(*lines)
        await settle()

    def standing(self, key: str) -> Alarm | None:
        return self.store.alarms.active_with_key("fire", key)

    async def ends_serving(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def is_killed(self) -> None:
        await self.ends_serving()
        await super().is_killed()


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[FireStation]:
    started = FireStation(tmp_path)
    await settle()
    yield started
    await started.ends_serving()
    await started.stop()


async def test_second_line_about_a_standing_alarm_pages_nobody_again(station: FireStation) -> None:
    await station.prints("FIRE 3", "FIRE 3", "FIRE 3")
    alarm = station.standing("3")
    assert alarm is not None
    assert alarm.repeats == 2
    assert station.texts_of(ADMIN) == ["fire: FIRE 3"]


async def test_reset_after_a_kill_ends_the_alarm_that_was_set_before(station: FireStation) -> None:
    await station.prints("FIRE 3", "FIRE 4")
    await station.is_killed()
    assert station.standing("3") is not None
    await station.prints("OK 3")
    assert (station.standing("3"), station.standing("4") is None) == (None, False)


async def test_general_reset_after_a_kill_ends_all_that_was_set_before(station: FireStation) -> None:
    await station.prints("FIRE 3", "FIRE 4", "WATER IN CELLAR")
    await station.is_killed()
    await station.prints("ALL CLEAR")
    assert [station.standing(key) for key in ("3", "4")] == [None, None]
    assert not station.fire.memory.items()


async def test_line_that_no_rule_knows_reaches_a_person_and_again_when_it_comes_again_later(
    station: FireStation,
) -> None:
    await station.prints("WATER IN CELLAR", "WATER IN CELLAR")
    assert station.texts_of(ADMIN) == ["fire: WATER IN CELLAR"]
    await station.passes(3_600)
    await station.prints("WATER IN CELLAR")
    assert station.texts_of(ADMIN).count("fire: WATER IN CELLAR") == 2


async def test_alarm_that_a_person_ended_is_forgotten_by_the_line_and_comes_again_as_new(station: FireStation) -> None:
    await station.prints("FIRE 3", "FIRE 4")
    alarm = station.standing("3")
    assert alarm is not None
    await station.engine.cancel_alarm(station.user(ADMIN), alarm.id)
    await settle()
    assert set(station.fire.memory.items()) == {"open 4"}
    await station.prints("FIRE 3")
    again = station.standing("3")
    assert again is not None
    assert again.id != alarm.id
    assert set(station.fire.memory.items()) == {"open 3", "open 4"}


async def test_reset_of_an_alarm_that_nobody_knows_only_stands_in_the_journal(station: FireStation) -> None:
    await station.prints("OK 9")
    assert station.texts_of(ADMIN) == []
    assert station.fire.counters["kind_reset"] == 1


async def test_lines_that_come_while_nothing_can_be_stored_hold_each_other_up_in_nothing(station: FireStation) -> None:
    station.disk.full = True
    await station.prints("FIRE 3", "FIRE 3", "OK 9", "FIRE 4", "OK 3", "FIRE 5")
    assert station.on_disk("SELECT COUNT(*) FROM alarms") == 0
    assert station.standing("3") is None
    assert station.standing("4") is not None
    assert station.standing("5") is not None
    station.disk.full = False
    await station.passes(2)
    assert station.on_disk("SELECT COUNT(*) FROM alarms WHERE line = 'fire'") == 3
    await station.is_killed()
    assert set(station.fire.memory.items()) == {"open 4", "open 5"}
