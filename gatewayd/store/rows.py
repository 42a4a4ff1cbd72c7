"""How the frozen values of the domain become rows of a table and come back."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import asdict, fields
from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from gatewayd import model, records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

RowT = TypeVar("RowT")
Statement = tuple[str, "tuple[Any, ...] | dict[str, Any]"]
Json = int | dict[str, Any]
Recordable = (
    model.Alarm
    | model.Message
    | model.Event
    | model.Page
    | model.Escalation
    | model.JournalEntry
    | records.Token
    | model.User
    | model.Contact
    | records.Notification
    | records.NotificationOver
    | records.NotificationsTaken
    | records.NotificationsDropped
    | records.SentOnce
    | records.SentOnceExpired
    | records.TakenOnce
    | records.TakenOnceExpired
)


def _decoder(hint: object) -> Callable[[Any], Any] | None:
    """Return what turns a column back into a value of `hint`, or None where SQLite returns it as it is."""
    if get_origin(hint) in (Union, types.UnionType):
        inner = next(arg for arg in get_args(hint) if arg is not type(None))
        decode = _decoder(inner)
        return None if decode is None else lambda value: None if value is None else decode(value)
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        return lambda value: tuple(_from_json(item, entry) for entry in json.loads(value))
    if get_origin(hint) is Mapping:
        return json.loads
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {member.value: member for member in hint}.__getitem__  # a twentieth of what calling the class costs
    return bool if hint is bool else None


def _from_json(hint: object, entry: Json) -> object:
    """Rebuild one entry of a JSON column: an int, or one of the nested values (`Way`, `Step`)."""
    if isinstance(entry, int):
        return entry
    return model.Step(tuple(entry["recipients"]), entry["wait"]) if hint is model.Step else model.Way(**entry)


def _encoder(hint: object) -> Callable[[Any], Any] | None:
    """Return what turns a value of `hint` into a column, or None where SQLite takes it, or its `_value_`, as it is."""
    if get_origin(hint) in (Union, types.UnionType):
        inner = next(arg for arg in get_args(hint) if arg is not type(None))
        encode = attrgetter("_value_") if _is_enum(inner) else _encoder(inner)
        return None if encode is None else lambda value: None if value is None else encode(value)
    if get_origin(hint) is tuple:
        return lambda value: json.dumps([entry if isinstance(entry, int) else asdict(entry) for entry in value])
    if get_origin(hint) is Mapping:
        return lambda value: json.dumps(dict(value), ensure_ascii=False)
    return None


def _is_enum(hint: object) -> bool:
    return isinstance(hint, type) and issubclass(hint, Enum)


class Table(Generic[RowT]):
    """One table and the dataclass of its rows; columns are the fields, in order.

    A row with the `key` of an existing one (a column, or several separated by commas) changes that one; without a key
    every row is a new one. What is `fixed` stays as it was first written: then SQLite does not touch the indexes that
    it stands in.
    """

    def __init__(self, name: str, row: type[RowT], key: str = "id", fixed: str = "") -> None:
        hints = get_type_hints(row)
        self.name = name
        self.row = row
        self.columns = [field.name for field in fields(row)]  # type: ignore[arg-type]
        self._selects: dict[tuple[str, str], str] = {}
        paths = [f"{column}._value_" if _is_enum(hints[column]) else column for column in self.columns]
        self._values: Callable[[RowT], tuple[Any, ...]] = attrgetter(*paths)
        self._encoders = [(i, encode) for i, column in enumerate(self.columns) if (encode := _encoder(hints[column]))]
        self._decoders = [(i, decode) for i, column in enumerate(self.columns) if (decode := _decoder(hints[column]))]
        stays = {*key.split(", "), *fixed.split()}
        changed = ", ".join(f"{column} = excluded.{column}" for column in self.columns if column not in stays)
        self._upsert = f"INSERT INTO {name} ({', '.join(self.columns)}) VALUES ({', '.join('?' * len(self.columns))})"  # noqa: S608
        if key:
            self._upsert += f" ON CONFLICT ({key}) DO UPDATE SET {changed}"

    def select(self, condition: str = "", alias: str = "") -> str:
        """Return a SELECT of whole rows; `condition` is everything after the table's name."""
        sql = self._selects.get((condition, alias))
        if sql is None:
            names = ", ".join(f"{alias}.{column}" if alias else column for column in self.columns)
            sql = f"SELECT {names} FROM {self.name} {alias} {condition}"  # noqa: S608 - names are our own
            self._selects[condition, alias] = sql
        return sql

    def save(self, row: RowT) -> Statement:
        """Return the statement that writes `row`, new or changed."""
        values = self._values(row)
        if not self._encoders:
            return self._upsert, values
        encoded = list(values)
        for index, encode in self._encoders:
            encoded[index] = encode(encoded[index])
        return self._upsert, tuple(encoded)

    def load(self, columns: Iterable[Any]) -> RowT:
        """Rebuild a value from a row that `select` returned."""
        values = list(columns)
        for index, decode in self._decoders:
            values[index] = decode(values[index])
        return self.row(*values)


