"""The settings of one box, from one commented TOML file, the environment and the command line.

Everything is checked at once, the driver's own keys by the driver's own model, so that a bad baud rate fails at
`config check` and not at night.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from gatewayd import registry
from gatewayd.errors import ConfigError, Invalid, Problem
from gatewayd.secrets import SecretMissing, Vault, is_reference
from gatewayd.sections import ApiSettings, GatewaySettings, PagingSettings, Section
from gatewayd.shape import is_secret, is_text, walk
from gatewayd.sources import COMMAND_LINE, Sources, collect, from_text
from gatewayd.validation import findings, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gatewayd.driver import LineSettings
    from gatewayd.shape import Annotation, Value
    from gatewayd.simulator import SimulatorSettings
    from gatewayd.sources import Place, Tree

DEFAULT_FILE = Path("/etc/gatewayd/gatewayd.toml")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
NAME_RULE = "a name has 1 to 32 characters of a-z 0-9 - _ and begins with a letter or digit"
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")
LINE_REFERENCE = "line:"  # a simulator's value that stands for the address of a line, known once that line is bound

ModelT = TypeVar("ModelT", bound=BaseModel)


SECTIONS: Mapping[str, type[Section]] = {"gateway": GatewaySettings, "api": ApiSettings, "paging": PagingSettings}
KEYED = ("lines", "simulators")


@dataclass(frozen=True, slots=True)
class LineConfig:
    """`[lines.NAME]`: one connection, its kind, the pool that it belongs to, and the driver's own settings."""

    name: str
    kind: str
    settings: LineSettings
    pool: str = ""


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """`[simulators.NAME]`: one simulated device; `kind` is the simulator's name."""

    name: str
    kind: str
    settings: SimulatorSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a box, complete and valid."""

    gateway: GatewaySettings
    api: ApiSettings
    paging: PagingSettings
    lines: Mapping[str, LineConfig]
    simulators: Mapping[str, SimulatorConfig]

    @property
    def addressable(self) -> frozenset[str]:
        """The lines that a contact may name: pools too."""
        return frozenset(self.lines) | {line.pool for line in self.lines.values() if line.pool}


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How this run of the daemon was asked for, beside its settings."""

    demo: bool
    ready_file: Path | None
    config_file: Path | None


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, what is unwise in them, and where each value came from."""

    settings: Settings
    warnings: tuple[Problem, ...]
    sources: Sources


def load(path: Path, overrides: Tree | None = None, env: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of a box. Raises ConfigError with every problem found."""
    return examine(path, overrides, env).settings


def examine(
    path: Path,
    overrides: Tree | None = None,
    env: Mapping[str, str] | None = None,
    *,
    files_at: float | None = None,
) -> Loaded:
    """Read the settings and keep what a person wants to know about them. Raises ConfigError with every problem found.

    Command line (`overrides`, a tree like the file's) wins over environment, file and default, key by key.
    With `files_at`, the wall clock, the files that sections name are looked at too.
    """
    env = os.environ if env is None else env
    sources = collect(path, overrides or {}, env)
    return _Reading(sources, Vault(env, path.absolute().parent), files_at).finish()


