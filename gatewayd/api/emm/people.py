"""E04 to E06: everybody and everything that can be addressed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping  # noqa: TC003 - pydantic reads annotations at run time
from typing import TYPE_CHECKING

from gatewayd.api.emm.listing import ListParams, Part, to_query
from gatewayd.api.fields import Id  # noqa: TC001 - pydantic reads annotations at run time
from gatewayd.api.operation import Call, Display, Params, Reply, operation
from gatewayd.errors import Invalid, NotFound
from gatewayd.model import RecipientType
from gatewayd.store.people import RECIPIENT_FILTERS, RECIPIENT_ORDERS, USER_FILTERS, USER_ORDERS

if TYPE_CHECKING:
    from gatewayd.api.operation import Choices
    from gatewayd.engine.engine import Engine

SCHEDULE = 5  # the document has schedules too; there are none here, so a filter for them finds nothing (A31)
TYPE_WORDS = {
    "contact": RecipientType.CONTACT.value,
    "group": RecipientType.GROUP.value,
    "user": RecipientType.USER.value,
    "plan": RecipientType.PLAN.value,
    "escalation plan": RecipientType.PLAN.value,
    "schedule": SCHEDULE,
}
TYPE_NAMES = {
    RecipientType.CONTACT: "contact",
    RecipientType.GROUP: "group",
    RecipientType.USER: "user",
    RecipientType.PLAN: "escalation plan",
}
MOST_CHOICES = 1000  # recipients that a form offers; beyond that it takes ids


class RecipientReply(Reply):
    """A recipient; `type` is 1 contact, 2 group, 3 user, 4 escalation plan (A31)."""

    id: int
    name: str
    type: int


class RecipientList(Part):
    """Part of the recipients."""

    recipients: tuple[RecipientReply, ...]


class RecipientParams(Params):
    """Which recipient."""

    id: Id


class UserEntry(Reply):
    """A user in a list."""

    id: int
    name: str
    full_name: str


class UserList(Part):
    """Part of the users (A08)."""

    users: tuple[UserEntry, ...]


def _type_names(call: Call[Params], reply: Reply) -> Mapping[str, object]:
    del call, reply
    return {"types": {kind.value: name for kind, name in TYPE_NAMES.items()}}


def type_number(word: str) -> str:
    """Return the number of a recipient's type given by its name, which may have wildcards (A18, A31).

    Raises Invalid when several types fit: the store compares one number.
    """
    if not word.strip("*"):
        return word
    pattern = re.compile(".*".join(re.escape(part) for part in word.lower().split("*")))
    numbers = {number for name, number in TYPE_WORDS.items() if pattern.fullmatch(name)}
    if len(numbers) > 1:
        raise Invalid("filterValue", "fits several types: name one of them")
    return str(numbers.pop()) if numbers else word


def recipient_choices(engine: Engine) -> Choices:
    """Return the recipients that a form offers, with what they are; none when there are too many to pick from."""
    everybody = engine.directory.everybody()
    if len(everybody) > MOST_CHOICES:
        return {}
    ordered = sorted(everybody, key=lambda one: (one.name.casefold(), one.id))
    kinds = {one.id: engine.directory.recipient_type(one.id) for one in ordered}
    return {"recipients": [(str(one.id), f"{one.name} ({_word(kinds[one.id])})") for one in ordered]}


def _word(kind: RecipientType | None) -> str:
    return TYPE_NAMES[kind] if kind is not None else ""


@operation(
    "E04",
    "GET",
    "/recipients",
    name="recipients",
    params=ListParams,
    reply=RecipientList,
    display=Display(title="Recipients", template="recipients.html", decorate=_type_names),
)
async def recipient_list(call: Call[ListParams]) -> RecipientList:
    """List everything that a message can be sent to, by name."""
    translate: dict[str, Callable[[str], str]] = {"type": type_number}
    query = to_query(call.params, RECIPIENT_FILTERS, RECIPIENT_ORDERS, call.engine.directory, translate)
    found = call.engine.store.people.recipients(query)
    entries = tuple(RecipientReply(id=one.id, name=one.name, type=one.type.value) for one in found.items)
    return RecipientList(offset=found.offset, count=len(entries), total=found.total, recipients=entries)


@operation(
    "E05",
    "GET",
    "/recipients/{id}",
    name="recipient",
    params=RecipientParams,
    reply=RecipientReply,
    display=Display(title="Recipient", template="recipient.html", decorate=_type_names),
)
async def recipient_detail(call: Call[RecipientParams]) -> RecipientReply:
    """Show one recipient."""
    directory = call.engine.directory
    found, kind = directory.recipient(call.params.id), directory.recipient_type(call.params.id)
    if found is None or kind is None:
        message = f"there is no recipient {call.params.id}"
        raise NotFound(message)
    return RecipientReply(id=found.id, name=found.name, type=kind.value)


@operation(
    "E06",
    "GET",
    "/users",
    name="users",
    params=ListParams,
    reply=UserList,
    display=Display(title="Users", template="users.html"),
)
async def user_list(call: Call[ListParams]) -> UserList:
    """List the users, by name."""
    found = call.engine.store.people.users(to_query(call.params, USER_FILTERS, USER_ORDERS, call.engine.directory))
    entries = tuple(UserEntry(id=user.id, name=user.name, full_name=user.full_name) for user in found.items)
    return UserList(offset=found.offset, count=len(entries), total=found.total, users=entries)
