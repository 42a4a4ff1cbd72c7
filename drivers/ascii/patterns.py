"""Regular expressions from people: compiled, and refused where a hostile line could make them take for ever."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

LONGEST_PATTERN = 1_000  # characters
# A record of n characters can be divided among k `.*` in n to the power of k ways, from n places where a search can
# begin. This many are tried in about a third of a second; four `.*` on 256 characters take eight seconds.
MOST_WAYS = 256**4
MANY = 16  # repetitions from which on a repetition counts as unbounded

# The parser has no public name since `sre_parse` is deprecated.
_parser: Any = import_module("re._parser")
_constants: Any = import_module("re._constants")
_GREEDY_OR_LAZY = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)
_NEVER_TAKEN_BACK = (_constants.POSSESSIVE_REPEAT, _constants.ATOMIC_GROUP)


def compiled(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    r"""Compile a pattern. Raises ValueError with a reason that tells what to write instead.

    A repetition inside a repetition, as in `(\w+ ?)+`, can be divided in exponentially many ways: a line of thirty
    characters would hold the gateway up for minutes. What cannot be taken back (`\w++`, `(?>...)`) is harmless.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"has more than {LONGEST_PATTERN} characters")
    try:
        found = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
        explosive = _explodes(_parser.parse(pattern), inside=False)
    except re.error as error:
        at = f" at position {error.pos}" if error.pos is not None else ""
        raise ValueError(f"is not a regular expression: {error.msg}{at}") from None
    except (OverflowError, RecursionError):
        raise ValueError("is not a regular expression: too large") from None
    if explosive:
        raise ValueError(
            "repeats something that is itself variable, so a hostile line could hold the gateway up for ever: "
            "make the inner repetition possessive (\\w++ instead of \\w+) or put it into an atomic group (?>...)"
        )
    return found


def most_wildcards(longest: int) -> int:
    """Return how many `.*` a pattern may have for records of up to `longest` characters."""
    most = 0
    while longest ** (most + 2) <= MOST_WAYS:
        most += 1
    return most


def wildcards(pattern: re.Pattern[str]) -> int:
    """Return how many unbounded repetitions of any character a pattern has, possessive ones left out."""
    return _wildcards(_parser.parse(pattern.pattern))


def _wildcards(node: Any) -> int:  # noqa: ANN401 - the parser's own tree
    found = 0
    for operation, argument in node:
        if operation in _NEVER_TAKEN_BACK:
            continue
        if operation in _GREEDY_OR_LAZY:
            _, most, inner = argument
            anything = any(inner_operation is _constants.ANY for inner_operation, _ in inner)
            found += 1 if anything and most > MANY else _wildcards(inner)
        else:
            parts = argument[1] if operation is _constants.BRANCH else _inner_parts(argument)
            found += sum(_wildcards(part) for part in parts)
    return found


def _explodes(node: Any, *, inside: bool) -> bool:  # noqa: ANN401 - the parser's own tree
    """Return whether something variable lies inside an unbounded repetition."""
    for operation, argument in node:
        if operation in _NEVER_TAKEN_BACK:
            continue
        if operation in _GREEDY_OR_LAZY:
            least, most, inner = argument
            if (inside and least != most) or _explodes(inner, inside=inside or most > MANY):
                return True
        elif operation is _constants.BRANCH:
            if inside or any(_explodes(inner, inside=inside) for inner in argument[1]):
                return True
        elif any(_explodes(inner, inside=inside) for inner in _inner_parts(argument)):
            return True
    return False


def _inner_parts(argument: Any) -> list[Any]:  # noqa: ANN401 - the parser's own tree
    """Return the patterns inside a group, a lookaround or a conditional."""
    parts = argument if isinstance(argument, tuple | list) else ()
    return [part for part in parts if isinstance(part, _parser.SubPattern)]
