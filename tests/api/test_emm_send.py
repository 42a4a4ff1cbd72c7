"""E07: sending, in every shape that the document leaves open."""

# ruff: noqa: N802 - the tests are named after the ids of the reading of the specification

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from gatewayd.api.emm.loose import parse_members
from gatewayd.clock import settle
from gatewayd.errors import Invalid
from gatewayd.model import Priority
from tests.engine.conftest import DOCTOR, NIGHT, NURSE, WARD_PAGER

if TYPE_CHECKING:
    from tests.api.conftest import Gateway, Person

SEND = "/api/users/self/events/send"
EVENT = {"text": "Bed 4 is free", "priority": 1, "tone": "C", "recipients": f"{DOCTOR}, {WARD_PAGER}"}
PRINTED = f'"text": "Bed 4 is free", "priority": 1 "tone": "C" "recipients": {DOCTOR}, {WARD_PAGER}'


async def inbox_of(person: Person) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = (await person.get("/api/users/self/events")).json["events"]
    return events


async def test_E07_a_message_reaches_inbox_and_pager(gateway: Gateway, nurse: Person, doctor: Person) -> None:
    answer = await nurse.post(SEND, json=EVENT)
    await settle()
    assert answer.status == 200
    assert list(answer.json) == ["message_id"]
    received = (await inbox_of(doctor))[0]
    assert received["message_id"] == answer.json["message_id"]
    assert received["message"] == "Bed 4 is free"
    assert received["priority"] is True
    assert received["from_user_id"] == NURSE
    assert gateway.pager.texts == ["Bed 4 is free"]
    assert gateway.pager.pages[0].tone == "C"


CARRIERS: list[Any] = [
    {"data": {"event": json.dumps(EVENT)}},
    {"data": {"event": json.dumps(EVENT)[1:-1]}},
    {"data": {"event": PRINTED}},
    {"data": {"event": "{" + PRINTED + ",}"}},
    {"data": {"event": PRINTED.replace('"C"', "C")}},
    {"data": {"event": "{" + PRINTED.replace('"C"', "c,") + "}"}},
    {"json": {"event": EVENT}},
    {"json": {"Event": {"TEXT": EVENT["text"], "Priority": True, "tone": "c", "RECIPIENTS": [DOCTOR, WARD_PAGER]}}},
    {"json": {"event": json.dumps(EVENT)}},
    {"json": EVENT},
    {"data": EVENT},
    {
        "data": [
            ("text", "Bed 4 is free"),
            ("priority", "true"),
            ("tone", "C"),
            ("recipients", "5"),
            ("recipients", "1"),
        ]
    },
]


async def test_A09_every_carrier_sends_the_same_message(gateway: Gateway, nurse: Person) -> None:
    for carrier in CARRIERS:
        answer = await nurse.post(SEND, **carrier)
        assert answer.status == 200, answer.text
        message = gateway.store.inbox.message(answer.json["message_id"])
        assert message is not None
        assert (message.text, message.priority, message.tone) == ("Bed 4 is free", Priority.HIGH, "C")
        pages = gateway.store.paging.of_message(message.id)
        assert {page.user_id for page in pages} == {DOCTOR, None}, carrier


PRIORITIES: list[Any] = [
    (0, False),
    (1, True),
    (True, True),
    (False, False),
    ("0", False),
    ("1", True),
    ("TRUE", True),
    ("false", False),
]


async def test_A09_priority_is_taken_in_every_spelling(nurse: Person, doctor: Person) -> None:
    for spelling, meant in PRIORITIES:
        await nurse.post(SEND, json=EVENT | {"priority": spelling})
        assert (await inbox_of(doctor))[0]["priority"] is meant, spelling


RECIPIENTS: list[Any] = ["5", 5, [5], ["5"], "5,5, 5", [5, "5"], " 5 ,", "[5]", ' [5, "5"]']


async def test_A09_recipients_are_taken_in_every_spelling(nurse: Person, gateway: Gateway) -> None:
    for recipients in RECIPIENTS:
        answer = await nurse.post(SEND, json=EVENT | {"recipients": recipients})
        assert answer.status == 200, answer.text
        assert len(gateway.store.inbox.of_message(answer.json["message_id"])) == 1


MISFITS: list[Any] = [
    ("recipients", "5,999"),
    ("recipients", ""),
    ("recipients", "five"),
    ("recipients", "[5"),
    ("recipients", "[" * 9_000),
    ("recipients", "[[5]]"),
    ("recipients", [True]),
    ("recipients", [{"id": 5}]),
    ("recipients", 10**30),
    ("recipients", "0"),
    ("recipients", "-5"),
    ("recipients", "\u0665"),
    ("recipients", NIGHT),
    ("recipients", list(range(1, 1500))),
    ("text", ""),
    ("text", " \n "),
    ("text", "x" * 2001),
    ("text", "nul \0"),
    ("text", "half \ud800"),
    ("text", ["a", "b"]),
    ("text", None),
    ("text", True),
    ("priority", 2),
    ("priority", "high"),
    ("priority", [1]),
    ("tone", "AB"),
    ("tone", "1"),
    ("tone", "É"),
    ("reply_message_id", 999),
    ("reply_message_id", "x"),
    ("reply_message_id", 2**63),
]


