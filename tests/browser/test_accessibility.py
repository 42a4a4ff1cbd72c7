"""Every kind of page against the rules of axe-core, light and dark, on a desk and on a phone."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import drivers.ascii as ascii_line
from gatewayd.api import ApiOptions
from gatewayd.clock import settle
from gatewayd.model import AlarmActivated, Priority
from tests.browser.bidi import COLOURS, Firefox
from tests.browser.conftest import BOARD
from tests.engine.conftest import ADMIN, NURSE

if TYPE_CHECKING:
    from tests.browser.bidi import Tab
    from tests.browser.conftest import Site

AXE = Path(os.environ.get("GATEWAYD_AXE", ""))
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not AXE.is_file(), reason="GATEWAYD_AXE names no axe.min.js; tools/test --all fetches it"),
]

FIELDS = ("Department", "Telephone extension", "Building", "Room", "Responsible person")  # more than a phone is wide
EVENTS, RULES = "/api/users/self/events", "/api/lines/fire/rules/test"
PAGES = {
    "board": f"{BOARD}?refresh=0",
    "filtered board": f"{BOARD}?refresh=0&filterField=name&filterValue=none",
    "alarm": f"{BOARD}/1",
    "inbox": EVENTS,
    "send form": f"{EVENTS}/send",
    "recipients": "/api/recipients",
    "recipient": "/api/recipients/4",
    "contacts": "/api/contacts",
    "contact form": "/api/contacts/1",
    "users": "/api/users",
    "user settings": "/api/users/self",
    "password": "/api/users/self/password",
    "push": "/api/users/self/webpush/subscribe",
    "changes": "/api/users/self/changes",
    "error": "/api/nowhere",
    "refused parameter": f"{BOARD}?limit=x",
    "description": "/api/docs",
    "login form": "/api/tokens/generatetoken",
    "sign out": "/api/tokens/releaseToken",
    "key": "/api/settings/webpush",
    "end pushes": "/api/users/self/webpush/unsubscribe",
    "delete a contact": "/api/contacts/1/delete",
    "try rules": RULES,
}
RUN = """
axe.run(document, {resultTypes: ["violations"]}).then(({violations}) => violations.map(({id, help, nodes}) =>
  ({id, help, nodes: nodes.slice(0, 5).map(({html, failureSummary}) => `${html}: ${failureSummary}`)})))
"""
TOO_WIDE = "document.documentElement.scrollWidth > window.innerWidth"


# The answers to forms: where the form is, which one, what is filled in first, and what its answer says.
ANSWERS = [
    (EVENTS, "#act", "", "You have accepted it"),
    ("/api/contacts/1/delete", "main form", "", "in use"),
    ("/api/contacts", "form.stack", "", "name: is missing"),
    ("/api/users/self/password", "main form", "form.elements.Password.value = 'short'", "old_password: is missing"),
    (f"{EVENTS}/send", "main form", "form.elements.text.value = ' '", "text"),
    (RULES, "main form", "form.elements.sample.value = 'ALARM 1'", "1 record, 0 not understood"),
    ("/api/tokens/releaseToken", "main form", "", "Signed out"),
    ("/api/tokens/generatetoken", "main form", "form.elements.username.value = 'x'", "wrong password"),
]
SUBMIT = """
(() => {
  const form = document.querySelector("%s");
  %s;
  form.noValidate = true;
  const by = document.querySelector("[form=act]");
  setTimeout(() => form.id === "act" ? by.click() : form.requestSubmit());
})()
"""


@cache
def rules() -> str:
    return AXE.read_text("utf-8")


async def violations(tab: Tab) -> list[dict[str, Any]]:
    await tab.load_script(rules())
    found: list[dict[str, Any]] = await tab.evaluate(RUN)
    return found


async def furnish(gateway: Site) -> None:
    """Give every page of the admin something to show; the newest event is an alarm that waits for the admin."""
    await gateway.client.close()
    await gateway.serve(ApiOptions(contact_fields=FIELDS, user_settings=("Language",)))
    rules = ascii_line.SETTINGS.model_validate({"port": "memory", "rules": [{"name": "alarm", "match": "^ALARM"}]})
    gateway.engine.add_line("fire", lambda line: ascii_line.DRIVER(line, rules))
    await gateway.activates("12", "ROOM 12 cardiac arrest", Priority.HIGH)
    await gateway.activates("13", "ROOM 13 call")
    await gateway.accepts(NURSE)
    admin = await gateway.logs_in("admin")
    await admin.post(f"{EVENTS}/send", json={"text": "Please come to the office", "recipients": "4,5,6"})
    await gateway.engine.report("phones", AlarmActivated("9", "LIFT 2 STUCK", "9", Priority.HIGH))
    await settle()


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_no_page_breaks_a_rule_of_accessibility(gateway: Site, tmp_path: Path, colours: str, width: int) -> None:
    await furnish(gateway)
    prefs = {"layout.css.prefers-color-scheme.content-override": COLOURS[colours]}
    event = f"{EVENTS}/{gateway.event_of(ADMIN)}"
    pages = PAGES | {"event": event, "accept form": f"{event}/accept"}
    broken: dict[str, list[dict[str, Any]]] = {}
    failures, wide = set(), set()
    async with Firefox.start(tmp_path / "profile", **prefs) as tab:
        await tab.width(width)
        await tab.go(gateway.url(BOARD))
        assert await tab.evaluate(f'matchMedia("(prefers-color-scheme: {colours})").matches')
        broken["login"] = await violations(tab)
        await gateway.signs_in(tab, "admin")
        for name, path in pages.items():
            await tab.go(gateway.url(path))
            broken[name] = await violations(tab)
            if await tab.find(".alert"):
                failures.add(name)
            if await tab.evaluate(TOO_WIDE):
                wide.add(name)
        await tab.evaluate("document.body.append(document.createElement('img'))")
        assert {one["id"] for one in await violations(tab)} == {"image-alt", "region"}  # the rules find what is wrong
    found = {name: some for name, some in broken.items() if some}
    assert not found, json.dumps(found, indent=2)
    assert (failures, wide) == ({"error", "refused parameter"}, set())


async def test_no_answer_to_a_form_breaks_a_rule_of_accessibility(gateway: Site, tmp_path: Path) -> None:
    await furnish(gateway)
    broken: dict[str, list[dict[str, Any]]] = {}
    prefs = {"layout.css.prefers-color-scheme.content-override": COLOURS["dark"]}
    async with Firefox.start(tmp_path / "profile", **prefs) as tab:
        await tab.width(400)
        await gateway.signs_in(tab, "admin")
        for path, form, fill, says in ANSWERS:
            await tab.go(gateway.url(path))
            tab.forget()
            await tab.evaluate(SUBMIT % (form, fill))
            await tab.loaded()
            assert says in await tab.text("main"), path
            broken[says] = await violations(tab)
            assert not await tab.evaluate(TOO_WIDE), path
    found = {name: some for name, some in broken.items() if some}
    assert not found, json.dumps(found, indent=2)
