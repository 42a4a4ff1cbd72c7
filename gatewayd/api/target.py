"""Where a request goes: its path and its query, straight from the request line."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from aiohttp import web


class Target(NamedTuple):
    """The decoded path, and the query as it was sent."""

    path: str
    query: str


def target_of(request: web.BaseRequest) -> Target:
    """Return the target of a request; the usual form (RFC 9112, 3.2.1) without escapes needs no parser of URLs."""
    raw = request.raw_path
    path, _, query = raw.partition("?")
    if raw.startswith("/") and raw.isascii() and "#" not in raw and "%" not in path:
        return Target(path, query)
    return Target(request.path, request.rel_url.raw_query_string)