class Erasure:
    """A statement that takes rows away, and the value that stands for it."""

    def __init__(self, sql: str, row: type[Any]) -> None:
        self.row = row
        self._sql = sql
        self._names = [field.name for field in fields(row)]

    def save(self, row: object) -> Statement:
        """Return the statement; its parameters are the fields of `row`, by name."""
        return self._sql, {name: getattr(row, name) for name in self._names}


USERS = Table("users", model.User)
CONTACTS = Table("contacts", model.Contact)
GROUPS = Table("groups", model.Group)
PLANS = Table("plans", model.Plan)
DEFINITIONS = Table("definitions", model.AlarmDefinition)
ROUTES = Table("routes", model.Route)
ALARMS = Table("alarms", model.Alarm)
MESSAGES = Table("messages", model.Message)
EVENTS = Table("events", model.Event, fixed="user_id message_id")
PAGES = Table(
    "pages",
    model.Page,
    fixed="message_id line address text priority created queue_time alarm_id user_id contact_id cycle step tone push",
)
ESCALATIONS = Table("escalations", model.Escalation, fixed="message_id plan_id priority alarm_id")
JOURNAL = Table("journal", model.JournalEntry)
TOKENS = Table("tokens", records.Token, key="hash")
NOTIFICATIONS = Table("notifications", records.Notification, key="user_id, kind, object_id")
SENT_ONCE = Table("sent_once", records.SentOnce, key="user_id, key")
TAKEN_ONCE = Table("taken_once", records.TakenOnce, key="")

ERASURES = (
    Erasure(
        "DELETE FROM notifications WHERE user_id = :user_id AND kind = :kind AND object_id = :object_id",
        records.NotificationOver,
    ),
    Erasure("DELETE FROM notifications WHERE user_id = :user_id AND id <= :last", records.NotificationsTaken),
    Erasure(
        "DELETE FROM notifications WHERE user_id = :user_id AND id <= ("
        "SELECT id FROM notifications WHERE user_id = :user_id ORDER BY id DESC LIMIT 1 OFFSET :kept)",
        records.NotificationsDropped,
    ),
    Erasure("DELETE FROM sent_once WHERE created < :before", records.SentOnceExpired),
    Erasure("DELETE FROM taken_once WHERE created < :before", records.TakenOnceExpired),
)

SITE_TABLES: tuple[Table[Any], ...] = (USERS, CONTACTS, GROUPS, PLANS, DEFINITIONS, ROUTES)
HISTORY: tuple[Table[Any], ...] = (ALARMS, MESSAGES, EVENTS, PAGES, ESCALATIONS, JOURNAL)
RECORDED: tuple[Table[Any] | Erasure, ...] = (
    *SITE_TABLES,
    *HISTORY,
    TOKENS,
    NOTIFICATIONS,
    SENT_ONCE,
    TAKEN_ONCE,
    *ERASURES,
)
TABLES: dict[type[Any], Table[Any] | Erasure] = {table.row: table for table in RECORDED}
SEQUENCED = HISTORY
