"""What a line must contain before a pattern can find anything in it: a cheap first test for many rules."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

# The parser has no public name since `sre_parse` is deprecated.
_parser: Any = import_module("re._parser")
_constants: Any = import_module("re._constants")

_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)
# Letters beyond ASCII that `re` takes for ASCII ones when it ignores the case; str.lower() does not.
_ALIKE = str.maketrans("\u0130\u0131\u017f\u212a", "iisk")


def required(pattern: re.Pattern[str]) -> tuple[str, ...]:
    """Return texts that are in every line in which the pattern finds something, folded where it ignores the case."""
    ignore_case = bool(pattern.flags & re.IGNORECASE)
    runs = _runs(_parser.parse(pattern.pattern, pattern.flags))
    texts = (_ascii_part(run) if ignore_case else run for run in runs)
    return tuple(dict.fromkeys(text.lower() if ignore_case else text for text in texts if text))


def folded(line: str) -> str:
    """Return a line as patterns that ignore the case see it, as far as ASCII letters go."""
    return line.lower() if line.isascii() else line.translate(_ALIKE).lower()


def _runs(node: Any) -> list[str]:  # noqa: ANN401 - the parser's own tree
    """Return the runs of characters that every match goes through; what may be left out is none."""
    runs, run = list[str](), ""
    for operation, argument in node:
        if operation is _constants.LITERAL:
            run += chr(argument)
        elif operation is not _constants.AT:  # a place, such as the beginning, takes no characters
            runs, run = [*runs, run, *_inner_runs(operation, argument)], ""
    return [*runs, run]


def _inner_runs(operation: Any, argument: Any) -> list[str]:  # noqa: ANN401 - the parser's own tree
    if operation is _constants.SUBPATTERN:
        _, added, removed, inner = argument
        return [] if (added | removed) & re.IGNORECASE else _runs(inner)
    if operation is _constants.ATOMIC_GROUP:
        return _runs(argument)
    if operation in _REPEATS:
        least, _, inner = argument
        return _runs(inner) if least else []
    return []


def _ascii_part(run: str) -> str:
    """Return the longest part of a run whose letters have no other case than ASCII's."""
    return max(re.split(r"[^\x00-\x7f]+", run), key=len)
