"""Modems that know no PDUs: what text mode can do, it does as well as PDU mode."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from drivers.gsm.address import Address
from drivers.gsm.pdu import StatusReport
from drivers.gsm.reading import read_message
from drivers.gsm.simulated import Entry
from gatewayd.driver import Outcome
from gatewayd.model import PageState, TextReceived
from tests.drivers.gsm.site import ANNA, Site, page
from tests.drivers.gsm.test_receiving import parts

IN_TEXT = ("AT+CMGF=0",)
SETS = [IN_TEXT, (*IN_TEXT, 'AT+CSCS="UCS2"'), (*IN_TEXT, "AT+CSCS=*")]


async def test_long_texts_are_sent_as_several_messages() -> None:
    site = Site(modem={"refuses": IN_TEXT})
    await site.start()
    await site.sends(page("ä" * 100))
    assert [message.text for message in site.modem.sent] == ["ä" * 70, "ä" * 30]


@pytest.mark.parametrize("refuses", SETS, ids=len)
async def test_page_is_confirmed_when_the_reports_of_all_its_messages_are_there(refuses: tuple[str, ...]) -> None:
    site = Site(modem={"refuses": refuses})
    await site.start()
    receipt = await site.sends(page("x" * 100))
    await site.clock.advance(2)
    assert site.line.confirmed == [(receipt.reference, PageState.RECEIVED)]


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        ({}, (49, 167, 0, 8)),
        ({"delivery_reports": False}, (17, 167, 0, 8)),
        ({"validity": 3_600}, (49, 11, 0, 8)),
        ({"flash": True}, (49, 167, 0, 24)),
    ],
    ids=str,
)
async def test_reports_validity_and_flash_are_as_set(settings: dict[str, Any], parameters: tuple[int, ...]) -> None:
    site = Site(modem={"refuses": IN_TEXT}, **settings)
    await site.start()
    assert site.modem.state.parameters == parameters


@pytest.mark.parametrize("refuses", SETS, ids=len)
async def test_text_that_was_hours_on_its_way_answers_no_page(refuses: tuple[str, ...]) -> None:
    site = Site(modem={"refuses": refuses})
    time = datetime.fromtimestamp(site.clock.wall() - 7_300, UTC).replace(microsecond=0)
    (message,) = parts(ANNA, "OK")
    site.modem.state.memory[1] = Entry(replace(message, time=time))
    await site.start()
    assert site.line.texts == [(ANNA, "(sent 2023-11-14 20:11) OK")]


async def test_text_that_was_recorded_but_not_deleted_before_a_crash_is_known_by_its_reference() -> None:
    site = Site(modem={"refuses": (*IN_TEXT, "AT+CMGD=*")})
    await site.start()
    await site.modem.receives(ANNA, "OK")
    await site.clock.advance(1)
    await site.restart()
    first, second = (report.reference for report in site.line.reports if isinstance(report, TextReceived))
    assert first == second != ""


@pytest.mark.parametrize("refuses", SETS, ids=len)
async def test_empty_text_is_nobodys_ok_and_stops_nothing(refuses: tuple[str, ...]) -> None:
    site = Site(modem={"refuses": refuses})
    await site.start()
    await site.modem.receives(ANNA, "")
    await site.clock.advance(70)
    assert site.line.texts == [(ANNA, "")]
    assert site.modem.state.memory == {}
    assert (await site.sends()).outcome is Outcome.SENT


@pytest.mark.parametrize("refuses", SETS, ids=len)
async def test_empty_text_among_others_is_read_at_the_start(refuses: tuple[str, ...]) -> None:
    site = Site(modem={"refuses": refuses})
    for text in ("", "OK", ""):
        await site.modem.receives(ANNA, text)
    await site.start(within=130)
    assert site.line.texts == [(ANNA, ""), (ANNA, "OK"), (ANNA, "")]
    assert site.modem.state.memory == {}


@pytest.mark.parametrize("refuses", SETS, ids=len)
async def test_report_that_was_stored_before_the_start_is_read_and_deleted(refuses: tuple[str, ...]) -> None:
    site = Site(modem={"refuses": refuses})
    site.modem.state.memory[1] = Entry(StatusReport(7, Address.parse(ANNA), 0))
    await site.start(within=130)
    assert site.line.confirmed == [("7/1234567", PageState.RECEIVED)]
    assert (site.line.texts, site.modem.state.memory) == ([], {})


async def test_report_that_makes_no_sense_is_acknowledged_or_no_more_would_come() -> None:
    site = Site(modem={"refuses": (*IN_TEXT, "AT+CSMS=0"), "service_level": 1})
    await site.start()
    site.says("+CDS: nonsense\r\n")
    await site.clock.advance(1)
    assert site.wrote.count(b"AT+CNMA\r") == 1


@pytest.mark.parametrize("sender", ["+491701234567", "002B003400390031003700300031003200330034003500360037"])
def test_sender_may_be_plain_or_in_ucs2(sender: str) -> None:
    message = read_message(f'+CMGR: "REC UNREAD","{sender}",,"bad time"', "004F004B", "UCS2", text_mode=True)
    assert not isinstance(message, StatusReport)
    assert (str(message.sender), message.user_data.text, message.time) == (ANNA, "OK", None)


@pytest.mark.parametrize(
    ("shown", "time"),
    [
        ("26/01/02,03:04:05+04", datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)),
        ("26/01/02,03:04:05-08", datetime(2026, 1, 2, 5, 4, 5, tzinfo=UTC)),
        ("26/01/02,03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("26/13/02,03:04:05+00", None),
        ("26/01/02,03:04:05+99", None),
    ],
)
def test_time_is_read_with_its_zone(shown: str, time: datetime | None) -> None:
    message = read_message(f'+CMGR: "REC READ","{ANNA}",,"{shown}"', "x", "GSM", text_mode=True)
    assert not isinstance(message, StatusReport)
    assert message.time == time
