"""E19 to E21: the active alarms."""

# ruff: noqa: N802 - the tests are named after the ids of the reading of the specification

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gatewayd.api.emm.shapes import STATUS_TEXT
from gatewayd.model import AlarmActivated, MsgStatus, Priority
from tests.engine.conftest import PLAN

if TYPE_CHECKING:
    from tests.api.conftest import Gateway, Person

ACTIVE = "/api/alarms/active"
P3 = ["id", "alarm-name ", "activation-text", "reset-text", "status", "duration", "recipient", "priority"]
P5 = [
    *("id", "alarm_id", "cleared", "active_time", "active_duration", "msg_id", "reset_msg_id", "source_gateway_id"),
    *("source_gateway_name", "name", "identifier", "recipient_id", "recipient_name", "active_text", "reset_text"),
    *("priority", "send_resets", "total_messages", "total_messages_sent", "total_messages_read"),
]


async def alarms(person: Person, query: str = "") -> list[dict[str, Any]]:
    answer = await person.get(f"{ACTIVE}?{query}")
    assert answer.status == 200, answer.text
    found: list[dict[str, Any]] = answer.json["alarms"]
    return found


async def test_E19_an_alarm_is_listed_with_all_documented_keys(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12", "ROOM 12", Priority.HIGH)
    await gateway.passes(7.9)
    answer = await nurse.get(ACTIVE)
    assert {key: answer.json[key] for key in ("offset", "count", "total")} == {"offset": 0, "count": 1, "total": 1}
    alarm = answer.json["alarms"][0]
    assert {*P3, *P5, "alarm-name"} <= set(alarm)
    assert {key: alarm[key] for key in P3} == {
        "id": 1,
        "alarm-name ": "nurse-call",
        "activation-text": "ROOM 12",
        "reset-text": "RESET ROOM 12",
        "status": 2,
        "duration": 7,
        "recipient": PLAN,
        "priority": 1,
    }


async def test_A12_the_name_comes_with_the_printed_blank_and_without(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    for alarm in (*await alarms(nurse), (await nurse.get(f"{ACTIVE}/1")).json):
        assert alarm["alarm-name "] == alarm["alarm-name"] == alarm["name"] == "nurse-call"


async def test_A13_the_keys_of_the_push_payload_come_too(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    alarm = (await nurse.get(f"{ACTIVE}/1")).json
    assert {key: alarm[key] for key in P5} == {
        "id": 1,
        "alarm_id": 1,
        "cleared": False,
        "active_time": 1_700_000_000,
        "active_duration": 0,
        "msg_id": 1,
        "reset_msg_id": 0,
        "source_gateway_id": gateway.engine.directory.line_id("ward-panel"),
        "source_gateway_name": "ward-panel",
        "name": "nurse-call",
        "identifier": "12",
        "recipient_id": PLAN,
        "recipient_name": "ward-calls",
        "active_text": "ROOM 12",
        "reset_text": "RESET ROOM 12",
        "priority": 0,
        "send_resets": True,
        "total_messages": 2,
        "total_messages_sent": 2,
        "total_messages_read": 0,
    }


async def test_A17_the_priority_of_an_alarm_is_0_or_1_and_that_of_an_event_a_truth_value(
    gateway: Gateway, nurse: Person
) -> None:
    await gateway.activates("12", "fire", Priority.EMERGENCY)
    assert (await nurse.get(ACTIVE)).text.count('"priority":1') == 1
    assert (await nurse.get("/api/users/self/events")).text.count('"priority":true') == 1


async def test_A10_an_accepted_alarm_has_status_7_and_a_cancelled_one_8(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    await nurse.post("/api/users/self/events/1/accept")
    accepted = (await alarms(nurse))[0]
    assert (accepted["status"], accepted["status_text"]) == (7, "complete")
    await nurse.post(f"{ACTIVE}/1/cancel")
    cancelled = (await nurse.get(f"{ACTIVE}/1")).json
    assert (cancelled["status"], cancelled["cleared"]) == (8, True)


def test_A10_A11_every_status_belongs_to_a_documented_group() -> None:
    assert {status.value: text for status, text in STATUS_TEXT.items()} == {
        **dict.fromkeys((0, 7, 8, 9, 10), "complete"),
        **dict.fromkeys((2, 3, 4, 5, 6), "in progress"),
        1: "queued",
    }
    assert (MsgStatus.REPLIED, MsgStatus.QUEUED_DELETE) == (9, 10)


async def test_E19_a_cleared_alarm_leaves_the_list(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    await gateway.resets("12")
    assert await alarms(nurse) == []
    over = (await nurse.get(f"{ACTIVE}/1")).json
    assert (over["cleared"], over["reset_msg_id"], over["status_text"]) == (True, 2, "complete")


async def test_E19_the_most_urgent_comes_first_unless_ordered_otherwise(gateway: Gateway, nurse: Person) -> None:
    for key, priority in (("1", Priority.NORMAL), ("2", Priority.HIGH), ("3", Priority.LOW)):
        await gateway.activates(key, f"call {key}", priority)
    assert [alarm["id"] for alarm in await alarms(nurse)] == [2, 1, 3]
    assert [alarm["id"] for alarm in await alarms(nurse, "orderby=priority")] == [3, 1, 2]
    assert [alarm["id"] for alarm in await alarms(nurse, "orderby=id DESC&limit=2")] == [3, 2]
    assert (await nurse.get(f"{ACTIVE}?orderby=duration")).status == 400


async def test_A18_alarms_are_filtered_by_name_and_gateway(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    for query, count in (
        ("name&filterValue=nurse*", 1),
        ("name&filterValue=CALL", 1),
        ("gateway&filterValue=pager", 0),
    ):
        assert len(await alarms(nurse, f"filterField={query}")) == count


async def test_E20_the_format_may_be_asked_for_with_a_capital_f(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    answer = await nurse.ask("GET", f"{ACTIVE}/1?F=json")
    assert answer.json["id"] == 1


async def test_E20_A06_an_unknown_alarm_is_404_with_the_envelope(nurse: Person) -> None:
    answer = await nurse.get(f"{ACTIVE}/77")
    assert (answer.status, answer.error) == (404, {"api": "alarms/active", "description": "there is no alarm 77"})


async def test_E21_cancel_ends_the_alarm_once(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    assert (await nurse.post(f"{ACTIVE}/1/cancel")).json == {"id": 1, "status": "success"}
    again = await nurse.post(f"{ACTIVE}/1/cancel")
    assert (again.status, again.json) == (200, {"id": 1, "status": "fail"})
    assert (await nurse.post(f"{ACTIVE}/9/cancel")).status == 404
    assert gateway.phones.texts == ["ROOM 12 #1", "RESET ROOM 12"]


@pytest.mark.parametrize(("who", "status"), [("doctor", 200), ("admin", 200), ("nurse", 200)])
async def test_E21_operators_admins_and_the_paged_may_cancel(gateway: Gateway, who: str, status: int) -> None:
    await gateway.activates("12")
    assert (await (await gateway.logs_in(who)).post(f"{ACTIVE}/1/cancel")).status == status


async def test_E21_a_user_who_was_not_paged_may_not_cancel(gateway: Gateway, nurse: Person) -> None:
    await gateway.engine.report("pager", AlarmActivated("smoke", "SMOKE"))
    answer = await nurse.post(f"{ACTIVE}/1/cancel")
    assert (answer.status, answer.headers["X-Error-Code"]) == (403, "not-allowed")
