"""The document line by line: every operation as it is printed, and every payload and enumeration."""

# ruff: noqa: N802 - the tests are named after the ids of the reading of the specification

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from gatewayd.api import ApiOptions
from gatewayd.api.emm.shapes import to_alarm, to_detail
from gatewayd.engine.notifications import active_alarm
from gatewayd.engine.subscriptions import Wish
from gatewayd.model import MsgStatus, PageState, Priority
from gatewayd.store import Query
from tests.api.conftest import PASSWORD
from tests.engine.conftest import DOCTOR, NURSE
from tests.engine.push import NURSE_PHONE, PushDevice, add_push_line

if TYPE_CHECKING:
    from tests.api.conftest import Answer, Gateway, Person

EVENT = (
    "id message_id queue_time message status status_text status_time current_cycle priority thread_id from_user_id "
    "from_gateway_id from_address"
)
REST_ALARM = {
    *("id", "alarm-name ", "activation-text", "reset-text", "status", "duration", "recipient", "priority"),
    *("alarm-name", "status_text", "accepted_by"),  # A12, and what we add
}
PUSH_ALARM = (
    "id alarm_id cleared active_time active_duration msg_id reset_msg_id source_gateway_id source_gateway_name name "
    "identifier recipient_id recipient recipient_name active_text reset_text priority send_resets total_messages "
    "total_messages_sent total_messages_read"
)
LOGIN = {"username": "nurse", "password": PASSWORD}
SUBSCRIPTION = {"endpoint": NURSE_PHONE, "p256dh": "key", "auth": "secret"}
SENT = {"event": '"text": "hello", "priority": 1 "tone": "C" "recipients": 4,5 "reply_message_id": 1'}
CONTACT = {"contact": '{ "name": "porter", "gateway": 2, "Room": "7", }'}


class Printed(NamedTuple):
    """One line of the document: its path as printed, what is sent, and the keys of the answer."""

    id: str
    method: str
    path: str
    keys: str
    fields: dict[str, str] | None = None


# {userid} and {id} as the document means them, "self" where it prints it; blanks, cases and `user`/`users` as printed.
OPERATIONS = [
    Printed("E01", "GET", "/api/tokens/generatetoken", "error"),
    Printed("E01", "POST", "/api/tokens/generatetoken", "token", LOGIN),
    Printed("E02", "GET", "/api/tokens/releaseToken", "status"),
    Printed("E02", "POST", "/api/tokens/releaseToken", "status"),
    Printed("E03", "GET", "/api/settings/webpush", "vapid_publickey vapid_publickey_raw"),
    Printed("E04", "GET", "/api/recipients", "offset count total recipients"),
    Printed("E05", "GET", "/api/recipients/4", "id name type"),
    Printed("E06", "GET", "/api/users", "offset count total users"),
    Printed("E07", "POST", "/api/users/self/events/send", "message_id", SENT),
    Printed("E08", "GET", "/api/users/self/events", "offset count total events"),
    Printed("E09", "GET", "/api/users/self/changes", "notifications"),
    Printed("E10", "POST", "/api/users/self/password", "status", {"Password": "a new passphrase"}),
    Printed("E11", "GET", "/api/users/self/events/1", f"{EVENT} subevents"),
    Printed("E12", "POST", "/api/users/self/events/ 1 /read", "id status"),
    Printed("E13", "POST", "/api/users/self/events/ 1 /accept", "id status"),
    Printed("E14", "POST", "/api/users/self/events/ 1 /cancel", "id status"),
    Printed("E15", "POST", "/api/users/self/events/ 1 /escalate", "id status"),
    Printed("E16", "POST", "/api/users/self/events/1/delete", "id status"),
    Printed("E17", "GET", "/api/users/self/webpush/subscribe", "status time endpoint devices"),
    Printed("E17", "POST", "/api/users/self/webpush/subscribe", "status", SUBSCRIPTION),
    Printed("E18", "GET", "/api/users/self/webpush/unsubscribe", "status"),
    Printed("E18", "POST", "/api/users/self/webpush/unsubscribe", "status"),
    Printed("E19", "GET", "/api/alarms/active", "offset count total alarms"),
    Printed("E20", "GET", "/api/alarms/active/1", ""),
    Printed("E21", "POST", "/api/alarms/active/1/cancel", "id status"),
    Printed("E22", "GET", "/api/contacts", "offset count total contacts"),
    Printed("E23", "GET", "/api/contacts/1", "id name gateway address Room"),
    Printed("E23", "POST", "/api/contacts/1", "id name gateway address Room", CONTACT),
    Printed("E24", "POST", "/api/contacts/1/delete", "id status in-use"),
    Printed("E25", "GET", "/api/user/self", "id name full_name role language"),
    Printed("E25", "POST", "/api/user/self", "id name full_name role language", {"settings": '{"language": "de",}'}),
    Printed("E26", "GET", "/api/user/4", "id name full_name role language"),
    Printed("E26", "POST", "/api/user/4", "id name full_name role language", {"settings": '{"language": "de"}'}),
]
every_operation = pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: f"{one.id}-{one.method}")


