"""Lists for people: paging, filters and order from allow-lists; nothing that a caller writes becomes SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from dataclasses import dataclass

    from gatewayd.store.reader import Reader
else:
    from gatewayd.values import dataclass

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class Query:
    """What part of a list is wanted.

    `filter_field` and the names in `order` are keys of the list's allow-lists. `pattern` has `*` for any run of
    characters; a pattern with a `*` has to match the whole value, one without is searched for (or compared whole, where
    the field says so).
    """

    offset: int = 0
    limit: int | None = None
    filter_field: str = ""
    pattern: str = ""
    order: tuple[tuple[str, bool], ...] = ()  # (name, descending)


@dataclass(frozen=True, slots=True)
class Listing(Generic[ItemT]):
    """A part of a list, and how long the whole list is."""

    offset: int
    total: int
    items: tuple[ItemT, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column that may be filtered by; `exact`: without a `*` the whole value is compared."""

    sql: str
    exact: bool = False


def like(pattern: str, *, exact: bool) -> str:
    r"""Translate a pattern to LIKE with `\` as the escape character; `%` and `_` are literal."""
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    if "*" in pattern:
        return escaped.replace("*", "%")
    return escaped if exact else f"%{escaped}%"


@dataclass(frozen=True, slots=True)
class ListSource(Generic[ItemT]):
    """How a list is read: its tables and fixed condition, what may be filtered, how it may be ordered.

    `base` is the one table that `condition` and `default_order` are about, `key` its primary key: what is on a part of
    the list is found there first, and only that is put together from all the `tables`.
    """

    select: str
    tables: str
    base: str
    key: str
    condition: str
    filters: Mapping[str, Column]
    orders: Mapping[str, str]
    default_order: str
    tiebreak: str
    load: Callable[[tuple[Any, ...]], ItemT]

    def read(self, reader: Reader, values: tuple[Any, ...], query: Query) -> Listing[ItemT]:
        """Read one part of the list. `values` fill the fixed condition."""
        tables = self.tables if query.filter_field or query.order else self.base
        source = f"FROM {tables} WHERE {self.condition}"
        if query.filter_field:
            column = self.filters[query.filter_field]
            source += f" AND folded({column.sql}) LIKE ? ESCAPE '\\'"
            values = (*values, like(query.pattern.casefold(), exact=column.exact))
        total = reader.count(f"SELECT COUNT(*) {source}", values)
        order = [f"{self.orders[name]} {'DESC' if down else 'ASC'}" for name, down in query.order]
        order_by = ", ".join([*(order or [self.default_order]), self.tiebreak])
        limit = -1 if query.limit is None else query.limit
        keys = f"SELECT {self.key} {source} ORDER BY {order_by} LIMIT ? OFFSET ?"
        part = f"{self.select} FROM {self.tables} WHERE {self.key} IN ({keys}) ORDER BY {order_by}"
        rows = reader.all(part, (*values, limit, query.offset))
        return Listing(query.offset, total, tuple(self.load(row) for row in rows))
