"""E22 to E24: contacts with the fields of the site."""

# ruff: noqa: ANN401, N802 - parameters of requests; tests are named after the ids of the reading of the specification

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from gatewayd.api import ApiOptions
from gatewayd.clock import settle
from gatewayd.model import Contact, JournalKind
from gatewayd.sections import ApiSettings
from tests.api.conftest import Gateway
from tests.engine.conftest import PHONE_B, PHONE_C, WARD_PAGER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import Any

    from tests.api.conftest import Person

CONTACTS = "/api/contacts"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    opened = Gateway(tmp_path)
    await settle()
    await opened.serve(ApiOptions(contact_fields=("Room", "note")))
    yield opened
    await opened.end()


def number(gateway: Gateway, line: str) -> int:
    return gateway.engine.directory.line_id(line)


async def add(person: Person, **values: Any) -> int:
    answer = await person.post(CONTACTS, json={"name": "new", "gateway": "phones", "address": "77"} | values)
    assert answer.status == 200, answer.text
    created: int = answer.json["id"]
    return created


async def test_E22_contacts_are_listed_by_name_with_the_fields_of_the_site(gateway: Gateway, nurse: Person) -> None:
    answer = (await nurse.get(CONTACTS)).json
    assert (answer["offset"], answer["count"], answer["total"]) == (0, 3, 3)
    assert [one["name"] for one in answer["contacts"]] == ["phone-b", "phone-c", "ward-pager"]
    gateway_id = number(gateway, "pager")
    pager = {"id": WARD_PAGER, "name": "ward-pager", "gateway": gateway_id, "address": "2001", "Room": "", "note": ""}
    assert answer["contacts"][2] == pager


async def test_E22_A18_contacts_are_filtered_by_gateway_and_name(gateway: Gateway, nurse: Person) -> None:
    phones = number(gateway, "phones")
    for value in ("phones", "PHONES", str(phones), "phon*"):
        found = (await nurse.get(f"{CONTACTS}?filterField=gateway&filterValue={value}")).json
        assert [one["id"] for one in found["contacts"]] == [PHONE_B, PHONE_C]
    found = (await nurse.get(f"{CONTACTS}?filterField=name&filterValue=*-c&limit=1")).json
    assert ([one["id"] for one in found["contacts"]], found["total"]) == ([PHONE_C], 1)


async def test_E23_one_contact(nurse: Person) -> None:
    assert (await nurse.get(f"{CONTACTS}/{PHONE_B}")).json["address"] == "2001"
    assert (await nurse.get(f"{CONTACTS}/99")).status == 404
    assert (await nurse.get(f"{CONTACTS}/4")).status == 404  # a user is no contact


@pytest.mark.parametrize(
    "how",
    [
        {"data": {"contact": '{"name": "phone-bb", "room": "12", }'}},
        {"data": {"contact": '"name": "phone-bb" "Room": "12"'}},
        {"json": {"contact": {"id": 2, "name": "phone-bb", "ROOM": 12}}},
        {"json": {"name": "phone-bb", "room": "12"}},
        {"data": {"Name": "phone-bb", "Room": " 12 "}},
    ],
)
async def test_E23_A29_an_edit_is_partial_and_tolerant(gateway: Gateway, doctor: Person, how: Any) -> None:
    answer = await doctor.post(f"{CONTACTS}/{PHONE_B}", **how)
    expected = {"id": PHONE_B, "name": "phone-bb", "gateway": number(gateway, "phones"), "address": "2001"}
    assert answer.json == expected | {"Room": "12", "note": ""}
    assert (await doctor.get(f"{CONTACTS}/{PHONE_B}")).json == answer.json
    assert gateway.engine.directory.recipient_name(PHONE_B) == "phone-bb"


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ({"json": {"contact": {"rom": "12"}}}, "rom"),
        ({"json": {"rom": "12"}}, "rom"),
        ({"data": {"contact": '"colour": "red"'}}, "colour"),
        ({"json": {"contact": {"id": 2, "contact": {}}}}, "contact"),
        ({"json": {"gateway": 99}}, "gateway"),
        ({"json": {"gateway": "9" * 5000}}, "gateway"),
        ({"json": {"gateway": "nowhere"}}, "gateway"),
        ({"json": {"gateway": "ward-panel"}}, "gateway"),
        ({"json": {"name": "phone-c"}}, "name"),
        ({"json": {"name": "PHONE-C"}}, "name"),
        ({"json": {"name": " "}}, "name"),
        ({"json": {"address": ""}}, "address"),
        ({"json": {"address": "20\r\n01"}}, "address"),
        ({"json": {"name": "x" * 201}}, "name"),
        ({"json": {"Room": ["1", "2"]}}, "Room"),
        ({"data": {"contact": "{"}}, "contact"),
        ({"data": {"contact": "[1]"}}, "contact"),
    ],
)
async def test_E23_A29_what_does_not_fit_is_refused_by_name(doctor: Person, how: Any, named: str) -> None:
    before = (await doctor.get(f"{CONTACTS}/{PHONE_B}")).json
    answer = await doctor.post(f"{CONTACTS}/{PHONE_B}", **how)
    assert answer.status == 400
    assert answer.error["description"].startswith(f"{named}: ")
    assert (await doctor.get(f"{CONTACTS}/{PHONE_B}")).json == before


