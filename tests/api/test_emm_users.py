"""E25, E26 and E10: properties, privileges, passwords."""

# ruff: noqa: ANN401, N802 - parameters of requests; tests are named after the ids of the reading of the specification

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatewayd.api import ApiOptions
from gatewayd.clock import settle
from gatewayd.model import Role
from tests.api.conftest import PASSWORD, Gateway
from tests.engine.conftest import ADMIN, DOCTOR, NURSE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import Any

    from tests.api.conftest import Person

SELF, CHANGE = "/api/user/self", "/api/users/self/password"
NEW = "correct horse battery"


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    opened = Gateway(tmp_path)
    await settle()
    await opened.serve(ApiOptions(user_settings=("language",)))
    yield opened
    await opened.end()


async def signs_in(gateway: Gateway, name: str, password: str) -> bool:
    from tests.api.conftest import Person

    found = await Person(gateway.client).post(
        "/api/tokens/generatetoken", data={"username": name, "password": password}
    )
    return "token" in found.json


@pytest.mark.parametrize("path", [SELF, "/api/users/self", f"/api/user/{NURSE}", f"/api/users/{NURSE}/"])
async def test_E25_A03_own_properties(nurse: Person, path: str) -> None:
    expected = {"id": NURSE, "name": "nurse", "full_name": "", "role": "user", "language": ""}
    assert (await nurse.get(path)).json == expected


@pytest.mark.parametrize(
    "how",
    [
        {"json": {"settings": {"full_name": "Nora", "Language": "de"}}},
        {"data": {"settings": '{"full_name": "Nora", "language": "de",}'}},
        {"json": {"full_name": "Nora", "language": "de"}},
    ],
)
async def test_E25_own_properties_are_set_in_part(gateway: Gateway, nurse: Person, how: Any) -> None:
    answer = await nurse.post(SELF, **how)
    assert answer.json == {"id": NURSE, "name": "nurse", "full_name": "Nora", "role": "user", "language": "de"}
    again = await nurse.post(SELF, json={"settings": {"language": "fr"}})
    assert (again.json["full_name"], again.json["language"]) == ("Nora", "fr")
    assert gateway.user(NURSE).settings == {"language": "fr"}


async def test_E25_an_unknown_setting_is_refused_by_name(nurse: Person) -> None:
    for how in ({"settings": {"shoe": "42"}}, {"shoe": "42"}, {"settings": {"password_hash": "x"}}):
        answer = await nurse.post(SELF, json=how)
        assert (answer.status, answer.error["description"].split(":")[0]) in {(400, "shoe"), (400, "password_hash")}


async def test_E26_A21_only_admins_see_and_change_others(gateway: Gateway, doctor: Person, admin: Person) -> None:
    assert (await doctor.get(f"/api/user/{NURSE}")).status == 403
    assert (await doctor.post(f"/api/user/{NURSE}", json={"full_name": "x"})).status == 403
    assert (await admin.get(f"/api/user/{NURSE}")).json["name"] == "nurse"
    assert (await admin.post(f"/api/user/{NURSE}", json={"settings": {"role": "operator"}})).json["role"] == "operator"
    assert gateway.user(NURSE).role is Role.OPERATOR
    assert (await admin.get("/api/user/99")).status == 404
    assert (await doctor.get("/api/user/99")).status == 403


async def test_E26_nobody_raises_themselves(gateway: Gateway, nurse: Person, doctor: Person) -> None:
    for person in (nurse, doctor):
        assert (await person.post(SELF, json={"role": "admin"})).status == 403
    assert gateway.user(NURSE).role is Role.USER
    assert (await nurse.post(SELF, json={"role": "user"})).status == 200  # what is so already


async def test_E26_a_form_that_failed_does_not_propose_another_role(gateway: Gateway) -> None:
    browser = await gateway.opens_browser("doctor")
    token = (await browser.page(SELF)).text.split('name="form_token" value="')[1][:64]
    wrong = {"form_token": token, "full_name": "x" * 201}
    page = await browser.submits(f"/api/users/{DOCTOR}", wrong)
    assert page.status == 400
    assert '<option value="" selected></option>\n<option value="user">' in page.text
    again = await browser.submits(f"/api/users/{DOCTOR}", wrong | {"full_name": "Dora", "role": ""})
    assert again.status == 200
    assert (gateway.user(DOCTOR).full_name, gateway.user(DOCTOR).role) == ("Dora", Role.OPERATOR)


async def test_E26_a_privilege_counts_at_once(admin: Person, nurse: Person) -> None:
    body = {"name": "x", "gateway": "phones", "address": "1"}
    assert (await nurse.post("/api/contacts", json=body)).status == 403
    await admin.post(f"/api/user/{NURSE}", json={"role": "OPERATOR"})
    assert (await nurse.post("/api/contacts", json=body)).status == 200
    await admin.post(f"/api/user/{NURSE}", json={"role": "user"})
    assert (await nurse.post("/api/contacts/9/delete")).status == 403


async def test_E26_the_last_admin_stays_one(gateway: Gateway, admin: Person) -> None:
    answer = await admin.post(SELF, json={"role": "user"})
    assert (answer.status, answer.headers["X-Error-Code"]) == (400, "conflict")
    await admin.post(f"/api/user/{DOCTOR}", json={"role": "admin"})
    assert (await admin.post(SELF, json={"role": "user"})).status == 200
    assert gateway.user(ADMIN).role is Role.USER
    assert (await admin.post(f"/api/user/{DOCTOR}", json={"role": "user"})).status == 403


