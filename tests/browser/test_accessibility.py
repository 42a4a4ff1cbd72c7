"""Every kind of page against the rules of axe-core, light and dark, on a desk and on a phone."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

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

EVENTS = "/api/users/self/events"
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
}
RUN = """
axe.run(document, {resultTypes: ["violations"]}).then(({violations}) => violations.map(({id, help, nodes}) =>
  ({id, help, nodes: nodes.slice(0, 5).map(({html, failureSummary}) => `${html}: ${failureSummary}`)})))
"""
TOO_WIDE = "document.documentElement.scrollWidth > window.innerWidth"


@cache
def rules() -> str:
    return AXE.read_text("utf-8")


async def violations(tab: Tab) -> list[dict[str, Any]]:
    await tab.load_script(rules())
    found: list[dict[str, Any]] = await tab.evaluate(RUN)
    return found


async def furnish(gateway: Site) -> None:
    """Give every page of the admin something to show; the newest event is an alarm that waits for the admin."""
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
    pages = PAGES | {"event": f"{EVENTS}/{gateway.event_of(ADMIN)}"}
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