async def test_E23_pages_go_to_the_new_address_and_the_journal_says_who_changed_it(
    gateway: Gateway, doctor: Person
) -> None:
    await doctor.post(f"{CONTACTS}/{PHONE_C}", json={"address": "4711"})
    await doctor.post("/api/users/self/events/send", json={"text": "hello", "recipients": PHONE_C})
    await settle()
    assert [page.address for page in gateway.phones.pages] == ["4711"]
    newest = gateway.store.journal.latest(1)[0]
    assert (newest.kind, newest.text) == (JournalKind.SITE, "doctor changed the contact 'phone-c'")


async def test_E23_A30_E24_users_without_a_role_only_read_contacts(nurse: Person) -> None:
    for path in (f"{CONTACTS}/{PHONE_C}", CONTACTS, f"{CONTACTS}/0", f"{CONTACTS}/{PHONE_C}/delete"):
        how = {} if path.endswith("delete") else {"json": {"name": "x", "gateway": "phones", "address": "1"}}
        assert (await nurse.post(path, **how)).status == 403
    assert (await nurse.get(CONTACTS)).json["total"] == 3


async def test_A30_E23_nobody_is_put_on_a_line_that_only_receives_but_who_is_there_can_be_edited(
    gateway: Gateway, admin: Person
) -> None:
    panel = str(number(gateway, "ward-panel"))
    for line in ("ward-panel", panel):
        wish = {"name": "porter", "gateway": line, "address": "5"}
        for path in (CONTACTS, f"{CONTACTS}/0", f"{CONTACTS}/{PHONE_B}"):
            answer = await admin.post(path, json=wish)
            assert (answer.status, answer.error["description"].split(":")[0]) == (400, "gateway"), path
    assert (await admin.get(CONTACTS)).json["total"] == 3
    there = Contact(99, "old", "ward-panel", "5")  # by an older site file
    gateway.store.save_site(replace(gateway.site, contacts=(*gateway.site.contacts, there)))
    gateway.engine.reload_site()
    answer = await admin.post(f"{CONTACTS}/99", json={"name": "older", "gateway": panel})
    assert (answer.status, answer.json["name"]) == (200, "older")


@pytest.mark.parametrize("path", [CONTACTS, f"{CONTACTS}/0"])
async def test_A30_a_contact_is_added(gateway: Gateway, admin: Person, path: str) -> None:
    answer = await admin.post(
        path, json={"contact": {"name": "porter", "gateway": "phones", "address": "5", "note": "n"}}
    )
    assert answer.json == {
        "id": 9,
        "name": "porter",
        "gateway": number(gateway, "phones"),
        "address": "5",
        "Room": "",
        "note": "n",
    }
    assert (await admin.get(f"{CONTACTS}?filterField=name&filterValue=porter")).json["total"] == 1
    assert (await admin.post("/api/users/self/events/send", json={"text": "x", "recipients": "9"})).status == 200
    await settle()
    assert [page.address for page in gateway.phones.pages] == ["5"]


@pytest.mark.parametrize("missing", ["name", "gateway", "address"])
async def test_A30_a_new_contact_needs_name_gateway_and_address(admin: Person, missing: str) -> None:
    values = {"name": "porter", "gateway": "phones", "address": "5"}
    del values[missing]
    answer = await admin.post(CONTACTS, json=values)
    assert (answer.status, answer.error["description"]) == (400, f"{missing}: is missing")


