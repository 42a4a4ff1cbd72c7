"""The modem's memory: nothing in it is lost, taken twice, or lets a page wait."""

from __future__ import annotations

import pytest

from drivers.gsm import recording
from drivers.gsm.protocol import MOST_CHORES
from drivers.gsm.session import COMPLAINT_GAP
from drivers.gsm.simulated import Entry
from gatewayd.driver import Outcome
from tests.drivers.gsm.site import ANNA, BERT, Site, page
from tests.drivers.gsm.test_receiving import parts


async def test_page_does_not_wait_until_a_full_memory_is_emptied() -> None:
    site = Site(modem={"stored": 30, "slow": {"AT+CMGD=*": 1.0}}, strangers_per_hour=0)
    await site.start()
    assert len(site.line.texts) == 30
    assert (await site.sends(within=MOST_CHORES + 0.5)).outcome is Outcome.SENT
    assert len(site.modem.state.memories["SM"]) > 20
    await site.clock.advance(40)
    assert site.modem.state.memories["SM"] == {}


async def test_flood_of_texts_lets_a_page_pass_after_a_few_of_them() -> None:
    site = Site(modem={"slow": {"AT+CMGR=*": 1.0}}, strangers_per_hour=0)
    await site.start()
    for number in range(20):
        await site.modem.receives(BERT, f"TEXT {number}")
    assert (await site.sends(within=MOST_CHORES + 1.5)).outcome is Outcome.SENT
    assert len(site.line.texts) < 5
    await site.clock.advance(30)
    assert len(site.line.texts) == 20


async def test_modem_that_complains_of_its_full_memory_without_end_is_heard_now_and_then() -> None:
    site = Site()
    await site.start()
    before = site.wrote.count(b"AT+CMGL")
    for _ in range(100):
        site.says('\r\n^SMMEMFULL: "ME"\r\n')
        await site.clock.advance(0.1)
    assert 2 <= site.wrote.count(b"AT+CMGL") - before <= 10 / COMPLAINT_GAP + 1
    assert (await site.sends()).outcome is Outcome.SENT


async def test_text_in_a_memory_that_cannot_be_chosen_does_not_cost_another_its_place() -> None:
    site = Site(modem={"refuses": ('AT+CPMS="SM"',)})
    await site.start()
    (message,) = parts(ANNA, "OK")
    site.modem.state.memories["ME"][1] = Entry(message)
    site.says('+CMTI: "SM",1\r\n')
    await site.clock.advance(1)
    assert site.line.texts == []
    assert b"AT+CMGD" not in site.wrote
    await site.clock.advance(300)
    assert site.line.texts == [(ANNA, "OK")]


async def test_text_that_cannot_be_deleted_is_taken_once_and_deleted_when_that_is_possible() -> None:
    site = Site(modem={"refuses": ("AT+CMGD=*",)})
    await site.start()
    await site.modem.receives(ANNA, "OK")
    await site.clock.advance(4_000)
    assert site.line.texts == [(ANNA, "OK")]
    assert site.wrote.count(b"AT+CMGD=1\r") > 10
    site.modem.state.settings = site.modem.settings.model_copy(update={"refuses": ()})
    await site.clock.advance(301)
    assert site.modem.state.memory == {}


async def test_place_that_is_empty_already_counts_as_deleted() -> None:
    site = Site()
    await site.start()
    site.line.disk_full = True
    await site.modem.receives(ANNA, "OK")
    await site.clock.advance(1)
    site.modem.state.memory.clear()  # somebody deleted it with a command of theirs
    site.line.disk_full = False
    await site.clock.advance(700)
    assert site.wrote.count(b"AT+CMGD=1\r") == 1


async def test_memory_without_a_single_place_is_not_chosen() -> None:
    site = Site(modem={"no_room": ("ME",)})
    await site.start()
    assert site.modem.state.arrivals == "SM"
    await site.modem.receives(ANNA, "OK")
    await site.clock.advance(1)
    assert site.line.texts == [(ANNA, "OK")]


@pytest.mark.parametrize("late", [False, True])
async def test_modem_that_stopped_passing_texts_on_is_told_to_go_on(late: bool) -> None:  # noqa: FBT001
    passing = {"refuses": ("AT+CNMI=2,1,*", "AT+CNMI=1,*", "AT+CSMS=0"), "service_level": 1}
    site = Site(modem=passing)
    await site.start()
    if late:  # the acknowledgement of a text comes when the network does not wait for it any more
        site.line.disk_full = True
        await site.modem.receives(ANNA, "OK")
        await site.clock.advance(1)
        site.modem.state.unacknowledged = 0
    site.modem.state.routing = (2, 0, 0, 0, 0)
    site.line.disk_full = False
    await site.clock.advance(2 if late else 21)
    assert site.modem.state.routing == (2, 2, 0, 1, 0)
    await site.modem.receives(BERT, "NO")
    await site.clock.advance(1)
    assert site.line.texts[-1] == (BERT, "NO")
    assert (await site.sends(page())).outcome is Outcome.SENT


async def test_text_for_which_there_is_no_room_stays_in_the_modem_and_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recording, "MAX_WAITING", 2)
    site = Site()
    await site.start()
    site.line.disk_full = True
    for number in range(5):
        await site.modem.receives(ANNA, f"TEXT {number}")
    await site.clock.advance(1)
    site.line.disk_full = False
    await site.clock.advance(2)
    assert len(site.modem.state.memory) == 2
    await site.clock.advance(301)
    assert sorted(text for _, text in site.line.texts) == [f"TEXT {number}" for number in range(5)]
    assert site.modem.state.memory == {}
