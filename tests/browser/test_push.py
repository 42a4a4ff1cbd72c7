"""Web Push for real: from the alarm to what a browser shows."""

from __future__ import annotations

import asyncio
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from gatewayd.model import Priority
from tests.browser.bidi import PATIENCE
from tests.browser.conftest import BOARD
from tests.browser.pushservice import DELIVERED
from tests.engine.conftest import NURSE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.bidi import Tab
    from tests.browser.conftest import Site
    from tests.browser.pushservice import PushService

pytestmark = pytest.mark.browser

SUBSCRIBE, CHANGES = "/api/users/self/webpush/subscribe", "/api/users/self/changes"
# The worker acknowledges a push before the notification it shows is listed.
SHOWN = """
(async () => {
  const registration = await navigator.serviceWorker.getRegistration("/api/static/");
  let found = [];
  for (let left = 100; left && found.length < %d; left--) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    found = await registration.getNotifications();
  }
  return found.map(({title, body, tag, data}) => ({title, body, tag, url: data.url}));
})()
"""


async def subscribes(gateway: Site, tab: Tab) -> None:
    await tab.go(gateway.url(SUBSCRIBE))
    tab.forget()
    await tab.click("#push-on")
    await tab.arrives_at(SUBSCRIBE)


async def shown(tab: Tab, expected: int) -> list[dict[str, Any]]:
    """Return the notifications in sight, as soon as there are as many as expected."""
    found: list[dict[str, Any]] = await tab.evaluate(SHOWN % expected)
    return sorted(found, key=lambda one: str(one["tag"]))


async def test_an_alarm_is_shown_by_a_subscribed_browser_and_accepted_by_its_page(
    gateway: Site, service: PushService, tab: Tab
) -> None:
    await gateway.signs_in(tab, "nurse")
    await subscribes(gateway, tab)
    assert "Firefox" in await tab.text("main table")

    await gateway.activates("12", "ROOM 12 <b>cardiac</b>", Priority.HIGH)
    codes = [(await asyncio.wait_for(service.acks.get(), PATIENCE))["code"] for _ in range(2)]
    assert codes == [DELIVERED, DELIVERED]
    assert await shown(tab, 2) == [
        {"title": "Alarm: nurse-call", "body": "ROOM 12 <b>cardiac</b>", "tag": "alarm-1", "url": f"{BOARD}/1"},
        {
            "title": "Urgent message",
            "body": "ROOM 12 <b>cardiac</b>",
            "tag": "event-1",
            "url": "/api/users/self/events/1",
        },
    ]
    assert {post["Urgency"] for post in service.posts} == {"high"}

    await tab.go(gateway.url(f"{BOARD}/1"))
    tab.forget()
    await tab.click("button.main")
    await tab.arrives_at(f"{BOARD}/1")
    assert "Accepted by nurse" in await tab.text("main")
    assert gateway.alarm().accepted_by is not None

    nurse, admin = await gateway.logs_in("nurse"), await gateway.logs_in("admin")
    assert (await nurse.get(CHANGES)).json == {"notifications": []}  # A24: the browser was told
    assert len((await admin.get(CHANGES)).json["notifications"]) == 1  # the admin has no browser that could be


async def test_a_page_to_a_contact_that_is_a_browser_is_shown_as_it_is_written(
    gateway: Site, service: PushService, tab: Tab
) -> None:
    await gateway.signs_in(tab, "nurse")
    await subscribes(gateway, tab)
    (device,) = gateway.engine.changes.subscriptions.of(NURSE)
    admin = await gateway.logs_in("admin")
    contact = {"name": "tablet", "gateway": "push", "address": device.id}
    number = (await admin.post("/api/contacts", json=contact)).json["id"]
    await admin.post("/api/users/self/events/send", json={"text": "Come to <b>ward 7</b>", "recipients": number})
    (one,) = await shown(tab, 1)
    assert (one["title"], one["body"]) == ("Message", "Come to <b>ward 7</b>")


async def test_what_the_push_service_refused_waits_in_the_changes(
    gateway: Site, service: PushService, tab: Tab
) -> None:
    await gateway.signs_in(tab, "nurse")
    await subscribes(gateway, tab)
    service.answer = HTTPStatus.FORBIDDEN
    await gateway.activates("12")
    nurse = await gateway.logs_in("nurse")
    told: list[Any] = []
    async with asyncio.timeout(PATIENCE):
        while not told:
            told = (await nurse.get(CHANGES)).json["notifications"]
    assert told[0]["type"] == "user_event"


async def test_a_subscription_that_ended_by_the_page_is_pushed_to_no_more(
    gateway: Site, service: PushService, tab: Tab
) -> None:
    await gateway.signs_in(tab, "nurse")
    await subscribes(gateway, tab)
    tab.forget()
    await tab.click("main table button")
    await tab.arrives_at(SUBSCRIBE)
    assert "No browser of yours is told." in await tab.text("main")
    await gateway.activates("12")
    nurse = await gateway.logs_in("nurse")
    assert len((await nurse.get(CHANGES)).json["notifications"]) == 2
    assert service.posts == []


async def eventually(is_so: Callable[[], bool]) -> None:
    """Wait for what a browser does by itself."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.1)


async def test_a_browser_whose_subscription_was_lost_subscribes_again_by_itself(
    gateway: Site, service: PushService, tab: Tab
) -> None:
    await gateway.signs_in(tab, "nurse")
    await subscribes(gateway, tab)
    devices = partial(gateway.engine.changes.subscriptions.of, NURSE)
    (old,) = devices()
    await service.forgets()
    await eventually(lambda: len(devices()) > 1)
    await gateway.activates("12", "ROOM 12")
    assert {one["body"] for one in await shown(tab, 2)} == {"ROOM 12"}
    await eventually(lambda: len(devices()) == 1)  # 410 ended the old one
    assert devices()[0].endpoint != old.endpoint


async def test_a_browser_that_cannot_subscribe_again_says_so(gateway: Site, service: PushService, tab: Tab) -> None:
    await gateway.signs_in(tab, "nurse")
    await subscribes(gateway, tab)
    await gateway.sessions.revoke(NURSE)
    await service.forgets()
    (one,) = await shown(tab, 1)
    assert "not told any more" in one["body"]
    assert one["url"] == SUBSCRIBE