@pytest.mark.parametrize("role", ["root", "1", ["admin"], {"a": 1}])
async def test_E26_an_unknown_role_is_refused(admin: Person, role: object) -> None:
    answer = await admin.post(f"/api/user/{NURSE}", json={"settings": {"role": role}})
    assert (answer.status, answer.error["description"]) == (400, "role: has to be user, operator or admin")


async def test_E26_the_journal_says_who_gave_which_role(gateway: Gateway, admin: Person) -> None:
    await admin.post(f"/api/user/{NURSE}", json={"role": "operator"})
    text = "admin changed the properties of nurse; role user is now operator"
    assert gateway.store.journal.latest(1)[0].text == text


async def test_E10_A27_a_new_password_counts_and_ends_the_other_sessions(gateway: Gateway, nurse: Person) -> None:
    other = await gateway.logs_in("nurse")
    answer = await nurse.post(CHANGE, data={"Password": NEW})
    assert answer.json == {"status": 1}
    assert (await nurse.get(SELF)).status == 200
    assert (await other.get(SELF)).status == 403
    assert await signs_in(gateway, "nurse", NEW)
    assert not await signs_in(gateway, "nurse", PASSWORD)


async def test_E10_A27_the_end_of_the_other_sessions_is_on_disk(gateway: Gateway, nurse: Person) -> None:
    await gateway.logs_in("nurse")
    await nurse.post(CHANGE, data={"password": NEW})
    kept = [token for token in gateway.store.tokens(created_after=-1, used_after=-1) if token.user_id == NURSE]
    assert len(kept) == 1


@pytest.mark.parametrize("weak", ["short", "aaaaaaaaaaaa", "x" * 1025, ""])
async def test_E10_A27_a_weak_password_is_refused_with_status_0(gateway: Gateway, nurse: Person, weak: str) -> None:
    answer = await nurse.post(CHANGE, data={"Password": weak})
    assert answer.status == 200
    assert answer.json["status"] == 0
    assert answer.json["description"].startswith("a password")
    assert await signs_in(gateway, "nurse", PASSWORD)


async def test_E10_A27_an_old_password_that_is_given_has_to_fit(gateway: Gateway, nurse: Person) -> None:
    answer = await nurse.post(CHANGE, data={"Password": NEW, "old_password": "guess"})
    assert answer.json["status"] == 0
    assert not await signs_in(gateway, "nurse", NEW)
    assert (await nurse.post(CHANGE, data={"Password": NEW, "old_password": PASSWORD})).json == {"status": 1}


async def test_E10_A27_old_passwords_cannot_be_guessed_at_speed(nurse: Person) -> None:
    for _ in range(5):
        await nurse.post(CHANGE, data={"Password": NEW, "old_password": "guess"})
    answer = await nurse.post(CHANGE, data={"Password": NEW, "old_password": PASSWORD})
    assert answer.json == {"status": 0, "description": "too many attempts"}


async def test_E10_A27_the_old_password_is_asked_for_where_the_policy_says_so(gateway: Gateway) -> None:
    await gateway.client.close()
    await gateway.serve(ApiOptions(ask_old_password=True))
    nurse = await gateway.logs_in("nurse")
    answer = await nurse.post(CHANGE, data={"Password": NEW})
    assert (answer.status, answer.error["description"]) == (400, "old_password: is missing")


async def test_E10_a_browser_always_shows_the_old_password(gateway: Gateway) -> None:
    browser = await gateway.opens_browser("nurse")
    page = (await browser.page(CHANGE)).text
    token = page.split('name="form_token" value="')[1][:64]
    assert 'type="password"' in page
    assert (await browser.submits(CHANGE, {"form_token": token, "Password": NEW})).status == 400
    fields = {"form_token": token, "Password": NEW, "old_password": PASSWORD}
    assert "The password is changed" in (await browser.submits(CHANGE, fields)).text
    assert (await browser.page("/api/users/self/events")).status == 200


async def test_E10_nobody_sets_the_password_of_another(admin: Person) -> None:
    assert (await admin.post(f"/api/users/{NURSE}/password", data={"Password": NEW})).status == 403


async def test_E10_a_password_that_cannot_be_written_is_not_changed(gateway: Gateway, nurse: Person) -> None:
    other = await gateway.logs_in("nurse")
    with gateway.full_disk():
        assert (await nurse.post(CHANGE, data={"Password": NEW})).status == 507
    assert (await other.get(SELF)).status == 200
    await gateway.passes(2)
    assert await signs_in(gateway, "nurse", PASSWORD)


async def test_E10_passwords_are_never_shown_again(nurse: Person) -> None:
    for path in (CHANGE, f"{CHANGE}?Password={NEW}"):
        page = await nurse.page(path)
        assert "battery" not in page.text.split("<footer>")[0]


async def test_E02_a_session_whose_end_cannot_be_written_goes_on(gateway: Gateway, nurse: Person) -> None:
    with gateway.full_disk():
        assert (await nurse.post("/api/tokens/releaseToken")).status == 507
    assert (await nurse.get(SELF)).status == 200
    await gateway.passes(2)
    assert (await nurse.post("/api/tokens/releaseToken")).json == {"status": 1}
    assert (await nurse.get(SELF)).status == 403


async def test_properties_are_edited_in_a_browser_without_a_script(gateway: Gateway) -> None:
    browser = await gateway.opens_browser("admin")
    page = (await browser.page(f"/api/users/{NURSE}")).text
    token = page.split('name="form_token" value="')[1][:64]
    assert '<option value="user" selected>User</option>' in page
    fields = {"form_token": token, "full_name": "Nora", "role": "operator", "language": ""}
    assert "<h1>Nora</h1>" in (await browser.submits(f"/api/users/{NURSE}", fields)).text
    own = (await (await gateway.opens_browser("nurse")).page("/api/users/self")).text
    assert 'name="role"' not in own
