"""Kinds of parameters, and binding of what arrived to an operation's model."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ValidationError, WithJsonSchema

from gatewayd.errors import Invalid
from gatewayd.model import Priority

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LARGEST_ID = 2**63 - 1  # what SQLite's integers hold
ID_DIGITS = 19
MOST_IDS = 1000
LONGEST_SHOWN = 40  # characters of a name that nobody knows
COMMON = frozenset({"f", "form_token", "form_key", "next", "refresh"})  # what every request may carry
TRUE, FALSE = frozenset({"1", "true"}), frozenset({"0", "false", ""})

ModelT = TypeVar("ModelT", bound=BaseModel)


def parse_number(value: object) -> int:
    """Accept a whole number from 0, as a number or as ASCII digits."""
    if type(value) is str and value.isascii() and value.isdigit() and len(value) < ID_DIGITS:
        return int(value)  # nearly every one that comes
    if type(value) is int and 0 <= value <= LARGEST_ID:
        return value
    if isinstance(value, list):
        raise ValueError("was given more than once")  # noqa: TRY004 - pydantic collects ValueErrors
    if isinstance(value, str) and value.isascii() and value.strip().isdigit() and len(value.strip()) <= ID_DIGITS:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("has to be a whole number")  # noqa: TRY004 - as above
    if not 0 <= value <= LARGEST_ID:
        raise ValueError("is out of range")
    return value


def parse_id(value: object) -> int:
    """Accept an id: a whole number from 1."""
    number = parse_number(value)
    if number == 0:
        raise ValueError("is out of range")
    return number


def parse_optional_id(value: object) -> int | None:
    """Accept an id, or nothing: left out, blank, or 0."""
    return (parse_number(value) or None) if none_if_blank(value) is not None else None


def parse_ids(value: object) -> tuple[int, ...]:
    """Accept "1,2,3", [1, 2, 3], that as text, 1, nothing, and repeated fields; nothing counts twice (A09)."""
    if type(value) is str and value.isdigit():
        return (parse_id(value),)  # most messages go to one recipient
    if isinstance(value, str) and value.strip().startswith("["):
        value = _json_list(value)
    items = value if isinstance(value, list) else [value]
    single = [part for item in items for part in (item.split(",") if isinstance(item, str) else [item])]
    ids = tuple(dict.fromkeys(parse_id(item) for item in single if none_if_blank(item) is not None))
    if len(ids) > MOST_IDS:
        message = f"may not name more than {MOST_IDS} ids"
        raise ValueError(message)
    return ids


def _json_list(text: str) -> object:
    """Return what a form field holds that is JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("is not a list of ids") from None


def parse_priority(value: object) -> Priority:
    """Accept 0/1/true/false as JSON or text (A09, A17)."""
    word = str(value).strip().lower()
    if word in TRUE:
        return Priority.HIGH
    if word in FALSE:
        return Priority.NORMAL
    raise ValueError("has to be 0, 1, false or true")


def parse_line_of_text(value: object) -> str:
    """Accept a text given once."""
    if isinstance(value, list):
        raise ValueError("was given more than once")  # noqa: TRY004 - pydantic collects ValueErrors
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("has to be a text")  # noqa: TRY004 - as above
    return str(value)


def none_if_blank(value: object) -> object:
    """Take an empty field of a form as not given."""
    return None if isinstance(value, str) and not value.strip() else value


ID_SCHEMA = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}
NUMBER_SCHEMA = {"type": "integer", "minimum": 0, "maximum": LARGEST_ID}
IDS_SCHEMA = {"anyOf": [{"type": "array", "items": ID_SCHEMA, "maxItems": MOST_IDS}, ID_SCHEMA, {"type": "string"}]}
FLAG_SCHEMA = {"enum": [0, 1, False, True, "0", "1", "false", "true"]}

Id = Annotated[int, BeforeValidator(parse_id), WithJsonSchema(ID_SCHEMA)]
OptionalId = Annotated[int | None, BeforeValidator(parse_optional_id), WithJsonSchema(NUMBER_SCHEMA)]
OptionalNumber = Annotated[
    int | None,
    BeforeValidator(lambda value: None if none_if_blank(value) is None else parse_number(value)),
    WithJsonSchema(NUMBER_SCHEMA),
]
Number = Annotated[int, BeforeValidator(parse_number), WithJsonSchema(NUMBER_SCHEMA)]
Ids = Annotated[tuple[int, ...], BeforeValidator(parse_ids), WithJsonSchema(IDS_SCHEMA)]
PriorityFlag = Annotated[Priority, BeforeValidator(parse_priority), WithJsonSchema(FLAG_SCHEMA)]
Text = Annotated[str, BeforeValidator(parse_line_of_text)]
OptionalText = Annotated[
    str | None, BeforeValidator(lambda value: None if value is None else parse_line_of_text(value))
]


@cache
def documented_names(model: type[BaseModel]) -> dict[str, str]:
    """Return the documented name of every field of a model, by its lower-case form."""
    return {name.lower(): name for name in (field.alias or key for key, field in model.model_fields.items())}


def bind(model: type[ModelT], values: Mapping[str, Any]) -> ModelT:
    """Make a model of what arrived; unknown names are ignored, or refused by a `closed` model, and null is no value.

    Raises Invalid for the first field that does not fit.
    """
    names = documented_names(model)
    if getattr(model, "closed", False):
        refuse_unknown(values.keys() - COMMON, names)
    given = {names[key]: value for key, value in values.items() if key in names and value is not None}
    try:
        bound: ModelT = model.__pydantic_validator__.validate_python(given)  # what `model_validate` does in the end
    except ValidationError as error:
        raise _invalid(error) from None
    return bound


def refuse_unknown(given: Iterable[str], names: Mapping[str, str]) -> None:
    """Raise Invalid for the first name that is none of the documented ones."""
    unknown = sorted(name for name in given if name not in names)
    if unknown:
        raise Invalid(unknown[0][:LONGEST_SHOWN], "is not a known field")


def _invalid(error: ValidationError) -> Invalid:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = str(first["loc"][0]) if first["loc"] else "parameters"
    if first["type"] == "missing":
        return Invalid(field, "is missing")
    return Invalid(field, first["msg"].removeprefix("Value error, ").replace("Input should", "should", 1))
