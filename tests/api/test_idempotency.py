"""A message that is sent again with the same key, because the answer was lost, is sent once."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from tests.engine.conftest import DOCTOR, NURSE

if TYPE_CHECKING:
    from typing import Any

    from tests.api.conftest import Answer, Gateway, Person

SEND = "/api/users/self/events/send?f=json"
FORM = "/api/users/self/events/send"
HELLO = {"text": "hello", "recipients": NURSE}


async def sends(person: Person, key: str, body: dict[str, Any] | None = None) -> Answer:
    return await person.ask("POST", SEND, headers={"Idempotency-Key": key}, json=body or HELLO)


async def test_the_same_key_is_answered_the_same_and_sends_nothing(gateway: Gateway, nurse: Person) -> None:
    first = await sends(nurse, "a")
    again = await sends(nurse, "a")
    assert (first.status, again.status) == (200, 200)
    assert first.json == again.json
    await settle()
    assert gateway.texts_of(NURSE) == ["hello"]
    assert len(gateway.phones.pages) == 1


async def test_the_same_key_at_the_same_moment_sends_once(gateway: Gateway, nurse: Person) -> None:
    answers = await asyncio.gather(*(sends(nurse, "a") for _ in range(10)))
    assert len({answer.json["message_id"] for answer in answers}) == 1
    assert gateway.texts_of(NURSE) == ["hello"]


async def test_other_keys_other_users_and_no_key_send_again(gateway: Gateway, nurse: Person, doctor: Person) -> None:
    for person, key in ((nurse, "a"), (nurse, "b"), (doctor, "a"), (nurse, ""), (nurse, "")):
        assert (await sends(person, key)).status == 200
    assert len(gateway.texts_of(NURSE)) == 5


@pytest.mark.parametrize("change", [{"text": "other"}, {"recipients": DOCTOR}, {"priority": 1}, {"tone": "B"}])
async def test_a_key_for_another_message_is_refused(gateway: Gateway, nurse: Person, change: dict[str, Any]) -> None:
    await sends(nurse, "a")
    answer = await sends(nurse, "a", HELLO | change)
    assert (answer.status, answer.headers["X-Error-Code"]) == (400, "conflict")
    assert gateway.texts_of(NURSE) == ["hello"]


async def test_a_key_is_on_disk_once_its_message_is(gateway: Gateway, nurse: Person) -> None:
    first = await sends(nurse, "a")
    found = gateway.store.changes.sent_once(NURSE, "a")
    assert found is not None
    assert found.message_id == first.json["message_id"]


async def test_a_key_is_remembered_for_a_day(gateway: Gateway, nurse: Person) -> None:
    first = await sends(nurse, "a")
    await gateway.passes(11 * 3600)
    nurse.token = (await gateway.logs_in("nurse")).token
    assert (await sends(nurse, "a")).json == first.json
    await gateway.passes(14 * 3600)
    nurse.token = (await gateway.logs_in("nurse")).token
    assert (await sends(nurse, "a")).json != first.json
    await sends(nurse, "b")
    await gateway.passes(25 * 3600)
    nurse.token = (await gateway.logs_in("nurse")).token
    await sends(nurse, "c")
    assert gateway.store.changes.sent_once(NURSE, "b") is None


async def test_a_message_that_was_not_written_may_be_sent_again_with_its_key(gateway: Gateway, nurse: Person) -> None:
    with gateway.full_disk():
        assert (await sends(nurse, "a")).status == 507
    await gateway.passes(2)
    assert (await sends(nurse, "a")).status == 200
    assert gateway.texts_of(NURSE) == ["hello"]


async def test_a_message_that_was_refused_does_not_use_up_its_key(nurse: Person) -> None:
    assert (await sends(nurse, "a", {"text": "hello", "recipients": 99})).status == 400
    assert (await sends(nurse, "a")).status == 200


@pytest.mark.parametrize("key", ["x" * 256, "\u00e4"])
async def test_a_key_that_nobody_should_keep_is_refused(nurse: Person, key: str) -> None:
    assert (await sends(nurse, key)).status == 400


async def test_a_second_press_on_the_button_of_a_form_sends_nothing_more(gateway: Gateway, nurse: Person) -> None:
    page = await nurse.ask("GET", FORM)
    found = re.search(r'name="form_key" value="([^"]{16,})"', page.text)
    assert found is not None
    said = HELLO | {"form_key": found[1]}
    first, again = [await nurse.post(SEND, data=said) for _ in range(2)]
    assert first.json == again.json
    assert gateway.texts_of(NURSE) == ["hello"]


async def test_whoever_goes_back_and_writes_something_else_sends_it(gateway: Gateway, nurse: Person) -> None:
    for text in ("hello", "hello again"):
        answer = await nurse.post(SEND, data=HELLO | {"form_key": "k", "text": text})
        assert answer.status == 200
    assert sorted(gateway.texts_of(NURSE)) == ["hello", "hello again"]


async def test_every_look_at_the_form_is_another_message(nurse: Person) -> None:
    pages = [await nurse.ask("GET", FORM) for _ in range(2)]
    keys = {match[1] for page in pages if (match := re.search(r'name="form_key" value="([^"]+)"', page.text))}
    assert len(keys) == 2
