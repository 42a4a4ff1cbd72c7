"""Writes the site as the file that `parse` reads: sorted by name, so that two exports can be compared line by line."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from gatewayd.sitefile.merging import recipients_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatewayd.model import AlarmDefinition, Contact, Group, Plan, Route, Site, User

HEADER = "# The people side of a gatewayd box. Check and load it with: gatewayd import FILE\n"
INDENT = "    "
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

Pairs = list[tuple[str, Any]]


class _Inline(dict[str, Any]):
    """A table that is written on one line."""


def dump(site: Site) -> str:
    """Return the site file. Values that are the default are left out; passwords appear as hashes only."""
    return "\n".join([HEADER, *_tables(site)])


def _tables(site: Site) -> Iterator[str]:
    names = _References(site)
    if site.fallback_id is not None:
        yield _table("[site]", [("fallback", names.of(site.fallback_id))])
    for user in sorted(site.users, key=_name):
        yield _table("[[user]]", _user(user, names))
    for contact in sorted(site.contacts, key=_name):
        yield _table("[[contact]]", _contact(contact))
    for group in sorted(site.groups, key=_name):
        yield _table("[[group]]", [("name", group.name), ("members", [names.of(member) for member in group.members])])
    for plan in sorted(site.plans, key=_name):
        yield _table("[[plan]]", _plan(plan, names))
    for definition in sorted(site.definitions, key=_name):
        yield _table("[[alarm]]", _alarm(definition, names))
    for route in sorted(site.routes, key=lambda route: route.position):
        yield _table("[[route]]", _route(route, names))


class _References:
    """Names by id. An id without an entry becomes a reference that `parse` refuses, instead of vanishing."""

    def __init__(self, site: Site) -> None:
        self._recipients = {row.id: f"{kind}:{row.name}" for kind, rows in recipients_of(site).items() for row in rows}
        self._alarms = {definition.id: definition.name for definition in site.definitions}

    def of(self, recipient_id: int) -> str:
        return self._recipients.get(recipient_id, f"missing:{recipient_id}")

    def alarm(self, definition_id: int) -> str:
        return "alarm:" + self._alarms.get(definition_id, f"missing:{definition_id}")


def _user(user: User, names: _References) -> Pairs:
    ways = [_Inline(contact=names.of(way.contact_id), after=way.after) for way in user.ways]
    pairs: Pairs = [("name", user.name)]
    optional: Pairs = [("full_name", user.full_name), ("password_hash", user.password_hash), ("ways", ways)]
    optional.append(("settings", _Inline(user.settings)))
    return [*pairs, ("role", user.role.value), *((key, value) for key, value in optional if value)]


def _contact(contact: Contact) -> Pairs:
    pairs: Pairs = [("name", contact.name), ("line", contact.line), ("address", contact.address)]
    return [*pairs, ("fields", _Inline(contact.fields))] if contact.fields else pairs


def _plan(plan: Plan, names: _References) -> Pairs:
    steps = [
        _Inline(page=[names.of(recipient) for recipient in step.recipients], wait=step.wait) for step in plan.steps
    ]
    return [("name", plan.name), ("cycles", plan.cycles), ("steps", steps)]


def _alarm(definition: AlarmDefinition, names: _References) -> Pairs:
    pairs: Pairs = [("name", definition.name), ("page", names.of(definition.recipient_id))]
    pairs += [("text", definition.text), ("reset_text", definition.reset_text)]
    if definition.priority is not None:
        pairs.append(("priority", definition.priority.name.lower()))
    return [*pairs, ("send_resets", definition.send_resets)]


def _route(route: Route, names: _References) -> Pairs:
    conditions = [("line", route.line), ("address", route.address), ("text", route.text), ("source", route.source)]
    return [*((key, value) for key, value in conditions if value), ("alarm", names.alarm(route.definition_id))]


def _name(row: User | Contact | Group | Plan | AlarmDefinition) -> tuple[str, str]:
    return row.name.casefold(), row.name


# --- TOML -------------------------------------------------------------------------------------------------------------


def _table(header: str, pairs: Pairs) -> str:
    return "".join([f"{header}\n", *(f"{key} = {_value(value)}\n" for key, value in pairs)])


def _value(value: Any) -> str:  # noqa: ANN401  # any TOML value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON may keep DEL, TOML may not
    if isinstance(value, list):
        return _list(value)
    if isinstance(value, _Inline):
        return "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }"
    return repr(int(value)) if value == int(value) else repr(value)


def _key(name: str) -> str:
    return name if BARE_KEY.fullmatch(name) else _value(name)


def _list(items: list[Any]) -> str:
    if any(isinstance(item, _Inline) for item in items):
        return "[\n" + "".join(f"{INDENT}{_value(item)},\n" for item in items) + "]"
    return "[" + ", ".join(_value(item) for item in items) + "]"
