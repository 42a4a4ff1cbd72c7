"""A headless Firefox, driven by WebDriver BiDi over its own websocket."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

Json = dict[str, Any]
Prefs = dict[str, bool | int | str]

PATIENCE = 15.0  # seconds for one answer: several browsers may share a small machine
LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://[0-9.:]+)")
# Nothing of the browser may ask the Internet.
QUIET: Prefs = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.aboutConfig.showWarning": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.manage-offline-status": False,
    "services.settings.server": "data:,",
    "signon.rememberSignons": False,
    "toolkit.telemetry.enabled": False,
}
COLOURS = {"dark": 0, "light": 1}
TAB, ENTER = "\ue004", "\ue007"


def find_firefox() -> str | None:
    """Return the path of a Firefox, or None."""
    return shutil.which("firefox-esr") or shutil.which("firefox")


class BrowserError(Exception):
    """The browser refused a command."""


@dataclass
class Firefox:
    """A running browser with a BiDi session."""

    process: Process
    socket: aiohttp.ClientWebSocketResponse
    numbers: count[int] = field(default_factory=lambda: count(1))
    waiting: dict[int, asyncio.Future[Json]] = field(default_factory=dict)
    loads: asyncio.Queue[Json] = field(default_factory=asyncio.Queue)

    @classmethod
    @asynccontextmanager
    async def start(cls, profile: Path, **prefs: bool | int | str) -> AsyncIterator[Tab]:
        """Start a browser with a profile of its own and these preferences; yields a tab that has the focus."""
        write_prefs(profile, QUIET | prefs)
        command = (str(find_firefox()), "--headless", "--no-remote", "--profile", str(profile))
        environment = os.environ | {"HOME": str(profile), "MOZ_CRASHREPORTER_DISABLE": "1"}
        process = await asyncio.create_subprocess_exec(
            *command,
            "--remote-debugging-port=0",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )
        try:
            address = await asyncio.wait_for(_address(process), PATIENCE)
            async with aiohttp.ClientSession() as http, http.ws_connect(f"{address}/session", max_msg_size=0) as socket:
                reader = asyncio.create_task((browser := cls(process, socket)).read())
                try:
                    yield await browser.open()
                finally:
                    reader.cancel()
                    await asyncio.gather(reader, return_exceptions=True)
        finally:
            await _end(process)

    async def open(self) -> Tab:
        """Begin the session; return a tab of our own.

        The one that is there never gets the focus without a screen, and then keys do not press the button they are on.
        """
        await self.call("session.new", capabilities={})
        await self.call("session.subscribe", events=["browsingContext.load"])
        made = await self.call("browsingContext.create", type="tab")
        await self.call("browsingContext.activate", context=made["context"])
        self.forget()
        return Tab(self, made["context"])

    def forget(self) -> None:
        """Forget the pages that were loaded."""
        while not self.loads.empty():
            self.loads.get_nowait()

    async def call(self, method: str, **params: object) -> Json:
        """Send a command and return its result. Raises BrowserError."""
        number = next(self.numbers)
        answer = self.waiting[number] = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": number, "method": method, "params": params})
        return await asyncio.wait_for(answer, PATIENCE)

    async def read(self) -> None:
        """Take what the browser says, until it goes."""
        async for message in self.socket:
            self._take(json.loads(message.data))
        for answer in self.waiting.values():
            answer.cancel()

    def _take(self, said: Json) -> None:
        if said["type"] == "event":
            self.loads.put_nowait(said["params"])
        elif (answer := self.waiting.pop(said["id"], None)) is None or answer.done():
            return
        elif said["type"] == "success":
            answer.set_result(said["result"])
        else:
            answer.set_exception(BrowserError(f"{said['error']}: {said['message']}"))


@dataclass
class Tab:
    """What a person sees of the browser."""

    browser: Firefox
    context: str

    async def call(self, method: str, **params: object) -> Json:
        return await self.browser.call(method, context=self.context, **params)

    async def go(self, url: str) -> None:
        """Open a page and wait until all of it is there."""
        self.forget()
        await self.call("browsingContext.navigate", url=url, wait="complete")

    def forget(self) -> None:
        """Forget the pages that were loaded, before a step that loads another."""
        self.browser.forget()

    async def arrives_at(self, path: str) -> None:
        """Wait until a page with this path was loaded."""
        seen: list[str] = []
        try:
            async with asyncio.timeout(PATIENCE):
                while path not in seen:
                    seen.append(urlsplit((await self.browser.loads.get())["url"]).path)
        except TimeoutError:
            raise BrowserError(f"{path} was not loaded; these were: {seen}") from None

    async def loaded(self) -> None:
        """Wait until any page was loaded."""
        await asyncio.wait_for(self.browser.loads.get(), PATIENCE)

    async def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return the value of a JavaScript expression, awaited, as JSON. Raises BrowserError."""
        answer = await self.browser.call(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self.context},
            awaitPromise=True,
            userActivation=True,
        )
        if answer["type"] != "success":
            raise BrowserError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"].get("value", "null"))

    async def load_script(self, source: str) -> None:
        """Run a script in the page, past its content security policy."""
        target = {"context": self.context}
        await self.browser.call("script.evaluate", expression=f"{source}\n;0", target=target, awaitPromise=False)

    async def find(self, selector: str) -> list[Json]:
        """Return the elements that fit a CSS selector, with their attributes; this needs no scripts in the page."""
        found = await self.call("browsingContext.locateNodes", locator={"type": "css", "value": selector})
        nodes: list[Json] = found["nodes"]
        return nodes

    async def text(self, selector: str) -> str:
        """Return the text of the first element that fits, as it is shown."""
        found = await self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")
        return str(found)

    async def click(self, selector: str) -> None:
        """Click the middle of the first element that fits."""
        (node, *_) = await self.find(selector)
        origin = {"type": "element", "element": {"sharedId": node["sharedId"]}}
        await self._acts(
            {
                "type": "pointer",
                "id": "mouse",
                "actions": [
                    {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
                    {"type": "pointerDown", "button": 0},
                    {"type": "pointerUp", "button": 0},
                ],
            }
        )

    async def tabs_to(self, selector: str, most: int = 60) -> None:
        """Press Tab until an element that fits has the focus, as somebody without a mouse gets there."""
        passed = []
        for _ in range(most):
            await self.types(TAB)
            focused = await self.find(":focus")
            wanted = {node["sharedId"] for node in await self.find(selector)}
            if any(node["sharedId"] in wanted for node in focused):
                return
            passed += [node["value"].get("attributes") for node in focused]
        raise BrowserError(f"{selector} was not reached; the focus was on {passed}")

    async def types(self, text: str) -> None:
        """Press the keys of a text, one after the other."""
        presses = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        await self._acts({"type": "key", "id": "keyboard", "actions": presses})

    async def _acts(self, source: Mapping[str, object]) -> None:
        await self.call("input.performActions", actions=[source])

    async def width(self, pixels: int) -> None:
        """Make the window as wide as a device."""
        await self.call("browsingContext.setViewport", viewport={"width": pixels, "height": 900})


def write_prefs(profile: Path, prefs: Prefs) -> None:
    """Write preferences into a profile, which is made where it is missing."""
    profile.mkdir(exist_ok=True)
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in prefs.items())
    (profile / "user.js").write_text("".join(lines), "utf-8")


async def _address(process: Process) -> str:
    """Return where the browser listens; reads what it says until then."""
    stream = process.stderr
    assert stream is not None
    while line := await stream.readline():
        if found := LISTENING.search(line):
            return found[1].decode()
    raise BrowserError("the browser ended before it listened")


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.communicate(), 10)
    except TimeoutError:
        process.kill()
        await process.communicate()
