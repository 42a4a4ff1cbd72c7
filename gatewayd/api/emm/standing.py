"""What has become of the calls in an inbox: an event's own status does not tell that a colleague took the call."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gatewayd.model import MsgStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gatewayd.api.emm.shapes import Event
    from gatewayd.engine.engine import Engine
    from gatewayd.model import Alarm


class Standing(NamedTuple):
    """Where the call behind an event stands: `over`: its alarm is; `taker`: who else accepted it, or nothing."""

    over: bool
    taker: str

    @property
    def is_open(self) -> bool:
        """Return whether somebody still has to take it."""
        return not self.over and not self.taker


def standings(engine: Engine, owner: int, events: Iterable[Event]) -> dict[int, Standing]:
    """Return the standing of events of one inbox by their ids."""
    alarms: dict[int, Alarm | None] = {0: None}
    found = {}
    for event in events:
        if event.alarm_id not in alarms:
            alarms[event.alarm_id] = engine.store.alarms.get(event.alarm_id)
        alarm = alarms[event.alarm_id]
        taker = alarm.accepted_by if alarm is not None else _who_stopped(engine, event)
        name = engine.directory.recipient_name(taker) if taker and taker != owner else ""
        found[event.id] = Standing(alarm is not None and not alarm.is_active, name)
    return found


def _who_stopped(engine: Engine, event: Event) -> int | None:
    """Return who was the first to take a message that escalated; any other is taken by each of its readers alone."""
    if not event.current_cycle:
        return None
    readers = engine.store.inbox.of_message(event.message_id)
    takers = [one for one in readers if one.status is MsgStatus.ACKNOWLEDGE]
    return min(takers, key=lambda one: one.status_time).user_id if takers else None
