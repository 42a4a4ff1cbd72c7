"""A push service with its browsers, on loopback: for tests, the demo and training.

Faults: `nak` (refuses with `refuse_with`), `gone` (410), `missing` (404), `bad` (400), `unauthorized` (401),
`forbidden` (403), `large` (413), `busy` (429 with `Retry-After`), `redirect` (307), `late` (answers `late_by` seconds
later), `drop` (closes without an answer), `garble` (answers with noise), `huge` (an answer without end), `dead` and
`deaf` (says nothing to a post, to a probe, until repaired).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from drivers.webpush.receiving import Browser, NoAuthorization, verify_vapid
from gatewayd import clock as clocks
from gatewayd.errors import RemoteProtocolError
from gatewayd.simulator import Faults, Simulator, SimulatorSettings

if TYPE_CHECKING:
    from aiohttp import web

    from gatewayd.clock import Clock

log = logging.getLogger(__name__)

MOST_BODY = 4_096  # RFC 8030 7.2
MOST_MESSAGES = 1_000  # that a browser keeps for a look
NOISE = b"\x00\xff garbled \r\n\r\n"
STATUS_OF = {
    "gone": 410,
    "missing": 404,
    "bad": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "large": 413,
    "busy": 429,
    "redirect": 307,
}


class PushServiceSettings(SimulatorSettings):
    """Where the service listens and how it refuses."""

    FAULTS: ClassVar[tuple[str, ...]] = (*STATUS_OF, "nak", "late", "drop", "garble", "huge", "dead", "deaf")

    host: str = Field("127.0.0.1", description="own address")
    port: int = Field(0, ge=0, le=65535, description="own port; 0 takes any free one")
    browsers: int = Field(1, ge=0, description="subscriptions that are made and logged at the start")
    refuse_with: int = Field(503, description="status of a refusal (fault nak)")
    retry_after: str = Field("30", description="header of refusals that may pass (faults nak, busy)")
    reason: str = Field("", description="body of refusals")
    redirect_to: str = Field("http://127.0.0.1:9/", description="where fault redirect points")
    late_by: float = Field(10.0, description="seconds of delay of a late answer (fault late)")


@dataclass(frozen=True, slots=True)
class Push:
    """What a browser shows, and how it was sent. `expires` lies on the timeline."""

    text: str
    ttl: int
    urgency: str
    topic: str
    claims: dict[str, Any]
    expires: float


@dataclass
class Device:
    """One browser. While it is not `online` the service keeps the newest push of each topic for it."""

    endpoint: str
    browser: Browser
    online: bool = True
    ended: bool = False
    pushes: list[Push] = field(default_factory=list)
    kept: dict[str, Push] = field(default_factory=dict)

    def subscription(self) -> dict[str, str]:
        """Return what the gateway has to know, by the names of the API's parameters."""
        return {"endpoint": self.endpoint, **self.browser.keys()}

    def take(self, push: Push) -> None:
        """Show a push, or keep it (RFC 8030 5.2, 5.4)."""
        if self.online:
            self.pushes.append(push)
            del self.pushes[:-MOST_MESSAGES]
        elif push.ttl:
            self.kept[push.topic or f"one of its own: {len(self.kept)}"] = push

    def come_online(self, now: float) -> None:
        """Show what was kept and is still wanted."""
        self.online = True
        for push in self.kept.values():
            if now < push.expires:
                self.take(push)
        self.kept.clear()


