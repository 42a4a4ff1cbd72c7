"""Where a request goes: its path and its query, straight from the request line."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from aiohttp import web

LONGEST_KNOWN = 80  # characters of a target that is remembered
USUAL_END = "?f=json"  # only such targets are: in another query there may be what nobody should remember


class Target(NamedTuple):
    """The decoded path, and the query as it was sent."""

    path: str
    query: str


def target_of(request: web.BaseRequest) -> Target:
    """Return the target of a request; the usual form (RFC 9112, 3.2.1) without escapes needs no parser of URLs."""
    raw = request.raw_path
    found = _known(raw) if raw.endswith(USUAL_END) and len(raw) <= LONGEST_KNOWN else _taken_apart(raw)
    return found or Target(request.path, request.rel_url.raw_query_string)


def _taken_apart(raw: str) -> Target | None:
    path, _, query = raw.partition("?")
    usual = raw.startswith("/") and raw.isascii() and "#" not in raw and "%" not in path
    return Target(path, query) if usual else None


_known = lru_cache(maxsize=256)(_taken_apart)
