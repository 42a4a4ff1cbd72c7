"""The html twins: what people see."""

from __future__ import annotations

import re
import shlex
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from gatewayd.api import ApiOptions
from gatewayd.api.emm.listing import Part
from gatewayd.api.pages import Place, pager
from gatewayd.model import AlarmActivated, Priority
from tests.engine.conftest import ADMIN

if TYPE_CHECKING:
    from tests.api.conftest import Answer, Gateway, Person

ACTIVE, EVENTS = "/api/alarms/active", "/api/users/self/events"
ACCEPT, SEND = f"{EVENTS}/1/accept", f"{EVENTS}/send"
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


async def test_the_link_to_the_json_twin_leads_to_json_wherever_there_is_one(gateway: Gateway, nurse: Person) -> None:
    browser = await gateway.opens_browser("nurse")
    linked = set()
    for path in (ACTIVE, f"{EVENTS}?limit=1", SEND, "/api/tokens/releaseToken", "/api/nowhere", f"{ACTIVE}?limit=x"):
        page = await browser.page(path)
        twin = re.search(r'<a href="([^"]*)">JSON</a>', page.text)
        assert (twin is None) == ("The same for programs: by POST" in page.text)
        if twin is not None:
            linked.add(path)
            answer = await browser.ask("GET", unescape(twin.group(1)))
            assert (answer.status, answer.json is None) == (page.status, False)
    assert linked == {ACTIVE, f"{EVENTS}?limit=1", "/api/nowhere", f"{ACTIVE}?limit=x"}


def command(page: Answer) -> list[str]:
    """Return the words of the command that a page shows, as a shell reads them."""
    found = re.search(r'<pre tabindex="0" aria-label="Command line">(.*?)</pre>', page.text)
    assert found is not None
    return shlex.split(unescape(found.group(1)))


async def test_a_page_does_not_say_done_of_what_was_not(gateway: Gateway, nurse: Person) -> None:
    await gateway.activates("12")
    asked = {"Accept": "text/html"}
    for status, heading in (("success", "Cancel the alarm: done"), ("fail", "Cancel the alarm: not done")):
        page = await nurse.ask("POST", f"{ACTIVE}/1/cancel", headers=asked)
        assert f"<h1>{heading}</h1>" in page.text
        assert f"<dd>{status}</dd>" in page.text
    wish = {"endpoint": "https://push.example/1", "p256dh": "k", "auth": "a"}
    subscribed = await nurse.ask("POST", "/api/users/self/webpush/subscribe", headers=asked, data=wish)
    assert "<h1>Subscribe a browser: not done</h1>" in subscribed.text  # there is no line for it


async def test_every_list_and_every_thing_is_a_table_or_a_definition_list(gateway: Gateway, admin: Person) -> None:
    await gateway.activates("12")
    await admin.post(SEND, json={"text": "hello", "recipients": "6"})
    own = (EVENTS, f"{EVENTS}/1", "/api/users/self/changes", "/api/users", "/api/users/self")
    for path in (
        *own,
        ACTIVE,
        f"{ACTIVE}/1",
        "/api/contacts",
        "/api/contacts/1",
        "/api/recipients",
        "/api/recipients/1",
    ):
        page = await admin.page(path.replace(f"{EVENTS}/1", f"{EVENTS}/{gateway.event_of(ADMIN)}"))
        tags = [tag for tag, _ in Outline(page.text).tags]
        assert {"table", "dl"} & set(tags), path
        assert tags.count("dt") == tags.count("dd"), path


async def test_the_command_does_what_the_page_does(nurse: Person, stranger: Person) -> None:
    origin = str(nurse.client.make_url("")).rstrip("/")
    form = ["curl", "-H", "Authorization: Bearer $TOKEN", "-X", "POST", "--data-urlencode"]
    sends = [*form, "text=a 'b'", "--data-urlencode", "priority=…", "--data-urlencode", "tone=…"]
    sends += ["--data-urlencode", "recipients=5", "--data-urlencode", "reply_message_id=…"]
    assert command(await nurse.page(f"{SEND}?text=a+'b'&recipients=5")) == [*sends, f"{origin}{SEND}?f=json"]
    assert command(await nurse.page(f"{ACTIVE}/1/cancel")) == [*form[:5], f"{origin}{ACTIVE}/1/cancel?f=json"]
    password = await nurse.page("/api/users/self/password?Password=canary&old_password=canary")
    assert command(password)[5:-1] == ["--data-urlencode", "old_password=…", "--data-urlencode", "Password=…"]
    assert "canary" not in password.text
    login = command(await stranger.page("/api/tokens/generatetoken"))
    assert login == [
        *("curl", "-X", "POST", "--data-urlencode", "username=…", "--data-urlencode", "password=…"),
        f"{origin}/api/tokens/generatetoken?f=json",
    ]


