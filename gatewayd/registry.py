"""Finds drivers and simulators without naming any.

Built-in kinds are the packages `drivers.<kind>`; others come from installed distributions by the entry-point group
`gatewayd.drivers`, whose entries name a package that looks the same: it exports `DRIVER` and `SETTINGS`, its module
`simulator` exports `SIMULATORS`. Only what is asked for is imported.
"""

from __future__ import annotations

import logging
import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from gatewayd.errors import Invalid
from gatewayd.validation import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatewayd.driver import Driver, LineSettings
    from gatewayd.simulator import Simulator

log = logging.getLogger(__name__)

BUILT_IN = "drivers"
GROUP = "gatewayd.drivers"


@dataclass(frozen=True, slots=True)
class Kind:
    """One protocol: the code of its lines and the model of their settings."""

    name: str
    driver: type[Driver]
    settings: type[LineSettings]


def kinds() -> list[str]:
    """Return the names of all kinds, sorted."""
    return sorted(_modules())


def load(kind: str) -> Kind:
    """Import one kind. Raises Invalid, with a suggestion, when there is none of that name or it cannot be imported."""
    name = _module(kind)
    if name is None:
        raise Invalid("kind", f"there is no driver {kind!r}{suggestion(kind, _modules())}")
    module = _import(kind, name)
    try:
        return Kind(kind, module.DRIVER, module.SETTINGS)
    except AttributeError as error:
        raise Invalid("kind", f"the driver {kind!r} cannot be used: {error}") from None


def simulators() -> dict[str, type[Simulator]]:
    """Return every simulator by name. A kind without one, or with a broken one, is left out."""
    found: dict[str, type[Simulator]] = {}
    for kind in kinds():
        found |= _simulators_of(kind)
    return dict(sorted(found.items()))


def simulator(name: str) -> type[Simulator]:
    """Return one simulator. Raises Invalid, with a suggestion, when there is none of that name."""
    for kind in _likely(name):
        found = _simulators_of(kind)
        if name in found:
            return found[name]
    raise Invalid("kind", f"there is no simulator {name!r}{suggestion(name, simulators())}")


def forget() -> None:
    """Look for kinds anew the next time: something was installed."""
    _modules.cache_clear()
    _built_in.cache_clear()


@cache
def _modules() -> dict[str, str]:
    """Map each kind to its module; a built-in kind cannot be replaced by an installed one."""
    return {entry.name: _module_of(entry) for entry in entry_points(group=GROUP)} | _built_in()


@cache
def _built_in() -> dict[str, str]:
    """Map each built-in kind to its module. These alone need no look at every installed distribution."""
    package = import_module(BUILT_IN)
    return {info.name: f"{BUILT_IN}.{info.name}" for info in pkgutil.iter_modules(package.__path__) if info.ispkg}


def _module(kind: str) -> str | None:
    return _built_in().get(kind) or _modules().get(kind)


def _likely(name: str) -> Iterator[str]:
    """Yield the kinds, first those after which a simulator of this name is called: then no other driver is imported."""
    namesakes = [kind for kind in _built_in() if name.startswith(kind)]
    yield from namesakes
    yield from sorted(_modules().keys() - namesakes, key=lambda kind: (not name.startswith(kind), kind))


def _module_of(entry: EntryPoint) -> str:
    return entry.value.partition(":")[0].strip()


def _import(kind: str, name: str) -> Any:  # noqa: ANN401  # a module has no type of its own
    try:
        return import_module(name)
    except Exception as error:  # a third-party driver may fail in any way; the others have to go on
        raise Invalid("kind", f"the driver {kind!r} cannot be imported: {type(error).__name__}: {error}") from error


def _simulators_of(kind: str) -> dict[str, type[Simulator]]:
    name = f"{_module(kind)}.simulator"
    try:
        return dict(_import(kind, name).SIMULATORS)
    except (Invalid, AttributeError) as error:
        if getattr(error.__cause__, "name", "") != name:
            log.warning("the simulators of %s cannot be used: %s", kind, error)
        return {}
