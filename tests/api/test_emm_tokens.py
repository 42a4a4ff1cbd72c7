"""E01 and E02: sessions over HTTP."""

# ruff: noqa: N802 - the tests are named after the ids of the reading of the specification

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from gatewayd.api import ApiOptions
from gatewayd.api.emm import operations
from gatewayd.engine.sessions import SessionLimits, Sessions
from tests.api.conftest import PASSWORD

if TYPE_CHECKING:
    from tests.api.conftest import Gateway, Person

JSON = {"Content-Type": "application/json"}
GENERATE, RELEASE = "/api/tokens/generatetoken", "/api/tokens/releaseToken"
RIGHT = {"username": "nurse", "password": PASSWORD}
MIXED_CASE = {"UserName": "nurse", "PASSWORD": PASSWORD}
FORBIDDEN = "Forbidden \u2013 invalid bearer token"


async def test_E01_the_right_password_gives_a_token(stranger: Person) -> None:
    answer = await stranger.post(GENERATE, data=RIGHT)
    assert answer.status == 200
    assert list(answer.json) == ["token"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("wrong", [{"username": "nurse", "password": "x"}, {"username": "nobody", "password": "x"}, {}])
async def test_E01_A05_a_wrong_password_is_200_with_the_error_object(stranger: Person, wrong: dict[str, str]) -> None:
    answer = await stranger.post(GENERATE, data=wrong)
    assert answer.status == 200
    assert answer.json == {"error": {"api": "generatetoken", "description": "unknown user name or wrong password"}}
    assert answer.headers["X-Error-Code"] == "invalid-credentials"


async def test_E01_A05_too_many_wrong_passwords_are_200_with_the_error_object(stranger: Person) -> None:
    for _ in range(5):
        await stranger.post(GENERATE, data=RIGHT | {"password": "wrong"})
    answer = await stranger.post(GENERATE, data=RIGHT)
    assert answer.status == 200
    assert answer.error == {"api": "generatetoken", "description": "too many attempts"}
    assert answer.headers["X-Error-Code"] == "too-many-attempts"


async def test_E01_A33_over_the_session_limit_is_200_with_the_error_object(gateway: Gateway) -> None:
    gateway.sessions.limits = SessionLimits(max_sessions=1)
    person = await gateway.logs_in("nurse")
    answer = await person.post(GENERATE, data=RIGHT)
    assert answer.status == 200
    assert answer.error["description"] == "no free API session"


async def test_E01_get_shows_the_form(stranger: Person) -> None:
    answer = await stranger.ask("GET", GENERATE)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    for part in ('method="post"', 'name="username"', 'name="password"', 'type="password"', "<label for="):
        assert part in answer.text


async def test_E01_credentials_in_the_query_of_a_get_are_refused(stranger: Person) -> None:
    answer = await stranger.get(f"{GENERATE}?username=nurse&password={PASSWORD}")
    assert answer.status == 400
    page = await stranger.page(f"{GENERATE}?username=nurse&password={PASSWORD}")
    assert page.status == 400
    assert PASSWORD not in answer.text + page.text


BODIES: list[Any] = [{"json": RIGHT}, {"data": RIGHT}, {"json": MIXED_CASE}]


async def test_A02_the_login_takes_json_and_form_with_f_in_the_query(stranger: Person) -> None:
    for body in BODIES:
        answer = await stranger.ask("POST", f"{GENERATE}?f=json", **body)
        assert "token" in answer.json, body


async def test_A02_the_login_takes_a_multipart_form(stranger: Person) -> None:
    with aiohttp.MultipartWriter("form-data") as form:
        for name, value in RIGHT.items():
            form.append(value).set_content_disposition("form-data", name=name)
    answer = await stranger.post(GENERATE, data=form)
    assert "token" in answer.json


async def test_E02_A07_a_released_token_is_forbidden_afterwards(nurse: Person) -> None:
    released = await nurse.post(RELEASE)
    assert (released.status, released.json) == (200, {"status": 1})
    again = await nurse.post(RELEASE)
    assert again.status == 403
    assert again.error == {"api": "releaseToken", "description": FORBIDDEN}


async def test_E02_get_releases_the_token_of_a_program_too(nurse: Person) -> None:
    assert (await nurse.get(RELEASE)).json == {"status": 1}
    assert (await nurse.get("/api/alarms/active")).status == 403


BAD_HEADERS: list[Any] = [
    "",
    "Bearer",
    "Bearer ",
    "Bearer x",
    "Basic bnVyc2U6eA==",
    "Token x",
    "Bearer " + "x" * 5000,
    "bearer é",
]


async def test_A06_A34_without_a_good_token_everything_is_403_never_401(stranger: Person) -> None:
    for header in BAD_HEADERS:
        for path in ("/api/alarms/active", "/api/users/self/events", RELEASE):
            answer = await stranger.ask("GET", f"{path}?f=json", headers={"Authorization": header} if header else {})
            assert answer.status == 403, header
            assert answer.error["description"] == FORBIDDEN


async def test_every_operation_but_the_login_asks_for_a_token(stranger: Person) -> None:
    for operation in operations(ApiOptions()):
        path = "/api" + operation.path.format(userid="self", eventid=1, id=1)
        for method in operation.methods:
            answer = await stranger.ask(method, f"{path}?f=json")
            assert (answer.status == 403) == (operation.name != "generatetoken"), operation


async def test_A33_tokens_survive_a_restart(gateway: Gateway, nurse: Person) -> None:
    gateway.sessions = Sessions(gateway.engine)
    await gateway.client.close()
    await gateway.serve()
    nurse.client = gateway.client
    assert (await nurse.get("/api/alarms/active")).status == 200


async def test_scheme_of_the_header_is_matched_without_case(nurse: Person) -> None:
    token, nurse.token = nurse.token, ""
    answer = await nurse.ask("GET", "/api/alarms/active?f=json", headers={"Authorization": f"BEARER {token}"})
    assert answer.status == 200


async def test_no_secret_reaches_a_log_or_an_error(stranger: Person, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = (await stranger.post(GENERATE, data=RIGHT)).json["token"]
    answers = [
        await stranger.post(GENERATE, data=RIGHT | {"password": "canary-wrong"}),
        await stranger.ask("POST", f"{GENERATE}?f=json", headers=JSON, data=b'{"password": "canary-wrong"'),
        await stranger.post(GENERATE, json={"username": ["canary-wrong"], "password": {"a": "canary-wrong"}}),
        await stranger.submits(GENERATE, {"username": "nurse", "password": "canary-wrong"}),
        await stranger.ask("GET", "/api/alarms/active?f=canary-wrong", headers={"Authorization": f"Bearer {token}"}),
        await stranger.ask("GET", "/api/alarms/active", headers={"Authorization": f"Bearer {token}"}),
    ]
    for answer in answers:
        assert "canary-wrong" not in answer.text + str(answer.headers)
        assert token not in answer.text + str(answer.headers)
    for secret in ("canary-wrong", PASSWORD, token):
        assert secret not in caplog.text
