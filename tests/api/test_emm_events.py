"""E08 and E11 to E16: the inbox and what is done with an event."""

# ruff: noqa: N802 - the tests are named after the ids of the reading of the specification

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gatewayd.api.emm.listing import ListParams, to_query
from gatewayd.clock import settle
from gatewayd.engine.directory import Directory
from gatewayd.model import Priority, Site
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


async def texts(person: Person, query: str) -> list[str]:
    return [event["message"] for event in (await listed(person, query))["events"]]


async def three_alarms(gateway: Gateway) -> None:
    await gateway.activates("7", "beta 100%", Priority.NORMAL)
    await gateway.passes(1)
    await gateway.activates("8", "Alpha fire", Priority.HIGH)
    await gateway.passes(1)
    await gateway.activates("9", "gamma_x", Priority.LOW)


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


async def test_A20_count_is_what_came_and_total_what_there_is(gateway: Gateway, nurse: Person) -> None:
    await three_alarms(gateway)
    whole = await listed(nurse)
    assert (whole["offset"], whole["count"], whole["total"]) == (0, 3, 3)
    part = await listed(nurse, "offset=2&limit=2")
    assert (part["offset"], part["count"], part["total"]) == (2, 1, 3)
    assert part["events"] == whole["events"][2:]
    beyond = await listed(nurse, "offset=50&limit=2")
    assert (beyond["count"], beyond["total"]) == (0, 3)
    assert (await listed(nurse, "limit=1"))["count"] == 1
    assert (await listed(nurse, "limit=9223372036854775807"))["count"] == 3


BAD_QUERIES: list[Any] = [
    "offset=1",
    "offset=-1&limit=1",
    "limit=-1",
    "limit=x",
    "limit=1&limit=2",
    "limit=99999999999999999999",
    "offset=9223372036854775808&limit=1",
    "filterField=text&filterValue=x",
    "filterValue=x",
    "filterField=name&filterValue=" + "x" * 101,
    "filterField=name&filterValue=" + "*a" * 7,
    "filterField=name&filterField=gateway&filterValue=x",
    "orderby=m.text",
    "orderby=MQ.Msg;DROP",
    "orderby=name%20DESC%20DESC",
    "orderby=name%20SIDEWAYS",
    "orderby=" + "name," * 9 + "name",
    "filterField=name&filterValue=a%00b",
    "filterField=name&filterValue=%ff",
    "f=xml",
    "f=json&f=html",
]


async def test_A19_A20_what_the_lists_do_not_know_is_400(nurse: Person) -> None:
    for query in BAD_QUERIES:
        separator = "" if "f=" in query.split("&", maxsplit=1)[0] else "f=json&"
        answer = await nurse.ask("GET", f"{EVENTS}?{separator}{query}", headers={"Accept": "application/json"})
        assert answer.status == 400, query
        assert answer.error["description"]


ORDERS: list[Any] = [
    ("MQ.Priority DESC", "Alpha fire"),
    ("mq.priority desc", "Alpha fire"),
    ("priority DESC", "Alpha fire"),
    ("MQ.Msg", "Alpha fire"),
    ("message DESC", "gamma_x"),
    ("MQ.QueueTM", "beta 100%"),
    ("MQ.QueueTM ASC", "beta 100%"),
    ("MQ.QueueTM DESC", "gamma_x"),
    ("I.Status DESC, MQ.Msg", "Alpha fire"),
    ("MQ.FromUserID,MQ.ThreadID DESC", "gamma_x"),
    ("", "gamma_x"),
]


async def test_A19_lists_are_ordered_by_the_documented_names(gateway: Gateway, nurse: Person) -> None:
    await three_alarms(gateway)
    for orderby, first in ORDERS:
        assert (await texts(nurse, f"orderby={orderby}"))[0] == first, orderby


async def test_A20_what_is_alike_comes_in_the_order_of_its_ids_and_nothing_twice(
    gateway: Gateway, nurse: Person
) -> None:
    for number in range(5):
        await gateway.activates(str(number), "the same")
    for orderby in ("", "message", "MQ.Priority DESC", "I.Status,MQ.QueueTM"):
        parts = [await listed(nurse, f"orderby={orderby}&offset={offset}&limit=2") for offset in (0, 2, 4)]
        assert [event["id"] for part in parts for event in part["events"]] == [5, 4, 3, 2, 1], orderby


@pytest.mark.parametrize(("limit", "most"), [(None, 1000), (0, 0), (1000, 1000), (1001, 1000), (2**63 - 1, 1000)])
def test_A20_one_answer_holds_a_thousand_entries_at_most(limit: int | None, most: int) -> None:
    assert to_query(ListParams(limit=limit), (), (), Directory(Site())).limit == most


FILTERS: list[Any] = [
    ("filterField=gateway&filterValue=ward-panel", 3),
    ("filterField=gateway&filterValue=ward*", 3),
    ("filterField=gateway&filterValue=ward", 0),
    ("FILTERFIELD=Gateway&filtervalue=WARD-PANEL", 3),
    ("filterField=gateway&filterValue=3", 3),
    ("filterField=gateway&filterValue=2", 0),
    ("filterField=name&filterValue=8", 1),
    ("filterField=name&filterValue=*8", 1),
    ("filterField=name&filterValue=%25", 0),
    ("filterField=name&filterValue=_", 0),
    ("filterField=name&filterValue=%3F", 0),
    ("filterField=name&filterValue=*******8", 1),
    ("filterField=name&filterValue=' OR 1=1 --", 0),
    ("filterField=name&filterValue=", 3),
    ("filterField=&filterValue=", 3),
]


async def test_A18_filters_know_wildcards_and_nothing_else(gateway: Gateway, nurse: Person) -> None:
    await three_alarms(gateway)
    for query, count in FILTERS:
        found = await listed(nurse, query)
        assert (found["count"], found["total"]) == (count, count), query


async def test_A21_an_inbox_is_open_to_its_owner_and_to_admins(gateway: Gateway, nurse: Person, admin: Person) -> None:
    await gateway.activates("12")
    own, other = f"/api/users/{NURSE}/events", f"/api/users/{DOCTOR}/events"
    assert (await nurse.get(own)).json == (await nurse.get(EVENTS)).json
    assert (await nurse.get("/api/users/SELF/events")).status == 200
    assert (await nurse.get(other)).status == 403
    assert (await admin.get(own)).json["total"] == 1


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
        assert (await nurse.post(f"{EVENTS}/1/accept")).status == 507
    assert (await nurse.get("/api/alarms/active/1")).json["accepted_by"] == 0


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
