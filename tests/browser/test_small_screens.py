"""A phone in a nurse's hand: whatever the texts are, nothing is wider than it, and the next Accept is in sight."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gatewayd.clock import settle
from gatewayd.model import AlarmActivated, Priority
from tests.browser.conftest import BOARD
from tests.engine.conftest import NURSE

if TYPE_CHECKING:
    from tests.browser.bidi import Tab
    from tests.browser.conftest import Site

pytestmark = pytest.mark.browser

EVENTS = "/api/users/self/events"
TEXTS = {
    "1": "ROOM 12 BED 1 NURSE CALL",
    "2": ("Sturz im Bad \U0001f691 " + "Zimmer 12 Bett 1, bitte sofort kommen. " * 60)[:2000],
    "3": "A" * 300,
    "4": "\u062d\u0631\u064a\u0642 \u202eevil\u202d",
    "5": "<script>document.title = 'taken over'</script>",
}
NAME = "Dr. med. Maximiliane-Henriette Freifrau von Unaussprechlich-Langenscheidt"
TOO_WIDE = "document.documentElement.scrollWidth > window.innerWidth"
BOTTOMS = "[...document.querySelectorAll('.actions .main')].map(one => one.getBoundingClientRect().bottom)"


async def test_long_texts_and_names_leave_the_next_accept_in_sight_on_a_small_phone(gateway: Site, tab: Tab) -> None:
    directory = gateway.engine.directory
    users = [replace(user, full_name=NAME) if user.id == NURSE else user for user in directory.site.users]
    gateway.store.save_site(replace(directory.site, users=tuple(users)))
    gateway.engine.reload_site()
    for key, text in TEXTS.items():
        await gateway.engine.report("ward-panel", AlarmActivated(key, text, key, Priority.HIGH))
    await settle()
    await gateway.signs_in(tab, "nurse")
    await gateway.engine.accept(gateway.user(NURSE), 5)
    await tab.width(320)
    for path in (f"{BOARD}?refresh=0", EVENTS, f"{BOARD}/2", f"{EVENTS}/2", f"{BOARD}/3", f"{BOARD}/5"):
        await tab.go(gateway.url(path))
        assert not await tab.evaluate(TOO_WIDE), path
        assert await tab.evaluate("document.title") != "taken over"
    await tab.go(gateway.url(f"{BOARD}?refresh=0"))
    first, second, *rest = await tab.evaluate(BOTTOMS)
    assert first < 480
    assert max(after - before for before, after in zip([first, second], [second, *rest], strict=False)) < 900
    assert "\u202e" not in await tab.text("main")
    await tab.go(gateway.url(f"{BOARD}/2"))
    assert TEXTS["2"].strip() in await tab.text("main")  # nothing is lost: all of it stands on its own page


async def test_the_way_back_after_signing_out_shows_nothing_of_what_was_there(gateway: Site, tab: Tab) -> None:
    await gateway.engine.report("ward-panel", AlarmActivated("1", TEXTS["1"], "3-12"))
    await gateway.signs_in(tab, "nurse")
    await tab.go(gateway.url(EVENTS))
    assert TEXTS["1"] in await tab.text("main")
    tab.forget()
    await tab.click("form.who button")
    await tab.arrives_at("/api/tokens/releaseToken")
    await tab.call("browsingContext.traverseHistory", delta=-1)
    await tab.loaded()
    assert TEXTS["1"] not in await tab.text("body")
    assert "Please sign in" in await tab.text("main")