async def test_what_stands_in_an_address_does_nothing_in_a_shell(nurse: Person) -> None:
    page = await nurse.page("/x$(reboot)/api/alarms/active")
    origin = str(nurse.client.make_url("")).rstrip("/")
    assert f"&#39;{origin}/x$(reboot)/api/alarms/active?f=json&#39;</pre>" in page.text
    assert "--data-urlencode &#39;text=$(reboot)&#39; " in (await nurse.page(f"{SEND}?text=$(reboot)")).text


async def test_the_form_of_the_login_comes_from_its_parameters_wherever_it_stands(stranger: Person) -> None:
    for path in ("/api/tokens/generatetoken", ACTIVE):
        page = Outline((await stranger.page(path)).text)
        inputs = {attrs["name"]: attrs for tag, attrs in page.tags if tag == "input"}
        assert inputs.keys() == {"f", "next", "username", "password"}
        lengths = {"username": "200", "password": "2000"}
        for name, longest in lengths.items():
            assert "required" in inputs[name]
            assert inputs[name]["maxlength"] == longest
        assert [name for name, attrs in inputs.items() if "autofocus" in attrs] == ["username"]
        assert inputs["password"]["type"] == "password"


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


@pytest.mark.parametrize(
    ("offset", "count", "previous", "following"),
    [
        (0, 2, "", "/x?name=a&offset=2&limit=2"),
        (1, 2, "/x?name=a&offset=0&limit=2", "/x?name=a&offset=3&limit=2"),
        (3, 2, "/x?name=a&offset=1&limit=2", ""),
        (9, 0, "/x?name=a&offset=7&limit=2", ""),
    ],
)
def test_the_pager_leads_to_what_there_is(offset: int, count: int, previous: str, following: str) -> None:
    place = Place("/api", "/x", {"name": "a"}, "http://box")
    made = pager(place, Part(offset=offset, count=count, total=5), 2)
    assert (made.previous, made.next) == (previous, following)


async def test_a_page_shows_fifty_entries_unless_told_otherwise(gateway: Gateway, nurse: Person) -> None:
    for number in range(52):
        await gateway.engine.report("pager", AlarmActivated(str(number), f"call {number}"))
    assert (await nurse.page(ACTIVE)).text.count("<article") == 50
    assert (await nurse.page(f"{ACTIVE}?limit=52")).text.count("<article") == 52
    assert len((await nurse.get(ACTIVE)).json["alarms"]) == 52


async def test_a_form_keeps_of_the_query_what_it_does_not_ask_for_itself(nurse: Person) -> None:
    page = (await nurse.page(f"{EVENTS}/send?recipients=5&text=hello&colour=red")).text
    assert f'action="{EVENTS}/send?colour=red"' in page


async def test_the_form_of_a_post_comes_from_its_parameters(nurse: Person) -> None:
    page = (await nurse.page(f"{EVENTS}/send?recipients=5&reply_message_id=1")).text
    for name in ("text", "priority", "tone", "recipients", "reply_message_id"):
        assert f'name="{name}"' in page
    assert 'value="5"' in page
    assert 'name="event"' not in page
    assert 'name="userid"' not in page


async def test_pages_say_which_box_they_are_of_where_it_has_a_name(gateway: Gateway) -> None:
    for name, title, brand in (
        ("gatewayd", "Alarm gateway</title>", '">Alarm gateway</a>'),
        ("Ward <7>", "Alarm gateway Ward &lt;7&gt;</title>", '<span class="box">Ward &lt;7&gt;</span>'),
    ):
        await gateway.client.close()
        await gateway.serve(ApiOptions(name=name))
        page = await (await gateway.logs_in("nurse")).page(ACTIVE)
        assert title in page.text
        assert brand in page.text
