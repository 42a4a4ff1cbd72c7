"""Texts that come while nothing can be stored: each takes effect, none leaves the SIM before it is on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayd.errors import NotDurable
from gatewayd.model import Recorded, TextReceived
from tests.drivers.gsm.site import ANNA, BERT, Site

if TYPE_CHECKING:
    import pytest

    from gatewayd.model import Report


async def test_texts_take_effect_one_after_the_other_and_stay_in_the_modem_until_they_are_on_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Site()
    await site.start()
    took: dict[str, None] = {}
    is_down = True

    async def report(what: Report) -> Recorded:
        assert isinstance(what, TextReceived)
        took[what.sender] = None
        if is_down:
            raise NotDurable("not on disk")
        return Recorded.NOTED

    monkeypatch.setattr(site.line, "report", report)
    await site.modem.receives(ANNA, "OK #1")
    await site.modem.receives(BERT, "OK #2")
    await site.clock.advance(5)
    assert list(took) == [ANNA, BERT]
    assert len(site.modem.state.memory) == 2
    is_down = False
    await site.clock.advance(5)
    assert site.modem.state.memory == {}
