"""Kill -9 at any moment of the main job: nothing that was accepted is lost, and paging goes on.

The gateway runs as a process of its own, forked from a server that has everything imported; the devices live in the
test and go on like real ones: the panel calls again until it gets its ACK, the phones stay registered. Real time
passes here, as a process that is killed at a random moment has no manual clock.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import signal
import sqlite3
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gatewayd.clock import SystemClock
from gatewayd.errors import DeliveryFailed
from tests.scenarios.house import Devices, furnish

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

    from gatewayd.settings import Settings

KILLS = 50
STEP_WAIT = 0.4  # seconds
LIFE = 0.7  # seconds; the gateway is killed at a random moment of at most this age
PATIENCE = 20  # seconds until the test gives up


def serve(folder: Path, config: Path) -> None:
    """Be the gateway (in the child)."""
    from gatewayd import daemon, settings

    os.setsid()
    daemon.run(settings.load(config, env={}), settings.RunOptions(False, folder / "ready", config))  # noqa: FBT003


class Gateway:
    """The gateway's process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["gatewayd.daemon", "drivers.espa444", "drivers.tap", "drivers.sip"])
        self._process: ForkServerProcess | None = None

    def start(self) -> None:
        (self._folder / "ready").unlink(missing_ok=True)
        self._process = self._context.Process(target=serve, args=(self._folder, self._folder / "gatewayd.toml"))
        self._process.start()

    async def ready(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            while not (self._folder / "ready").exists():  # noqa: ASYNC110  # another process makes it
                await asyncio.sleep(0.005)
        found: dict[str, Any] = json.loads((self._folder / "ready").read_text("utf-8"))
        return found

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        assert self._process is not None
        assert self._process.pid is not None
        os.kill(self._process.pid, how)
        self._process.join(PATIENCE)


async def test_killed_at_fifty_random_moments_it_loses_nothing_and_goes_on_escalating(tmp_path: Path) -> None:
    loaded = furnish(tmp_path, STEP_WAIT)
    devices = await _plug_in(tmp_path, loaded)
    gateway, chance, day = Gateway(tmp_path), random.Random(4711), Day(devices)
    try:
        gateway.start()
        await gateway.ready()
        await _register(devices)
        for number in range(KILLS):
            day.begin(number)
            await asyncio.sleep(chance.uniform(0.0, LIFE))
            gateway.kill()
            gateway.start()
        await gateway.ready()
        await day.end()
        await day.quiet_again()
        gateway.kill(signal.SIGTERM)
    finally:
        await day.stop()
        await devices.stack.aclose()
    day.check(tmp_path / "data" / "gatewayd.db")


class Day:
    """What people and devices do while the gateway dies again and again, and what must be true in the evening."""

    def __init__(self, devices: Devices) -> None:
        self.devices = devices
        self.acknowledged: set[str] = set()
        self.accepted: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = asyncio.Event()

    def begin(self, number: int) -> None:
        """A new call; every third one is accepted by phone as soon as it shows."""
        text = f"ROOM {number:03}"
        self._spawn(self._call(text))
        if number % 3 == 0:
            self._spawn(self._accept(text))

    async def end(self) -> None:
        """Wait until the panel got its ACK for every call and the phone its 200 for every answer."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*self._tasks)

    async def quiet_again(self) -> None:
        """Wait until every call that nobody accepted was escalated to the doctor, which takes one step."""
        async with asyncio.timeout(PATIENCE):
            for text in self.acknowledged - set(self.accepted):
                await self.devices.phone_c.expect(text)
                await self.devices.pager.expect("2001", text)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def check(self, database: Path) -> None:
        store = sqlite3.connect(database)
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        stored = Counter(text for (text,) in store.execute("SELECT active_text FROM alarms WHERE fault = 0"))
        store.close()
        assert set(stored) >= self.acknowledged, "an acknowledged alarm is lost"
        assert len(self.acknowledged) == KILLS
        assert set(stored.values()) == {1}, "a call that was repeated after a lost ACK became a second alarm"
        for text, seen in self.accepted.items():
            assert self._shown(text) <= seen + 1, f"{text} was paged on after it was accepted"

    def _shown(self, text: str) -> int:
        phones = (self.devices.phone_b, self.devices.phone_c)
        return sum(text in message.text for phone in phones for message in phone.messages)

    async def _call(self, text: str) -> None:
        """Be the panel: call until the ACK comes."""
        while text not in self.acknowledged:
            with suppress(DeliveryFailed):
                await self.devices.panel.activate("2001", text)
                self.acknowledged.add(text)

    async def _accept(self, text: str) -> None:
        """Be the nurse: answer the first text about it, again until the gateway says that it has it."""
        message = await self.devices.phone_b.expect(text)
        code = message.text.rpartition("#")[2]
        while text not in self.accepted:
            if await self.devices.phone_b.say(f"OK #{code}") == 200:
                self.accepted[text] = self._shown(text)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.add(asyncio.create_task(work))


async def _plug_in(folder: Path, loaded: Settings) -> Devices:
    devices = Devices(folder, loaded.lines["phones"].settings.port, SystemClock())  # type: ignore[attr-defined]
    await devices.plug_in()
    return devices


async def _register(devices: Devices) -> None:
    for phone in (devices.phone_b, devices.phone_c):
        phone.register()
        async with asyncio.timeout(PATIENCE):
            await phone.registered.wait()
        assert phone.registration_status == 200
