"""Lists of the EMM dialect: offset, limit, filter and order (A18, A19, A20)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gatewayd.api.fields import OptionalNumber, Text  # noqa: TC001 - pydantic reads annotations at run time
from gatewayd.api.operation import Params, Reply
from gatewayd.errors import Invalid
from gatewayd.store import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from gatewayd.engine.directory import Directory

LARGEST_PART = 1000  # entries in one answer
LONGEST_PATTERN = 100
MOST_STARS = 6  # LIKE tries every way to spread a text over the wildcards
MOST_ORDERS = 8
LONGEST_NUMBER = 10  # digits in the number of a line

# EMM exposes the names of its own columns; ours are the keys of the store's allow-lists.
EMM_NAMES = {
    "mq.priority": "priority",
    "mq.queuetm": "queue_time",
    "i.status": "status",
    "mq.threadid": "thread_id",
    "mq.fromuserid": "from_user_id",
    "mq.msg": "message",
}


class ListParams(Params):
    """What part of a list is wanted, and in which order."""

    offset: OptionalNumber = Field(None, title="Start at")
    limit: OptionalNumber = Field(None, title="Entries")
    filter_field: Text = Field("", alias="filterField", title="Filter by")
    filter_value: Annotated[Text, Field(max_length=LONGEST_PATTERN)] = Field(
        "", alias="filterValue", title="Filter value"
    )
    orderby: Annotated[Text, Field(max_length=200)] = Field("", title="Order by")


class Part(Reply):
    """The numbers of a part of a list: `count` entries from `offset`, of `total`."""

    offset: int
    count: int
    total: int


def to_query(
    params: ListParams,
    filters: Container[str],
    orders: Container[str],
    directory: Directory,
    translate: Mapping[str, Callable[[str], str]] | None = None,
) -> Query:
    """Translate the parameters of a list; `translate` turns the value of a field into what the store knows.

    Raises Invalid for what the allow-lists do not know.
    """
    if params.offset is not None and params.limit is None:
        raise Invalid("limit", "is required when offset is given")
    field = params.filter_field.strip().lower()
    if field and field not in filters:
        raise Invalid("filterField", "cannot be filtered by")
    if params.filter_value.strip() and not field:
        raise Invalid("filterField", "is required when filterValue is given")
    limit = LARGEST_PART if params.limit is None else min(params.limit, LARGEST_PART)
    pattern = _pattern(field, params.filter_value.strip(), directory)
    if translate is not None and field in translate:
        pattern = translate[field](pattern)
    return Query(params.offset or 0, limit, field if pattern else "", pattern, _orders(params.orderby, orders))


def _pattern(field: str, value: str, directory: Directory) -> str:
    """Return the pattern to look for; a line may be given by its number too."""
    while "**" in value:
        value = value.replace("**", "*")
    if value.count("*") > MOST_STARS:
        raise Invalid("filterValue", f"has more than {MOST_STARS} wildcards")
    number = line_number(value) if field == "gateway" else None
    return value if number is None else directory.line_named(number) or value


def line_number(text: str) -> int | None:
    """Return the number of a line that a text is, or None for a name."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < LONGEST_NUMBER else None


def _orders(text: str, known: Container[str]) -> tuple[tuple[str, bool], ...]:
    """Translate `MQ.Priority DESC, name` to ((name, descending), …)."""
    terms = [term.split() for term in text.split(",") if term.strip()]
    if len(terms) > MOST_ORDERS:
        raise Invalid("orderby", f"names more than {MOST_ORDERS} columns")
    return tuple(_order(term, known) for term in terms)


def _order(term: list[str], known: Container[str]) -> tuple[str, bool]:
    name = EMM_NAMES.get(term[0].lower(), term[0].lower())
    direction = term[1].upper() if len(term) > 1 else "ASC"
    if name not in known or direction not in {"ASC", "DESC"} or len(term) > len(("name", "direction")):
        raise Invalid("orderby", "cannot be ordered by that; known are the names of the document, then ASC or DESC")
    descending = direction == "DESC"
    # EMM's priority grows with urgency, ours is the rank in the queue.
    return name, descending != (name == "priority")
