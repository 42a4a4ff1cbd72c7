"""E08 and E11 to E16: the inbox and what is done with an event."""

# ruff: noqa: N802 - the tests are named after the ids of the reading of the specification

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gatewayd.clock import settle
from tests.api.test_browsers import form_token
from tests.engine.conftest import ADMIN, DOCTOR, NURSE

if TYPE_CHECKING:
    from tests.api.conftest import Gateway, Person

EVENTS = "/api/users/self/events"
P1 = [
    "id",
    "message_id",
    "queue_time",
    "message",
    "status",
    "status_text",
    "status_time",
    "current_cycle",
    "priority",
    "thread_id",
    "from_user_id",
    "from_gateway_id",
    "from_address",
]
NO_INTEGERS = ["0", "-1", "abc", "1.5", "99999999999999999999", "9223372036854775808", "%00", "1%00", "%D9%A5"]


async def listed(person: Person, query: str = "", path: str = EVENTS) -> dict[str, Any]:
    answer = await person.get(f"{path}?{query}")
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


async def test_E08_an_event_has_exactly_the_documented_keys(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12", "ROOM 12 \u00e4\u20ac\U0001f514")
    found = await listed(nurse)
    assert list(found) == ["offset", "count", "total", "events"]
    assert list(found["events"][0]) == P1
    assert found["events"][0] == {
        "id": 1,
        "message_id": 1,
        "queue_time": 1_700_000_000,
        "message": "ROOM 12 \u00e4\u20ac\U0001f514",
        "status": 3,
        "status_text": "in progress",
        "status_time": 1_700_000_000,
        "current_cycle": 1,
        "priority": False,
        "thread_id": 1,
        "from_user_id": 0,
        "from_gateway_id": gateway.engine.directory.line_id("ward-panel"),
        "from_address": "12",
    }


async def test_E08_an_empty_inbox_is_an_empty_list(nurse: Person) -> None:
    assert await listed(nurse) == {"offset": 0, "count": 0, "total": 0, "events": []}


async def test_A21_an_inbox_is_open_to_its_owner_and_to_admins(gateway: Gateway, nurse: Person, admin: Person) -> None:
    await gateway.activates("12")
    own, other = f"/api/users/{NURSE}/events", f"/api/users/{DOCTOR}/events"
    assert (await nurse.get(own)).json == (await nurse.get(EVENTS)).json
    assert (await nurse.get("/api/users/SELF/events")).status == 200
    assert (await nurse.get(other)).status == 403
    assert (await admin.get(own)).json["total"] == 1
    for person, status in ((admin, 404), (nurse, 403)):  # who is nobody has no inbox, and only admins are told
        assert (await person.get("/api/users/99/events")).status == status


@pytest.mark.parametrize("action", ["read", "accept", "cancel", "escalate", "delete"])
async def test_A21_an_admin_reads_the_events_of_others_and_does_nothing_in_their_name(
    gateway: Gateway, admin: Person, action: str
) -> None:
    await gateway.activates("12")
    before = gateway.alarm()
    answer = await admin.post(f"/api/users/{NURSE}/events/1/{action}")
    assert (answer.status, answer.headers["X-Error-Code"]) == (403, "not-allowed")
    assert (await admin.get(f"/api/users/{NURSE}/events/1")).json["status"] == 3
    assert gateway.alarm() == before


async def test_A21_the_pages_of_somebody_elses_inbox_offer_no_action(
    gateway: Gateway, admin: Person, nurse: Person
) -> None:
    await gateway.activates("12")
    for path in (f"/api/users/{NURSE}/events", f"/api/users/{NURSE}/events/1"):
        assert "/accept" in (await nurse.page(path)).text
        page = (await admin.page(path)).text
        assert "ROOM 12" in page
        assert not [verb for verb in ("read", "accept", "escalate", "cancel", "delete") if f"/1/{verb}" in page]
        assert "reply_message_id" not in page


async def test_E11_the_detail_has_the_pages_of_the_message(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    answer = await nurse.get(f"{EVENTS}/1")
    assert answer.status == 200
    assert list(answer.json) == [*P1, "subevents"]
    assert len(answer.json["subevents"]) == 2
    assert answer.json["subevents"][0] == {"id": 1, "status": 3, "queue_time": 1_700_000_000}


@pytest.mark.parametrize("action", ["", "/read", "/accept", "/cancel", "/escalate", "/delete"])
async def test_A06_an_unknown_event_is_404_and_one_of_somebody_else_403(
    gateway: Gateway, nurse: Person, doctor: Person, action: str
) -> None:
    await gateway.activates("12")
    method = "POST" if action else "GET"
    assert (await nurse.ask(method, f"{EVENTS}/99{action}?f=json")).status == 404
    assert (await doctor.ask(method, f"{EVENTS}/1{action}?f=json")).status == 403
    assert (await doctor.ask(method, f"/api/users/{NURSE}/events/1{action}?f=json")).status == 403
    assert (await nurse.get(f"{EVENTS}/1")).json["status"] == 3


async def test_ids_that_are_none_are_refused(nurse: Person) -> None:
    for number in NO_INTEGERS:
        for path in (f"{EVENTS}/{number}", f"/api/users/{number}/events", f"/api/alarms/active/{number}"):
            answer = await nurse.ask("GET", f"{path}?f=json")
            assert answer.status in {400, 404}, path
            assert answer.error["description"]


async def test_A22_a_message_id_finds_the_event_when_asked(gateway: Gateway, nurse: Person, doctor: Person) -> None:
    await nurse.post(f"{EVENTS}/send", json={"text": "one", "recipients": DOCTOR})
    sent = (await nurse.post(f"{EVENTS}/send", json={"text": "two", "recipients": [DOCTOR, NURSE]})).json["message_id"]
    answer = await doctor.get(f"{EVENTS}/{sent}?by=message_id")
    assert (answer.json["message_id"], answer.json["message"]) == (sent, "two")
    assert (await doctor.get(f"{EVENTS}/{sent}?by=colour")).status == 400
    assert gateway.store.inbox.of_user(NURSE, sent) is not None


async def test_A22_a_page_found_by_its_message_acts_on_that_event_and_no_other(gateway: Gateway, nurse: Person) -> None:
    await nurse.post(f"{EVENTS}/send", json={"text": "lunch?", "recipients": [DOCTOR, ADMIN]})
    await gateway.activates("12")
    await gateway.activates("13")
    message = gateway.alarm(2).message_id
    event = gateway.store.inbox.of_user(NURSE, message)
    assert event is not None
    assert event.id != message
    page = (await nurse.page(f"{EVENTS}/{message}?by=message_id")).text
    assert f'action="{EVENTS}/{event.id}/accept"' in page
    form = (await nurse.page(f"{EVENTS}/{message}/accept?by=message_id")).text
    assert f'action="{EVENTS}/{message}/accept?by=message_id"' in form


@pytest.mark.parametrize(
    ("action", "status"), [("read", 5), ("accept", 7), ("cancel", 8), ("escalate", 6), ("delete", 10)]
)
async def test_A23_every_action_answers_with_its_code(
    gateway: Gateway, nurse: Person, action: str, status: int
) -> None:
    await gateway.activates("12")
    answer = await nurse.post(f"{EVENTS}/1/{action}")
    assert (answer.status, answer.json) == (200, {"id": 1, "status": status})


@pytest.mark.parametrize("action", ["read", "accept", "cancel", "delete"])
async def test_A23_doing_it_again_answers_the_same(gateway: Gateway, nurse: Person, action: str) -> None:
    await gateway.activates("12")
    first = await nurse.post(f"{EVENTS}/1/{action}")
    again = await nurse.post(f"{EVENTS}/1/{action}")
    assert (again.status, again.json) == (first.status, first.json)


async def test_E12_read_marks_the_event(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    await nurse.post(f"{EVENTS}/1/read")
    event = (await listed(nurse))["events"][0]
    assert (event["status"], event["status_text"]) == (5, "in progress")


async def test_E13_accept_stops_the_paging(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    assert (await nurse.post(f"{EVENTS}/1/accept")).status == 200
    await gateway.passes(600)
    assert gateway.phones.texts == ["ROOM 12 #1"]
    event = (await listed(nurse))["events"][0]
    assert (event["status"], event["status_text"]) == (7, "complete")


async def test_E13_A23_the_second_one_to_accept_gets_the_code_but_the_first_stays(
    gateway: Gateway, nurse: Person, doctor: Person
) -> None:
    await gateway.activates("12")
    await gateway.passes(31)
    await nurse.post(f"{EVENTS}/1/accept")
    event = (await listed(doctor))["events"][0]["id"]
    assert (await doctor.post(f"{EVENTS}/{event}/accept")).json == {"id": event, "status": 7}
    assert (await doctor.get("/api/alarms/active/1")).json["accepted_by"] == NURSE


async def test_E13_accept_is_not_2xx_unless_it_is_on_disk(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    with gateway.full_disk():
        answer = await nurse.post(f"{EVENTS}/1/accept")
        assert answer.status == 507
        assert answer.headers["X-Error-Code"] == "not-durable"
        assert "has taken effect" in answer.error["description"]
        assert "repeat it when the disk is back" in answer.error["description"]
        assert (await nurse.post(f"{EVENTS}/1/accept")).status == 507
    await gateway.passes(2)
    assert (await nurse.post(f"{EVENTS}/1/accept")).status == 200
    assert (await nurse.get("/api/alarms/active/1")).json["accepted_by"] == NURSE


async def test_E13_a_person_reads_that_the_accept_counts_although_it_is_not_stored(gateway: Gateway) -> None:
    await gateway.activates("12")
    nurse = await gateway.opens_browser("nurse")
    fields = {"form_token": form_token(await nurse.page(f"{EVENTS}/1"))}
    with gateway.full_disk():
        answer = await nurse.submits(f"{EVENTS}/1/accept", fields)
    assert answer.status == 507
    assert "<h1>It counts, but it is not stored</h1>" in answer.text
    assert "a restart would forget it" in answer.text
    assert "That did not work" not in answer.text


async def test_what_can_wait_is_refused_with_a_name_of_its_own(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    with gateway.full_disk():
        await nurse.post(f"{EVENTS}/1/read")
        answer = await nurse.post(f"{EVENTS}/send", json={"text": "lunch", "recipients": NURSE})
        assert (answer.status, answer.headers["X-Error-Code"]) == (507, "storage-degraded")
        assert "only alarms are taken" in answer.error["description"]


async def test_E13_whoever_logs_in_while_nothing_can_be_stored_can_accept(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    with gateway.full_disk():
        assert (await nurse.post(f"{EVENTS}/1/read")).status == 507
        fresh = await gateway.logs_in("nurse")
        assert (await fresh.post(f"{EVENTS}/1/accept")).status == 507
    await gateway.passes(2)
    assert (await fresh.get("/api/alarms/active/1")).json["accepted_by"] == NURSE


async def test_E14_cancel_ends_the_alarm(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    await nurse.post(f"{EVENTS}/1/cancel")
    assert (await nurse.get("/api/alarms/active")).json["total"] == 0


async def test_E14_cancel_without_an_alarm_is_400(nurse: Person, doctor: Person) -> None:
    await nurse.post(f"{EVENTS}/send", json={"text": "lunch?", "recipients": DOCTOR})
    answer = await doctor.post(f"{EVENTS}/1/cancel")
    assert (answer.status, answer.error["api"]) == (400, "events/cancel")


async def test_E15_escalate_pages_the_next_step_at_once(gateway: Gateway, nurse: Person, doctor: Person) -> None:
    await gateway.activates("12")
    assert (await listed(doctor))["total"] == 0
    await nurse.post(f"{EVENTS}/1/escalate")
    await settle()
    assert (await listed(doctor))["total"] == 1


async def test_E16_a_deleted_event_is_gone_from_the_inbox_and_the_alarm_goes_on(
    gateway: Gateway, nurse: Person
) -> None:
    await gateway.activates("12")
    await nurse.post(f"{EVENTS}/1/delete")
    assert (await listed(nurse))["total"] == 0
    assert (await nurse.get(f"{EVENTS}/1")).status == 404
    assert (await nurse.get("/api/alarms/active")).json["total"] == 1


async def test_A10_the_cycle_of_an_escalating_message_rises(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    await gateway.passes(31)
    await gateway.passes(61)
    assert (await listed(nurse))["events"][0]["current_cycle"] == 2
