"""Walks raw data along the annotations of the model that will validate it.

Some things have to happen before validation and depend on where a value will go: secrets are looked up, a path is
completed, text from the environment becomes a list. The walk finds those places; a visitor does the thing.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

if TYPE_CHECKING:
    from collections.abc import Callable

Annotation = Any
Value = Any
Path = tuple[str | int, ...]
CONTAINERS = (dict, list, tuple, set, frozenset)


def walk(
    annotation: Annotation, value: Value, visit: Callable[[Annotation, Value, Path], Value], path: Path = ()
) -> Value:
    """Return a copy of `value` with everything in it replaced by `visit(annotation, value, path)`, outermost first."""
    value = visit(annotation, value, path)
    if isinstance(value, dict):
        inner = {key: places[0] for key in value if (places := _below([annotation], key))}
        return {
            key: walk(inner[key], item, visit, (*path, key)) if key in inner else item for key, item in value.items()
        }
    if isinstance(value, list) and (places := _below([annotation], 0)):
        return [walk(places[0], item, visit, (*path, index)) for index, item in enumerate(value)]
    return value


def options(annotation: Annotation) -> list[Annotation]:
    """Return the alternatives of an annotation: the parts of a union, without `Annotated`."""
    origin = _origin(annotation)
    if origin is Annotated:
        return options(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [option for part in get_args(annotation) for option in options(part)]
    return [annotation]


def keys_at(annotation: Annotation, path: Path) -> list[str]:
    """Return the keys that the table at `path` may have."""
    places = [annotation]
    for part in path:
        places = _below(places, part)
    return [name for place in places for model in _models(place) for name in model.model_fields]


def is_secret(annotation: Annotation) -> bool:
    """Return whether the value must never be shown."""
    return any(option in (SecretStr, SecretBytes) for option in options(annotation))


def is_text(annotation: Annotation) -> bool:
    """Return whether the value is plain text."""
    return str in options(annotation)


def is_container(annotation: Annotation) -> bool:
    """Return whether the value is a list or a table."""
    return bool(_models(annotation)) or any((_origin(option) or option) in CONTAINERS for option in options(annotation))


def choices(annotation: Annotation) -> list[Value]:
    """Return the values of `Literal` annotations."""
    return [choice for option in options(annotation) if _origin(option) is Literal for choice in get_args(option)]


def _below(places: list[Annotation], part: str | int) -> list[Annotation]:
    """Return the annotations of what lies under `part`; an unknown key has none."""
    found: list[Annotation] = []
    for place in places:
        found += [model.model_fields[part].annotation for model in _models(place) if part in model.model_fields]
        found += [_item(option) for option in options(place) if _origin(option) in CONTAINERS]
    return found


def _item(container: Annotation) -> Annotation:
    """Return the type of the values of a dict or of the items of a list; a tuple is taken for one of equal items."""
    arguments = get_args(container)
    return arguments[1] if _origin(container) is dict else arguments[0]


def _models(annotation: Annotation) -> list[type[BaseModel]]:
    return [option for option in options(annotation) if isinstance(option, type) and issubclass(option, BaseModel)]


def _origin(annotation: object) -> object:
    return get_origin(annotation)