@dataclass
class _Reading:
    """One reading of the sources: collects problems instead of stopping at the first."""

    sources: Sources
    vault: Vault
    files_at: float | None = None
    data_dir: Path = Path()
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)

    def finish(self) -> Loaded:
        """Check all sections. Raises ConfigError."""
        tree = self.sources.merged()
        tables = {name: self._table(tree.pop(name, {}), (name,)) for name in (*SECTIONS, *KEYED)}
        for name in tree:
            self._refuse((name,), f"unknown section{suggestion(name, tables)}")
        self.warnings += self.sources.misspelt(tuple(tables))
        gateway = self._gateway(tables["gateway"])
        api = self._check(ApiSettings, tables["api"], ("api",))
        if api is not None:
            self._inspect(("api",), api)
        paging = self._check(PagingSettings, tables["paging"], ("paging",))
        lines = self._lines(tables["lines"])
        simulators = self._simulators(tables["simulators"], tables["lines"])
        if gateway is None or api is None or paging is None or self.problems:
            raise ConfigError(self.problems)
        settings = Settings(gateway, api, paging, MappingProxyType(lines), MappingProxyType(simulators))
        return Loaded(settings, tuple(self.warnings), self.sources)

    def _gateway(self, table: Tree) -> GatewaySettings | None:
        gateway = self._check(GatewaySettings, table, ("gateway",))
        self.data_dir = (gateway or GatewaySettings()).data_dir.absolute()
        return gateway and gateway.model_copy(update={"data_dir": self.data_dir})

    def _lines(self, tables: Tree) -> dict[str, LineConfig]:
        found: dict[str, LineConfig] = {}
        for name, kind, table in self._named(tables, "lines"):
            pool = self._pool(name, table.pop("pool", ""), tables)
            try:
                model = registry.load(kind).settings
            except Invalid as error:
                self._refuse(("lines", name, "kind"), error.reason)
                continue
            settings = self._check(model, table, ("lines", name))
            if settings is not None:
                found[name] = LineConfig(name, kind, settings, pool)
                self._inspect(("lines", name), settings)
                self._look_for_device(name, table.get("port"))
        self._refuse_shared_ports(found)
        return found

    def _look_for_device(self, name: str, port: Value) -> None:
        """Warn of a device that is not there: one in the data directory is made by a simulator, at its start."""
        if self.files_at is not None and isinstance(port, str) and port.startswith("/"):
            from gatewayd.transport.devices import trouble_with  # only `config check` looks

            trouble = trouble_with(port)
            if trouble and not Path(port).is_relative_to(self.data_dir):
                self.warnings.append(Problem(*self.sources.origin(("lines", name, "port")), trouble))

    def _inspect(self, place: Place, settings: LineSettings | ApiSettings) -> None:
        """Look at the files that a section names."""
        found = [] if self.files_at is None else settings.inspect_files(self.files_at)
        for each in found:
            origin = self.sources.origin((*place, *each.field.split(".")))
            (self.warnings if each.warning else self.problems).append(Problem(*origin, each.reason))

    def _pool(self, name: str, pool: Value, lines: Tree) -> str:
        """Return the pool that a line belongs to; one that is named like a line would hide that line."""
        if pool in ("", None):
            return ""
        if not isinstance(pool, str) or not NAME.fullmatch(pool):
            self._refuse(("lines", name, "pool"), NAME_RULE)
        elif pool in lines:
            self._refuse(("lines", name, "pool"), "a line has this name already: a pool has a name of its own")
        else:
            return pool
        return ""

    def _simulators(self, tables: Tree, lines: Tree) -> dict[str, SimulatorConfig]:
        found: dict[str, SimulatorConfig] = {}
        for name, kind, table in self._named(tables, "simulators"):
            try:
                model = registry.simulator(kind).Settings
            except Invalid as error:
                self._refuse(("simulators", name, "kind"), error.reason)
                continue
            self._refuse_unknown_lines(name, table, lines)
            settings = self._check(model, table, ("simulators", name))
            if settings is not None:
                found[name] = SimulatorConfig(name, kind, settings)
        return found

    def _named(self, tables: Tree, section: str) -> list[tuple[str, str, Tree]]:
        """Split `[section.NAME]` tables into name, kind and the rest; refuse those without a usable name and kind."""
        found = []
        for name, value in tables.items():
            table = dict(self._table(value, (section, name)))
            kind = table.pop("kind", None)
            if not NAME.fullmatch(name):
                self._refuse((section, name), NAME_RULE)
            elif not isinstance(kind, str):
                self._refuse((section, name, "kind"), "is missing" if kind is None else "should be a string")
            else:
                found.append((name, kind, table))
        return found

    def _table(self, value: Value, place: Place) -> Tree:
        if isinstance(value, dict):
            return value
        self._refuse(place, "should be a table")
        return {}

    def _check(self, model: type[ModelT], table: Tree, place: Place) -> ModelT | None:
        """Validate one table by its model, after looking up secrets and completing paths."""

        def prepare(annotation: Annotation, value: Value, inner: Place) -> Value:
            if not isinstance(value, str):
                return value
            if is_secret(annotation):
                return self._secret(value, place + inner)
            if inner == ("port",) and is_text(annotation):
                return self._port(value)
            return from_text(annotation, value) if self.sources.is_text(place + inner) else value

        try:
            return model.model_validate(walk(model, table, prepare))
        except ValidationError as error:
            for inner, reason in findings(error, model, self.hidden):
                self._refuse(place + inner, reason)
            return None

    def _secret(self, value: str, place: Place) -> str:
        source, where = self.sources.origin(place)
        try:
            secret = self.vault.resolve(value)
        except SecretMissing as error:
            self.problems.append(Problem(source, where, str(error)))
            return value
        if source in (self.sources.file, COMMAND_LINE) and not is_reference(value):
            advice = "the secret itself is written here; better refer to it: credential:NAME, file:PATH or env:NAME"
            self.warnings.append(Problem(source, where, advice))
        self.hidden.add(secret)
        return secret

    def _port(self, value: str) -> str:
        """Complete a relative device path: it lies in the data directory, as the links of simulated devices do."""
        complete = not value or SCHEME.match(value) or value.startswith(LINE_REFERENCE)
        return value if complete else str(self.data_dir / value)

    def _refuse(self, place: Place, reason: str) -> None:
        self.problems.append(Problem(*self.sources.origin(place), reason))

    def _refuse_shared_ports(self, lines: dict[str, LineConfig]) -> None:
        owners: dict[str, str] = {}
        for name, line in lines.items():
            port = getattr(line.settings, "port", None)
            if isinstance(port, str) and port and owners.setdefault(port, name) != name:
                self._refuse(("lines", name, "port"), f"the line {owners[port]!r} has this port already")

    def _refuse_unknown_lines(self, name: str, table: Tree, lines: Tree) -> None:
        for key, value in table.items():
            if isinstance(value, str) and value.startswith(LINE_REFERENCE):
                line = value.removeprefix(LINE_REFERENCE)
                if line not in lines:
                    self._refuse(("simulators", name, key), f"there is no line of that name{suggestion(line, lines)}")
