"""Calls that are texts for the recipient that they dial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.clock import settle
from gatewayd.driver import Progress
from gatewayd.model import TextReceived
from tests.drivers.espa444.followed import FIRE, told

if TYPE_CHECKING:
    from tests.drivers.espa444.conftest import Site


async def test_call_may_be_a_text_for_the_recipient_that_it_dials(site: Site) -> None:
    panel = await site.panel(calls="text")
    await site.finish(site.start(panel.activate("2001", FIRE, "1")))
    await site.finish(site.start(panel.activate("2001", FIRE, "1")))
    first, second = site.gateway.texts
    assert isinstance(first, TextReceived)
    assert (first.text, first.recipient, first.priority) == (FIRE, "2001", 1)
    assert first.reference != second.reference
    site.tells(Progress.ACCEPTED, key=second.reference)
    await site.until(lambda: told(panel) == ["6"])


async def test_texts_that_come_at_one_moment_are_texts_of_their_own(site: Site) -> None:
    panel = await site.panel(calls="text", options={"poll_interval": 0})
    for _ in range(3):
        call = site.start(panel.activate("2001", FIRE))
        await settle()
        assert call.done()
    assert len({text.reference for text in site.gateway.texts}) == 3


async def test_text_that_a_kill_left_unanswered_is_known_again_once_and_no_other_is(site: Site) -> None:
    panel = await site.panel(calls="text")
    await site.finish(site.start(panel.activate("2001", FIRE)))
    (first,) = site.gateway.texts
    await site.clock.advance(1)
    await site.restart()
    panel = await site.panel(calls="text")
    for address in ("2001", "2002", "2001"):
        await site.finish(site.start(panel.activate(address, FIRE)))
    again, other, later = site.gateway.texts
    assert again.reference == first.reference
    assert len({first.reference, other.reference, later.reference}) == 3


async def test_same_text_after_the_line_was_down_is_a_text_of_its_own(site: Site) -> None:
    panel = await site.panel(calls="text")
    await site.finish(site.start(panel.activate("2001", FIRE)))
    assert site.wire is not None
    site.wire.cut(None)
    await site.clock.advance(1)
    panel = await site.reconnect()
    await site.finish(site.start(panel.activate("2001", FIRE)))
    first, second = site.gateway.texts
    assert first.reference != second.reference


async def test_text_from_long_before_a_restart_is_no_reason_to_know_one_again(site: Site) -> None:
    panel = await site.panel(calls="text")
    await site.finish(site.start(panel.activate("2001", FIRE)))
    (first,) = site.gateway.texts
    await site.restart()
    site.clock.time += 40
    panel = await site.panel(calls="text")
    await site.finish(site.start(panel.activate("2001", FIRE)))
    assert site.gateway.texts[0].reference != first.reference


async def test_cancelled_text_says_so(site: Site) -> None:
    panel = await site.panel(calls="text")
    await site.finish(site.start(panel.reset("2001", FIRE)))
    assert [text.text for text in site.gateway.texts] == [f"RESET {FIRE}"]


async def test_key_of_a_call_is_short_enough_to_be_told_of(site: Site) -> None:
    panel = await site.panel()
    await site.finish(site.start(panel.activate("2001", "x" * 400)))
    key = site.gateway.alarms[0].key
    assert len(key) <= 200
    site.tells(Progress.ACCEPTED, key=key)
    await site.until(lambda: told(panel) == ["6"])
