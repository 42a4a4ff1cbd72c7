"""A push service: Mozilla's push protocol over a websocket to the browser, RFC 8030 to the one who pushes."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from aiohttp import web
from aiohttp.test_utils import TestServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = dict[str, Any]
DELIVERED = 100  # the code of an acknowledgement: decrypted and handed to the service worker
LARGEST = 4096  # bytes of one push (RFC 8030 7.2)


@dataclass
class PushService:
    """One push service for one browser."""

    answer: HTTPStatus = HTTPStatus.CREATED  # what a push gets
    posts: list[Mapping[str, str]] = field(default_factory=list)  # headers of the pushes that came
    acks: asyncio.Queue[Json] = field(default_factory=asyncio.Queue)
    channels: dict[str, str] = field(default_factory=dict)  # the secret part of an endpoint: the channel of the browser
    pings: int = 0
    forgetful: bool = False  # does not know the browser any more when it connects the next time

    def __post_init__(self) -> None:
        self._socket: web.WebSocketResponse | None = None
        self._versions = count(1)
        self._server = TestServer(self._app(), host="127.0.0.1")

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST)
        app.router.add_get("/", self._browser)
        app.router.add_post("/push/{secret}", self._push)
        return app

    async def start(self) -> None:
        await self._server.start_server()

    async def stop(self) -> None:
        if self._socket is not None:
            await self._socket.close()
        await self._server.close()

    async def forgets(self) -> None:
        """Lose the browser and its subscriptions, as a push service does that was set up anew."""
        assert self._socket is not None
        self.forgetful = True
        self.channels.clear()
        await self._socket.close()

    @property
    def url(self) -> str:
        """Return what the browser's `dom.push.serverURL` is to be."""
        return f"ws://127.0.0.1:{self._server.port}/"

    # --- towards the browser ------------------------------------------------------------------------------------------

    async def _browser(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response()  # somebody who asks whether the service is alive
        self._socket = socket = web.WebSocketResponse(protocols=("push-notification",))
        await socket.prepare(request)
        async for message in socket:
            if (reply := self._said(json.loads(message.data))) is not None:
                await socket.send_json(reply)
        return socket

    def _said(self, message: Json) -> Json | None:
        kinds: dict[str, Callable[[Json], Json | None]] = {
            "hello": self._hello,
            "register": self._register,
            "unregister": self._unregister,
            "ack": self._ack,
            "ping": self._ping,
        }
        take = kinds.get(message.get("messageType", "ping"))  # a ping is an empty object
        return take(message) if take is not None else None

    def _hello(self, message: Json) -> Json:
        uaid = message.get("uaid") or uuid4().hex
        if self.forgetful:  # to a browser that is called otherwise all its subscriptions are lost
            uaid, self.forgetful = uuid4().hex, False
        return {"messageType": "hello", "status": 200, "uaid": uaid, "use_webpush": True, "broadcasts": {}}

    def _register(self, message: Json) -> Json:
        secret = uuid4().hex
        self.channels[secret] = message["channelID"]
        endpoint = f"http://127.0.0.1:{self._server.port}/push/{secret}"
        return {"messageType": "register", "status": 200, "channelID": message["channelID"], "pushEndpoint": endpoint}

    def _unregister(self, message: Json) -> Json:
        self.channels = {secret: one for secret, one in self.channels.items() if one != message["channelID"]}
        return {"messageType": "unregister", "status": 200, "channelID": message["channelID"]}

    def _ack(self, message: Json) -> None:
        for update in message["updates"]:
            self.acks.put_nowait(update)

    def _ping(self, message: Json) -> Json:
        self.pings += 1
        return {}

    # --- towards the gateway ------------------------------------------------------------------------------------------

    async def _push(self, request: web.Request) -> web.Response:
        """Take a push as RFC 8030 5 says and hand it on as it is: nobody here could read it."""
        body = await request.read()
        self.posts.append(request.headers)
        channel = self.channels.get(request.match_info["secret"])
        if self.answer != HTTPStatus.CREATED or channel is None or self._socket is None:
            return web.Response(status=HTTPStatus.GONE if channel is None else self.answer)
        version = str(next(self._versions))
        await self._socket.send_json(
            {
                "messageType": "notification",
                "channelID": channel,
                "version": version,
                "ttl": int(request.headers["TTL"]),
                "data": base64.urlsafe_b64encode(body).rstrip(b"=").decode(),
                "headers": {"encoding": request.headers["Content-Encoding"]},
            }
        )
        location = {"Location": f"http://127.0.0.1:{self._server.port}/message/{version}"}
        return web.Response(status=HTTPStatus.CREATED, headers=location)
