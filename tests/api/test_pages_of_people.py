"""The pages of recipients, users, contacts, changes, notifications and the description: sound, and safe with names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from gatewayd.api import ApiOptions
from gatewayd.api.app import operations
from gatewayd.api.pages import form_fields
from tests.api.test_pages import HOSTILE, Outline
from tests.engine.conftest import ADMIN, NURSE, PHONE_B
from tests.engine.push import add_push_line

if TYPE_CHECKING:
    from tests.api.conftest import Gateway, Person

USERS = "/api/users"
PAGES = [
    *(
        "/api/recipients",
        "/api/recipients/1",
        "/api/recipients?filterField=name&filterValue=zzz",
        USERS,
        f"{USERS}/self",
    ),
    *("/api/contacts", f"/api/contacts/{PHONE_B}", "/api/contacts?filterField=gateway&filterValue=phones&limit=1"),
    *(f"/api/contacts/{PHONE_B}/delete", "/api/contacts/99", f"{USERS}/{NURSE}", f"{USERS}/self/password"),
    *(f"{USERS}/self/changes", f"{USERS}/self/webpush/unsubscribe", f"{USERS}/self/events/send", "/api/docs"),
    "/api/settings/webpush",
]


async def furnish(gateway: Gateway, admin: Person) -> None:
    name = HOSTILE.replace("\u202e", "")
    await admin.post(f"/api/contacts/{PHONE_B}", json={"name": name, "address": "<b>1</b>"})
    await admin.post(f"{USERS}/{NURSE}", json={"full_name": name})
    await admin.post(f"{USERS}/self/events/send", json={"text": HOSTILE, "recipients": "6"})
    await add_push_line(gateway.engine)
    wish = {"endpoint": "https://push.example/1", "p256dh": "k", "auth": "a", "name": name}
    await admin.post(f"{USERS}/self/webpush/subscribe", data=wish)
    await gateway.activates("12", HOSTILE)


@pytest.mark.parametrize("path", PAGES)
async def test_pages_of_people_are_well_formed_and_keep_hostile_names_as_text(
    gateway: Gateway, admin: Person, path: str
) -> None:
    await furnish(gateway, admin)
    page = await admin.page(path)
    assert page.status == (404 if path.endswith("99") else 200)
    outline = Outline(page.text)
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.inputs <= outline.labels
    assert [tag for tag, _ in outline.tags].count("h1") == 1
    assert not {"script", "img", "b", "style"} & {tag for tag, _ in outline.tags}
    assert all(not name.startswith("on") and name != "style" for _, attrs in outline.tags for name in attrs)


async def test_the_page_of_notifications_has_no_script_but_its_own(gateway: Gateway, admin: Person) -> None:
    await furnish(gateway, admin)
    outline = Outline((await admin.page(f"{USERS}/self/webpush/subscribe")).text)
    assert outline.open == []
    scripts = [attrs for tag, attrs in outline.tags if tag == "script"]
    assert [script["src"] for script in scripts] == ["/api/static/webpush.js"]
    assert outline.inputs <= outline.labels


async def test_every_post_has_a_form_with_the_inputs_of_the_model_that_validates_it(gateway: Gateway) -> None:
    await add_push_line(gateway.engine)
    await gateway.activates("12")
    browser = await gateway.opens_browser("admin")
    names = {"userid": "self", "eventid": "1", "id": "1", "line": "fire"}
    forms: dict[str, set[str]] = {}
    for one in operations(ApiOptions(contact_fields=())):
        if "POST" not in one.methods:
            continue
        page = await browser.page("/api" + one.path.format(**names))
        assert page.status == 200, one.path
        action = "/api" + one.path.format(**names | {"userid": "6" if one.path == "/users/{userid}" else "self"})
        found = [form for form in re.findall(r"<form.*?</form>", page.text, re.DOTALL) if f' action="{action}"' in form]
        wanted = {field.name for field in form_fields(one.params, {})}
        inputs = [set(re.findall(r'<(?:input|select|textarea) id="[^"]*" name="([^"]*)"', form)) for form in found]
        assert wanted in inputs, (one.id, inputs)
        forms[one.id] = wanted
    assert forms["E17"] == {"endpoint", "p256dh", "auth", "name"}
    assert len(forms) == 17


async def test_every_page_leads_to_contacts_users_and_ones_own_account(nurse: Person) -> None:
    page = (await nurse.page("/api/alarms/active")).text
    for link in ("/api/contacts", USERS, f"{USERS}/self", "/api/docs"):
        assert f'href="{link}"' in page


async def test_the_way_to_a_page_of_somebody_else_is_not_called_ones_own(gateway: Gateway, admin: Person) -> None:
    await gateway.activates("12")
    own, users = ("My account", f"{USERS}/self"), ("Users", USERS)
    inbox, other = ("Inbox", f"{USERS}/self/events"), ("Inbox", f"{USERS}/{NURSE}/events")
    await admin.post(f"{USERS}/self/events/send", json={"text": "x", "recipients": ADMIN})
    for path, second in (
        (f"{USERS}/self", own),
        (f"{USERS}/{NURSE}", users),
        (f"{USERS}/Self/events/{gateway.event_of(ADMIN)}", inbox),
        (f"{USERS}/{NURSE}/events/1", other),
    ):
        for before in ("", "/Site%20One"):
            page = (await admin.page(before + path)).text
            trail = re.search(r'class="crumbs">(.*?)</nav>', page, re.DOTALL)
            assert trail is not None
            steps = re.findall(r'<a href="([^"]*)">([^<]*)</a>', trail[1])
            assert steps == [(f"{before}/api/alarms/active", "Gateway"), (before + second[1], second[0])], path
