"""The html twins: what people see, and what protects their browsers."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from gatewayd.api import ApiOptions
from gatewayd.api.pages import safe_next
from gatewayd.driver import Outcome, Receipt
from gatewayd.model import AlarmActivated, Priority
from tests.api.conftest import PASSWORD

if TYPE_CHECKING:
    from tests.api.conftest import Answer, Gateway, Person

ACTIVE, EVENTS = "/api/alarms/active", "/api/users/self/events"
ACCEPT = f"{EVENTS}/1/accept"
HOSTILE = '<script>alert("x")</script> & <img src=x onerror=alert(1)> {{ 7*7 }} \u202e'
VOID = {"meta", "link", "input", "img", "br"}


class Outline(HTMLParser):
    """Reads a page strictly: tags close in order, ids are unique, inputs have labels."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.inputs: set[str] = set()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag not in VOID:
            self.open.append(tag)
        if identifier := found.get("id"):
            self.ids.append(identifier)
        if tag == "label":
            self.labels.add(found["for"] or "")
        if tag in {"input", "select", "textarea"} and found.get("type") != "hidden":
            self.inputs.add(found.get("id") or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def form_token(page: Answer) -> str:
    found = re.search(r'name="form_token" value="([0-9a-f]{64})"', page.text)
    assert found is not None
    return found.group(1)


async def every_page(gateway: Gateway, person: Person) -> list[Answer]:
    await gateway.activates("12", HOSTILE, Priority.HIGH)
    await person.post(f"{EVENTS}/send", json={"text": HOSTILE, "recipients": "4"})
    paths = (
        *(ACTIVE, f"{ACTIVE}/1", EVENTS, f"{EVENTS}/1", f"{EVENTS}/2", f"{EVENTS}/send", ACCEPT, f"{ACTIVE}/1/cancel"),
        *(
            "/api/tokens/generatetoken",
            "/api/nowhere",
            f"{ACTIVE}?limit=x",
            f"{ACTIVE}?filterField=name&filterValue=<i>",
        ),
    )
    return [await person.page(path) for path in paths]


async def test_pages_are_well_formed_and_accessible(gateway: Gateway, nurse: Person) -> None:
    for page in await every_page(gateway, nurse):
        outline = Outline(page.text)
        assert outline.open == []
        assert len(outline.ids) == len(set(outline.ids))
        assert outline.inputs <= outline.labels
        assert ("html", {"lang": "en"}) in outline.tags
        assert [tag for tag, _ in outline.tags].count("h1") == 1
        assert 'href="#content"' in page.text


async def test_hostile_text_arrives_as_text(gateway: Gateway, nurse: Person) -> None:
    pages = await every_page(gateway, nurse)
    assert sum("&lt;script&gt;" in page.text for page in pages) >= 4
    for page in pages:
        outline = Outline(page.text)
        assert not {"script", "img", "i", "style"} & {tag for tag, _ in outline.tags}
        assert all(not name.startswith("on") and name != "style" for _, attrs in outline.tags for name in attrs)
        assert "49" not in re.findall(r"> (\d+) ", page.text)


async def test_every_answer_has_the_headers_that_protect_browsers(gateway: Gateway, nurse: Person) -> None:
    static = await nurse.ask("GET", "/api/static/gatewayd.css")
    for answer in (*await every_page(gateway, nurse), await nurse.get(ACTIVE), static, await nurse.ask("GET", "/")):
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Server"] == "gatewayd"


async def test_the_root_leads_to_the_board_that_looks_again_every_ten_seconds(nurse: Person) -> None:
    root = await nurse.ask("GET", "/")
    assert (root.status, root.headers["Location"]) == (303, ACTIVE)
    assert (await nurse.page(ACTIVE)).headers["Refresh"] == "10"
    assert "Refresh" not in (await nurse.page(f"{ACTIVE}?refresh=0")).headers


async def test_pages_have_breadcrumb_json_twin_and_command(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    page = (await nurse.page(f"{EVENTS}/1")).text
    assert 'aria-label="Breadcrumb"' in page
    assert f'href="{EVENTS}/1?f=json"' in page
    assert "curl -H" in page
    assert "Bearer $TOKEN" in page


async def test_priority_and_state_are_written_not_only_coloured(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12", "FIRE", Priority.HIGH)
    for path in (ACTIVE, EVENTS, f"{ACTIVE}/1", f"{EVENTS}/1"):
        assert "High priority" in (await nurse.page(path)).text
    assert "Nobody accepted yet" in (await nurse.page(ACTIVE)).text
    await nurse.post(ACCEPT)
    assert "Accepted by nurse" in (await nurse.page(ACTIVE)).text


async def test_lists_are_paged_and_sorted_by_links(gateway: Gateway, nurse: Person) -> None:
    for number in range(3):
        await gateway.activates(str(number), f"call {number}")
    page = (await nurse.page(f"{EVENTS}?limit=2&orderby=message")).text
    assert "1–2 of 3" in page  # noqa: RUF001 - a range, as printed
    following = re.search(r'href="([^"]*)" rel="next"', page)
    assert following is not None
    last = (await nurse.page(following.group(1).replace("&amp;", "&"))).text
    assert "call 2" in last
    assert 'rel="prev"' in last
    assert "orderby=message+DESC" in page
    assert "call 1" not in last


async def test_a_page_shows_fifty_entries_unless_told_otherwise(gateway: Gateway, nurse: Person) -> None:
    for number in range(52):
        await gateway.engine.report("pager", AlarmActivated(str(number), f"call {number}"))
    assert (await nurse.page(ACTIVE)).text.count("<article") == 50
    assert (await nurse.page(f"{ACTIVE}?limit=52")).text.count("<article") == 52
    assert len((await nurse.get(ACTIVE)).json["alarms"]) == 52


async def test_the_form_of_a_post_comes_from_its_parameters(nurse: Person) -> None:
    page = (await nurse.page(f"{EVENTS}/send?recipients=5&reply_message_id=1")).text
    for name in ("text", "priority", "tone", "recipients", "reply_message_id"):
        assert f'name="{name}"' in page
    assert 'value="5"' in page
    assert 'name="event"' not in page
    assert 'name="userid"' not in page


# --- browsers: cookie and forms --------------------------------------------------------------------------------------


async def test_a_stranger_gets_403_with_the_login_form_and_comes_back(gateway: Gateway, stranger: Person) -> None:
    await gateway.activates("12")
    page = await stranger.page(f"{EVENTS}?limit=1")
    assert page.status == 403
    assert 'action="/api/tokens/generatetoken"' in page.text
    assert f'name="next" value="{EVENTS}?limit=1"' in page.text
    fields = {"username": "nurse", "password": PASSWORD, "next": f"{EVENTS}?limit=1"}
    answer = await stranger.submits("/api/tokens/generatetoken", fields)
    assert (answer.status, answer.headers["Refresh"]) == (200, f"0; url={EVENTS}?limit=1")


async def test_the_login_form_sets_a_cookie_that_scripts_and_other_sites_cannot_use(gateway: Gateway) -> None:
    browser = await gateway.opens_browser("nurse")
    answer = await browser.submits("/api/tokens/generatetoken", {"username": "nurse", "password": PASSWORD})
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie
    token = cookie.partition("=")[2].partition(";")[0]
    assert token not in answer.text
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
    for name in ("..%2f__init__.py", "%2e%2e/templates/base.html", "nothing.css", ".."):
        assert (await nurse.ask("GET", f"/api/static/{name}")).status == 404
