"""Where settings come from: command line, environment, file. Later sources only fill what earlier ones leave open.

A source is a tree of tables. Each value can be traced to the place where a person wrote it.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from gatewayd.errors import ConfigError, Problem
from gatewayd.shape import choices, is_container, is_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gatewayd.shape import Annotation

PREFIX, DELIMITER = "GATEWAYD_", "__"
COMMAND_LINE, ENVIRONMENT = "command line", "environment"

Tree = dict[str, Any]
Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """The three trees, best first, and the variable that each value of the environment came from.

    `strangers` are the variables with our prefix that are no settings.
    """

    file: str
    overrides: Tree
    environment: Tree
    toml: Tree
    variables: Mapping[Place, str]
    strangers: tuple[str, ...] = ()

    def merged(self) -> Tree:
        """Return one tree with the best value of each key."""
        sources = self

        class Merged(BaseSettings):
            model_config = SettingsConfigDict(extra="allow")

            @classmethod
            def settings_customise_sources(
                cls, settings_cls: type[BaseSettings], *_: PydanticBaseSettingsSource, **__: PydanticBaseSettingsSource
            ) -> tuple[PydanticBaseSettingsSource, ...]:
                trees = (sources.overrides, sources.environment, sources.toml)
                return tuple(InitSettingsSource(settings_cls, tree) for tree in trees)

        return dict(Merged().model_extra or {})

    def origin(self, place: Place) -> tuple[str, str]:
        """Return the source of the value at `place` and its name there; what is nowhere belongs into the file."""
        dotted = ".".join(str(part) for part in place)
        if _has(self.overrides, place):
            return COMMAND_LINE, dotted
        if _has(self.environment, place):
            below = (name for path, name in self.variables.items() if path[: len(place)] == place[: len(path)])
            return ENVIRONMENT, next(below, dotted)
        return self.file, dotted

    def is_text(self, place: Place) -> bool:
        """Return whether the value comes from a source that knows texts only."""
        return self.origin(place)[0] == ENVIRONMENT

    def misspelt(self, sections: tuple[str, ...]) -> list[Problem]:
        """Warn of variables that begin like a setting but lack the second underscore: they have no effect."""
        beginnings = tuple(f"{PREFIX}{section.upper()}_" for section in sections)
        reason = f"has no effect: a setting has two underscores between its parts, as {PREFIX}API{DELIMITER}PORT"
        return [Problem(ENVIRONMENT, name, reason) for name in self.strangers if name.startswith(beginnings)]

    def given(self, place: Place) -> bool:
        """Return whether any source has the value, so that it is not a default."""
        return any(_has(tree, place) for tree in (self.overrides, self.environment, self.toml))


def collect(path: Path, overrides: Tree, env: Mapping[str, str]) -> Sources:
    """Read the file and pick our variables from `env`. Raises ConfigError when the file cannot be read."""
    toml = read_toml(path)
    tree, variables = _environment_tree(env, (overrides, toml))
    strangers = (name for name in sorted(env) if name.startswith(PREFIX) and name not in variables.values())
    return Sources(str(path), overrides, tree, toml, variables, tuple(strangers))


def read_toml(path: Path) -> Tree:
    """Parse one file. Raises ConfigError: missing, unreadable, not UTF-8, or not TOML (with line and column)."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 text (byte {error.start})"
    except tomllib.TOMLDecodeError as error:
        reason = toml_reason(error)
    raise ConfigError([Problem(str(path), "", reason)])


def toml_reason(error: tomllib.TOMLDecodeError) -> str:
    """Say what is wrong and where, without the key or character that tomllib may quote: it may be part of a secret."""
    text = str(error)
    position = re.search(r"\(at (line \d+, column \d+|end of document)\)$", text)
    quoted = re.sub(r"(['\"]).*\1", "…", text[: position.start()] if position else text).strip()
    return f"is not TOML at {position[1] if position else 'an unknown place'}: {quoted}"


def _environment_tree(env: Mapping[str, str], known: tuple[Tree, ...]) -> tuple[Tree, dict[Place, str]]:
    """Build a tree from `GATEWAYD_LINES__WARD_PANEL__BAUDRATE=…`; a variable without `__` is not a setting."""
    tree: Tree = {}
    variables: dict[Place, str] = {}
    for variable in sorted(env):
        parts = variable.removeprefix(PREFIX).split(DELIMITER)
        if variable.startswith(PREFIX) and len(parts) > 1:
            place = _spelled_as_known(parts, known)
            _put(tree, place, env[variable])
            variables[place] = variable
    return tree, variables


def _spelled_as_known(parts: list[str], known: tuple[Tree, ...]) -> tuple[str, ...]:
    """Give each part the spelling that a file has for it: variables know neither case nor `-`."""
    spelled: list[str] = []
    tables: list[Any] = list(known)
    for part in parts:
        keys = [key for table in tables if isinstance(table, dict) for key in table]
        spelled.append(next((key for key in keys if _plain(key) == _plain(part)), part.lower()))
        tables = [table[spelled[-1]] for table in tables if isinstance(table, dict) and spelled[-1] in table]
    return tuple(spelled)


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _put(tree: Tree, place: tuple[str, ...], value: str) -> None:
    for part in place[:-1]:
        if not isinstance(tree.get(part), dict):
            tree[part] = {}
        tree = tree[part]
    tree[place[-1]] = value


def _has(tree: Tree, place: Place) -> bool:
    node: Any = tree
    for part in place:
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def from_text(annotation: Annotation, text: str) -> Any:  # noqa: ANN401
    """Return what a text from the environment or the command line means where `annotation` is wanted.

    A list is JSON or has commas, a table is JSON, a choice of numbers is one of them; pydantic reads the rest.
    """
    if is_container(annotation) and not is_text(annotation):
        return _decoded(text)
    return next((choice for choice in choices(annotation) if str(choice) == text), text)


def _decoded(text: str) -> Any:  # noqa: ANN401
    if text[:1] not in ("[", "{"):
        return [part.strip() for part in text.split(",")] if text else []
    try:
        return json.loads(text)
    except ValueError:
        return text
