"""From the login to an accepted alarm with the keys alone, with scripts and without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatewayd.model import Priority
from tests.browser.bidi import ENTER, TAB, Firefox
from tests.browser.conftest import BOARD
from tests.engine.conftest import NURSE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import Site

pytestmark = pytest.mark.browser

EVENTS = "/api/users/self/events"
SPACE = " "
# What marks the focus, for each stop of a walk with Tab through the page.
RINGS = """
(() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea, [tabindex='0']")]
  .map((one) => { one.focus({focusVisible: true}); const style = getComputedStyle(one);
    return [one.outerHTML.slice(0, 80), document.activeElement === one, style.outlineStyle, style.outlineWidth]; })
  .filter(([, focused, line, width]) => !focused || line !== "solid" || parseFloat(width) < 2))()
"""


@pytest.mark.parametrize(("scripts", "press"), [(False, SPACE), (True, ENTER)], ids=["no scripts", "scripts"])
async def test_an_alarm_is_found_in_the_inbox_and_accepted_by_keyboard_alone(
    gateway: Site, tmp_path: Path, *, scripts: bool, press: str
) -> None:
    await gateway.activates("12", "ROOM 12 cardiac arrest", Priority.HIGH)
    event = gateway.event_of(NURSE)
    await gateway.activates("13", "ROOM 13 call")
    other = gateway.event_of(NURSE)
    async with Firefox.start(tmp_path / "profile", **{"javascript.enabled": scripts}) as tab:
        await gateway.signs_in(tab, "nurse")
        await tab.go(gateway.url("/api/users/self/webpush/subscribe"))
        assert bool(await tab.find("noscript > p")) is not scripts  # it holds elements only where scripts are off
        tab.forget()
        await tab.tabs_to(f'nav a[href="{EVENTS}"]')
        await tab.types(ENTER)
        await tab.arrives_at(EVENTS)
        tab.forget()
        await tab.tabs_to(f'a[href="{EVENTS}/{event}"]')
        await tab.types(ENTER)
        await tab.arrives_at(f"{EVENTS}/{event}")
        tab.forget()
        await tab.tabs_to(f'[action="{EVENTS}/{event}/accept"] button')
        assert gateway.alarm(1).accepted_by is None
        await tab.types(press)
        await tab.arrives_at(f"{EVENTS}/{event}/accept")
        assert gateway.alarm(1).accepted_by == NURSE
        await tab.arrives_at(f"{EVENTS}/{event}")  # the page comes back by itself
        await tab.go(gateway.url(EVENTS))
        tab.forget()
        await tab.tabs_to(f'button[formaction="{EVENTS}/{other}/accept"]')
        await tab.types(press)
        await tab.arrives_at(f"{EVENTS}/{other}/accept")
        assert gateway.alarm(2).accepted_by == NURSE


async def test_the_focus_is_seen_wherever_it_goes_and_the_navigation_can_be_skipped(
    gateway: Site, tmp_path: Path
) -> None:
    await gateway.activates("12")
    async with Firefox.start(tmp_path / "profile") as tab:
        await gateway.signs_in(tab, "nurse")
        for path in (BOARD, EVENTS, f"{EVENTS}/send", "/api/users/self", "/api/contacts"):
            await tab.go(gateway.url(f"{path}?refresh=0"))
            assert await tab.evaluate(RINGS) == [], path
        await tab.go(gateway.url(f"{BOARD}?refresh=0"))
        await tab.types(TAB)
        (skip,) = await tab.find(":focus")
        assert skip["value"]["attributes"]["href"] == "#content"
        await tab.types(ENTER + TAB)
        assert await tab.evaluate("document.querySelector('main').contains(document.activeElement)")
