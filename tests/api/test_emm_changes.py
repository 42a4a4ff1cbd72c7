"""E09, E03, E17 and E18: changes and pushes over HTTP."""

# ruff: noqa: N802 - the tests are named after the ids of the reading of the specification

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gatewayd.model import Priority
from tests.engine.conftest import ADMIN, NURSE
from tests.engine.push import DER, NURSE_PHONE, RAW, PushDevice, add_push_line

if TYPE_CHECKING:
    from typing import Any

    from tests.api.conftest import Answer, Gateway, Person

CHANGES = "/api/users/self/changes"
SUBSCRIBE, UNSUBSCRIBE = "/api/users/self/webpush/subscribe", "/api/users/self/webpush/unsubscribe"
KEY = "/api/settings/webpush"
WISH = {"endpoint": NURSE_PHONE, "p256dh": "key", "auth": "secret"}
P4 = ["id", "message_id", "queue_time", "message", "escalation_cycle", "escalation_step", "priority"]
P5 = [
    *("id", "alarm_id", "cleared", "active_time", "active_duration", "msg_id", "reset_msg_id", "source_gateway_id"),
    *("source_gateway_name", "name", "identifier", "recipient_id", "recipient", "recipient_name", "active_text"),
    *("reset_text", "priority", "send_resets", "total_messages", "total_messages_sent", "total_messages_read"),
]


@pytest.fixture
async def push(gateway: Gateway) -> PushDevice:
    return await add_push_line(gateway.engine)


def told(answer: Answer) -> list[tuple[str, int]]:
    assert answer.status == 200
    return [(one["type"], one["notification"]["id"]) for one in answer.json["notifications"]]


async def test_E09_A15_nothing_changed_is_an_empty_list(nurse: Person) -> None:
    assert (await nurse.get(CHANGES)).text == '{"notifications":[]}'


async def test_E09_P4_P5_the_payloads_have_the_keys_of_the_document_in_its_order(
    gateway: Gateway, nurse: Person
) -> None:
    await gateway.activates("12", 'ROOM "12"\u2028\u00e4', Priority.HIGH)
    notes = json.loads((await nurse.get(CHANGES)).text)["notifications"]
    assert [list(note) for note in notes] == [["type", "notification"]] * 2
    event, alarm = (note["notification"] for note in notes)
    assert (list(event), list(alarm)) == (P4, P5)
    assert event["priority"] is True
    assert (event["message"], alarm["active_text"]) == ('ROOM "12"\u2028\u00e4',) * 2
    assert (event["escalation_cycle"], event["escalation_step"]) == (1, 1)
    assert (alarm["cleared"], alarm["priority"], alarm["recipient_name"]) == (False, True, "ward-calls")
    assert (alarm["total_messages"], alarm["reset_msg_id"], alarm["source_gateway_name"]) == (0, 0, "ward-panel")


async def test_E09_A24_changes_are_delivered_once_and_to_each_user_their_own(
    gateway: Gateway, nurse: Person, admin: Person
) -> None:
    await gateway.activates("12")
    assert told(await nurse.get(CHANGES)) == [("user_event", 1), ("active_alarm", 1)]
    assert gateway.store.changes.count(NURSE) == 0  # not only held back: forgotten
    assert told(await nurse.get(CHANGES)) == []
    assert told(await admin.get(CHANGES)) == [("active_alarm", 1)]
    await gateway.resets("12")
    assert told(await nurse.get(CHANGES)) == [("user_event", 2), ("active_alarm", 1)]


