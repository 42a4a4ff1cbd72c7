"""E04 to E06: recipients and users."""

# ruff: noqa: N802 - the tests are named after the ids of the reading of the specification

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from gatewayd.api.emm.people import MOST_CHOICES, recipient_choices
from gatewayd.engine.directory import Directory
from gatewayd.model import Contact, Site
from tests.engine.conftest import ADMIN, DOCTOR, NIGHT, NURSE, PHONE_B, PLAN, WARD_PAGER

if TYPE_CHECKING:
    from gatewayd.engine.engine import Engine
    from tests.api.conftest import Gateway, Person

RECIPIENTS, USERS = "/api/recipients", "/api/users"


async def test_E04_recipients_are_listed_by_name_with_their_type(nurse: Person) -> None:
    answer = (await nurse.get(RECIPIENTS)).json
    assert (answer["offset"], answer["count"], answer["total"]) == (0, 8, 8)
    assert [one["name"] for one in answer["recipients"]] == sorted(one["name"] for one in answer["recipients"])
    assert {"id": NURSE, "name": "nurse", "type": 3} in answer["recipients"]
    assert {one["id"]: one["type"] for one in answer["recipients"]} == {
        **dict.fromkeys((1, 2, 3), 1),
        **dict.fromkeys((4, 5, 6), 3),
        NIGHT: 2,
        PLAN: 4,
    }


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("type", "contact", {1, 2, 3}),
        ("type", "Contact", {1, 2, 3}),
        ("type", "1", {1, 2, 3}),
        ("type", "3", {4, 5, 6}),
        ("TYPE", "escalation plan", {PLAN}),
        ("type", "C*", {1, 2, 3}),
        ("type", "*plan", {PLAN}),
        ("type", "s*e", set()),
        ("type", "*", set(range(1, 9))),
        ("type", "3*", {4, 5, 6}),
        ("type", "c.ntact*", set()),
        ("type", "schedule", set()),
        ("type", "nonsense", set()),
        ("name", "phone", {2, 3}),
        ("name", "PHONE*", {2, 3}),
        ("name", "hone*", set()),
        ("name", "%", set()),
        ("local_id", "1", {1}),
        ("local_id", "9", set()),
    ],
)
async def test_E04_A18_A31_filters(nurse: Person, field: str, value: str, expected: set[int]) -> None:
    answer = (await nurse.get(f"{RECIPIENTS}?filterField={field}&filterValue={value}".replace("%", "%25"))).json
    assert {one["id"] for one in answer["recipients"]} == expected
    assert answer["total"] == answer["count"] == len(expected)


async def test_E04_A18_a_wildcard_that_fits_several_types_is_refused(nurse: Person) -> None:
    answer = await nurse.get(f"{RECIPIENTS}?filterField=type&filterValue=*u*")
    assert (answer.status, answer.error["description"]) == (400, "filterValue: fits several types: name one of them")


async def test_E04_A19_A20_parts_and_order(nurse: Person) -> None:
    part = (await nurse.get(f"{RECIPIENTS}?offset=2&limit=3&orderby=id%20DESC")).json
    assert [one["id"] for one in part["recipients"]] == [6, 5, 4]
    assert (part["offset"], part["count"], part["total"]) == (2, 3, 8)
    assert (await nurse.get(f"{RECIPIENTS}?offset=2")).status == 400
    assert (await nurse.get(f"{RECIPIENTS}?orderby=password_hash")).status == 400
    assert (await nurse.get(f"{RECIPIENTS}?filterField=role&filterValue=x")).status == 400


async def test_E05_one_recipient(nurse: Person) -> None:
    assert (await nurse.get(f"{RECIPIENTS}/{WARD_PAGER}")).json == {"id": WARD_PAGER, "name": "ward-pager", "type": 1}
    assert (await nurse.get(f"{RECIPIENTS}/99")).status == 404
    assert (await nurse.get(f"{RECIPIENTS}/x")).status == 400


@pytest.mark.parametrize("path", [USERS, "/api/user", "/Ward7/api/users/"])
async def test_E06_A03_A08_users_are_listed_by_name(nurse: Person, path: str) -> None:
    answer = (await nurse.get(path)).json
    assert (answer["offset"], answer["count"], answer["total"]) == (0, 3, 3)
    assert [user["id"] for user in answer["users"]] == [ADMIN, DOCTOR, NURSE]
    assert all("password_hash" not in user for user in answer["users"])


async def test_E06_users_are_filtered_and_parted(nurse: Person) -> None:
    assert (await nurse.get(f"{USERS}?filterField=name&filterValue=nur*")).json["users"][0]["id"] == NURSE
    assert (await nurse.get(f"{USERS}?limit=1")).json["total"] == 3


@pytest.mark.parametrize("path", [RECIPIENTS, f"{RECIPIENTS}/1", USERS, "/api/contacts", "/api/users/self"])
async def test_A06_lists_of_people_need_a_token(stranger: Person, path: str) -> None:
    assert (await stranger.get(path)).status == 403


async def test_the_send_form_offers_everybody_by_name(nurse: Person) -> None:
    page = (await nurse.page(f"/api/users/self/events/send?recipients={PHONE_B}")).text
    assert '<label for="f-recipients">Recipients (for several hold Ctrl)</label>' in page
    assert f'<option value="{PHONE_B}" selected>phone-b (contact)</option>' in page
    assert f'<option value="{PLAN}">ward-calls (escalation plan)</option>' in page


def test_the_send_form_asks_for_ids_where_there_are_too_many_to_pick_from() -> None:
    for number, offered in ((MOST_CHOICES, MOST_CHOICES), (MOST_CHOICES + 1, 0)):
        contacts = tuple(Contact(one, f"contact {one}", "phones", str(one)) for one in range(1, number + 1))
        house = cast("Engine", SimpleNamespace(directory=Directory(Site(contacts=contacts))))
        assert len(recipient_choices(house).get("recipients", ())) == offered


async def test_several_picked_in_the_form_are_all_sent_to(gateway: Gateway) -> None:
    browser = await gateway.opens_browser("nurse")
    page = (await browser.page("/api/users/self/events/send")).text
    token = page.split('name="form_token" value="')[1][:64]
    sent = f"form_token={token}&text=hello&recipients={NURSE}&recipients={DOCTOR}"
    origin = {"Origin": str(gateway.client.make_url("")).rstrip("/")}
    headers = origin | {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
    assert (await browser.ask("POST", "/api/users/self/events/send", headers=headers, data=sent)).status == 200
    assert gateway.texts_of(NURSE) == gateway.texts_of(DOCTOR) == ["hello"]
