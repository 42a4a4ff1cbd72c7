"""E03, E17 and E18: Web Push subscriptions of a user's browsers (A25, A26)."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads annotations at run time
from typing import TYPE_CHECKING, Any

from pydantic import Field

from gatewayd.api.emm.tokens import NoParams
from gatewayd.api.fields import Id, OptionalText  # noqa: TC001 - pydantic reads annotations at run time
from gatewayd.api.operation import Call, Display, Params, Reply, operation
from gatewayd.engine.subscriptions import Wish
from gatewayd.errors import Conflict, Invalid, NotAllowed

if TYPE_CHECKING:
    from gatewayd.engine.subscriptions import Device


URL = r"^[!-~]*$"  # ASCII without blanks
LONGEST_URL = 1500  # characters; a line of a request has to hold it


class WebPushKey(Reply):
    """The VAPID key: DER in base64 as documented, and the bare point that browsers want; empty without Web Push."""

    vapid_publickey: str
    vapid_publickey_raw: str


class SubscribeParams(Params):
    """What a browser's push manager hands over."""

    userid: Id
    endpoint: OptionalText = Field(None, title="Endpoint", max_length=LONGEST_URL, pattern=URL)
    p256dh: OptionalText = Field(None, title="Public key (p256dh)", max_length=200, pattern=URL)
    auth: OptionalText = Field(None, title="Secret (auth)", max_length=100, pattern=URL)
    name: OptionalText = Field(None, title="Name of the device", max_length=100)


class UnsubscribeParams(Params):
    """Which browser, by its endpoint or its id; all of them without."""

    userid: Id
    endpoint: OptionalText = Field(None, title="Endpoint or id (empty: all)", max_length=LONGEST_URL, pattern=URL)


class DeviceReply(Reply):
    """A browser that is told."""

    id: str
    name: str
    time: int


class Subscribed(Reply):
    """1: subscribed (or done), 0: not."""

    status: int
    description: str = Field("", exclude_if=lambda value: not value)


class SubscriptionState(Reply):
    """Whether and since when a user's browsers are told, the newest first."""

    status: int
    time: int
    endpoint: str
    devices: tuple[DeviceReply, ...]
    description: str = Field("", exclude_if=lambda value: not value)


def _own(call: Call[SubscribeParams] | Call[UnsubscribeParams]) -> None:
    if call.params.userid != call.user.id:
        raise NotAllowed("subscriptions are made and ended by their own user")


def _state(call: Call[Any]) -> SubscriptionState:
    devices = call.engine.changes.subscriptions.of(call.user.id)
    shown = tuple(DeviceReply(id=one.id, name=one.name, time=int(one.time)) for one in devices)
    newest: Device | None = devices[0] if devices else None
    return SubscriptionState(
        status=1 if newest else 0,
        time=int(newest.time) if newest else 0,
        endpoint=newest.endpoint if newest else "",
        devices=shown,
    )


def _page(call: Call[Any], reply: SubscriptionState) -> Mapping[str, object]:
    del reply
    key = call.engine.changes.subscriptions.public_key()
    return {"public_key": key[1] if key is not None else ""}


async def _subscribe(call: Call[SubscribeParams]) -> str:
    """Subscribe; returns why it could not be done, or nothing. Raises Invalid, StoreUnavailable."""
    given = call.params
    values = {"endpoint": given.endpoint, "p256dh": given.p256dh, "auth": given.auth}
    for name, value in values.items():
        if not value:
            raise Invalid(name, "is missing")
    wish = Wish(given.endpoint or "", given.p256dh or "", given.auth or "", given.name or call.caller.client)
    try:
        await call.engine.changes.subscriptions.subscribe(call.user, wish, call.wall)
    except Conflict as error:
        return str(error)
    return ""


@operation(
    "E03",
    "GET",
    "/settings/webpush",
    name="settings/webpush",
    params=NoParams,
    reply=WebPushKey,
    display=Display(title="Key for notifications"),
)
async def webpush_key(call: Call[NoParams]) -> WebPushKey:
    """Show the key that browsers need to be told."""
    key = call.engine.changes.subscriptions.public_key()
    der, raw = key if key is not None else ("", "")
    return WebPushKey(vapid_publickey=der, vapid_publickey_raw=raw)


@operation(
    "E17",
    "GET",
    "/users/{userid}/webpush/subscribe",
    name="webpush/subscribe",
    params=SubscribeParams,
    reply=SubscriptionState,
    display=Display(title="Notifications", template="webpush.html", decorate=_page),
)
async def webpush_state(call: Call[SubscribeParams]) -> SubscriptionState:
    """Show whether a user's browsers are told; with an endpoint, subscribe it."""
    _own(call)
    if call.params.endpoint is None:
        return _state(call)
    if call.caller.by_cookie:
        raise NotAllowed("a browser's session subscribes by POST")
    reason = await _subscribe(call)
    state = _state(call)
    return state.model_copy(update={"status": 0, "description": reason}) if reason else state


@operation(
    "E17",
    "POST",
    "/users/{userid}/webpush/subscribe",
    name="webpush/subscribe",
    params=SubscribeParams,
    reply=Subscribed,
    display=Display(title="Subscribe a browser"),
)
async def webpush_subscribe(call: Call[SubscribeParams]) -> Subscribed:
    """Tell a browser of messages and alarms from now on; the same endpoint replaces what was there."""
    _own(call)
    reason = await _subscribe(call)
    return Subscribed(status=0 if reason else 1, description=reason)


@operation(
    "E18",
    "GET POST",
    "/users/{userid}/webpush/unsubscribe",
    name="webpush/unsubscribe",
    params=UnsubscribeParams,
    reply=Subscribed,
    display=Display(title="End notifications"),
    changes=True,
)
async def webpush_unsubscribe(call: Call[UnsubscribeParams]) -> Subscribed:
    """End the notifications of one browser, or of all of them."""
    _own(call)
    await call.engine.changes.subscriptions.unsubscribe(call.user, call.params.endpoint or "")
    return Subscribed(status=1)