class PushService(Simulator):
    """A push service that takes RFC 8030 posts, checks the VAPID token, and shows the content as a browser would."""

    Settings: ClassVar[type[SimulatorSettings]] = PushServiceSettings

    def __init__(self, clock: Clock, settings: PushServiceSettings | None = None) -> None:
        super().__init__(clock, settings)
        self.settings = settings or PushServiceSettings()
        self.faults = Faults(self.settings.faults)
        self.counters: Counter[str] = Counter()
        self.devices: dict[str, Device] = {}
        self.opened = asyncio.Event()
        self.posted = asyncio.Event()
        self.probed = asyncio.Event()
        self.origin = ""
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Open the port and serve until cancelled."""
        from aiohttp import web

        app = web.Application()
        app.router.add_post("/push/{token}", self._post)
        app.router.add_post("/subscribe", self._subscribe)
        app.router.add_head("/", self._probe)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.settings.host, self.settings.port).start()
            host, port = runner.addresses[0][:2]
            self.origin = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            log.info("push service at %s", self.origin)
            for _ in range(self.settings.browsers):
                log.info("subscription: %s", self.subscribe().subscription())
            self.opened.set()
            await asyncio.get_running_loop().create_future()
        finally:
            await runner.cleanup()

    def subscribe(self) -> Device:
        """Let another browser subscribe; possible once the port is open."""
        token = secrets.token_urlsafe(16)
        device = self.devices[token] = Device(f"{self.origin}/push/{token}", Browser.new())
        return device

    async def expect(self, part: str) -> Push:
        """Wait for a push with `part` in its text and return it."""
        while (found := self._find(part)) is None:
            self._news.clear()
            await self._news.wait()
        return found

    def _find(self, part: str) -> Push | None:
        shown = (push for device in self.devices.values() for push in device.pushes)
        return next((push for push in shown if part in push.text), None)

    # --- requests -----------------------------------------------------------------------------------------------------

    async def _probe(self, _: web.Request) -> web.Response:
        from aiohttp import web

        self.probed.set()
        if self.faults.standing("deaf"):
            await asyncio.get_running_loop().create_future()
        return web.Response(status=405)

    async def _subscribe(self, _: web.Request) -> web.Response:
        from aiohttp import web

        return web.json_response(self.subscribe().subscription())

    async def _post(self, request: web.Request) -> web.StreamResponse:
        self.counters["posts"] += 1
        self.posted.set()
        if await self._misbehaves(request):
            return self._refuse(503)
        for fault, status in (*STATUS_OF.items(), ("nak", self.settings.refuse_with)):
            if self.faults.take(fault):
                return self._refuse(status)
        if self.faults.take("huge"):
            return await _flood(request)
        return await self._serve(request)

    async def _misbehaves(self, request: web.Request) -> bool:
        """Do what was planned with the connection; return whether it is closed now, so that no answer arrives."""
        if self.faults.standing("dead"):
            await asyncio.get_running_loop().create_future()
        if self.faults.take("late"):
            await clocks.sleep(self.clock, self.settings.late_by)
        garble, drop = self.faults.take("garble"), self.faults.take("drop")
        if request.transport is not None and garble:
            request.transport.write(NOISE)
        if request.transport is not None and (garble or drop):
            request.transport.close()
        return garble or drop

    def _refuse(self, status: int) -> web.Response:
        from aiohttp import web

        self.counters[f"refused_{status}"] += 1
        headers = {"Location": self.settings.redirect_to} if status == STATUS_OF["redirect"] else {}
        if status in {STATUS_OF["busy"], self.settings.refuse_with} and self.settings.retry_after:
            headers["Retry-After"] = self.settings.retry_after
        return web.Response(status=status, text=self.settings.reason, headers=headers)

    async def _serve(self, request: web.Request) -> web.Response:
        from aiohttp import web

        device = self.devices.get(request.match_info["token"])
        body = await request.read()
        status = _wrong(request, device, body)
        if device is None or status:
            return self._refuse(status)
        try:
            claims, _ = verify_vapid(request.headers.get("Authorization", ""), self.origin, self.clock.wall())
            self._show(device, request, claims, body)
        except NoAuthorization:
            return self._refuse(401)
        except RemoteProtocolError as error:
            log.warning("a push was not understood: %s", error)
            return self._refuse(403)
        location = f"{self.origin}/message/{secrets.token_urlsafe(8)}"
        return web.Response(status=201, headers={"Location": location, "TTL": request.headers["TTL"]})

    def _show(self, device: Device, request: web.Request, claims: dict[str, Any], body: bytes) -> None:
        text = device.browser.decrypt(body).decode("utf-8", "replace") if body else ""
        ttl = int(request.headers["TTL"])
        urgency, topic = request.headers.get("Urgency", "normal"), request.headers.get("Topic", "")
        log.info("push, urgency %s, kept for %d s: %s", urgency, ttl, text)
        device.take(Push(text, ttl, urgency, topic, claims, self.clock.now() + ttl))
        self._news.set()


def _wrong(request: web.Request, device: Device | None, body: bytes) -> int:
    """Return the status with which a push is refused before anybody looks into it, or 0."""
    ttl = request.headers.get("TTL", "")
    if device is None:
        return 404
    if device.ended:
        return 410
    if len(body) > MOST_BODY:
        return 413
    encrypted = request.headers.get("Content-Encoding") == "aes128gcm"
    return 0 if ttl.isascii() and ttl.isdigit() and encrypted == bool(body) else 400


async def _flood(request: web.Request) -> web.StreamResponse:
    """Answer 201 with a body that does not end."""
    from aiohttp import web

    response = web.StreamResponse(status=201)
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65_536)


SIMULATORS: dict[str, type[Simulator]] = {"push-service": PushService}
