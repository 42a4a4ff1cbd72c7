"""Lists of recipients, users and contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from gatewayd.model import RecipientType
from gatewayd.store.listing import Column, Listing, ListSource, Query
from gatewayd.store.rows import CONTACTS, USERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gatewayd.model import Contact, User
    from gatewayd.store.reader import Reader
    from gatewayd.store.rows import Table

ItemT = TypeVar("ItemT")

BY_NAME = "r.name COLLATE PEOPLE"
RECIPIENT_ORDERS = {"name": BY_NAME, "id": "r.id", "type": "r.type"}
RECIPIENT_FILTERS = {
    "type": Column("r.type", exact=True),
    "name": Column("r.name"),
    "local_id": Column("r.id", exact=True),
}
USER_ORDERS = {"name": BY_NAME, "id": "r.id", "full_name": "r.full_name COLLATE PEOPLE"}
USER_FILTERS = {"name": Column("r.name"), "full_name": Column("r.full_name"), "local_id": Column("r.id", exact=True)}
CONTACT_ORDERS = {"name": BY_NAME, "id": "r.id", "gateway": "r.line COLLATE PEOPLE", "address": "r.address"}
CONTACT_FILTERS = {"gateway": Column("r.line", exact=True), "name": Column("r.name")}

_TYPED = (("contacts", RecipientType.CONTACT), ("groups", RecipientType.GROUP), ("users", RecipientType.USER))
_EVERYBODY = " UNION ALL ".join(
    f"SELECT id, name, {kind.value} AS type FROM {table}"  # noqa: S608 - the names are our own
    for table, kind in (*_TYPED, ("plans", RecipientType.PLAN))
)


class RecipientEntry(NamedTuple):
    """A recipient in a list."""

    id: int
    name: str
    type: RecipientType


def _load_recipient(row: tuple[Any, ...]) -> RecipientEntry:
    return RecipientEntry(row[0], row[1], RecipientType(row[2]))


def _columns(table: Table[Any]) -> str:
    return ", ".join(f"r.{column}" for column in table.columns)


def _by_name(
    columns: str,
    table: str,
    filters: Mapping[str, Column],
    orders: Mapping[str, str],
    load: Callable[[tuple[Any, ...]], ItemT],
) -> ListSource[ItemT]:
    return ListSource(f"SELECT {columns}", table, table, "r.id", "1", filters, orders, BY_NAME, "r.id", load)


class People:
    """Everybody and everything that can be addressed, for lists; sorted by name unless ordered otherwise."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        everybody = f"({_EVERYBODY}) r"
        columns = "r.id, r.name, r.type"
        self._recipients = _by_name(columns, everybody, RECIPIENT_FILTERS, RECIPIENT_ORDERS, _load_recipient)
        self._users = _by_name(_columns(USERS), "users r", USER_FILTERS, USER_ORDERS, USERS.load)
        self._contacts = _by_name(_columns(CONTACTS), "contacts r", CONTACT_FILTERS, CONTACT_ORDERS, CONTACTS.load)

    def recipients(self, query: Query) -> Listing[RecipientEntry]:
        """Return part of everything that can be addressed."""
        return self._recipients.read(self._reader, (), query)

    def users(self, query: Query) -> Listing[User]:
        """Return part of the users."""
        return self._users.read(self._reader, (), query)

    def contacts(self, query: Query) -> Listing[Contact]:
        """Return part of the contacts."""
        return self._contacts.read(self._reader, (), query)

    def contact(self, contact_id: int) -> Contact | None:
        """Return a contact as it is on disk now."""
        row = self._reader.one(CONTACTS.select("WHERE id = ?"), (contact_id,))
        return CONTACTS.load(row) if row else None

    def user(self, user_id: int) -> User | None:
        """Return a user as they are on disk now."""
        row = self._reader.one(USERS.select("WHERE id = ?"), (user_id,))
        return USERS.load(row) if row else None
