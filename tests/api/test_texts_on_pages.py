"""Texts on pages: what is open comes first, long ones do not bury the next one, hostile ones are harmless."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gatewayd.model import AlarmActivated
from tests.engine.conftest import NURSE

if TYPE_CHECKING:
    from tests.api.conftest import Gateway

ACTIVE, EVENTS = "/api/alarms/active", "/api/users/self/events"


async def test_what_nobody_accepted_stands_above_what_somebody_has(gateway: Gateway) -> None:
    for key, text in (("1", "FIRST"), ("2", "SECOND"), ("3", "THIRD")):
        await gateway.engine.report("ward-panel", AlarmActivated(key, text, key))
    browser = await gateway.opens_browser("nurse")
    await gateway.accepts(NURSE, 3)
    order = re.compile("FIRST</a>|SECOND</a>|THIRD</a>")
    assert order.findall((await browser.page(ACTIVE)).text) == ["SECOND</a>", "FIRST</a>", "THIRD</a>"]
    sorted_page = await browser.page(f"{ACTIVE}?orderby=active_time+desc,id+desc")
    assert order.findall(sorted_page.text) == ["THIRD</a>", "SECOND</a>", "FIRST</a>"]


async def test_a_long_text_is_cut_in_lists_and_whole_on_its_own_page(gateway: Gateway) -> None:
    text = "Sturz " + "im Bad " * 100 + "LAST WORD"
    await gateway.engine.report("ward-panel", AlarmActivated("1", text, "1"))
    browser = await gateway.opens_browser("nurse")
    for path in (ACTIVE, EVENTS):
        page = (await browser.page(path)).text
        assert "LAST WORD" not in page
        assert re.search(r"(im|Bad) …", page)
        assert 'class="more">whole text' in page
        assert text in (await browser.page(f"{path}/1")).text
    await gateway.engine.report("ward-panel", AlarmActivated("2", "x" * 200, "1"))
    assert "x" * 200 + "</a>" in (await browser.page(ACTIVE)).text


async def test_nothing_in_a_text_turns_its_digits_round_or_moves_a_terminal(gateway: Gateway) -> None:
    await gateway.engine.report("ward-panel", AlarmActivated("1", "ROOM \u202e21\u202c \x1b[2J\x9b", "1\u202e"))
    browser = await gateway.opens_browser("nurse")
    for path in (ACTIVE, EVENTS, f"{ACTIVE}/1", f"{EVENTS}/1"):
        page = (await browser.page(path)).text
        assert "ROOM \ufffd21" in page, path
        assert not set("\u202e\x1b\x9b") & set(page), path
