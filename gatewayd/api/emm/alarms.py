"""E19 to E21: the alarms that stand now. Everybody who has logged in may see them: they are the board on the wall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewayd.api.emm.listing import ListParams, to_query
from gatewayd.api.emm.shapes import AlarmCancelled, AlarmList, AlarmReply, to_alarm
from gatewayd.api.fields import Id  # noqa: TC001 - pydantic reads annotations at run time
from gatewayd.api.operation import Call, Display, Params, operation
from gatewayd.errors import Conflict, NotFound
from gatewayd.store.alarms import FILTERS, ORDERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

JOURNAL_LINES = 200  # the newest lines of an alarm's story that a page shows


class AlarmParams(Params):
    """Which alarm."""

    id: Id


def _own_events(call: Call[Any], alarms: Iterable[AlarmReply]) -> dict[int, int]:
    """Return the caller's event of every alarm, by which it can be accepted; 0 without one."""
    messages = {alarm.id: alarm.msg_id for alarm in alarms}
    events = call.engine.store.inbox.open_of_user(call.user.id, messages.values())
    return {alarm_id: events.get(message_id, 0) for alarm_id, message_id in messages.items()}


def _board(call: Call[ListParams], reply: AlarmList) -> Mapping[str, object]:
    names = call.engine.directory.recipient_name
    return {
        "own_events": _own_events(call, reply.alarms),
        "accepters": {alarm.id: names(alarm.accepted_by) if alarm.accepted_by else "" for alarm in reply.alarms},
    }


def _one(call: Call[AlarmParams], reply: AlarmReply) -> Mapping[str, object]:
    journal = call.engine.store.journal.of_alarm(reply.id)[-JOURNAL_LINES:]
    accepted_by = call.engine.directory.recipient_name(reply.accepted_by) if reply.accepted_by else ""
    return {"own_event": _own_events(call, [reply])[reply.id], "journal": journal, "accepted_by": accepted_by}


@operation(
    "E19",
    "GET",
    "/alarms/active",
    name="alarms/active",
    params=ListParams,
    reply=AlarmList,
    display=Display(title="Active alarms", template="alarms.html", decorate=_board),
)
async def alarm_list(call: Call[ListParams]) -> AlarmList:
    """List the active alarms, the most urgent first."""
    directory = call.engine.directory
    found = call.engine.store.alarms.listing(to_query(call.params, FILTERS, ORDERS, directory))
    counts = call.engine.store.paging.counts(alarm.id for alarm in found.items)
    alarms = tuple(to_alarm(alarm, call.wall, directory, counts.get(alarm.id)) for alarm in found.items)
    return AlarmList(offset=found.offset, count=len(alarms), total=found.total, alarms=alarms)


@operation(
    "E20",
    "GET",
    "/alarms/active/{id}",
    name="alarms/active",
    params=AlarmParams,
    reply=AlarmReply,
    display=Display(title="Alarm", template="alarm.html", decorate=_one),
)
async def alarm_detail(call: Call[AlarmParams]) -> AlarmReply:
    """Show one alarm, with the counts of its pages."""
    alarm = call.engine.store.alarms.get(call.params.id)
    if alarm is None:
        message = f"there is no alarm {call.params.id}"
        raise NotFound(message)
    counts = call.engine.store.paging.counts([alarm.id])
    return to_alarm(alarm, call.wall, call.engine.directory, counts.get(alarm.id))


@operation(
    "E21",
    "POST",
    "/alarms/active/{id}/cancel",
    name="alarms/cancel",
    params=AlarmParams,
    reply=AlarmCancelled,
    display=Display(title="Cancel the alarm"),
)
async def alarm_cancel(call: Call[AlarmParams]) -> AlarmCancelled:
    """End an alarm; whoever was paged gets its reset text."""
    alarm_id = call.params.id
    try:
        await call.engine.cancel_alarm(call.user, alarm_id)
    except Conflict:
        return AlarmCancelled(id=alarm_id, status="fail")
    return AlarmCancelled(id=alarm_id, status="success")
