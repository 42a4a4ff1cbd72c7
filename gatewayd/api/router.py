"""Finding the operation of a path: without case, trailing slash or not, behind any allowed prefix (A03, A04)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from gatewayd.api.errors import MethodNotAllowed
from gatewayd.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gatewayd.api.operation import Operation

API = "api"
ANY_PREFIX = "*"
ALIASES = {"user": "users"}  # the document has both /api/users/… and /api/user/…
LONGEST_PATH = 1024
MOST_KNOWN, LONGEST_KNOWN = 512, 100  # paths that are remembered, and their characters


@dataclass(frozen=True, slots=True)
class Resource:
    """A path with its operations by method; `pattern` has None where a parameter stands."""

    pattern: tuple[str | None, ...]
    names: tuple[str, ...]
    operations: Mapping[str, Operation]

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """Return the path's parameters when it fits; `segments` has as many parts as the pattern."""
        values = []
        for part, segment in zip(self.pattern, segments, strict=True):
            if part is None:
                values.append(segment)
            elif part != segment.lower():
                return None
        return dict(zip(self.names, values, strict=True))

    def operation(self, method: str) -> Operation:
        """Return what a method does here. Raises MethodNotAllowed."""
        found = self.operations.get("GET" if method == "HEAD" else method)
        if found is None:
            raise MethodNotAllowed(tuple(sorted(self.operations)))
        return found


@dataclass(frozen=True, slots=True)
class Found:
    """Where a path leads. `base` is the site's own path to the API (`/api`, `/ward7/api`)."""

    base: str
    resource: Resource
    values: Mapping[str, str]


class Router:
    """All paths of the API."""

    def __init__(self, operations: Iterable[Operation], prefixes: tuple[str, ...]) -> None:
        self._prefixes = frozenset(prefix.strip("/").lower() for prefix in prefixes)
        by_path: dict[str, dict[str, Operation]] = {}
        for operation in operations:
            for method in operation.methods:
                by_path.setdefault(operation.path, {})[method] = operation
        resources = [_resource(path, found) for path, found in by_path.items()]
        self._known: dict[str, Found] = {}  # paths that were asked for before
        self._by_length: dict[int, list[Resource]] = {}
        for resource in sorted(resources, key=lambda one: len(one.names)):  # literal segments win over parameters
            self._by_length.setdefault(len(resource.pattern), []).append(resource)

    def find(self, path: str) -> Found:
        """Return what a decoded path means. Raises NotFound."""
        found = self._known.get(path)
        if found is None:
            found = self._find(path)
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            if len(path) <= LONGEST_KNOWN:
                self._known[path] = found
        return found

    def _find(self, path: str) -> Found:
        base, segments = self.split(path)
        if segments:
            segments[0] = ALIASES.get(segments[0].lower(), segments[0])
        for resource in self._by_length.get(len(segments), ()):
            values = resource.match(segments)
            if values is not None:
                return Found(base, resource, values)
        raise NotFound("there is no such path")

    def split(self, path: str) -> tuple[str, list[str]]:
        """Split a path to the base of the API and the segments after it. Raises NotFound outside of the API."""
        segments = path[:LONGEST_PATH].removesuffix("/").split("/")[1:]
        if "" in self._prefixes and segments and segments[0].lower() == API:
            return f"/{API}", segments[1:]
        if len(segments) > 1 and segments[1].lower() == API and self._is_prefix(segments[0]):
            return f"/{quote(segments[0], safe='')}/{API}", segments[2:]
        raise NotFound("there is no such path")

    def start(self, path: str) -> str | None:
        """Return the base of the API where a path is the start of the site: `/`, `/ward7/`, `/ward7/api`.

        Without its last slash a site is known by a name of the settings only: `/favicon.ico` is none.
        """
        segments = path[:LONGEST_PATH].removesuffix("/").split("/")[1:]
        if not segments:
            return f"/{API}"
        if len(segments) == 1 and segments[0].lower() != API:
            named = segments[0].lower() in self._prefixes or path.endswith("/")
            return f"/{quote(segments[0], safe='')}/{API}" if named and self._is_prefix(segments[0]) else None
        try:
            base, rest = self.split(path)
        except NotFound:
            return None
        return base if not rest else None

    def _is_prefix(self, segment: str) -> bool:
        return segment != "" and (ANY_PREFIX in self._prefixes or segment.lower() in self._prefixes)


def _resource(path: str, operations: Mapping[str, Operation]) -> Resource:
    segments = path.strip("/").split("/")
    names = tuple(segment[1:-1] for segment in segments if segment.startswith("{"))
    pattern = tuple(None if segment.startswith("{") else segment.lower() for segment in segments)
    return Resource(pattern, names, operations)
