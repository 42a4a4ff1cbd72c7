"""Reads a site file. What it says is checked as far as the file alone tells; `merge` checks the rest."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from gatewayd.errors import ConfigError, Problem
from gatewayd.secrets import SecretMissing, Vault, system_vault
from gatewayd.shape import is_secret, walk
from gatewayd.sitefile.schema import Content
from gatewayd.sources import toml_reason
from gatewayd.validation import findings

if TYPE_CHECKING:
    from gatewayd.shape import Annotation, Value
    from gatewayd.shape import Path as Place

NAMED = ("user", "contact", "group", "plan", "alarm")


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A parsed site file; `file` is its name, for the problems that show later."""

    file: str
    content: Content


def parse(text: str, file: str, vault: Vault | None = None) -> SiteFile:
    """Read a site file; secrets are looked up in `vault`. Raises ConfigError with every problem found."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Problem(file, "", toml_reason(error))]) from None
    problems: list[Problem] = []
    hidden: set[str] = set()
    data = _with_secrets(data, vault or system_vault(Path(file).absolute().parent), problems, hidden, file)
    try:
        content = Content.model_validate(data)
    except ValidationError as error:
        problems += [Problem(file, spell(place, data), why) for place, why in findings(error, Content, hidden)]
    else:
        problems += _duplicates(content, file)
        if not problems:
            return SiteFile(file, content)
    raise ConfigError(problems)


def spell(place: Place, data: Any) -> str:  # noqa: ANN401  # a tree that is not validated yet
    """Name a place as people find it: `user "anna": ways #2: after`; entries count from 1."""
    parts: list[str] = []
    for part in place:
        data = _child(data, part)
        name = _child(data, "name")
        if not isinstance(part, int):
            parts.append(part)
        elif isinstance(name, str) and name:
            parts[-1] += f' "{name}"'
        else:
            parts[-1] += f" #{part + 1}"
    return ": ".join(parts)


def _child(data: Any, part: str | int) -> Any:  # noqa: ANN401
    try:
        return data[part]
    except (KeyError, IndexError, TypeError):
        return None


def _with_secrets(data: Value, vault: Vault, problems: list[Problem], hidden: set[str], file: str) -> Value:
    def look_up(annotation: Annotation, value: Value, place: Place) -> Value:
        if not is_secret(annotation) or not isinstance(value, str):
            return value
        try:
            secret = vault.resolve(value)
        except SecretMissing as error:
            problems.append(Problem(file, spell(place, data), str(error)))
            return value
        hidden.add(secret)
        return secret

    return walk(Content, data, look_up)


def _duplicates(content: Content, file: str) -> list[Problem]:
    return [
        Problem(file, f'{kind} "{name}"', f"the name is given {count} times")
        for kind in NAMED
        for name, count in Counter(entry.name for entry in getattr(content, kind)).items()
        if count > 1
    ]
