"""`gatewayd simulate-device`: be the other end of a line, for training and for tests without the real device."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from gatewayd import registry
from gatewayd.cli.output import Exit, emit, say
from gatewayd.clock import SystemClock
from gatewayd.errors import Invalid
from gatewayd.secrets import SecretMissing, Vault
from gatewayd.shape import is_secret, options, walk
from gatewayd.sources import from_text
from gatewayd.validation import MASK, findings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from gatewayd.shape import Annotation, Value
    from gatewayd.shape import Path as Place
    from gatewayd.simulator import Simulator, SimulatorSettings


def simulate_device(arguments: argparse.Namespace) -> int:
    """Run one simulator until Ctrl-C, or list them."""
    if arguments.name is None:
        return _list(as_json=arguments.json)
    try:
        kind = registry.simulator(arguments.name)
    except Invalid as error:
        raise SystemExit(_usage(error.reason)) from None
    settings = _settings(arguments.name, kind.Settings, arguments.options)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout, force=True)
    return asyncio.run(_serve(arguments.name, kind, settings))


def _list(*, as_json: bool) -> int:
    names = {name: _summary(kind) for name, kind in registry.simulators().items()}
    if as_json:
        emit(names)
        return Exit.OK
    say("simulators; NAME --help shows the options of each:")
    for name, text in names.items():
        say(f"  {name:<16} {text}")
    return Exit.OK


def _summary(kind: type[Simulator]) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]


async def _serve(name: str, kind: type[Simulator], settings: SimulatorSettings) -> int:
    log = logging.getLogger(__name__)
    task = asyncio.ensure_future(kind(SystemClock(), settings).run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    where = getattr(settings, "port", "")
    log.info("%s runs%s; Ctrl-C ends it", name, f" at {where}" if where else "")
    try:
        await task
    except asyncio.CancelledError:
        log.info("%s ended", name)
    return Exit.OK


class _Help(argparse.HelpFormatter):
    """Leaves words in one piece: `no-answer` is a name."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_on_hyphens=False)


# --- options ----------------------------------------------------------------------------------------------------------


def _settings(name: str, model: type[SimulatorSettings], words: list[str]) -> SimulatorSettings:
    """Read the options of one simulator. Wrong ones end the process with 2."""
    parser = _option_parser(name, model)
    given = {key: value for key, value in vars(parser.parse_args(words)).items() if value is not None}
    faults, pairs = given.pop("fault", []), given.pop("set", [])
    raw: dict[str, Any] = given | dict(pairs)
    if faults:
        raw["faults"] = dict(faults)
    try:
        return model.model_validate(walk(model, raw, _read))
    except ValidationError as error:
        wrong = [": ".join((*_dotted(place), reason)) for place, reason in findings(error, model)]
        parser.error("; ".join(wrong))
    except SecretMissing as error:
        parser.error(str(error))


def _dotted(place: Place) -> tuple[str, ...]:
    """Return the name of a key; what several settings have to do with stands under none."""
    return (".".join(str(part) for part in place),) if place else ()


def _read(annotation: Annotation, value: Value, _place: Place) -> Value:
    if not isinstance(value, str):
        return value
    if is_secret(annotation):
        return Vault(os.environ, Path.cwd()).resolve(value)
    return from_text(annotation, value)


def _option_parser(name: str, model: type[SimulatorSettings]) -> argparse.ArgumentParser:
    summary = (model.__doc__ or "").strip()
    parser = argparse.ArgumentParser(f"gatewayd simulate-device {name}", description=summary, formatter_class=_Help)
    for field, info in model.model_fields.items():
        if field != "faults":
            _add_option(parser, field, info)
    parser.add_argument("--set", action="append", type=_pair, metavar="KEY=VALUE", help="the same, by its key")
    fault = f"misbehave so many times (default: once); this device knows {', '.join(model.FAULTS) or 'none'}"
    parser.add_argument("--fault", action="append", type=_fault, metavar="KIND[=TIMES]", help=fault)
    return parser


def _add_option(parser: argparse.ArgumentParser, field: str, info: FieldInfo) -> None:
    default = "" if info.is_required() else f"default: {_default(field, info)}"
    text = "; ".join(part for part in (info.description, default) if part).replace("%", "%%")
    # A switch may stand alone.
    alone: dict[str, Any] = {"nargs": "?", "const": True} if bool in options(info.annotation) else {}
    parser.add_argument(f"--{field.replace('_', '-')}", dest=field, metavar="VALUE", help=text, **alone)


def _default(field: str, info: FieldInfo) -> str:
    value = to_jsonable_python(info.get_default(call_default_factory=True, validated_data={}))
    return MASK if "password" in field and value else json.dumps(value)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key.replace("-", "_"), value


def _fault(text: str) -> tuple[str, str]:
    name, _, times = text.partition("=")
    return name, times or "1"


def _usage(reason: str) -> int:
    sys.stderr.write(f"gatewayd simulate-device: {reason}\n")
    return Exit.USAGE
