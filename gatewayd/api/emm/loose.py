"""JSON as the EMM document prints it, for the parameters that carry an object (A09, A29)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from gatewayd.api.body import Values, check_text
from gatewayd.api.fields import refuse_unknown
from gatewayd.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

PLACED = frozenset({"id", "userid"})  # the path says which one is meant, and nothing else can

_BLANK = re.compile(r"[\s,]*")
_COLON = re.compile(r"\s*:\s*")
_TONE = re.compile(r"[A-Za-z]\b")  # the document prints it without quotes: "tone": <[A..Z]>
_DECODER = json.JSONDecoder()


def members(field: str, value: object) -> dict[str, Any]:
    """Return the members of a parameter that is an object or its text, their names in lower case. Raises Invalid."""
    if isinstance(value, str):
        value = parse_members(value, field)
        check_text(field, value)
    if not isinstance(value, dict):
        raise Invalid(field, "has to be a JSON object")
    return {str(name).lower(): item for name, item in value.items()}


def unfold(values: Values, carrier: str, names: Mapping[str, str], *, silent: tuple[str, ...]) -> Values:
    """Return parameters with what stands in `carrier` beside what stands outside.

    `names` are the documented ones by their lower case; those that are `silent` may stand in the carrier and say
    nothing there. Raises Invalid for any other.
    """
    if values.get(carrier) is None:
        return values
    given = members(carrier, values[carrier])
    inner = {name: value for name, value in given.items() if name not in silent}
    refuse_unknown(inner, {name: names[name] for name in names if name not in {carrier, *PLACED}})
    return {**values, **{names[name]: value for name, value in inner.items()}, carrier: None}


def parse_members(text: str, field: str) -> dict[str, Any]:
    """Read JSON members as the document prints them: with or without braces and commas, one too many does no harm.

    Raises Invalid, naming `field`.
    """
    content = text.strip()
    if content.startswith("{") and content.endswith("}"):
        content = content[1:-1]
    members: dict[str, Any] = {}
    name, at = "", _end(_BLANK, content, 0)
    while at < len(content):
        value, at = _decode(content, at, field)
        colon = _COLON.match(content, at)
        if colon is not None and isinstance(value, str):
            name, at = value.lower(), colon.end()
            bare = _TONE.match(content, at) if name == "tone" else None
            members[name], at = (bare[0], bare.end()) if bare is not None else _decode(content, at, field)
        elif name == "recipients" and isinstance(value, int):
            members[name] = [*_as_list(members[name]), value]
        else:
            raise Invalid(field, f'has something else than "name": value near character {at}')
        at = _end(_BLANK, content, at)
    return members


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found is not None else at


def _decode(text: str, at: int, field: str) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        raise Invalid(field, f"is not JSON near character {at}") from None


def _as_list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else [value]