async def test_A09_what_does_not_fit_is_400_by_name_and_nothing_is_sent(gateway: Gateway, nurse: Person) -> None:
    for field, value in MISFITS:
        answer = await nurse.post(SEND, json=EVENT | {field: value})
        await settle()
        assert answer.status == 400, (field, value)
        assert answer.error["api"] == "events/send"
        assert field in answer.error["description"]
        assert gateway.store.inbox.message(1) is None
        assert gateway.pager.texts == []


NO_EVENTS: list[Any] = [
    *("", "{", "{}", "hello", '"text"', '{"text": }', "[1]", '"text": "x" 5', '"a": ' + "[" * 5000),
    *('"text": x', '"text": "x" "recipients": 5 "tone": CC'),
    *(r'"text": "nul \u0000" "recipients": 5', r'"text": "half \ud800" "recipients": 5'),
]


async def test_A09_an_event_that_is_no_event_is_400(gateway: Gateway, nurse: Person) -> None:
    for event in NO_EVENTS:
        answer = await nurse.post(SEND, data={"event": event})
        assert answer.status == 400, event
        assert gateway.store.inbox.message(1) is None


async def test_A09_an_event_cannot_name_another_sender(nurse: Person, gateway: Gateway) -> None:
    answer = await nurse.post(SEND, json={"event": EVENT | {"userid": DOCTOR}, "userid": DOCTOR})
    message = gateway.store.inbox.message(answer.json["message_id"])
    assert message is not None
    assert message.from_user_id == NURSE


async def test_E07_nobody_sends_in_the_name_of_another(nurse: Person, admin: Person) -> None:
    for person in (nurse, admin):
        assert (await person.post(f"/api/users/{DOCTOR}/events/send", json=EVENT)).status == 403


async def test_A23_a_reply_marks_the_event_as_replied_and_keeps_the_thread(nurse: Person, doctor: Person) -> None:
    first = (await nurse.post(SEND, json=EVENT)).json["message_id"]
    event = (await inbox_of(doctor))[0]
    await doctor.post(SEND, json={"text": "thanks", "recipients": NURSE, "reply_message_id": first})
    assert (await doctor.get(f"/api/users/self/events/{event['id']}")).json["status"] == 9
    assert (await inbox_of(nurse))[0]["thread_id"] == first


async def test_E07_a_send_that_cannot_be_written_is_507_and_never_2xx(gateway: Gateway, nurse: Person) -> None:
    with gateway.full_disk():
        answer = await nurse.post(SEND, json=EVENT)
    assert answer.status == 507
    assert "not made" in answer.error["description"]
    await settle()
    assert gateway.pager.texts == []


BROKEN_BODIES: list[Any] = [
    ("application/json", b"{"),
    ("application/json", b"[1]"),
    ("application/json", b"null"),
    ("application/json", b'"text"'),
    ("application/json", b"\xff\xfe"),
    ("application/json", b'{"text": NaN}'),
    ("application/json", b"[" * 100_000),
    ("application/json", b'{"text":' + b'{"a":' * 50_000),
    ("application/json", b'{"priority": ' + b"9" * 5000 + b"}"),
    ("text/plain", b"text=hello"),
    ("application/xml", b"<text/>"),
    ("multipart/form-data", b"--x"),
    ("multipart/form-data; boundary=x", b"--x\r\nno headers"),
    ("application/x-www-form-urlencoded", b"text=%ff"),
    ("application/x-www-form-urlencoded", b"a=1&" * 300),
]


async def test_a_broken_body_is_400_that_says_what_is_wrong(nurse: Person) -> None:
    for content_type, body in BROKEN_BODIES:
        answer = await nurse.ask("POST", f"{SEND}?f=json", headers={"Content-Type": content_type}, data=body)
        assert answer.status == 400, body[:20]
        assert len(answer.error["description"]) < 200


async def test_a_file_in_a_form_is_refused(nurse: Person) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="text"; filename="a"\r\n\r\nhello\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await nurse.ask("POST", f"{SEND}?f=json", headers=headers, data=body)
    assert answer.status == 400
    assert "file" in answer.error["description"]


async def test_a_body_above_the_limit_is_413(nurse: Person) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await nurse.ask("POST", f"{SEND}?f=json", headers=form, data=io.BytesIO(b"text=" + b"x" * (1 << 20)))
    assert answer.status == 413
    assert answer.error["description"] == "the body is too large"


@given(
    st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=20) | st.booleans() | st.none(), max_size=5)
)
def test_A09_any_json_object_is_read_back_with_and_without_braces(members: dict[str, Any]) -> None:
    lowered = {name.lower(): value for name, value in members.items()}
    text = json.dumps(members)
    assert parse_members(text, "event") == parse_members(text[1:-1], "event") == lowered


@given(st.text(max_size=60))
def test_A09_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(Invalid):
        assert isinstance(parse_members(text, "event"), dict)


async def test_A09_programs_may_write_null_or_the_id_0_for_what_they_leave_out(nurse: Person, doctor: Person) -> None:
    nothing = {"priority": None, "tone": None, "reply_message_id": None, "event": None}
    for content in (EVENT | nothing, {"event": {**EVENT, **nothing}}, EVENT | {"reply_message_id": 0}):
        answer = await nurse.post(SEND, json=content)
        assert answer.status == 200, answer.text
    assert [event["message"] for event in await inbox_of(doctor)] == 3 * ["Bed 4 is free"]
    refused = await nurse.post(SEND, json={"text": None, "recipients": DOCTOR})
    assert (refused.status, refused.error["description"]) == (400, "text: is missing")
