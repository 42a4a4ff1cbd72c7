"""Browsers: the cookie of the login form, and what protects it from other pages."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gatewayd.api import ApiOptions
from gatewayd.api.pages import safe_next
from gatewayd.driver import Outcome, Receipt
from tests.api.conftest import PASSWORD

if TYPE_CHECKING:
    from tests.api.conftest import Answer, Gateway, Person

ACTIVE, EVENTS = "/api/alarms/active", "/api/users/self/events"
ACCEPT = f"{EVENTS}/1/accept"


def form_token(page: Answer) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', page.text)
    assert found is not None
    return found.group(1)


async def test_a_stranger_gets_403_with_the_login_form_and_comes_back(gateway: Gateway, stranger: Person) -> None:
    await gateway.activates("12")
    page = await stranger.page(f"{EVENTS}?limit=1")
    assert page.status == 403
    assert 'action="/api/tokens/generatetoken"' in page.text
    assert f'name="next" value="{EVENTS}?limit=1"' in page.text
    fields = {"username": "nurse", "password": PASSWORD, "next": f"{EVENTS}?limit=1"}
    answer = await stranger.submits("/api/tokens/generatetoken", fields)
    assert (answer.status, answer.headers["Refresh"]) == (200, f"0; url={EVENTS}?limit=1")


async def test_a_button_pressed_after_the_session_ended_says_that_nothing_was_done_and_comes_back(
    gateway: Gateway, stranger: Person
) -> None:
    await gateway.activates("12")
    browser = await gateway.opens_browser("nurse")
    board = await browser.page(ACTIVE)
    await gateway.passes(12 * 3600)
    page = await browser.submits(ACCEPT, {"form_token": form_token(board), "next": ACTIVE})
    assert page.status == 403
    assert '<p role="alert">Nothing was done yet: please sign in first.' in page.text
    assert f'name="next" value="{ACCEPT}"' in page.text
    assert gateway.alarm().accepted_by is None
    assert "Nothing was done" not in (await stranger.page(ACTIVE)).text


async def test_the_page_of_a_step_leads_to_what_it_is_about(gateway: Gateway) -> None:
    await gateway.activates("12")
    browser = await gateway.opens_browser("nurse")
    for path, what in ((ACCEPT, "event"), (f"{ACTIVE}/1/cancel", "alarm")):
        link = path.rpartition("/")[0]
        for asked in (path, f"{path}/"):
            page = (await browser.page(asked)).text
            assert f'<a href="{link}">Look at the {what} first</a>' in page
            assert f'<li><a href="{link}">{what.capitalize()}</a></li>' in page
    for path in (f"{EVENTS}/1/delete", f"{EVENTS}/send", "/api/users/self/password"):
        assert "first</a>" not in (await browser.page(path)).text


async def test_the_login_form_sets_a_cookie_that_scripts_and_other_sites_cannot_use(gateway: Gateway) -> None:
    browser = await gateway.opens_browser("nurse")
    answer = await browser.submits("/api/tokens/generatetoken", {"username": "nurse", "password": PASSWORD})
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie
    token = cookie.partition("=")[2].partition(";")[0]
    assert token not in answer.text
    assert (await browser.page(EVENTS)).status == 200


async def test_a_page_elsewhere_that_reads_json_with_the_cookie_changes_nothing(gateway: Gateway) -> None:
    browser = await gateway.opens_browser("nurse")
    for path in ("/api/tokens/releaseToken", "/api/users/self/webpush/unsubscribe"):
        answer = await browser.get(path)
        assert (answer.status, answer.headers["Content-Type"]) == (403, "application/json; charset=utf-8")
        assert "POST only" in answer.error["description"]
    assert (await browser.page(EVENTS)).status == 200


async def test_the_cookie_is_secure_where_the_site_is(gateway: Gateway) -> None:
    await gateway.client.close()
    await gateway.serve(ApiOptions(secure_cookies=True))
    browser = await gateway.opens_browser("nurse")
    answer = await browser.submits("/api/tokens/generatetoken", {"username": "nurse", "password": PASSWORD})
    assert "Secure" in answer.headers["Set-Cookie"]


async def test_a_failed_login_shows_the_form_again_without_the_password(stranger: Person) -> None:
    answer = await stranger.submits("/api/tokens/generatetoken", {"username": "nurse", "password": "canary-x"})
    assert answer.status == 200
    assert "unknown user name or wrong password" in answer.text
    assert 'name="password"' in answer.text
    assert "canary-x" not in answer.text


async def test_a_refused_login_says_what_helps(gateway: Gateway, stranger: Person) -> None:
    wrong = {"username": "nurse", "password": "canary-x"}
    for _ in range(5):
        page = await stranger.submits("/api/tokens/generatetoken", wrong)
        assert "Wait a minute" not in page.text
    page = await stranger.submits("/api/tokens/generatetoken", wrong)
    assert "too many attempts" in page.text
    assert "<p>Wait a minute before the next try." in page.text
    gateway.sessions.limits = replace(gateway.sessions.limits, max_sessions=1)
    await gateway.logs_in("doctor")
    page = await stranger.submits("/api/tokens/generatetoken", {"username": "doctor", "password": PASSWORD})
    assert "no free API session" in page.text
    assert "<p>Sign out where you are still signed in" in page.text


async def test_a_button_of_the_page_accepts(gateway: Gateway) -> None:
    await gateway.activates("12")
    browser = await gateway.opens_browser("nurse")
    board = await browser.page(ACTIVE)
    assert f'action="{ACCEPT}"' in board.text
    answer = await browser.submits(ACCEPT, {"form_token": form_token(board), "next": ACTIVE})
    assert (answer.status, answer.headers["Refresh"]) == (200, f"3; url={ACTIVE}")
    assert "accepted" in answer.text
    assert (await browser.get(ACTIVE)).json["alarms"][0]["status"] == 7


async def test_the_board_offers_accept_to_whoever_has_the_event_still(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    await gateway.activates("13", "ROOM 13")
    for path in (ACTIVE, f"{ACTIVE}/1"):
        assert f'action="{ACCEPT}"' in (await nurse.page(path)).text
        assert f'action="{EVENTS}/' not in (await (await gateway.logs_in("doctor")).page(path)).text
    await nurse.post(f"{EVENTS}/1/delete")
    board = (await nurse.page(ACTIVE)).text
    assert f'action="{ACCEPT}"' not in board
    assert f'action="{EVENTS}/2/accept"' in board


async def test_an_event_that_reached_nobody_or_was_replied_to_can_still_be_accepted(gateway: Gateway) -> None:
    gateway.phones.outcomes = [Receipt(Outcome.REFUSED, "no such number")]
    await gateway.activates("12")
    browser = await gateway.opens_browser("nurse")
    assert "not delivered" in (await browser.page(EVENTS)).text
    for path in (EVENTS, f"{EVENTS}/1"):
        assert f'action="{ACCEPT}"' in (await browser.page(path)).text
    reply = {"text": "on my way", "reply_message_id": "1", "recipients": "6"}
    nurse = await gateway.logs_in("nurse")
    await nurse.post(f"{EVENTS}/send", json=reply)
    assert "replied" in (await browser.page(EVENTS)).text
    assert f'action="{ACCEPT}"' in (await browser.page(EVENTS)).text
    await nurse.post(ACCEPT)
    for path in (EVENTS, f"{EVENTS}/1"):
        assert f'action="{ACCEPT}"' not in (await browser.page(path)).text


@pytest.mark.parametrize(
    ("change", "headers"),
    [
        ({"form_token": ""}, {}),
        ({"form_token": "0" * 64}, {}),
        ({}, {"Origin": "http://evil.example"}),
        ({}, {"Origin": "http://127.0.0.1:1"}),
        ({}, {"Origin": "null"}),
        ({}, {"Origin": ""}),
        ({}, {"Sec_Fetch_Site": "cross-site"}),
        ({}, {"Sec_Fetch_Site": "same-site"}),
    ],
)
async def test_what_another_page_makes_a_browser_send_is_refused(
    gateway: Gateway, change: dict[str, str], headers: dict[str, str]
) -> None:
    await gateway.activates("12")
    browser = await gateway.opens_browser("nurse")
    token = form_token(await browser.page(ACTIVE))
    answer = await browser.submits(ACCEPT, {"form_token": token} | change, **headers)
    assert answer.status == 403
    assert (await browser.get(ACTIVE)).json["alarms"][0]["status"] == 2


async def test_the_form_token_of_another_session_is_refused(gateway: Gateway) -> None:
    await gateway.activates("12")
    nurse, doctor = await gateway.opens_browser("nurse"), await gateway.opens_browser("doctor")
    token = form_token(await doctor.page(ACTIVE))
    assert (await nurse.submits(ACCEPT, {"form_token": token})).status == 403


async def test_a_bearer_token_needs_no_form_token(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    assert (await nurse.ask("POST", ACCEPT, headers={"Origin": "http://elsewhere.example"})).status == 200


async def test_another_site_cannot_log_a_browser_in(stranger: Person) -> None:
    fields = {"username": "nurse", "password": PASSWORD}
    answer = await stranger.submits("/api/tokens/generatetoken", fields, Origin="http://evil.example")
    assert answer.status == 403
    assert "Set-Cookie" not in answer.headers


async def test_signing_out_takes_a_form_and_ends_session_and_cookie(gateway: Gateway) -> None:
    browser = await gateway.opens_browser("nurse")
    shown = await browser.page("/api/tokens/releaseToken")
    assert (await browser.page(ACTIVE)).status == 200
    answer = await browser.submits("/api/tokens/releaseToken", {"form_token": form_token(shown)})
    assert answer.status == 200
    assert 'gatewayd_session=""' in answer.headers["Set-Cookie"]
    assert (await browser.page(ACTIVE)).status == 403


async def test_a_wrong_bearer_token_is_not_rescued_by_a_cookie(gateway: Gateway) -> None:
    browser = await gateway.opens_browser("nurse")
    answer = await browser.ask("GET", f"{ACTIVE}?f=json", headers={"Authorization": "Bearer wrong"})
    assert answer.status == 403


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "//evil.example",
        "/\\evil.example",
        "http://evil.example",
        "/a\r\nX: y",
        "/\u00e9",
        "/x" * 2000,
        7,
        ["/a"],
    ],
)
def test_the_way_back_never_leaves_the_box(value: object) -> None:
    assert safe_next(value) == ""
    assert safe_next("/api/alarms/active?limit=1") == "/api/alarms/active?limit=1"


async def test_static_files_are_cached_and_nothing_else_is_served(nurse: Person) -> None:
    answer = await nurse.ask("GET", "/api/static/gatewayd.css")
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    again = await nurse.ask("GET", "/api/static/gatewayd.css", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304
    for name in ("..%2f__init__.py", "%2e%2e/templates/base.html", "nothing.css", "..%2f"):
        assert (await nurse.ask("GET", f"/api/static/{name}")).status == 404
