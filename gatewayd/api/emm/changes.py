"""E09: what a user has not been told yet (A24)."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from gatewayd.api.fields import Id  # noqa: TC001 - pydantic reads annotations at run time
from gatewayd.api.operation import Call, Display, Params, Reply, operation
from gatewayd.engine.changes import POLITE
from gatewayd.engine.notifications import envelope
from gatewayd.errors import NotAllowed, StoreUnavailable

if TYPE_CHECKING:
    from gatewayd.engine.changes import Changes

log = logging.getLogger(__name__)


class ChangesParams(Params):
    """Whose changes: one's own."""

    userid: Id


class UserEventBody(Reply):
    """P4: a message in the inbox is new, or was paged again."""

    id: int
    message_id: int
    queue_time: int
    message: str
    escalation_cycle: int
    escalation_step: int
    priority: bool


class ActiveAlarmBody(Reply):
    """P5: an alarm began, or ended (`cleared`)."""

    id: int
    alarm_id: int
    cleared: bool
    active_time: int
    active_duration: int
    msg_id: int
    reset_msg_id: int
    source_gateway_id: int
    source_gateway_name: str
    name: str
    identifier: str
    recipient_id: int
    recipient: int
    recipient_name: str
    active_text: str
    reset_text: str
    priority: bool
    send_resets: bool
    total_messages: int
    total_messages_sent: int
    total_messages_read: int


class NotificationReply(Reply):
    """One change; `type` is user_event or active_alarm."""

    type: str
    notification: UserEventBody | ActiveAlarmBody


class ChangesReply(Reply):
    """Everything since the last call; the same as pushes carry."""

    notifications: tuple[NotificationReply, ...]


@operation(
    "E09",
    "GET",
    "/users/{userid}/changes",
    name="changes",
    params=ChangesParams,
    reply=ChangesReply,
    display=Display(title="Changes", template="changes.html"),
)
async def changes(call: Call[ChangesParams]) -> ChangesReply:
    """Hand over what changed since the last call; a browser's session only looks.

    A GET needs no form token, and a page on another port of this host can make the browser send one.
    """
    if call.params.userid != call.user.id:
        raise NotAllowed("changes are told to their own user only")
    feed, user_id = call.engine.changes, call.user.id
    looks = call.only_looks or call.caller.by_cookie
    found = feed.look(user_id) if looks else feed.claim(user_id)
    if feed.is_impatient(user_id):
        call.headers["Retry-After"] = str(int(POLITE))
    if found and not looks:
        call.afterwards.append(partial(_take, feed, user_id, found[-1].id))
    return ChangesReply.model_validate(envelope(feed.describe(found, call.engine.directory)))


async def _take(feed: Changes, user_id: int, last: int) -> None:
    """Note that the answer was written; where that is not possible the same is handed over again."""
    try:
        await feed.take(user_id, last)
    except StoreUnavailable as error:
        log.warning("changes of user %d will be told again: %s", user_id, error)
