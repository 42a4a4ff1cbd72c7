"""E08 and E11 to E16: a user's inbox, and what may be done with an event."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gatewayd.api.emm.listing import ListParams, to_query
from gatewayd.api.emm.shapes import EventDetail, EventList, EventStatus, to_detail, to_event
from gatewayd.api.emm.standing import standings
from gatewayd.api.fields import Id  # noqa: TC001 - pydantic reads annotations at run time
from gatewayd.api.operation import Call, Display, Operation, Params, operation
from gatewayd.errors import NotAllowed, NotFound
from gatewayd.model import MsgStatus
from gatewayd.store.inbox import FILTERS, ORDERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from gatewayd.model import User


class InboxParams(ListParams):
    """Whose inbox, and what part of it."""

    userid: Id


class EventParams(Params):
    """Whose event, and which; `by` says what the id in the path is (A22)."""

    userid: Id
    eventid: Id
    by: Literal["id", "message_id"] = Field("id", json_schema_extra={"widget": "none"})


def _names(call: Call[InboxParams], reply: EventList) -> Mapping[str, object]:
    """Return the names behind the numbers that JSON has, and whether the inbox is the caller's own."""
    owner = call.params.userid
    senders = {event.id: sender_name(call, event.from_user_id, event.from_gateway_id) for event in reply.events}
    return {"senders": senders, "standings": standings(call.engine, owner, reply.events), "own": owner == call.user.id}


def _sender(call: Call[EventParams], reply: EventDetail) -> Mapping[str, object]:
    owner = call.params.userid
    sender = sender_name(call, reply.from_user_id, reply.from_gateway_id)
    return {
        "sender": sender,
        "standing": standings(call.engine, owner, [reply])[reply.id],
        "own": owner == call.user.id,
    }


def sender_name(call: Call[InboxParams] | Call[EventParams], user_id: int, gateway_id: int) -> str:
    """Return who or what an event came from."""
    directory = call.engine.directory
    if user_id:
        return directory.recipient_name(user_id)
    return (directory.line_named(gateway_id) if gateway_id else None) or directory.recipient_name(None)


@operation(
    "E08",
    "GET",
    "/users/{userid}/events",
    name="events",
    params=InboxParams,
    reply=EventList,
    display=Display(title="Inbox", template="inbox.html", decorate=_names),
)
async def inbox(call: Call[InboxParams]) -> EventList:
    """List the events of an inbox, the newest first."""
    directory = call.engine.directory
    query = to_query(call.params, FILTERS, ORDERS, directory)
    owner = call.params.userid
    found = call.engine.inbox(call.user, owner, query)
    if directory.user(owner) is None:
        message = f"there is no user {owner}"
        raise NotFound(message)
    events = tuple(to_event(item, directory) for item in found.items)
    return EventList(offset=found.offset, count=len(events), total=found.total, events=events)


@operation(
    "E11",
    "GET",
    "/users/{userid}/events/{eventid}",
    name="event",
    params=EventParams,
    reply=EventDetail,
    display=Display(title="Event", template="event.html", decorate=_sender),
)
async def detail(call: Call[EventParams]) -> EventDetail:
    """Show one event with the pages of its message."""
    item = call.engine.event(call.user, call.params.userid, locate(call))
    pages = call.engine.store.paging.of_message(item.message.id)
    return to_detail(item, pages, call.engine.directory)


def locate(call: Call[EventParams]) -> int:
    """Return the id of the event that the path means. Raises NotFound, NotAllowed when it is in another inbox (A06)."""
    owner, wanted = call.params.userid, call.params.eventid
    inbox_of = call.engine.store.inbox
    if call.params.by == "message_id":
        event = inbox_of.of_user(owner, wanted)
    else:
        item = inbox_of.item(wanted)
        event = item.event if item is not None else None
    if event is None:
        message = f"there is no event {wanted}"
        raise NotFound(message)
    if event.user_id != owner:
        message = f"event {wanted} is in another inbox"
        raise NotAllowed(message)
    return event.id


def _action(
    identifier: str,
    verb: str,
    title: str,
    act: Callable[[Call[EventParams]], Callable[[User, int], Awaitable[MsgStatus]]],
) -> Operation:
    """Declare one of the actions: they differ in nothing but the service that they call."""

    async def handler(call: Call[EventParams]) -> EventStatus:
        event_id = locate(call)
        status = await act(call)(call.user, event_id)
        return EventStatus(id=event_id, status=status.value)

    handler.__doc__ = f"{title}."
    declare = operation(
        identifier,
        "POST",
        "/users/{userid}/events/{eventid}/" + verb,
        name=f"events/{verb}",
        params=EventParams,
        reply=EventStatus,
        display=Display(title=title, template="acted.html", decorate=partial(_outcome, title)),
    )
    return declare(handler)


def _outcome(title: str, call: Call[EventParams], reply: EventStatus) -> Mapping[str, object]:
    """Say what has become of it: who accepts what a colleague has taken already must not believe to be the one."""
    shown: dict[str, object] = {"heading": f"{title}: done", "message": "", "next_stays": False}
    item = call.engine.store.inbox.item(reply.id)
    if item is None:
        return shown
    shown["message"] = item.message.text
    if reply.status == MsgStatus.ACKNOWLEDGE:
        standing = standings(call.engine, call.user.id, [to_event(item, call.engine.directory)])[reply.id]
        shown["heading"] = "You have accepted it"
        if standing.taker:
            shown |= {"heading": f"{standing.taker} had accepted this before you", "next_stays": True}
    return shown


read = _action("E12", "read", "Mark as read", lambda call: call.engine.read)
accept = _action("E13", "accept", "Accept", lambda call: call.engine.accept)
cancel = _action("E14", "cancel", "Cancel the alarm", lambda call: call.engine.cancel)
escalate = _action("E15", "escalate", "Escalate to the next step", lambda call: call.engine.escalate)
delete = _action("E16", "delete", "Delete from the inbox", lambda call: call.engine.delete)
