"""A house with a nurse-call panel, a paging transmitter and two phones around one gateway."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import aiohttp

from drivers.espa444.simulated_panel import PanelSettings, SimulatedPanel
from drivers.sip.phone import PhoneSettings
from drivers.sip.simulator import SipPhone
from drivers.tap.simulator import TapSimulator, TerminalSettings
from gatewayd import passwords, settings, sitefile
from gatewayd.clock import ManualClock
from gatewayd.daemon import Daemon
from gatewayd.settings import RunOptions
from gatewayd.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayd.clock import Clock

Json = dict[str, Any]
PASSWORD = "correct horse"

CONFIG = """
[gateway]
data_dir = "{data}"
log_level = "error"
disk_reserve = 1
[api]
port = 0
[lines.ward-panel]
kind = "espa444"
port = "{data}/../ward-panel"
link_silent_after = 0
[lines.pager]
kind = "tap"
port = "{data}/../pager"
[lines.phones]
kind = "sip"
port = {sip_port}
options_interval = 0
accounts = {{ 2001 = {{ password = "phone-b" }}, 2002 = {{ password = "phone-c" }} }}
"""
SITE = """
[site]
fallback = "user:admin"
[[user]]
name = "admin"
role = "admin"
password_hash = "{password_hash}"
[[user]]
name = "nurse"
password_hash = "{password_hash}"
ways = [{{ contact = "phone-b" }}]
[[user]]
name = "doctor"
password_hash = "{password_hash}"
ways = [{{ contact = "phone-c" }}]
[[contact]]
name = "ward-pager"
line = "pager"
address = "2001"
[[contact]]
name = "phone-b"
line = "phones"
address = "2001"
[[contact]]
name = "phone-c"
line = "phones"
address = "2002"
[[plan]]
name = "ward-calls"
cycles = 0
steps = [
  {{ page = ["contact:ward-pager", "user:nurse"], wait = {wait} }},
  {{ page = ["user:doctor"], wait = {wait} }},
]
[[alarm]]
name = "nurse-call"
page = "plan:ward-calls"
[[route]]
line = "ward-panel"
alarm = "nurse-call"
"""


def free_port() -> int:
    """Return a UDP and TCP port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@cache
def cheap_hash() -> str:
    """Return the hash of `PASSWORD` at the least cost: the tests log in often."""
    with patch.object(passwords, "COST", 16):
        return passwords.hash_password(PASSWORD)


def furnish(folder: Path, wait: float) -> settings.Settings:
    """Write the configuration of a house and fill its store; return the settings."""
    data = folder / "data"
    data.mkdir()
    path = folder / "gatewayd.toml"
    path.write_text(CONFIG.format(data=data, sip_port=free_port()), "utf-8")
    loaded = settings.load(path, env={})
    store = open_store(data)
    parsed = sitefile.parse(SITE.format(password_hash=cheap_hash(), wait=wait), "site.toml")
    store.save_site(sitefile.merge(store.load_site(), parsed, replace=False, known_lines=frozenset(loaded.lines)))
    store.close()
    return loaded


@dataclass
class Devices:
    """The simulated devices; they outlive the gateway."""

    folder: Path
    sip_port: int
    clock: Clock
    poll_interval: float = 0.0
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def plug_in(self) -> None:
        """Start every device."""
        panel = PanelSettings(port=str(self.folder / "ward-panel"), poll_interval=self.poll_interval, retry_after=0.2)
        self.panel = SimulatedPanel(self.clock, panel)
        self.pager = TapSimulator(self.clock, TerminalSettings(port=str(self.folder / "pager")))
        self.phone_b = self._phone("2001", "phone-b")
        self.phone_c = self._phone("2002", "phone-c")
        for device in (self.panel, self.pager, self.phone_b, self.phone_c):
            self.stack.push_async_callback(_cancel, asyncio.create_task(device.run()))
        await asyncio.sleep(0)

    def _phone(self, user: str, password: str) -> SipPhone:
        return SipPhone(self.clock, PhoneSettings(registrar_port=self.sip_port, user=user, password=password))


@dataclass
class House:
    """The gateway with its devices in one process, on one manual clock."""

    folder: Path
    clock: ManualClock
    settings: settings.Settings
    stack: AsyncExitStack
    devices: Devices
    daemon: Daemon

    @classmethod
    async def build(cls, folder: Path, wait: float = 30.0) -> House:
        """Furnish a house, start everything and wait until the phones are registered."""
        clock, stack = ManualClock(), AsyncExitStack()
        loaded = furnish(folder, wait)
        devices = Devices(folder, loaded.lines["phones"].settings.port, clock)  # type: ignore[attr-defined]
        await devices.plug_in()
        stack.push_async_callback(devices.stack.aclose)
        daemon = Daemon(loaded, RunOptions(demo=False, ready_file=None, config_file=None), stack, clock)
        await daemon.start()
        house = cls(folder, clock, loaded, stack, devices, daemon)
        for phone in (devices.phone_b, devices.phone_c):
            phone.register()
            await asyncio.wait_for(phone.registered.wait(), 5)
        house.http = await stack.enter_async_context(aiohttp.ClientSession())
        return house

    http: aiohttp.ClientSession = None  # type: ignore[assignment]

    async def passes(self, seconds: float) -> None:
        """Let time pass in small steps, with a moment for real bytes to travel in each."""
        left = seconds
        while left > 0:
            await self.clock.advance(min(left, 0.25))
            await asyncio.sleep(0.002)
            left -= 0.25

    async def login(self, name: str) -> Client:
        """Log a user in over the API."""
        answer = await self.http.post(
            f"{self.daemon.address.url}api/tokens/generatetoken?f=json", data={"username": name, "password": PASSWORD}
        )
        return Client(self.http, self.daemon.address.url, (await answer.json())["token"])


@dataclass
class Client:
    """A user of the API."""

    http: aiohttp.ClientSession
    url: str
    token: str

    async def get(self, path: str) -> Json:
        """Return the JSON of a GET."""
        return await self._call("GET", path)

    async def post(self, path: str, **fields: str) -> Json:
        """Return the JSON of a POST."""
        return await self._call("POST", path, fields)

    async def events(self) -> list[Json]:
        """Return the user's inbox."""
        found: list[Json] = (await self.get("users/self/events"))["events"]
        return found

    async def _call(self, method: str, path: str, fields: dict[str, str] | None = None) -> Json:
        headers, url = {"Authorization": f"Bearer {self.token}"}, f"{self.url}api/{path}?f=json"
        async with self.http.request(method, url, headers=headers, data=fields) as answer:
            assert answer.status == 200, await answer.text()
            found: Json = await answer.json()
            return found


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
