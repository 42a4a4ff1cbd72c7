"""The settings of one box, from one commented TOML file, the environment and the command line.

Everything is checked at once, the driver's own keys by the driver's own model, so that a bad baud rate fails at
`config check` and not at night.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from gatewayd import registry
from gatewayd.errors import ConfigError, Invalid, Problem
from gatewayd.secrets import SecretMissing, Vault, is_reference
from gatewayd.shape import is_secret, is_text, walk
from gatewayd.sources import COMMAND_LINE, Sources, collect, from_text
from gatewayd.validation import findings, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gatewayd.driver import Finding, LineSettings
    from gatewayd.shape import Annotation, Value
    from gatewayd.simulator import SimulatorSettings
    from gatewayd.sources import Place, Tree

DEFAULT_FILE = Path("/etc/gatewayd/gatewayd.toml")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
NAME_RULE = "a name has 1 to 32 characters of a-z 0-9 - _ and begins with a letter or digit"
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")
LINE_REFERENCE = "line:"  # a simulator's value that stands for the address of a line, known once that line is bound

ModelT = TypeVar("ModelT", bound=BaseModel)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a host that is listened on."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class Section(BaseModel):
    """Base of the sections of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class GatewaySettings(Section):
    """`[gateway]`: the box itself. A relative `data_dir` lies in the current directory.

    `event_loop` is what carries the daemon: `auto` takes uvloop where the extra is installed. `disk_reserve` is kept
    back in the data directory, in MiB, for alarms that arrive when the disk is full; 0 keeps nothing back.
    """

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)] = "gatewayd"
    data_dir: Path = Path("./data")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    event_loop: Literal["auto", "asyncio", "uvloop"] = "auto"
    disk_reserve: Annotated[int, Field(ge=0, le=4096)] = 16

    @field_validator("event_loop")
    @classmethod
    def _is_installed(cls, value: str) -> str:
        if value == "uvloop" and not has_uvloop():
            raise ValueError('uvloop is not installed: pip install "gatewayd[uvloop]", or write "auto"')
        return value


FieldName = Annotated[str, StringConstraints(pattern=r"^[^\W\d_][\w -]{0,39}$")]


class ApiSettings(Section):
    """`[api]`: where people and programs reach the gateway. Port 0 is any free one.

    `prefixes` are path segments under which the interface answers too, as EMM clients expect it: `/SiteName`.
    `secure_cookies`: a proxy in front speaks TLS, so browsers shall show their session to nobody else.
    `allowed_hosts` are the names by which browsers may call the box (`*`: any); addresses, localhost and its own host
    name always work. `contact_fields` and `user_settings` name what contacts and users have beside their own
    properties; with `ask_old_password` programs too have to show the old password to set a new one. `tls_certificate`
    and `tls_key` are PEM files; with them https alone is spoken. `plain_http` allows other machines to come without.
    """

    host: Annotated[str, StringConstraints(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 50443
    prefixes: tuple[Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._~-]+$")], ...] = ()
    allowed_hosts: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]+$|^\*$")], ...] = ()
    token_idle_minutes: PositiveInt = 720
    token_lifetime_days: PositiveInt = 30
    max_api_sessions: PositiveInt = 100
    contact_fields: tuple[FieldName, ...] = ()
    user_settings: tuple[FieldName, ...] = ()
    ask_old_password: bool = False
    secure_cookies: bool = False
    tls_certificate: str = ""
    tls_key: str = ""
    plain_http: Annotated[bool, Field(validate_default=True)] = False

    @field_validator("plain_http")
    @classmethod
    def _is_needed_elsewhere(cls, plain: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - as pydantic calls it
        """Refuse to speak plain http to a network unless that is said: passwords and tokens would be readable there."""
        host = info.data.get("host", "")
        if not plain and host and not is_loopback(host) and not info.data.get("tls_certificate"):
            raise ValueError("other machines reach host: set tls_certificate, or plain_http = true behind a proxy")
        return plain

    def inspect_files(self, wall: float) -> list[Finding]:
        """Look at the PEM files of TLS. `wall` is the wall clock."""
        from gatewayd.transport.pemfiles import identity  # only `config check` looks

        return identity(("tls_certificate", self.tls_certificate), ("tls_key", self.tls_key), wall)


AnswerWord = Annotated[str, StringConstraints(pattern=r"^([^\W\d_]{1,20}|[0-9])$")]


class PagingSettings(Section):
    """`[paging]`: how long a page is worth sending, and the seconds between attempts (the last one repeats).

    `accept_words` and `decline_words` are what people answer with by text.
    """

    expire_minutes: PositiveFloat = 60
    retry_waits: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)] = (2, 5, 10, 30, 60)
    accept_words: Annotated[tuple[AnswerWord, ...], Field(min_length=1)] = (
        *("1", "ok", "okay", "ack", "yes", "y", "ja", "accept", "oui", "si"),
    )
    decline_words: tuple[AnswerWord, ...] = ("2", "no", "n", "nein", "decline", "non", "busy")

    @field_validator("decline_words")
    @classmethod
    def _words_say_one_thing(cls, decline: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        both = {word.casefold() for word in decline} & {word.casefold() for word in info.data.get("accept_words", ())}
        if both:
            raise ValueError(f"{min(both)} cannot accept and decline")
        return decline


SECTIONS: Mapping[str, type[Section]] = {"gateway": GatewaySettings, "api": ApiSettings, "paging": PagingSettings}
KEYED = ("lines", "simulators")


def has_uvloop() -> bool:
    """Return whether the optional event loop is installed."""
    return find_spec("uvloop") is not None


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
        self._refuse_shared_ports(found)
        return found

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
                self._refuse(
                    (section, name), "a name has 1 to 32 characters of a-z 0-9 - _ and begins with a letter or digit"
                )
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
