"""html or json (A01)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from gatewayd.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping


class Format(StrEnum):
    """How an answer is written."""

    HTML = "html"
    JSON = "json"


FORMATS = {member.value: member for member in Format}


def chosen(values: Mapping[str, Any], accept: str) -> Format:
    """Return the format that was asked for: `f` first, then `Accept`, else html. Raises Invalid for an unknown one."""
    wanted = values.get("f")
    if wanted is None or wanted == "":
        return accepted(accept)
    found = FORMATS.get(wanted.lower()) if isinstance(wanted, str) else None
    if found is None:
        raise Invalid("f", "has to be html or json")
    return found


def accepted(accept: str) -> Format:
    """Return JSON when `Accept` names it and does not name html as much; wildcards leave the documented default."""
    if "json" not in accept.lower():
        return Format.HTML
    weights = {"application/json": 0.0, "text/html": 0.0}
    for entry in accept.lower().split(","):
        media, _, parameters = entry.partition(";")
        if media.strip() in weights:
            weights[media.strip()] = _weight(parameters)
    prefers_json = weights["application/json"] > weights["text/html"]
    return Format.JSON if prefers_json else Format.HTML


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