@pytest.fixture
async def push(gateway: Gateway) -> PushDevice:
    """A gateway with everything that the document speaks of: a line for pushes, fields, settings, an alarm."""
    device = await add_push_line(gateway.engine)
    await gateway.client.close()
    await gateway.serve(ApiOptions(contact_fields=("Room",), user_settings=("language",)))
    await gateway.activates("12", "ROOM 12", Priority.HIGH)
    return device


@pytest.fixture
async def doctor(gateway: Gateway, push: PushDevice) -> Person:
    """An operator: the nurse's own events are asked for by the nurse."""
    return await gateway.logs_in("doctor")


@pytest.fixture
async def nurse(gateway: Gateway, push: PushDevice) -> Person:
    return await gateway.logs_in("nurse")


async def asks(person: Person, one: Printed, **headers: str) -> Answer:
    return await person.ask(one.method, f"{one.path}?f=json", headers=headers, data=one.fields)


def test_the_document_prints_26_paths_with_33_operations() -> None:
    assert len(OPERATIONS) == 33
    assert len({one.id for one in OPERATIONS}) == 26


@every_operation
async def test_E01_to_E26_every_operation_is_served_as_printed(
    one: Printed, gateway: Gateway, nurse: Person, doctor: Person
) -> None:
    person = doctor if one.id in {"E23", "E24"} else nurse
    answer = await asks(person, one)
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    if one.id == "E20":
        assert set(answer.json) == REST_ALARM | set(PUSH_ALARM.split())
    else:
        assert list(answer.json) == one.keys.split()


@every_operation
async def test_E01_to_E26_every_operation_answers_with_a_page_unless_asked_for_json(
    one: Printed, gateway: Gateway, nurse: Person, doctor: Person
) -> None:
    person = doctor if one.id in {"E23", "E24"} else nurse
    answer = await person.ask(one.method, one.path, data=one.fields)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<h1>" in answer.text


@every_operation
async def test_A06_A34_every_operation_but_the_login_is_403_without_a_token_and_with_a_wrong_one(
    one: Printed, gateway: Gateway, push: PushDevice, stranger: Person
) -> None:
    refused = 200 if one.id == "E01" else 403
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        answer = await asks(stranger, one, **headers)
        assert answer.status == refused
        if refused == 403:
            name = answer.error.pop("api")
            assert name
            assert answer.json == {"error": {"description": "Forbidden \u2013 invalid bearer token"}}
    assert gateway.alarm().is_active


@every_operation
async def test_A04_every_operation_is_served_behind_the_name_of_a_site(
    one: Printed, gateway: Gateway, nurse: Person, doctor: Person
) -> None:
    person = doctor if one.id in {"E23", "E24"} else nurse
    answer = await asks(person, one._replace(path=f"/FusionEnterpriseTest{one.path}"))
    assert answer.status == 200, answer.text


# --- payloads ---------------------------------------------------------------------------------------------------------


