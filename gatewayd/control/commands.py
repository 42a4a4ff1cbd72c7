"""Commands in a device's own language, for its running driver: what `gatewayd modem` asks for."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from aiohttp import web

from gatewayd.errors import Conflict, GatewayError, Invalid, LineDown, NotFound
from gatewayd.validation import suggestion

if TYPE_CHECKING:
    from gatewayd.engine.engine import Engine
    from gatewayd.engine.line import RunningLine

SHORTEST, LONGEST = 0.5, 60.0  # seconds for the device's answer
LARGEST = 4_096  # bytes of a request

_NAME = re.compile(r"[A-Za-z+^*%#$&]{0,24}")  # what may be in a log: behind it stand PINs and numbers
STATUS: dict[type[GatewayError], int] = {Invalid: 400, NotFound: 404, Conflict: 409, LineDown: 503}


async def commanded(engine: Engine, request: web.Request) -> web.Response:
    """Carry out `{"command", "seconds", "force"}` on a line; answer `{"answer": [line, …]}` or `{"error"}`."""
    try:
        running = line_named(engine, request.match_info["name"])
        command, seconds, force = _understood(await _body(request))
        return web.json_response({"answer": await _run(running, command, seconds, force=force)})
    except GatewayError as error:
        return web.json_response({"error": str(error)}, status=STATUS.get(type(error), 500))


async def _run(running: RunningLine, command: str, seconds: float, *, force: bool) -> list[str]:
    driver = running.driver
    if driver is None:
        raise LineDown("the line has no driver")
    name = _NAME.match(command)
    running.log.info("an operator's command%s: %s", ", forced" if force else "", name[0] if name else "")
    return await driver.command(command, seconds, force=force)


def line_named(engine: Engine, name: str) -> RunningLine:
    """Return a line. Raises NotFound, which says what was probably meant."""
    running = engine.lines.get(name)
    if running is None:
        raise NotFound(f"there is no line {name[:64]!r}{suggestion(name[:64], engine.lines)}")
    return running


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.content.read(LARGEST))
    except ValueError:
        raise Invalid("body", "is no JSON") from None
    if not isinstance(body, dict):
        raise Invalid("body", "should be an object")
    return body


def _understood(body: dict[str, Any]) -> tuple[str, float, bool]:
    command, seconds, force = body.get("command"), body.get("seconds", 10.0), body.get("force", False)
    if not isinstance(command, str):
        raise Invalid("command", "should be a string")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not SHORTEST <= seconds <= LONGEST:
        raise Invalid("seconds", f"should be a number from {SHORTEST:g} to {LONGEST:g}")
    if not isinstance(force, bool):
        raise Invalid("force", "should be true or false")
    return command, float(seconds), force
