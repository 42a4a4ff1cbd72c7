"""Serves the control socket."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import ClientConnectionError, web

from gatewayd.control import SOCKET, short_path, views
from gatewayd.control.commands import commanded, line_named
from gatewayd.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gatewayd.engine.engine import Engine
    from gatewayd.engine.line import RunningLine
    from gatewayd.transport.capture import Recorder

PULSE = 15.0  # seconds; so often a follower of a silent line gets an empty line, or is found to have gone
SHUTDOWN = 0.5  # seconds that a follower gets at the end


class Control:
    """The control socket of one daemon. `name` is that of the box, `url` tells where its console answers."""

    def __init__(
        self, engine: Engine, data_dir: Path, url: Callable[[], str], name: str = "", pulse: float = PULSE
    ) -> None:
        self._engine = engine
        self._name = name
        self._path = data_dir / SOCKET
        self._url = url
        self._pulse = pulse
        self._began = engine.clock.now()
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=SHUTDOWN)

    async def start(self) -> None:
        """Open the socket; the one of a daemon that was killed is replaced. Raises OSError."""
        self._path.unlink(missing_ok=True)
        sock = _bound(self._path)
        try:
            await self._runner.setup()
            await web.SockSite(self._runner, sock).start()
        except BaseException:
            sock.close()
            raise

    async def stop(self) -> None:
        """Close the socket and remove it."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        await self._runner.cleanup()

    def _application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/status", self._status)
        app.router.add_get("/lines", self._lines)
        app.router.add_get("/lines/{name}/capture", self._capture)
        app.router.add_post("/lines/{name}/command", partial(commanded, self._engine))
        return app

    async def _status(self, _: web.Request) -> web.Response:
        return web.json_response(views.status(self._engine, self._name, self._url(), self._began))

    async def _lines(self, _: web.Request) -> web.Response:
        return web.json_response([views.line(running) for running in self._engine.lines.values()])

    async def _capture(self, request: web.Request) -> web.StreamResponse:
        """Answer with JSON lines: the header, then the pieces; with `?follow=1` for ever."""
        name = request.match_info["name"]
        try:
            running = line_named(self._engine, name)
        except NotFound as error:
            return web.json_response({"error": str(error)}, status=404)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        with suppress(ClientConnectionError):
            number = await _show(response, running)
            if request.query.get("follow") == "1":
                await _follow(response, running.recorder, number, self._pulse)
        return response


async def _show(response: web.StreamResponse, running: RunningLine) -> int:
    """Write what is kept; return the number of the piece that comes next."""
    pieces, number = running.recorder.pieces(), running.recorder.next_number
    await response.write(_encoded([views.capture_header(running, pieces), *map(views.piece, pieces)]))
    return number


async def _follow(response: web.StreamResponse, recorder: Recorder, number: int, pulse: float) -> None:
    """Write what comes, for ever, and how many pieces a slow follower missed. Raises ClientConnectionError."""
    while True:
        try:
            async with asyncio.timeout(pulse):
                await recorder.wait_for(number)
        except TimeoutError:
            await response.write(b"\n")
            continue
        missed: list[views.Json] = [{"lost": recorder.first_number - number}] if recorder.first_number > number else []
        pieces, number = recorder.pieces(number), recorder.next_number
        await response.write(_encoded([*missed, *map(views.piece, pieces)]))


def _encoded(values: list[views.Json]) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def _bound(path: Path) -> socket.socket:
    """Return a listening socket that only its owner may use, from its first moment."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(sock.fileno(), 0o600)  # Linux makes the file with the mode of the socket
        with short_path(path) as address:
            sock.bind(address)
        sock.setblocking(False)  # noqa: FBT003 - the socket's own signature
    except BaseException:
        sock.close()
        raise
    return sock