async def test_P1_P7_an_event_carries_numbers_as_numbers_and_times_in_whole_seconds(gateway: Gateway) -> None:
    gateway.clock.time = 1_664_924_064.75
    await gateway.activates("12", "ROOM 12")
    nurse = await gateway.logs_in("nurse")
    (event,) = (await nurse.get("/api/users/self/events")).json["events"]
    assert datetime.fromtimestamp(event["queue_time"], UTC) == datetime(2022, 10, 4, 22, 54, 24, tzinfo=UTC)
    kinds = {name: type(value) for name, value in event.items()}
    texts = {"message": str, "status_text": str, "from_address": str}
    assert kinds == dict.fromkeys(EVENT.split(), int) | texts | {"priority": bool}


async def test_P2_a_subevent_is_a_page_with_its_status_and_time(gateway: Gateway, nurse: Person) -> None:
    detail = (await nurse.get("/api/users/self/events/1")).json
    assert detail["subevents"]
    for page in detail["subevents"]:
        assert list(page) == ["id", "status", "queue_time"]
        assert {type(value) for value in page.values()} == {int}
        assert page["status"] == MsgStatus.SENT


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (PageState.QUEUED, 1),
        (PageState.UNKNOWN, 2),
        (PageState.SENT, 3),
        (PageState.RECEIVED, 4),
        (PageState.READ, 5),
        (PageState.FAILED, 0),
        (PageState.WITHDRAWN, 10),
    ],
)
async def test_P2_every_state_of_a_page_has_its_status(gateway: Gateway, state: PageState, status: int) -> None:
    await gateway.activates("12")
    page = replace(gateway.pages()[0], state=state)
    (item,) = gateway.engine.inbox(gateway.user(NURSE), NURSE, Query()).items
    (told,) = to_detail(item, [page], gateway.engine.directory).subevents
    assert (told.id, told.status, told.queue_time) == (page.id, status, int(page.queue_time))


async def test_P8_the_counts_of_an_alarm_are_those_of_its_pages(gateway: Gateway) -> None:
    await gateway.activates("12")
    counts = {state: 10**number for number, state in enumerate(PageState)}
    alarm = to_alarm(gateway.alarm(), gateway.clock.wall(), gateway.engine.directory, counts)
    assert alarm.total_messages == sum(counts.values())
    assert alarm.total_messages_sent == sum(counts[one] for one in (PageState.SENT, PageState.RECEIVED, PageState.READ))
    assert alarm.total_messages_read == counts[PageState.READ]


async def test_P3_no_alarm_lasts_less_than_nothing_when_the_clock_is_set_back(gateway: Gateway) -> None:
    await gateway.activates("12")
    alarm = to_alarm(gateway.alarm(), gateway.clock.wall() - 3600, gateway.engine.directory)
    assert (alarm.duration, alarm.active_duration) == (0, 0)


async def test_P3_an_alarm_has_the_printed_keys_with_their_kinds(gateway: Gateway, nurse: Person) -> None:
    await gateway.passes(7)
    (alarm,) = (await nurse.get("/api/alarms/active")).json["alarms"]
    printed = {name: alarm[name] for name in REST_ALARM - {"alarm-name", "status_text", "accepted_by"}}
    assert printed == {
        "id": 1,
        "alarm-name ": "nurse-call",
        "activation-text": "ROOM 12",
        "reset-text": "RESET ROOM 12",
        "status": MsgStatus.DISPATCHED,
        "duration": 7,
        "recipient": 8,
        "priority": 1,
    }
    assert type(alarm["priority"]) is int


def test_P6_the_codes_are_those_of_the_enumeration() -> None:
    assert {status.name: status.value for status in MsgStatus} == {
        "ERROR_SEND": 0,
        "QUEUED": 1,
        "DISPATCHED": 2,
        "SENT": 3,
        "RECEIVED": 4,
        "READ": 5,
        "FORCEESCALATE": 6,
        "ACKNOWLEDGE": 7,
        "CANCELALARM": 8,
        "REPLIED": 9,
        "QUEUED_DELETE": 10,
    }