async def test_E09_A24_what_was_not_written_is_told_again(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    head = await nurse.ask("HEAD", f"{CHANGES}?f=json")
    assert (head.status, head.text) == (200, "")
    with gateway.full_disk():
        assert len(told(await nurse.get(CHANGES))) == 2
    await gateway.passes(61)
    assert len(told(await nurse.get(CHANGES))) == 2
    assert told(await nurse.get(CHANGES)) == []


async def test_E09_A24_a_lost_connection_takes_nothing(gateway: Gateway, nurse: Person) -> None:
    from unittest.mock import patch

    from aiohttp import ClientError, web

    await gateway.activates("12")
    broken = patch.object(web.Response, "write_eof", side_effect=ConnectionResetError("gone"))
    with broken, pytest.raises(ClientError):
        async with gateway.client.get(f"{CHANGES}?f=json", headers={"Authorization": f"Bearer {nurse.token}"}) as reply:
            await reply.read()
    await gateway.passes(61)
    assert len(told(await nurse.get(CHANGES))) == 2


async def test_E09_A24_polling_too_fast_is_served_with_a_hint(gateway: Gateway, nurse: Person) -> None:
    assert "Retry-After" not in (await nurse.get(CHANGES)).headers
    await gateway.passes(10)
    again = await nurse.get(CHANGES)
    assert (again.status, again.headers["Retry-After"]) == (200, "30")
    await gateway.passes(30)
    assert "Retry-After" not in (await nurse.get(CHANGES)).headers


async def test_E09_changes_are_told_to_their_own_user_only(nurse: Person, admin: Person) -> None:
    assert (await nurse.get(f"/api/users/{NURSE}/changes")).status == 200
    for person in (nurse, admin):
        assert (await person.get("/api/users/5/changes")).status == 403


async def test_E09_a_page_in_a_browser_takes_nothing_away(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12", "<b>ROOM 12</b>")
    page = await (await gateway.opens_browser("nurse")).page(CHANGES)
    assert page.text.count("&lt;b&gt;ROOM 12&lt;/b&gt;") == 2
    assert len(told(await nurse.get(CHANGES))) == 2


async def test_E09_a_browsers_session_takes_nothing_whoever_made_it_ask(gateway: Gateway, nurse: Person) -> None:
    """A page on another port of this host may send such a GET; neither SameSite nor a form token stands in its way."""
    await gateway.activates("12")
    browser = await gateway.opens_browser("nurse")
    for _ in range(2):
        assert len(told(await browser.get(CHANGES))) == 2
    assert len(told(await nurse.get(CHANGES))) == 2


async def test_E03_A26_the_key_is_shown_as_der_and_as_bare_point(push: PushDevice, nurse: Person) -> None:
    assert push.public_key() == (DER, RAW)
    assert (await nurse.get(KEY)).json == {"vapid_publickey": DER, "vapid_publickey_raw": RAW}


async def test_E03_without_a_line_for_pushes_the_key_is_empty(nurse: Person) -> None:
    assert (await nurse.get(KEY)).json == {"vapid_publickey": "", "vapid_publickey_raw": ""}
    assert (await nurse.post(SUBSCRIBE, data=WISH)).json["status"] == 0


@pytest.mark.usefixtures("push")
async def test_E17_A25_subscribing_and_looking(gateway: Gateway, nurse: Person) -> None:
    assert (await nurse.get(SUBSCRIBE)).json == {"status": 0, "time": 0, "endpoint": "", "devices": []}
    assert (await nurse.post(SUBSCRIBE, data=WISH | {"name": "phone"})).json == {"status": 1}
    state = (await nurse.get(SUBSCRIBE)).json
    assert (state["status"], state["time"], state["endpoint"]) == (1, int(gateway.clock.wall()), NURSE_PHONE)
    assert [device["name"] for device in state["devices"]] == ["phone"]
    await nurse.post(SUBSCRIBE, json=WISH)
    assert len((await nurse.get(SUBSCRIBE)).json["devices"]) == 1


@pytest.mark.usefixtures("push")
async def test_E17_A25_a_get_with_parameters_subscribes_programs(nurse: Person) -> None:
    answer = await nurse.get(f"{SUBSCRIBE}?endpoint={NURSE_PHONE}&p256dh=key&auth=secret")
    assert (answer.json["status"], answer.json["endpoint"]) == (1, NURSE_PHONE)


@pytest.mark.usefixtures("push")
async def test_E17_a_link_cannot_subscribe_a_browser(gateway: Gateway) -> None:
    browser = await gateway.opens_browser("nurse")
    page = await browser.page(f"{SUBSCRIBE}?endpoint={NURSE_PHONE}&p256dh=key&auth=secret")
    assert page.status == 403
    assert gateway.engine.changes.subscriptions.of(NURSE) == ()


@pytest.mark.usefixtures("push")
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"endpoint": ""}, "endpoint"),
        ({"p256dh": ""}, "p256dh"),
        ({"auth": ""}, "auth"),
        ({"endpoint": "http://push.example"}, "endpoint"),
        ({"p256dh": "broken"}, "p256dh"),
        ({"auth": "broken"}, "auth"),
    ],
)
async def test_E17_what_a_push_service_could_not_use_is_refused(
    nurse: Person, change: dict[str, Any], named: str
) -> None:
    answer = await nurse.post(SUBSCRIBE, data=WISH | change)
    assert (answer.status, answer.error["description"].split(":")[0]) == (400, named)


