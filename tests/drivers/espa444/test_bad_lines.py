"""Lines that lose and turn bytes over: what was acknowledged is recorded, and nothing else is."""

import random
from typing import Any

import pytest

from gatewayd.driver import Outcome, Progress
from gatewayd.transport.memory import Wire, drop_every, flip_bits
from tests.drivers.espa444.conftest import Site

PATIENT: dict[str, Any] = {"attempts": 40, "retry_after": 1, "ack_timeout": 1}
POLLED = {"control": False, "own": "2", "peer": "1"}
TEXTS = [f"CALL {number}" for number in range(8)]


def bad(seed: int) -> Wire:
    """Return a wire that turns over a bit in one byte of a hundred, or loses every 67th byte."""
    return Wire(alter=drop_every(67) if seed == 0 else flip_bits(random.Random(seed), 0.01))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("polled", [False, True])
async def test_every_call_on_a_bad_line_is_recorded_and_none_is_invented(site: Site, seed: int, polled: bool) -> None:  # noqa: FBT001
    options = PATIENT | (POLLED if polled else {})
    panel = await site.panel(bad(seed), options=options, control=polled or None, ack_timeout=1)
    for text in TEXTS:
        await site.finish(site.start(panel.activate("2001", text)), seconds=600)
    assert [alarm.text for alarm in site.gateway.alarms if alarm.text in TEXTS] == TEXTS
    assert {alarm.text for alarm in site.gateway.alarms} == set(TEXTS)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("polled", [False, True])
async def test_page_that_is_said_to_be_sent_has_arrived(site: Site, seed: int, polled: bool) -> None:  # noqa: FBT001
    options = {"ack_timeout": 1} | ({"control": True, "own": "1", "peer": "2"} if polled else {})
    pager = await site.pager(bad(seed), options=options, control=not polled, ack_timeout=1)
    for text in TEXTS:
        while (await site.sends(text)).outcome is not Outcome.SENT:
            pass
        assert text in [call.text for call in pager.calls]
    assert {call.text for call in pager.calls} == set(TEXTS)


@pytest.mark.parametrize("seed", range(4))
async def test_word_of_a_call_gets_through_on_a_bad_line(site: Site, seed: int) -> None:
    panel = await site.panel(bad(seed), options=PATIENT, ack_timeout=1)
    await site.finish(site.start(panel.activate("2001", "FIRE ZONE 3")), seconds=600)
    site.tells(Progress.ACCEPTED)
    await site.until(lambda: [status.get("7") for status in panel.statuses] == ["6"], seconds=120)
