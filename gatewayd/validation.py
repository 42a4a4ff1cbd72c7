"""Turns what pydantic finds wrong into reasons that people can act on, without ever showing a value."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from gatewayd.shape import keys_at

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pydantic import BaseModel, ValidationError

    from gatewayd.shape import Path

SUBJECT = re.compile(r"^Value error, |^\w+ (?=should )")  # the place is the subject of the sentence
MASK = "********"
FEW = 8  # so many choices can be listed where nothing similar is found
LEAST_SECRET = 4  # masking shorter ones would blank out parts of ordinary words


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence: what was probably meant, else the choices when they are few, else nothing."""
    names = sorted(known)
    close = get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= FEW else ""


def findings(error: ValidationError, model: type[BaseModel], hidden: Collection[str] = ()) -> list[tuple[Path, str]]:
    """Return where and why for each error; what a validator quotes of the `hidden` values is masked."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    places = [detail["loc"] for detail in details]
    return [
        (detail["loc"], masked(_reason(detail["type"], detail["msg"], detail["loc"], model), hidden))
        for detail in details
        if not (detail["type"] == "too_short" and _any_below(detail["loc"], places))
    ]


def _any_below(place: Path, places: list[Path]) -> bool:
    """Tell whether an item of a list is wrong itself: pydantic then counts the list as too short as well."""
    return any(len(other) > len(place) and other[: len(place)] == place for other in places)


def masked(text: str, hidden: Collection[str]) -> str:
    """Return `text` without any of the `hidden` values."""
    for secret in sorted(hidden, key=len, reverse=True):
        if len(secret) >= LEAST_SECRET:
            text = text.replace(secret, MASK)
    return text


def _reason(kind: str, text: str, path: Path, model: type[BaseModel]) -> str:
    if kind == "extra_forbidden":
        return "unknown key" + suggestion(str(path[-1]), keys_at(model, path[:-1]))
    if kind == "path_type":
        return "should be a path"
    if kind == "missing":
        return "is missing"
    return SUBJECT.sub("", text).replace(" after validation", "")
