"""A whole gateway with one modem, or a pool of them, to which anything happens in any order."""

from __future__ import annotations

import asyncio
import math
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING

from drivers.gsm.driver import GsmDriver
from drivers.gsm.settings import GsmSettings
from drivers.gsm.simulated import ModemSettings
from drivers.gsm.simulator import GsmSimulator
from gatewayd.clock import ManualClock, settle
from gatewayd.driver import Outcome
from gatewayd.engine.engine import Engine
from gatewayd.errors import LineDown
from gatewayd.model import (
    AlarmActivated,
    AlarmDefinition,
    AlarmReset,
    Contact,
    Group,
    Priority,
    Route,
    Site,
    TextReceived,
)
from gatewayd.store import open_store
from gatewayd.transport.memory import MemoryTransport, Wire, connect
from tests.drivers.gsm.history import History

if TYPE_CHECKING:
    import random
    from collections.abc import Coroutine, Sized
    from pathlib import Path

    from drivers.gsm.events import GsmEvent
    from gatewayd.driver import Receipt
    from gatewayd.engine.line import RunningLine
    from gatewayd.model import Page
    from gatewayd.transport.adapter import StreamAdapter
    from gatewayd.transport.serial import SerialSettings

PEOPLE, GROUP = 6, 50
PASSING = ("nak", "refuse", "full", "stuck", "no-prompt", "drop", "late", "garble", "reset", "unsolicited")
STANDING = ("dead", "no-network", "weak", "same-reference")
EVENTS = (
    *("order", "order", "order", "order", "alarm", "alarm", "reset", "reset", "answer", "answer", "answer"),
    *("breaks", "breaks", "stays_broken", "repair", "unplug", "plug_in", "stranger", "kill"),
    *("time", "time", "time", "time", "time", "time", "turns", "turns", "turns"),
)
SITE = Site(
    contacts=tuple(Contact(person, f"c{person}", "sms", f"+4917000000{person:02}") for person in range(1, PEOPLE + 1)),
    groups=(Group(GROUP, "all", tuple(range(1, PEOPLE + 1, 2))),),
    definitions=(AlarmDefinition(1, "alarm", GROUP, send_resets=False),),
    routes=(Route(1, 1, 1, line="panel", source="device"),),
)