@pytest.mark.usefixtures("push")
async def test_E18_A25_unsubscribing_all_or_one(gateway: Gateway, nurse: Person) -> None:
    for number in range(3):
        await nurse.post(SUBSCRIBE, data=WISH | {"endpoint": f"{NURSE_PHONE}/{number}"})
    assert (await nurse.post(UNSUBSCRIBE, data={"endpoint": f"{NURSE_PHONE}/1"})).json == {"status": 1}
    assert len(gateway.engine.changes.subscriptions.of(NURSE)) == 2
    assert (await nurse.get(UNSUBSCRIBE)).json == {"status": 1}
    assert gateway.engine.changes.subscriptions.of(NURSE) == ()
    assert (await nurse.post(UNSUBSCRIBE)).json == {"status": 1}


@pytest.mark.usefixtures("push")
async def test_E17_E18_nobody_touches_the_browsers_of_others(nurse: Person, admin: Person) -> None:
    await nurse.post(SUBSCRIBE, data=WISH)
    for path in (f"/api/users/{NURSE}/webpush/subscribe", f"/api/users/{NURSE}/webpush/unsubscribe"):
        assert (await admin.post(path, data=WISH)).status == 403
        assert (await admin.get(path)).status == 403


async def test_E09_E17_A24_pushed_changes_are_not_queued_and_come_back_when_pushes_fail(
    gateway: Gateway, push: PushDevice, nurse: Person
) -> None:
    from gatewayd.driver import Outcome, Receipt

    await nurse.post(SUBSCRIBE, data=WISH)
    await gateway.activates("12")
    assert len(push.pages) == 2
    assert told(await nurse.get(CHANGES)) == []
    push.outcomes = [Receipt(Outcome.REFUSED, "410")] * 2
    await gateway.resets("12")
    await gateway.passes(1)
    assert told(await nurse.get(CHANGES)) == [("user_event", 2), ("active_alarm", 1)]


@pytest.mark.usefixtures("push")
async def test_E17_the_secrets_of_a_browser_are_never_shown(gateway: Gateway, nurse: Person) -> None:
    await nurse.post(SUBSCRIBE, data=WISH | {"auth": "canary-auth", "p256dh": "canary-key"})
    browser = await gateway.opens_browser("nurse")
    for answer in (await nurse.get(SUBSCRIBE), await browser.page(SUBSCRIBE)):
        assert "canary" not in answer.text


@pytest.mark.usefixtures("push")
async def test_E17_E18_the_page_of_notifications_ends_one_browser_by_a_button(gateway: Gateway, nurse: Person) -> None:
    await nurse.post(SUBSCRIBE, data=WISH | {"name": "<i>phone</i>"})
    browser = await gateway.opens_browser("nurse")
    page = (await browser.page(SUBSCRIBE)).text
    assert "&lt;i&gt;phone&lt;/i&gt;" in page
    assert f'data-key="{RAW}"' in page
    assert '<script src="/api/static/webpush.js" defer></script>' in page
    token = page.split('name="form_token" value="')[1][:64]
    device = page.split('name="endpoint" value="')[1][:16]
    done = await browser.submits(UNSUBSCRIBE, {"form_token": token, "endpoint": device})
    assert done.status == 200
    assert gateway.engine.changes.subscriptions.of(NURSE) == ()
    assert (await browser.page(CHANGES)).status == 200  # this ended no session


@pytest.mark.parametrize("name", ["webpush.js", "serviceworker.js"])
async def test_the_scripts_are_served_as_scripts_from_this_box(stranger: Person, name: str) -> None:
    answer = await stranger.ask("GET", f"/api/static/{name}")
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert '"use strict"' in answer.text
    assert not [word for word in ("http://", "https://", "eval(", "innerHTML") if word in answer.text]


async def test_E19_P8_the_list_counts_pages_and_no_pushes(gateway: Gateway, push: PushDevice, admin: Person) -> None:
    await admin.post(SUBSCRIBE, data=WISH)
    await gateway.activates("12")
    await gateway.activates("13")
    assert push.told(ADMIN)
    alarms = (await admin.get("/api/alarms/active")).json["alarms"]
    assert [(one["total_messages"], one["total_messages_sent"], one["total_messages_read"]) for one in alarms] == [
        (2, 2, 0),
        (2, 2, 0),
    ]
    one = (await admin.get("/api/alarms/active/1")).json
    assert (one["total_messages"], one["total_messages_sent"]) == (2, 2)
    await gateway.passes(30)
    assert (await admin.get("/api/alarms/active")).json["alarms"][0]["total_messages"] == 3
