"""E07: a user sends a message, in any of the shapes that the document leaves open (A09)."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from gatewayd.api.body import check_text
from gatewayd.api.fields import (  # noqa: TC001 - pydantic reads annotations at run time
    Id,
    Ids,
    OptionalId,
    PriorityFlag,
    Text,
)
from gatewayd.api.operation import Call, Display, Params, Reply, operation
from gatewayd.engine.bounds import LONGEST_TEXT
from gatewayd.engine.orders import SendOrder
from gatewayd.errors import Invalid, NotAllowed
from gatewayd.model import Priority

_BLANK = re.compile(r"[\s,]*")
_COLON = re.compile(r"\s*:\s*")
_DECODER = json.JSONDecoder()


def parse_tone(value: str) -> str:
    """Accept one letter, or nothing."""
    tone = value.strip().upper()
    if tone and not (len(tone) == 1 and "A" <= tone <= "Z"):
        raise ValueError("has to be one letter from A to Z")
    return tone


def parse_event(text: str) -> dict[str, Any]:
    """Read an `event` as the document prints it: JSON members, with or without braces and commas. Raises Invalid."""
    content = text.strip()
    if content.startswith("{") and content.endswith("}"):
        content = content[1:-1]
    members: dict[str, Any] = {}
    name, at = "", _end(_BLANK, content, 0)
    while at < len(content):
        value, at = _decode(content, at)
        colon = _COLON.match(content, at)
        if colon is not None and isinstance(value, str):
            name = value.lower()
            members[name], at = _decode(content, colon.end())
        elif name == "recipients" and isinstance(value, int):
            members[name] = [*_as_list(members[name]), value]
        else:
            raise Invalid("event", f'has something else than "name": value near character {at}')
        at = _end(_BLANK, content, at)
    return members


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found is not None else at


def _decode(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        raise Invalid("event", f"is not JSON near character {at}") from None


def _as_list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else [value]


class SendParams(Params):
    """A message to send; all of it may stand in `event`, as JSON object or as text."""

    userid: Id
    text: Annotated[Text, Field(max_length=LONGEST_TEXT)] = Field(
        title="Message", json_schema_extra={"widget": "textarea"}
    )
    priority: PriorityFlag = Field(Priority.NORMAL, title="Priority", json_schema_extra={"widget": "flag"})
    tone: Annotated[Text, AfterValidator(parse_tone)] = Field("", title="Tone (A to Z)", max_length=10)
    recipients: Ids = Field((), title="Recipients (ids, separated by commas)", json_schema_extra={"widget": "ids"})
    reply_message_id: OptionalId = Field(None, title="Reply to message (id)")
    event: Any = Field(None, json_schema_extra={"widget": "none"})

    @model_validator(mode="before")
    @classmethod
    def _unpack(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Put what stands in `event` beside what stands outside; the owner of the path is never overridden."""
        event = values.get("event")
        if event is None:
            return values
        if isinstance(event, str):
            event = parse_event(event)
            check_text("event", event)
        if not isinstance(event, dict):
            raise Invalid("event", "has to be a JSON object")
        inner = {str(name).lower(): value for name, value in event.items() if str(name).lower() in cls.model_fields}
        return {**values, **inner, "userid": values.get("userid"), "event": None}


class Sent(Reply):
    """The id of the message that was sent."""

    message_id: int


@operation(
    "E07",
    "POST",
    "/users/{userid}/events/send",
    name="events/send",
    params=SendParams,
    reply=Sent,
    display=Display(title="Send a message"),
)
async def send(call: Call[SendParams]) -> Sent:
    """Send a message to recipients."""
    given = call.params
    if given.userid != call.user.id:
        raise NotAllowed("messages are sent in one's own name only")
    order = SendOrder(given.text, given.priority, given.recipients, given.tone, given.reply_message_id)
    message = await call.engine.send(call.user, order)
    return Sent(message_id=message.id)
