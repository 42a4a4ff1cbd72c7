"""E07: a user sends a message, in any of the shapes that the document leaves open (A09)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from gatewayd.api.emm.loose import members
from gatewayd.api.emm.people import recipient_choices
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
from gatewayd.errors import NotAllowed
from gatewayd.model import Priority


def parse_tone(value: str) -> str:
    """Accept one letter, or nothing."""
    tone = value.strip().upper()
    if tone and not (len(tone) == 1 and "A" <= tone <= "Z"):
        raise ValueError("has to be one letter from A to Z")
    return tone


class SendParams(Params):
    """A message to send; all of it may stand in `event`, as JSON object or as text."""

    userid: Id
    text: Annotated[Text, Field(max_length=LONGEST_TEXT)] = Field(
        title="Message", json_schema_extra={"widget": "textarea"}
    )
    priority: PriorityFlag = Field(Priority.NORMAL, title="Priority", json_schema_extra={"widget": "flag"})
    tone: Annotated[Text, AfterValidator(parse_tone)] = Field("", title="Tone (A to Z)", max_length=10)
    recipients: Ids = Field((), title="Recipients", json_schema_extra={"widget": "ids"})
    reply_message_id: OptionalId = Field(None, title="Reply to message (id)")
    event: Any = Field(None, json_schema_extra={"widget": "none"})

    @model_validator(mode="before")
    @classmethod
    def _unpack(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Put what stands in `event` beside what stands outside; the owner of the path is never overridden."""
        event = values.get("event")
        if event is None:
            return values
        given = members("event", event).items()
        inner = {name: value for name, value in given if name in cls.model_fields and value is not None}
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
    display=Display(title="Send a message", choices=recipient_choices),
)
async def send(call: Call[SendParams]) -> Sent:
    """Send a message to recipients."""
    given = call.params
    if given.userid != call.user.id:
        raise NotAllowed("messages are sent in one's own name only")
    order = SendOrder(given.text, given.priority, given.recipients, given.tone, given.reply_message_id, call.key)
    message = await call.engine.send(call.user, order)
    return Sent(message_id=message.id)
