"""`gatewayd replay`: let a driver live through a saved capture again."""

from __future__ import annotations

import asyncio
import logging
import math
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from gatewayd import registry
from gatewayd.cli.ends import Clients, Device, Ends, Server
from gatewayd.cli.feeder import Feeder
from gatewayd.cli.output import Exit, emit, printable, say
from gatewayd.cli.player import Player, require_playable
from gatewayd.cli.rehearsal import Isolated
from gatewayd.errors import ConfigError, Invalid, NotFound, Problem
from gatewayd.settings import load
from gatewayd.shape import walk
from gatewayd.sources import from_text
from gatewayd.transport.capturefile import MAX_FILE, parse
from gatewayd.transport.settings import SerialSettings
from gatewayd.validation import findings, suggestion

if TYPE_CHECKING:
    import argparse

    from gatewayd.cli.player import Tell
    from gatewayd.driver import Address, LineSettings
    from gatewayd.shape import Annotation, Value
    from gatewayd.shape import Path as Place
    from gatewayd.transport.capturefile import Capture

PORT = "/dev/null"  # a line has to have one; it is never opened
COMMAND_LINE = "command line"


def replay(arguments: argparse.Namespace) -> int:
    """Play a capture, and print what the driver or the running gateway made of it."""
    logging.basicConfig(level=logging.ERROR)
    capture = read(Path(arguments.file))
    if arguments.speed is not None and not 0 <= arguments.speed < math.inf:
        raise Invalid("speed", "should not be negative")
    told: list[dict[str, Any]] = []

    def tell(seconds: float, text: str) -> None:
        if arguments.json:
            told.append({"time": round(seconds, 6), "what": text})
        else:
            say(f"{seconds:10.3f}  {printable(text)}")  # a device may have had a say in it

    if arguments.device or arguments.listen or arguments.to:
        code = asyncio.run(_feed(arguments, capture, tell))
    else:
        kind, settings = _line(arguments, capture)
        with asyncio.Runner(loop_factory=Isolated) as runner:
            runner.run(Player(kind, settings, capture, tell, arguments.speed or 0.0).play())
        code = Exit.OK
    if arguments.json:
        emit(told)
    return code


async def _feed(arguments: argparse.Namespace, capture: Capture, tell: Tell) -> Exit:
    """Be the device of a running gateway; fails when the gateway says something else than it said then."""
    speed = 1.0 if arguments.speed is None else arguments.speed
    async with AsyncExitStack() as stack:
        ends: Ends
        if arguments.device:
            ends = Device(_new_port(arguments.device))
            stack.callback(ends.close)
        elif arguments.listen:
            ends = Server()
            server = await ends.listen(arguments.listen)
            stack.callback(server.close)
        else:
            ends = Clients(_target(arguments.to))
        stack.push_async_callback(ends.restart)
        tell(0.0, f"waits for the gateway at {arguments.device or arguments.to or f'port {arguments.listen}'}")
        sys.stdout.flush()  # whoever started us in a script waits for this
        feeder = Feeder(capture, ends, tell, speed)
        await feeder.feed()
    return Exit.FAILURE if feeder.differences else Exit.OK


def _new_port(text: str) -> Path:
    """Return where a pseudo-terminal may be made: an old link is replaced, nothing else is."""
    path = Path(text)
    if path.parent.resolve().is_relative_to("/dev") or (path.exists() and not path.is_symlink()):
        raise Invalid("device", f"{text[:80]!r} is there already; name a path for a new pseudo-terminal")
    return path


def _target(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise Invalid("to", f"{text[:40]!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def read(path: Path) -> Capture:
    """Read a capture. Raises ConfigError."""
    try:
        with path.open(encoding="utf-8") as file:
            return parse(file.read(MAX_FILE + 1), str(path))
    except OSError as error:
        raise ConfigError([Problem(str(path), "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem(str(path), "", "is not UTF-8 text")]) from None


def _line(arguments: argparse.Namespace, capture: Capture) -> tuple[registry.Kind, LineSettings]:
    """Return the kind and the settings that the command line or the capture mean. Raises ConfigError, NotFound."""
    if arguments.config is not None:
        name = arguments.line or capture.headers.get("line", "")
        lines = load(Path(arguments.config)).lines
        if name not in lines:
            raise NotFound(f"{arguments.config} has no line {name!r}{suggestion(name, lines)}")
        return registry.load(lines[name].kind), lines[name].settings
    name = arguments.kind or capture.headers.get("kind", "")
    if not name:
        raise Invalid("kind", "the capture does not name one; say --kind")
    kind = registry.load(name)
    require_playable(kind)
    given = dict(_pair(text) for text in arguments.set)
    return kind, checked(kind, given, capture.headers.get("port", PORT))


def checked(kind: registry.Kind, given: dict[str, Any], port: str = PORT) -> LineSettings:
    """Return the settings of a line whose port is never opened; texts become what the setting is. Raises ConfigError.

    `port` is where a line with a serial port was connected, unless that is given.
    """

    def prepare(annotation: Annotation, value: Value, _: Place) -> Value:
        return from_text(annotation, value) if isinstance(value, str) else value

    variants = [{"port": port, **given}, given] if issubclass(kind.settings, SerialSettings) else [given]
    errors: list[ValidationError] = []
    for values in variants:  # a serial kind may listen instead of having a port
        try:
            return kind.settings.model_validate(walk(kind.settings, values, prepare))
        except ValidationError as error:
            errors.append(error)
    wrong = findings(errors[0], kind.settings)
    raise ConfigError([Problem(COMMAND_LINE, ".".join(map(str, place)), reason) for place, reason in wrong])


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise Invalid("set", f"{text[:40]!r} is not KEY=VALUE")
    return key.replace("-", "_"), value