async def test_A30_an_id_is_never_given_twice(admin: Person) -> None:
    first = await add(admin)
    await admin.post(f"{CONTACTS}/{first}/delete")
    assert await add(admin) == first + 1


async def test_E24_A28_a_contact_that_nothing_uses_is_deleted(gateway: Gateway, doctor: Person) -> None:
    created = await add(doctor)
    answer = await doctor.post(f"{CONTACTS}/{created}/delete")
    assert answer.json == {"id": created, "status": "success"}
    assert (await doctor.get(f"{CONTACTS}/{created}")).status == 404
    assert (await doctor.post(f"{CONTACTS}/{created}/delete")).status == 404
    assert gateway.engine.directory.recipient(created) is None


@pytest.mark.parametrize(
    ("contact", "uses"),
    [(PHONE_B, [{"name": "nurse", "type": "user"}]), (WARD_PAGER, [{"name": "ward-calls", "type": "plan"}])],
)
async def test_E24_A28_a_contact_in_use_stays(doctor: Person, contact: int, uses: list[dict[str, str]]) -> None:
    answer = await doctor.post(f"{CONTACTS}/{contact}/delete")
    assert answer.status == 200
    assert answer.json == {"id": contact, "status": "in-use", "in-use": uses}
    assert (await doctor.get(f"{CONTACTS}/{contact}")).status == 200


async def test_E24_A28_a_contact_with_a_page_under_way_stays(gateway: Gateway, doctor: Person) -> None:
    created = await add(doctor)
    gate = gateway.phones.hold_back()
    await doctor.post("/api/users/self/events/send", json={"text": "x", "recipients": created})
    await settle()
    answer = (await doctor.post(f"{CONTACTS}/{created}/delete")).json
    assert answer["in-use"] == [{"name": "a page under way", "type": "page"}]
    gate.set()
    await settle()
    assert (await doctor.post(f"{CONTACTS}/{created}/delete")).json["status"] == "success"


async def test_E23_an_edit_that_cannot_be_written_is_not_made(gateway: Gateway, doctor: Person) -> None:
    with gateway.full_disk():
        answer = await doctor.post(f"{CONTACTS}/{PHONE_B}", json={"name": "other"})
    assert answer.status == 507
    assert (await doctor.get(f"{CONTACTS}/{PHONE_B}")).json["name"] == "phone-b"
    assert gateway.engine.directory.recipient_name(PHONE_B) == "phone-b"


async def test_contacts_are_edited_in_a_browser_without_a_script(gateway: Gateway) -> None:
    browser = await gateway.opens_browser("doctor")
    page = (await browser.page(CONTACTS)).text
    token = page.split('name="form_token" value="')[1][:64]
    fields = {
        "form_token": token,
        "next": "",
        "name": "porter",
        "gateway": str(number(gateway, "phones")),
        "address": "5",
    }
    made = await browser.submits(CONTACTS, fields | {"Room": "3", "note": ""})
    assert made.status == 200
    assert "<h1>porter</h1>" in made.text
    changed = await browser.submits(f"{CONTACTS}/9", fields | {"Room": "4", "note": "x"})
    assert 'value="4"' in changed.text
    gone = await browser.submits(f"{CONTACTS}/9/delete", {"form_token": token})
    assert "The contact is deleted" in gone.text
    kept = await browser.submits(f"{CONTACTS}/{PHONE_B}/delete", {"form_token": token})
    assert "user: nurse" in kept.text
    assert "<h2>Change</h2>" not in (await (await gateway.opens_browser("nurse")).page(f"{CONTACTS}/{PHONE_B}")).text


async def test_fields_survive_a_restart(gateway: Gateway, doctor: Person) -> None:
    await doctor.post(f"{CONTACTS}/{PHONE_B}", json={"note": "zweite T\u00fcr"})
    stored = gateway.store.people.contact(PHONE_B)
    assert stored is not None
    assert stored.fields == {"note": "zweite T\u00fcr"}


@pytest.mark.parametrize("names", [("id",), ("room", "Room"), ("form_token",), ("a<b",), ("",), ("x" * 41,)])
def test_names_of_fields_that_could_be_mistaken_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="is not usable"):
        ApiSettings(contact_fields=names)
