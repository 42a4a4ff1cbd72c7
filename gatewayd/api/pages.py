"""What the html twins need beside the reply: where we are, the forms, the pager, the way to the JSON twin."""

from __future__ import annotations

import secrets
import shlex
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from gatewayd.api.auth import form_token

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydantic import BaseModel

    from gatewayd.api.emm.listing import Part
    from gatewayd.api.operation import Caller, Choices, Operation

PAGE_SIZE = 50  # entries on an html page unless the caller says otherwise
LONGEST_NEXT = 2000
KEY_BYTES = 12  # random ones, by which a form that is sent twice is known again
ENDING = "/delete"  # afterwards there is nothing to go back to
BLANK = "…"  # stands for what whoever copies a command has to fill in
WIDGETS = {"hidden", "none"}
SECRET = {"password", "new-password"}
TRAILS = (  # the first part of a path, and what it belongs to
    ("/users/{userid}/events", "Inbox", "/users/self/events"),
    ("/users/{userid}", "My account", "/users/self"),
    ("/alarms/active", "Active alarms", "/alarms/active"),
    ("/contacts", "Contacts", "/contacts"),
    ("/recipients", "Recipients", "/recipients"),
)
SELF, OWN = "self", "/users/self"
THINGS = (  # what a step is about, one segment before it
    ("/users/{userid}/events/{eventid}/", "Event"),
    ("/alarms/active/{id}/", "Alarm"),
    ("/contacts/{id}/", "Contact"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request stands: `base` leads to the API, `path` is the page itself, `query` what it was called with.

    `box` is the name of the gateway, where it has been given one.
    """

    base: str
    path: str
    query: Mapping[str, str]
    origin: str
    box: str = ""

    def url(self, **changes: object) -> str:
        """Return this page with some parameters changed; None takes one away."""
        merged = {**self.query, **changes}
        kept = {name: value for name, value in merged.items() if value is not None and value != ""}
        return f"{self.path}?{urlencode(kept)}" if kept else self.path

    def action(self, fields: Iterable[FormField], **changes: object) -> str:
        """Return where a form with these inputs goes: here, with the parameters that it does not ask for itself."""
        return self.url(**dict.fromkeys(field.name.lower() for field in fields), **changes)

    @property
    def json_twin(self) -> str:
        """Return the address of the same as JSON."""
        return self.url(f="json")


@dataclass(frozen=True, slots=True)
class FormField:
    """One input of a form, made from a field of the parameter model."""

    name: str
    label: str
    widget: str
    required: bool
    value: str
    longest: int | None
    options: Sequence[tuple[str, str]] = ()
    chosen: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Pager:
    """The neighbours of a part of a list; empty where there is none."""

    first: int
    last: int
    total: int
    previous: str
    next: str


def form_fields(model: type[BaseModel], values: Mapping[str, Any], choices: Choices | None = None) -> list[FormField]:
    """Return the inputs for a parameter model; what stands in the path has none. `choices` are offered to pick from."""
    fields = []
    for key, field in model.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        name, widget = field.alias or key, str(extra.get("widget", "text"))
        if widget in WIDGETS or field.title is None:
            continue
        longest = next((item.max_length for item in field.metadata if hasattr(item, "max_length")), None)
        value = values.get(name.lower(), "")
        shown = value if isinstance(value, str) and widget not in SECRET else ""
        options = (choices or {}).get(name, ())
        fields.append(
            FormField(name, field.title, widget, field.is_required(), shown, longest, options, _chosen(value))
        )
    return fields


def _chosen(value: object) -> frozenset[str]:
    """Return what is picked in a list: "1,2" and ["1", "2"] alike."""
    items = value if isinstance(value, list) else str(value).split(",")
    return frozenset(str(item).strip() for item in items)


def pager(place: Place, part: Part, limit: int) -> Pager:
    """Return the pager of a list."""
    after = part.offset + part.count
    step = max(1, limit)
    return Pager(
        first=part.offset + 1 if part.count else 0,
        last=after,
        total=part.total,
        previous=place.url(offset=max(0, part.offset - step), limit=step) if part.offset else "",
        next=place.url(offset=after, limit=step) if part.count and after < part.total else "",
    )


def sort_link(place: Place, name: str) -> tuple[str, str]:
    """Return the link that sorts by a column, and how the list is sorted by it now ("", ascending, descending)."""
    current = place.query.get("orderby", "").lower().split()
    if not current or current[0] != name.lower():
        return place.url(orderby=name, offset=None), ""
    if "desc" in current:
        return place.url(orderby=name, offset=None), "descending"
    return place.url(orderby=f"{name} DESC", offset=None), "ascending"


def curl_line(place: Place, operation: Operation, fields: list[FormField]) -> str:
    """Return the command that does the same from a shell; the page of the login does what its form does."""
    command, address = ["curl"], place.json_twin
    if not operation.public:
        command.append('-H "Authorization: Bearer $TOKEN"')
    if operation.methods == ("POST",) or (operation.public and fields):
        command.append("-X POST")
        command += [f"--data-urlencode {shlex.quote(f'{field.name}={field.value or BLANK}')}" for field in fields]
        address = place.action(fields, f="json")
    return " ".join([*command, shlex.quote(place.origin + address)])


def safe_next(value: object) -> str:
    """Return a path on this box to go on to, or nothing: never another site, never a header of its own making."""
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= LONGEST_NEXT
        or not value.isascii()
        or not value.isprintable()
    ):
        return ""
    local = value.startswith("/") and not value.startswith(("//", "/\\")) and "\\" not in value
    return value if local else ""


def crumbs(place: Place, operation: Operation) -> list[tuple[str, str]]:
    """Return the way to this page: (label, link), the last without a link."""
    root = f"{place.base}/alarms/active"
    trail = [("Gateway", root)]
    found = next(((label, link) for start, label, link in TRAILS if operation.path.startswith(start)), None)
    if found is not None:
        trail.append(_as_seen(place, *found))
    if trail[-1][0] == operation.title:
        trail.pop()
    thing = next((label for start, label in THINGS if operation.path.startswith(start)), None)
    if thing is not None and not operation.path.endswith(ENDING):
        trail.append((thing, place.path.rstrip("/").rpartition("/")[0]))
    return [*trail, (operation.title, "")]


def _as_seen(place: Place, label: str, link: str) -> tuple[str, str]:
    """Return a part of the way; what belongs to somebody else is not called one's own."""
    segments = place.path.split("/")[place.base.count("/") + 1 :]
    owner = segments[1] if link.startswith(OWN) and len(segments) > 1 else SELF
    if owner.lower() == SELF:
        return label, place.base + link
    if link == OWN:
        return "Users", f"{place.base}/users"
    return label, place.base + link.replace(SELF, owner)


def session_context(caller: Caller | None) -> dict[str, object]:
    """Return what pages show of the person who has logged in, or what they need to log one in."""
    shown: dict[str, object] = {"user": None, "form_token": "", "form_key": "", "login_fields": login_fields()}
    if caller is None or not caller.user.id:
        return shown
    key = secrets.token_urlsafe(KEY_BYTES)
    return shown | {"user": caller.user, "form_token": form_token(caller.secret), "form_key": key}


@cache
def login_fields() -> tuple[FormField, ...]:
    """Return the inputs of the login, which stands on every page that somebody has to log in for."""
    from gatewayd.api.emm.tokens import Credentials

    return tuple(form_fields(Credentials, {}))