async def test_P8_an_alarm_tells_of_both_texts_its_identifier_its_source_and_its_pages(
    gateway: Gateway, nurse: Person
) -> None:
    await gateway.resets("12")
    alarm = (await nurse.get("/api/alarms/active/1")).json
    assert (alarm["active_text"], alarm["reset_text"], alarm["send_resets"]) == ("ROOM 12", "RESET ROOM 12", True)
    assert (alarm["identifier"], alarm["name"], alarm["source_gateway_name"]) == ("12", "nurse-call", "ward-panel")
    assert (alarm["msg_id"], alarm["reset_msg_id"], alarm["cleared"]) == (1, 2, True)
    assert (alarm["total_messages"], alarm["total_messages_sent"], alarm["total_messages_read"]) == (2, 2, 0)


def strictly(text: str) -> Any:  # noqa: ANN401 - JSON
    """Read JSON; a key that comes twice is an error."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(found)) == len(found)
        return dict(found)

    return json.loads(text, object_pairs_hook=pairs)


def shapes(told: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(one["type"], list(one["notification"])) for one in told["notifications"]]


async def test_A14_A15_A16_pushes_and_changes_are_the_same_valid_json(
    gateway: Gateway, push: PushDevice, nurse: Person
) -> None:
    changes = strictly((await nurse.get("/api/users/self/changes")).text)
    assert [one["type"] for one in changes["notifications"]] == ["user_event", "active_alarm"]
    wish = Wish(NURSE_PHONE, "key", "secret")
    await gateway.engine.changes.subscriptions.subscribe(gateway.user(NURSE), wish, gateway.clock.wall())
    await gateway.activates("13", "ROOM 13")
    pushed = [strictly(page.text) for page in push.pages]
    assert [len(one["notifications"]) for one in pushed] == [1, 1]  # each is a push of its own
    assert [list(one["notifications"][0]["notification"]) for one in pushed] == [
        ["id", "message_id", "queue_time", "message", "escalation_cycle", "escalation_step", "priority"],
        PUSH_ALARM.split(),
    ]
    event, alarm = (one["notifications"][0]["notification"] for one in pushed)
    assert event["priority"] is False  # A16: always there
    assert (alarm["recipient_id"], alarm["recipient"], alarm["recipient_name"]) == (8, 8, "ward-calls")
    shapes = [(one["type"], list(one["notification"])) for one in changes["notifications"]]
    assert shapes == [
        (one["notifications"][0]["type"], list(one["notifications"][0]["notification"])) for one in pushed
    ]


async def test_A14_an_alarm_without_a_recipient_is_the_systems(gateway: Gateway, push: PushDevice) -> None:
    alarm = replace(gateway.alarm(), recipient_id=None)
    body = active_alarm(alarm, gateway.clock.wall(), gateway.engine.directory)
    assert (body["recipient_id"], body["recipient_name"]) == (0, "System")


async def test_A32_an_alarm_is_one_object_and_its_cancel_ends_the_alarm_and_not_the_event(
    gateway: Gateway, nurse: Person
) -> None:
    assert isinstance((await nurse.get("/api/alarms/active/1")).json, dict)
    assert (await nurse.post("/api/alarms/active/1/cancel")).json == {"id": 1, "status": "success"}
    assert not gateway.alarm().is_active
    texts = gateway.texts_of(NURSE)
    assert texts == ["RESET ROOM 12", "ROOM 12"]  # the event stays in the inbox


async def test_E07_A09_the_printed_event_without_braces_and_commas_sends(gateway: Gateway, nurse: Person) -> None:
    sent = (await nurse.post("/api/users/self/events/send", data=SENT)).json["message_id"]
    message = gateway.store.inbox.message(sent)
    assert message is not None
    assert (message.text, message.priority, message.tone, message.reply_to) == ("hello", Priority.HIGH, "C", 1)
    assert {event.user_id for event in gateway.store.inbox.of_message(sent)} == {NURSE, DOCTOR}