class Storm:
    """What happens is chosen by `rng`; `history` has it."""

    def __init__(self, data: Path, rng: random.Random, modems: int) -> None:
        self._data, self._rng = data, rng
        self._clock = ManualClock()
        self.history = History(self._clock)
        self._ordered = 0
        self._tasks: set[asyncio.Task[None]] = set()
        choose = rng.choice
        self._settings = GsmSettings(
            port="/dev/memory", per_minute=choose([0, 0, 0, 4]), send_timeout=20, registration_wait=2
        )
        refuses: tuple[str, ...] = choose([(), (), (), ("AT+CNMI=2,1*", "AT+CNMI=1,1*"), ("AT+CMGF=0",)])
        self._lengths = [1] if "AT+CMGF=0" in refuses else [1, 1, 1, 40]  # there every piece is a message of its own
        modem = ModemSettings(
            port="memory",
            send_time=choose([0.0, 0.001, 0.002, 1.0]),
            slow={"AT+CMGS=*": choose([0.0, 0.001, 0.05])},
            late_by=30.0,
            refuses=refuses,
            service_level=choose([0, 0, 1]),
        )
        self._wire = Wire(chunk=choose([0, 0, 7]))
        names = [f"sms{number}" for number in range(1, modems + 1)] if modems > 1 else ["sms"]
        self._modems = {name: GsmSimulator(self._clock, modem, self.history.arrives) for name in names}
        self._ends: dict[str, MemoryTransport] = {}
        self._unplugged: set[str] = set()

    # --- the house ----------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        self._store = self.history.store = open_store(self._data)
        self._store.writer.slow_commit = math.inf
        self._store.save_site(SITE)
        self._engine = Engine(self._store, self._clock)
        for name in self._modems:
            self._engine.add_line(name, partial(self._driver, name), "sms" if len(self._modems) > 1 else "")
        self.history.watch(self._engine.lines["sms"]._queue)
        self._engine.start()
        await settle()

    def _driver(self, name: str, line: RunningLine) -> GsmDriver:
        driver = GsmDriver(line, self._settings, partial(self._open_port, name))
        right = driver.send

        async def send(page: Page) -> Receipt:
            outcome = Outcome.FAILED
            try:
                receipt = await right(page)
                outcome = receipt.outcome
            except asyncio.CancelledError:
                outcome = Outcome.UNKNOWN
                raise
            finally:
                self.history.ended(page, outcome)
            return receipt

        driver.send = send  # type: ignore[method-assign]
        return driver

    async def _open_port(self, name: str, settings: SerialSettings, adapter: StreamAdapter[GsmEvent]) -> None:
        if name in self._unplugged:
            raise LineDown(f"there is no {settings.port}")
        self._ends[name], _ = connect(adapter, Context().run(self._modems[name].adapter), self._clock, self._wire)
        end, right = self._ends[name], self._ends[name].write

        def write(data: bytes | bytearray | memoryview) -> None:
            if not end.is_closing():
                self.history.leaves(bytes(data), self._modems[name])
            right(data)

        end.write = write  # type: ignore[method-assign]

    # --- what happens -------------------------------------------------------------------------------------------------

    async def happens(self) -> None:
        await getattr(self, f"_{self._rng.choice(EVENTS)}")()

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.history.wrong(f"{task.exception()!r}")

    def _any(self) -> str:
        return self._rng.choice(list(self._modems))

    def _text(self) -> str:
        self._ordered += 1
        return f"<{self._ordered}> " * self._rng.choice(self._lengths)

    def _earlier(self) -> int:
        return self._rng.randint(1, max(1, self._ordered))

    async def _order(self) -> None:
        text, person, priority = self._text(), self._rng.randint(1, PEOPLE), self._rng.choice(list(Priority))
        self.history.note(f"page {self._ordered} to {person}")
        await self._engine.report("desk", TextReceived("", text, f"c{person}", priority=priority))

    async def _alarm(self) -> None:
        text, priority = self._text(), self._rng.choice(list(Priority))
        self.history.note(f"alarm {self._ordered}")
        await self._engine.report("panel", AlarmActivated(f"{self._ordered}", text, "", priority))

    async def _reset(self) -> None:
        self._spawn(self._resets(self._earlier()))

    async def _resets(self, tag: int) -> None:
        stood = self._store.alarms.active_with_key("panel", str(tag)) is not None
        await self._engine.report("panel", AlarmReset(str(tag)))
        if stood:
            self.history.note(f"the reset of {tag} is settled")
            self.history.withdrawn.add(tag)

    async def _answer(self) -> None:
        person, code = self._rng.choice(SITE.contacts).address, self._earlier()
        if self._rng.random() < 1 / 2:
            self.history.note(f"{person} writes OK #{code}")
            await self._modems[self._any()].receives(person, f"OK #{code}")
        else:
            self._spawn(self._answers(person, code))

    async def _answers(self, person: str, code: int) -> None:
        page = self._store.paging.to_address("sms", person, code)
        await self._engine.report(next(iter(self._modems)), TextReceived(person, f"OK #{code}"))
        if page is not None and page.alarm_id is not None:
            tag = int(page.text.split(">")[0].removeprefix("<"))
            self.history.note(f"the answer to {tag} is settled")
            self.history.withdrawn.add(tag)

    async def _breaks(self) -> None:
        self._plan(self._rng.choice(PASSING))

    async def _stays_broken(self) -> None:
        self._plan(self._rng.choice(STANDING))

    def _plan(self, fault: str) -> None:
        name = self._any()
        self.history.note(f"{name}: {fault}")
        self._modems[name].faults.plan(fault)

    async def _repair(self) -> None:
        for modem in self._modems.values():
            for fault in STANDING:
                modem.faults.repair(fault)

    async def _unplug(self) -> None:
        name = self._any()
        if name in self._ends:
            self.history.note(f"{name} is unplugged")
            self._unplugged |= {name} if self._rng.random() < 1 / 2 else set()
            self._ends[name].cut(OSError("unplugged"))

    async def _plug_in(self) -> None:
        self._unplugged.clear()

    async def _stranger(self) -> None:
        await self._modems[self._any()].receives("+49999", "hello " * self._rng.choice([1, 40]))

    async def _time(self) -> None:
        await self._clock.advance(self._rng.choice([0.0, 0.001, 0.001, 0.003, 0.01, 0.3, 1.0, 3.0, 30.0]))

    async def _turns(self) -> None:
        """Let a few turns of the loop pass, and perhaps one timer ring: what happens next comes in between."""
        for _ in range(self._rng.randint(1, 12)):
            await asyncio.sleep(0)
        if self._rng.random() < 1 / 2:
            self._clock.fire_next(self._clock.now() + 2.0)

    async def _kill(self) -> None:
        """Lose all that is not on disk, and start again."""
        self.history.note("killed")
        lines = self._engine.lines.values()
        self._engine._core.wake_up = None
        for line in lines:
            self.history.excused |= set(line.in_flight())
            line._closed = True
        for end in self._ends.values():
            end.write = _nothing  # type: ignore[method-assign]
            end.cut(None)
        self._ends.clear()
        tasks = [*self._tasks, *self._engine._running, *(task for line in lines for task in line.tasks())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._store.close()
        await self.open()

    # --- the end ------------------------------------------------------------------------------------------------------

    async def passes(self) -> None:
        """Let everything be repaired, and all that is still to be done be done."""
        self.history.note("the storm is over")
        self._unplugged.clear()
        for modem in self._modems.values():
            for fault in (*STANDING, *PASSING):
                modem.faults.repair(fault)
        for _ in range(40):
            await self._clock.advance(60)
        for line in self._engine.lines.values():
            self._look_at(line)
        if self._tasks:
            self.history.wrong("a report was never recorded")
        self.history.close()
        await self._engine.stop()
        self._store.close()

    def _look_at(self, line: RunningLine) -> None:
        attempts, driver = line._attempts, line.driver
        kept: list[Sized] = [
            attempts._tasks,
            attempts._unheard,
            attempts._taken,
            attempts._limits,
            attempts._cut_reasons,
        ]
        if isinstance(driver, GsmDriver):
            kept += [driver._outbox._begun, driver._attempts._waiting]
        if any(kept) or line.depth():
            self.history.wrong(f"{line.name} has {line.depth()} pages and keeps {kept}")


def _nothing(data: object) -> None:
    """Write nothing: whoever wanted to is dead."""
