"""`gatewayd config check` and `gatewayd config show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from pydantic_core import to_jsonable_python

from gatewayd.cli.box import config_file, loaded
from gatewayd.cli.output import Exit, complain, emit, say
from gatewayd.clock import SystemClock
from gatewayd.validation import MASK

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from gatewayd.settings import Settings

SECRET_NAMES = ("password", "secret", "token")  # a driver may have forgotten to say that its password is one
PYDANTIC_MASK = str(SecretStr("x"))
DEFAULT = "default"

Place = tuple[str | int, ...]


def check(arguments: argparse.Namespace) -> int:
    """Report every problem (4) or that there is none (0); warnings alone do not fail."""
    result = loaded(arguments, SystemClock().wall())
    lines = sorted(result.settings.lines)
    if arguments.json:
        warnings = [{"file": each.file, "where": each.where, "reason": each.reason} for each in result.warnings]
        emit({"ok": True, "lines": lines, "warnings": warnings})
        return Exit.OK
    for warning in result.warnings:
        complain(f"warning: {warning}")
    say(f"{config_file(arguments)}: ok, {len(lines)} lines{': ' if lines else ''}{', '.join(lines)}")
    return Exit.OK


def show(arguments: argparse.Namespace) -> int:
    """Print every setting with its origin; secrets are masked."""
    result = loaded(arguments)
    rows = []
    for place, value in flat(result.settings):
        origin = result.sources.origin(place)[0] if result.sources.given(place) else DEFAULT
        rows.append({"key": ".".join(str(part) for part in place), "value": value, "from": origin})
    if arguments.json:
        emit(rows)
        return Exit.OK
    width = max(len(row["key"]) for row in rows)
    for row in rows:
        say(f"{row['key']:<{width}}  {row['value']!r}  # {row['from']}")
    return Exit.OK


def flat(settings: Settings) -> Iterator[tuple[Place, Any]]:
    """Yield every setting by its place in the file; values can be written as JSON."""
    for section in ("gateway", "api", "paging"):
        yield from _flat((section,), to_jsonable_python(getattr(settings, section)))
    for section, tables in (("lines", settings.lines), ("simulators", settings.simulators)):
        for name, table in tables.items():
            yield (section, name, "kind"), table.kind
            if pool := getattr(table, "pool", ""):
                yield (section, name, "pool"), pool
            yield from _flat((section, name), to_jsonable_python(table.settings))


def _flat(place: Place, value: Any) -> Iterator[tuple[Place, Any]]:  # noqa: ANN401  # any JSON value
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat((*place, key), item)
    else:
        yield place, _masked(place, value)


def _masked(place: Place, value: Any) -> Any:  # noqa: ANN401
    """Return what may be seen of a value."""
    if isinstance(value, list):
        return [_masked(place, item) for item in value]
    if isinstance(value, dict):
        return {key: _masked((*place, key), item) for key, item in value.items()}
    named = any(word in str(place[-1]).lower() for word in SECRET_NAMES)
    return MASK if value == PYDANTIC_MASK or (named and value and isinstance(value, str)) else value
