"""What may stand in a site file, table by table. References are `type:name`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from gatewayd.model import Role
from gatewayd.passwords import is_password_hash

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|sec|min|h)")
UNITS = {"s": 1, "sec": 1, "min": 60, "h": 3600}
LONGEST_WAIT = 7 * 24 * 3600  # a week: beyond it a typing error is likelier than a wish


def _one_line(text: str) -> str:
    if CONTROL.search(text):
        raise ValueError("must not have control characters or line breaks")
    return text


def _seconds(value: Any) -> Any:  # noqa: ANN401  # pydantic checks the type of what is no text
    """Read "30s", "2min", "1h"; a number means seconds."""
    if isinstance(value, bool):
        raise ValueError('should be a number of seconds or a text such as "30s" or "2min"')  # noqa: TRY004
    if not isinstance(value, str):
        return value
    match = DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError('should be a number of seconds or a text such as "30s" or "2min"')
    return float(match[1]) * UNITS[match[2]]


def _listed(value: Any) -> Any:  # noqa: ANN401
    return [value] if isinstance(value, str) else value


Line = AfterValidator(_one_line)
Name = Annotated[str, Field(min_length=1, max_length=200), Line]
Short = Annotated[str, Field(max_length=200), Line]
Text = Annotated[str, Field(max_length=2000)]
Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=LONGEST_WAIT, allow_inf_nan=False)]
Properties = Annotated[dict[Name, Text], Field(max_length=64)]
References = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Entry(BaseModel):
    """Base of every table."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SiteEntry(Entry):
    """`[site]`: who gets what no route matches, and what nobody accepts."""

    fallback: str | None = None


class WayEntry(Entry):
    """One way to reach a user: a contact, paged `after` seconds."""

    contact: str
    after: Seconds = 0.0


class UserEntry(Entry):
    """`[[user]]`. Without `password` and `password_hash` an existing user keeps theirs, a new one cannot log in."""

    name: Name
    full_name: Short = ""
    role: Role = Role.USER
    password: Annotated[SecretStr, Field(min_length=1)] | None = None
    password_hash: str | None = None
    ways: tuple[WayEntry, ...] = ()
    settings: Properties = {}

    @model_validator(mode="after")
    def _one_usable_password(self) -> UserEntry:
        if self.password is not None and self.password_hash is not None:
            raise ValueError("give password or password_hash, not both")
        if self.password_hash is not None and not is_password_hash(self.password_hash):
            raise ValueError("password_hash is not one that gatewayd made")
        return self


class ContactEntry(Entry):
    """`[[contact]]`: an address on one line; `fields` are what the site wants to know of it besides."""

    name: Name
    line: Name
    address: Name
    fields: Properties = {}


class GroupEntry(Entry):
    """`[[group]]`: recipients that are paged together."""

    name: Name
    members: References = ()


class StepEntry(Entry):
    """One step of a plan: whom to page and how long to wait for an answer."""

    page: Annotated[References, Field(min_length=1)]
    wait: Seconds


class PlanEntry(Entry):
    """`[[plan]]`: cycles 0 repeats the steps until somebody accepts."""

    name: Name
    cycles: Annotated[int, Field(ge=0, le=10_000)] = 1
    steps: Annotated[tuple[StepEntry, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _no_storm(self) -> PlanEntry:
        if self.cycles != 1 and sum(step.wait for step in self.steps) == 0:
            raise ValueError("the cycles would follow each other without any wait; give a step a wait")
        return self


class AlarmEntry(Entry):
    """`[[alarm]]`: what to say and whom to page. Without `priority` it is as the device reports it."""

    name: Name
    page: str
    text: Text = "{text}"
    reset_text: Text = "RESET {text}"
    priority: Literal["emergency", "high", "normal", "low"] | None = None
    send_resets: bool = True


class RouteEntry(Entry):
    """`[[route]]`: which reports belong to which alarm. No condition fits everything, `*` any run of characters."""

    line: Short = ""
    address: Short = ""
    text: Short = ""
    source: Literal["", "device", "fault", "text"] = ""
    alarm: str


class Content(Entry):
    """A whole site file."""

    site: SiteEntry = SiteEntry()
    user: tuple[UserEntry, ...] = ()
    contact: tuple[ContactEntry, ...] = ()
    group: tuple[GroupEntry, ...] = ()
    plan: tuple[PlanEntry, ...] = ()
    alarm: tuple[AlarmEntry, ...] = ()
    route: tuple[RouteEntry, ...] = ()
