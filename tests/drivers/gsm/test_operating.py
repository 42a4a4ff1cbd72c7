"""Commands of a person: between the gateway's own, answered whole, and none that disturbs it unless that is meant."""

from __future__ import annotations

import asyncio

import pytest

from drivers.gsm.operating import LONGEST_ANSWER, check
from gatewayd.clock import settle
from gatewayd.driver import Outcome
from gatewayd.errors import Conflict, Invalid, LineDown
from tests.drivers.gsm.site import ANNA, Site, page


async def test_question_is_answered_with_all_that_was_said_and_its_result() -> None:
    site = Site()
    await site.start()
    assert await site.driver.command("AT+CSQ", 5, force=False) == ["+CSQ: 20,99", "OK"]
    assert await site.driver.command("AT+CGMM", 5, force=False) == ["Modem", "OK"]
    assert site.line.ups == 1


@pytest.mark.parametrize(
    "command", ["AT", "at+csq", "ATI", "ATI3", "ATS7?", "AT+CREG?", "AT+CPMS=?", "AT^SYSINFO", "AT+CEREG?", "AT$QCSQ?"]
)
def test_question_changes_nothing_and_is_taken(command: str) -> None:
    check(command, force=False)


@pytest.mark.parametrize(
    "command",
    [
        *("ATD112", "ATD112?", "ATA", "ATH", "ATZ", "AT&F", "AT&W", "ATE1", "ATO", "AT+CFUN=1,1", "AT+CFUN=0"),
        *("AT+CMGS=20", "AT+CMGF=1", "AT+CNMI=2,2", "AT+CMGD=1,4", "AT+CMGL=4", "AT+COPS=?", 'AT+CPIN="1234"'),
        *(
            "AT+CSQ;D112",
            "AT+CSQ;+CFUN=0",
            "AT+CREG?;+CFUN=0",
            "AT+CMGR=1",
            "AT+CNMA",
            "AT+IPR=9600",
            "AT^RESET",
            "AT&F?",
        ),
    ],
)
def test_command_that_may_disturb_is_refused_unless_it_is_forced(command: str) -> None:
    with pytest.raises(Invalid, match="--force"):
        check(command, force=False)
    check(command, force=True)


@pytest.mark.parametrize("command", ["", "HELLO", "AT\rATD112", "AT\x1a", "AT+CSQ\n", "ATÄ", "AT" + "X" * 300])
def test_what_is_no_command_is_refused_even_if_it_is_forced(command: str) -> None:
    with pytest.raises(Invalid, match="begins with AT"):
        check(command, force=True)


async def test_command_waits_for_the_message_under_way_and_goes_before_the_next() -> None:
    site = Site(modem={"send_time": 3})
    await site.start()
    first, second = await site.sending(page("ONE")), await site.sending(page("TWO", number=2))
    asked = asyncio.create_task(site.driver.command("AT+CSQ", 5, force=False))
    await site.clock.advance(2)
    assert not asked.done()
    await site.clock.advance(1.1)
    assert first.done()
    assert asked.result() == ["+CSQ: 20,99", "OK"]
    assert not second.done()
    await site.clock.advance(5)
    assert second.result().outcome is Outcome.SENT


async def test_modem_that_does_not_answer_a_command_is_said_to_and_called() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("dead")
    asked = asyncio.create_task(site.driver.command("AT+CSQ", 2, force=False))
    await site.clock.advance(2.1)
    assert asked.result() == ["no answer within 2 s"]
    site.modem.faults.repair("dead")
    await site.clock.advance(5)
    assert (await site.sends()).outcome is Outcome.SENT


async def test_command_that_cannot_be_given_in_time_is_not_given_later() -> None:
    site = Site(modem={"send_time": 50})
    await site.start()
    task = await site.sending()
    asked = asyncio.create_task(site.driver.command("AT+CSQ", 5, force=False))
    await site.clock.advance(36)
    with pytest.raises(Conflict, match="busy"):
        await asked
    before = site.wrote.count(b"AT+CSQ")
    await site.clock.advance(15)
    assert task.result().outcome is Outcome.SENT
    assert site.wrote.count(b"AT+CSQ") == before + 1  # the look at the network that was due


async def test_second_command_at_the_same_time_is_a_conflict() -> None:
    site = Site(modem={"latency": 1})
    await site.start(within=60)
    first = asyncio.create_task(site.driver.command("AT+CSQ", 5, force=False))
    await settle()
    with pytest.raises(Conflict):
        await site.driver.command("AT+CSQ", 5, force=False)
    await site.clock.advance(5)
    assert first.result()[-1] == "OK"


async def test_modem_is_initialised_anew_after_a_forced_command_whatever_that_did() -> None:
    site = Site()
    await site.start()
    assert await site.driver.command("AT+CMGF=1", 5, force=True) == ["OK"]
    await site.clock.advance(1)
    assert not site.modem.state.text_mode
    assert (await site.sends()).outcome is Outcome.SENT


async def test_prompt_that_a_forced_command_left_hanging_is_escaped() -> None:
    site = Site()
    await site.start()
    asked = asyncio.create_task(site.driver.command("AT+CMGS=20", 3, force=True))
    await site.clock.advance(10)
    assert asked.result() == ["no answer within 3 s"]
    assert (await site.sends()).outcome is Outcome.SENT
    assert [message.text for message in site.modem.sent] == ["FIRE 3"]


async def test_long_answer_is_cut_and_says_so() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("dead")
    asked = asyncio.create_task(site.driver.command("ATI", 5, force=False))
    await settle()
    site.says("\r\nlicence\r\n" * (LONGEST_ANSWER + 3) + "\r\nOK\r\n")
    await settle()
    answer = asked.result()
    assert answer[-2:] == ["... and 3 lines more", "OK"]
    assert len(answer) == LONGEST_ANSWER + 2


async def test_command_to_a_modem_that_is_lost_ends_with_it() -> None:
    site = Site()
    with pytest.raises(LineDown, match="not ready"):
        await site.driver.command("AT+CSQ", 5, force=False)
    await site.start()
    site.modem.faults.plan("dead")
    asked = asyncio.create_task(site.driver.command("AT+CSQ", 5, force=False))
    await settle()
    assert site.ends is not None
    site.ends[0].cut(OSError("unplugged"))
    with pytest.raises(LineDown, match="unplugged"):
        await asked


async def test_person_who_stops_waiting_leaves_the_line_as_it_was() -> None:
    site = Site(modem={"send_time": 3})
    await site.start()
    await site.sending()
    asked = asyncio.create_task(site.driver.command("AT+CGSN", 5, force=False))
    await settle()
    asked.cancel()
    await site.clock.advance(10)
    assert b"AT+CGSN" not in site.wrote
    assert (await site.sends(within=5)).outcome is Outcome.SENT
    await site.modem.expect(ANNA, "FIRE 3")
