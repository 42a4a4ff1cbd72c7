"""Pushes a second to a push service on loopback: encrypted, signed, posted, answered with 201.

The ceiling posts with bare aiohttp what it has just encrypted, and does nothing else. The last row is what pywebpush's
own `webpush_async` does with the same session. All take turns in short rounds; a figure is the CPU time of its
cheapest round, for whoever else works on the machine makes the others dearer.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import subprocess
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import aiohttp
from pywebpush import webpush_async
from yarl import URL

from drivers.webpush.driver import WebPushDriver
from drivers.webpush.encryption import encrypt, receiver
from drivers.webpush.receiving import Browser
from drivers.webpush.settings import WebPushSettings
from drivers.webpush.subscriptions import memory_key, subscription_id
from gatewayd.clock import SystemClock
from gatewayd.driver import Outcome
from gatewayd.model import NotificationKind, Page, Priority
from tools.benches.report import Row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Post = Callable[[int], Awaitable[None]]

PUSHES, ROUNDS, PARALLEL, BROWSERS = 400, 14, 32, 20
TEXT = (
    '{"notifications":[{"type":"user_event","notification":{"id":1,"message_id":1,"queue_time":1664924064,'
    '"message":"FIRE 3 in the kitchen of ward 7","escalation_cycle":0,"escalation_step":0,"priority":true}}]}'
)
HEADERS = {"TTL": "600", "Urgency": "high", "Topic": "x" * 32, "Authorization": "vapid t=" + "x" * 340}


@dataclass
class Line:
    """What the driver sees of a gateway; its memory is a dictionary."""

    saved: dict[str, Any] = field(default_factory=dict)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    clock: SystemClock = field(default_factory=SystemClock)
    name: str = "push"
    log: Any = field(default_factory=lambda: logging.LoggerAdapter(logging.getLogger("bench")))

    @property
    def memory(self) -> Line:
        """Return this line, which remembers."""
        return self

    def items(self) -> dict[str, Any]:
        """Return everything that is remembered."""
        return dict(self.saved)

    async def save(self, changes: dict[str, Any]) -> None:
        """Remember."""
        self.saved.update(changes)

    def up(self) -> None:
        """Note that pages may be sent."""
        self.opened.set()

    def count(self, what: str, amount: int = 1) -> None:
        """Count nothing."""

    def degraded(self, reason: str) -> None:
        """Rate nothing."""


def measure() -> list[Row]:
    """Return pushes a second of the line, and of the library alone."""
    return asyncio.run(_measure())


async def _measure() -> list[Row]:
    async with AsyncExitStack() as stack:
        port = stack.enter_context(_service())
        posts = {
            "bare": await stack.enter_async_context(_bare(port)),
            "line": await stack.enter_async_context(_line(port)),
            "library": await stack.enter_async_context(_library(port)),
        }
        best = dict.fromkeys(posts, float("inf"))
        for _, (name, post) in itertools.product(range(ROUNDS), posts.items()):
            best[name] = min(best[name], await _cost(post))
    ceiling, ours, theirs = (1 / best[name] for name in ("bare", "line", "library"))
    return [
        Row("pushes through the line", "/s", ceiling, ours, ours / ceiling),
        Row("webpush_async as it comes", "/s", ceiling, theirs, theirs / ceiling),
    ]


async def _cost(post: Post) -> float:
    """Return the seconds of CPU time that one push takes in a round."""
    numbers = iter(range(PUSHES))

    async def work() -> None:
        for number in numbers:
            await post(number)

    before = time.process_time()
    await asyncio.gather(*(work() for _ in range(PARALLEL)))
    return (time.process_time() - before) / PUSHES


class _service:  # noqa: N801 - reads as the function it stands for
    """A push service in a process of its own; entering returns its port."""

    def __enter__(self) -> int:
        command = [sys.executable, "-m", "tools.benches.minimal_push"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        return int(self._process.stdout.readline())

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def _subscriptions(port: int) -> list[dict[str, Any]]:
    return [
        {"endpoint": f"http://127.0.0.1:{port}/push/{number}", **Browser.new().keys(), "user_id": 1}
        for number in range(BROWSERS)
    ]


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=PARALLEL), cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    )


@asynccontextmanager
async def _bare(port: int) -> AsyncIterator[Post]:
    browsers = _subscriptions(port)
    limit, content = aiohttp.ClientTimeout(total=5.0), TEXT.encode()
    async with _session() as session:

        async def post(number: int) -> None:
            one = browsers[number % BROWSERS]
            body = encrypt(content, receiver(one["p256dh"], one["auth"]))
            async with session.post(URL(one["endpoint"], encoded=True), data=body, headers=HEADERS, timeout=limit) as a:
                await a.read()

        yield post


@asynccontextmanager
async def _library(port: int) -> AsyncIterator[Post]:
    browsers = _subscriptions(port)
    async with _session() as session:

        async def post(number: int) -> None:
            one = browsers[number % BROWSERS]
            info = {"endpoint": one["endpoint"], "keys": {"p256dh": one["p256dh"], "auth": one["auth"]}}
            limit: Any = aiohttp.ClientTimeout(total=5.0)
            await webpush_async(info, TEXT, headers=dict(HEADERS), timeout=limit, aiohttp_session=session)

        yield post


@asynccontextmanager
async def _line(port: int) -> AsyncIterator[Post]:
    browsers, line = _subscriptions(port), Line()
    line.saved = {memory_key(subscription_id(one["endpoint"])): one for one in browsers}
    settings = WebPushSettings(subject="mailto:it@hospital.example", allow_http=True, allow_hosts=("127.0.0.1",))
    driver = WebPushDriver(line, settings)  # type: ignore[arg-type]  # as much of a line as this driver asks for
    running = asyncio.create_task(driver.run())
    await line.opened.wait()
    now = line.clock.now()
    page = Page(1, 1, "push", "", TEXT, Priority.HIGH, now, now, now + 600, now, push=NotificationKind.USER_EVENT)
    pages = [
        replace(page, id=number, message_id=number, address=subscription_id(browsers[number % BROWSERS]["endpoint"]))
        for number in range(PUSHES)
    ]

    async def post(number: int) -> None:
        if (await driver.send(pages[number])).outcome is not Outcome.SENT:
            raise RuntimeError("a push was not taken")

    yield post
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
