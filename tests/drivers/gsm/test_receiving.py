"""Receiving: what people write reaches the gateway once, and leaves the modem only when it is on disk."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from drivers.gsm.address import ALPHANUMERIC, Address
from drivers.gsm.pdu import Deliver, Submit
from drivers.gsm.session import HEED
from drivers.gsm.simulated import Entry
from drivers.gsm.userdata import split
from gatewayd.driver import Outcome
from gatewayd.model import TextReceived
from tests.drivers.gsm.site import ANNA, BERT, Site, page


def parts(sender: str, text: str) -> list[Deliver]:
    return [Deliver(Address.parse(sender), part) for part in split(text, 9, 77).parts]


async def test_text_is_reported_with_its_sender_and_deleted() -> None:
    site = Site()
    await site.start()
    await site.modem.receives(ANNA, "OK #12")
    await site.clock.advance(0)
    (report,) = (report for report in site.line.reports if isinstance(report, TextReceived))
    assert (report.sender, report.text, report.recipient) == (ANNA, "OK #12", "")
    assert site.modem.state.memory == {}


@pytest.mark.parametrize("text", ["Ja", "€[]", "да 🔥", "x" * 500, "ж" * 200], ids=lambda text: text[:6])
async def test_text_of_any_kind_and_length_comes_in_one_piece(text: str) -> None:
    site = Site()
    await site.start()
    await site.modem.receives(ANNA, text)
    await site.clock.advance(0)
    assert site.line.texts == [(ANNA, text)]
    assert site.modem.state.memory == {}


async def test_text_of_a_name_is_passed_on() -> None:
    site = Site()
    await site.start()
    await site.modem.receives("Megafon", "your bill")
    await site.clock.advance(0)
    assert site.line.texts == [("Megafon", "your bill")]


async def test_name_of_a_sender_brings_no_line_of_its_own_into_a_log(caplog: pytest.LogCaptureFixture) -> None:
    site = Site(strangers_per_hour=1)
    await site.start()
    for _ in range(2):
        site.modem._deliver(Deliver(Address("A\r\nline up", ALPHANUMERIC), parts(ANNA, "hello")[0].user_data))
        await site.clock.advance(1)
    assert site.line.texts == [("A  line up", "hello")]
    assert "a text of A  line up is held back" in caplog.text


async def test_text_stays_in_the_modem_until_it_is_on_disk() -> None:
    site = Site()
    await site.start()
    site.line.disk_full = True
    await site.modem.receives(ANNA, "OK")
    await site.clock.advance(400)
    assert len(site.modem.state.memory) == 1
    site.line.disk_full = False
    await site.clock.advance(2)
    assert site.line.texts == [(ANNA, "OK")]
    assert site.modem.state.memory == {}


async def test_page_is_sent_while_the_disk_takes_no_texts() -> None:
    site = Site()
    await site.start()
    site.line.disk_full = True
    await site.modem.receives(ANNA, "OK")
    assert (await site.sends(within=HEED)).outcome is Outcome.SENT


async def test_text_that_came_while_the_box_was_off_is_read_at_the_start() -> None:
    site = Site()
    await site.modem.receives(ANNA, "OK")
    await site.modem.receives(BERT, "NO")
    await site.start()
    assert site.line.texts == [(ANNA, "OK"), (BERT, "NO")]
    assert site.modem.state.memory == {}


@pytest.mark.parametrize(
    ("text", "age", "passed_on"),
    [
        ("OK", 7_100, "OK"),  # an hour may be a mistake in the network's summer time
        ("OK", 7_300, "(sent 2023-11-14 20:11) OK"),
        ("1", 86_400, "(sent 2023-11-13 22:13) 1"),
        ("OK #4711", 86_400, "OK #4711"),
        ("#4", 86_400, "#4"),
        ("JA 4711", 86_400, "JA 4711"),
        ("OK", -86_400, "OK"),  # the clock of the box, or that of the network, is wrong
    ],
)
async def test_text_that_was_hours_on_its_way_answers_no_page_that_it_does_not_name(
    text: str, age: float, passed_on: str
) -> None:
    site = Site()
    time = datetime.fromtimestamp(site.clock.wall() - age, UTC).replace(microsecond=0)
    (message,) = parts(ANNA, text)
    site.modem.state.memory[1] = Entry(replace(message, time=time))
    await site.start()
    assert site.line.texts == [(ANNA, passed_on)]


async def test_text_that_a_modem_stored_elsewhere_before_the_box_was_up_is_read_and_deleted_there() -> None:
    site = Site()
    await site.modem.receives(ANNA, "OK")
    assert list(site.modem.state.memories["SM"]) == [1]
    await site.start()
    assert site.modem.state.arrivals == "ME"
    assert site.line.texts == [(ANNA, "OK")]
    assert site.modem.state.memories["SM"] == {}
    await site.modem.receives(ANNA, "NO")
    await site.clock.advance(1)
    assert site.line.texts[1:] == [(ANNA, "NO")]


async def test_text_that_was_not_recorded_before_a_restart_is_read_again() -> None:
    site = Site()
    await site.start()
    site.line.disk_full = True
    await site.modem.receives(ANNA, "OK")
    await site.clock.advance(1)
    site.line.disk_full = False
    await site.restart()
    assert site.line.texts == [(ANNA, "OK")]


async def test_text_that_was_recorded_but_not_deleted_before_a_crash_is_known_by_its_reference() -> None:
    site = Site(modem={"refuses": ("AT+CMGD=*",)})
    await site.start()
    await site.modem.receives(ANNA, "OK " + "x" * 200)
    await site.clock.advance(1)
    await site.restart()
    await site.modem.receives(ANNA, "OK " + "x" * 200)
    await site.clock.advance(1)
    references = [report.reference for report in site.line.reports if isinstance(report, TextReceived)]
    assert len(references) == 3
    assert references[0] == references[1] != ""
    assert references[2] != references[0]


async def test_text_whose_announcement_was_lost_is_found_by_the_sweep() -> None:
    site = Site()
    await site.start()
    (message,) = parts(ANNA, "OK")
    site.modem.state.memory[7] = Entry(message)
    await site.clock.advance(299)
    assert site.line.texts == []
    await site.clock.advance(2)
    assert site.line.texts == [(ANNA, "OK")]


async def test_text_between_a_command_and_its_result_is_heard() -> None:
    site = Site(modem={"send_time": 5})
    await site.start()
    task = await site.sending()
    await site.modem.receives(BERT, "OK")
    await site.clock.advance(6)
    assert task.result().outcome is Outcome.SENT
    assert site.line.texts == [(BERT, "OK")]


async def test_answer_that_has_come_is_read_before_the_next_page_goes() -> None:
    site = Site(modem={"send_time": 5})
    await site.start()
    first, second = await site.sending(page("ONE")), await site.sending(page("TWO"))
    await site.modem.receives(ANNA, "OK")
    await site.clock.advance(5)
    assert first.done()
    assert not second.done()
    assert site.line.texts == [(ANNA, "OK")]


async def test_full_memory_is_emptied_and_what_the_network_held_comes_too() -> None:
    site = Site(modem={"capacity": 3})
    for number in range(5):
        await site.modem.receives(ANNA, f"TEXT {number}")
    await site.start()
    assert len(site.line.texts) == 3
    site.modem.makes_room()
    await site.clock.advance(1)
    assert [text for _, text in site.line.texts] == [f"TEXT {number}" for number in range(5)]


async def test_memory_that_is_full_at_the_start_is_emptied_and_takes_new_texts() -> None:
    site = Site(modem={"stored": 30, "capacity": 30}, strangers_per_hour=0)
    await site.start()
    assert [text.partition(") ")[2] or text for _, text in site.line.texts] == [f"OLD TEXT {n}" for n in range(1, 31)]
    await site.modem.receives(ANNA, "OK")
    await site.clock.advance(1)
    assert site.line.texts[-1] == (ANNA, "OK")
    assert site.modem.state.memory == {}


async def test_modem_that_passes_texts_on_gets_its_acknowledgement_after_the_disk() -> None:
    site = Site(
        modem={"refuses": ("AT+CNMI=2,1,*", "AT+CNMI=1,*", "AT+CSMS=0"), "service_level": 1},
    )
    await site.start()
    site.line.disk_full = True
    await site.modem.receives(ANNA, "OK")
    await site.clock.advance(2)
    assert b"CNMA" not in site.wrote
    site.line.disk_full = False
    await site.clock.advance(2)
    assert site.line.texts == [(ANNA, "OK")]
    assert site.wrote.count(b"AT+CNMA\r") == 1
    assert site.modem.state.unacknowledged == 0


async def test_text_that_waits_for_the_disk_is_not_found_again_by_the_sweep() -> None:
    site = Site(sweep_every=60)
    await site.modem.receives(ANNA, "OK")
    site.line.disk_full = True
    await site.start()
    await site.clock.advance(200)
    site.line.disk_full = False
    await site.clock.advance(5)
    assert site.line.texts == [(ANNA, "OK")]


async def test_memory_is_looked_at_when_the_modem_says_that_it_is_full() -> None:
    site = Site()
    await site.start()
    (message,) = parts(ANNA, "OK")
    site.modem.state.memory[1] = Entry(message)
    site.modem.faults.plan("full")
    assert (await site.sends()).outcome is Outcome.FAILED
    assert site.line.texts == [(ANNA, "OK")]


async def test_draft_that_somebody_left_is_deleted_and_shown_to_nobody() -> None:
    site = Site()
    (part,) = split("draft", 1, 1).parts
    site.modem.state.memory[1] = Entry(Submit(Address.parse(ANNA), part))
    await site.start()
    assert (site.line.texts, site.modem.state.memory) == ([], {})


async def test_modem_that_announces_nothing_is_asked() -> None:
    site = Site(modem={"refuses": ("AT+CNMI=*",)})
    await site.start()
    await site.modem.receives(ANNA, "OK")
    await site.clock.advance(11)
    assert site.line.texts == [(ANNA, "OK")]


async def test_stored_reports_are_read_and_deleted() -> None:
    site = Site(modem={"refuses": ("AT+CNMI=2,1,0,1,0",)})
    await site.start()
    receipt = await site.sends()
    await site.clock.advance(2)
    assert [reference for reference, _ in site.line.confirmed] == [receipt.reference]
    assert site.modem.state.memory == {}


async def test_text_that_cannot_be_read_goes_to_a_person_and_is_counted() -> None:
    site = Site()
    await site.start()
    site.says("+CMT: ,20\r\n00FF\r\n")
    await site.clock.advance(0)
    ((sender, text),) = site.line.texts
    assert sender == "unknown"
    assert "00FF" in text
    assert site.line.counts["unreadable"] == 1


async def test_text_whose_place_is_empty_is_forgotten() -> None:
    site = Site()
    await site.start()
    site.says('+CMTI: "ME",9\r\n')
    await site.clock.advance(1)
    await site.modem.receives(ANNA, "OK")
    await site.clock.advance(1)
    assert site.line.texts == [(ANNA, "OK")]


async def test_announcement_in_another_memory_is_read_there() -> None:
    site = Site()
    await site.start()
    (message,) = parts(ANNA, "OK")
    site.modem.state.memories["SM"][4] = Entry(message)
    site.says('+CMTI: "SM",4\r\n')
    await site.clock.advance(1)
    assert b'AT+CPMS="SM"\rAT+CMGR=4\rAT+CMGD=4\r' in site.wrote
    assert site.line.texts == [(ANNA, "OK")]
