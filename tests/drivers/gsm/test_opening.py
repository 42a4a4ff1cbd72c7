"""The ladder from an open port to a modem that can be used, with the modems that refuse a step of it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from drivers.gsm.driver import GsmDriver
from drivers.gsm.pin import MEMORY_KEY, mark
from drivers.gsm.settings import GsmSettings
from gatewayd.driver import Outcome
from tests.drivers.gsm.site import ANNA, Site, page


async def works(site: Site) -> None:
    """Send one text and receive one."""
    assert (await site.sends(within=10)).outcome is Outcome.SENT
    await site.modem.expect(ANNA, "FIRE 3")
    await site.modem.receives(ANNA, "OK")
    await site.clock.advance(30)
    assert site.line.texts == [(ANNA, "OK")]


async def test_line_is_up_when_the_modem_is_initialised() -> None:
    site = Site()
    await site.start()
    assert site.line.ups == 1
    await works(site)


@pytest.mark.parametrize(
    "refuses",
    [
        ("AT",),
        ("AT", "ATV1", "AT+CMEE=1", "AT+CSMS*", "AT+CREG=0"),
        ("AT+CMEE=1",),
        ("AT+CSMS=*",),
        ("ATE0",),
        ("AT+CGMI", "AT+CGMM"),
        ("AT+CPIN*",),
        ("AT+CSCA*", "AT+CPMS=?"),
        ("AT+CPMS*",),
        ("AT+CNMI=2,1,0,1,0", "AT+CNMI=2,1,0,2,0"),
        ("AT+CNMI*",),
        ("AT+CNMI[?]",),
        ("AT+CREG*", "AT+CGREG*"),
        ("AT+CREG*", "AT+CEREG*", "AT+CGREG*", "AT+CSQ"),
        ("AT+CMMS*",),
        ("AT+CMGF=0",),
        ("AT+CMGF=0", 'AT+CSCS="UCS2"'),
        ("AT+CMGF=*",),
    ],
    ids=str,
)
async def test_modem_that_refuses_something_works_all_the_same(refuses: tuple[str, ...]) -> None:
    site = Site(modem={"refuses": refuses})
    await site.start()
    assert site.line.ups == 1
    await works(site)


@pytest.mark.parametrize(
    "modem",
    [
        {"empty_is_error": True},
        {"storages": ("SM",)},
        {"storages": ("MT",)},
        {"storages": ("XX",)},
        {"service_level": 1},
        {"faults": {"unsolicited": 100}},
        {"faults": {"same-reference": 1}},
        {"latency": 1.2},
        {"slow": {"AT+CPIN[?]": 9.0}},
        {"slow": {"AT+CMGL=*": 25.0}},
        {"slow": {"AT+CSCA[?]": 4.0, "AT+CREG[?]": 3.0}},
    ],
    ids=str,
)
async def test_modem_with_habits_of_its_own_works_all_the_same(modem: dict[str, Any]) -> None:
    site = Site(modem=modem)
    await site.start(within=60)
    assert site.line.ups == 1
    await works(site)


async def test_modem_that_repeats_one_reference_gets_no_false_confirmations() -> None:
    site = Site(modem={"faults": {"same-reference": 1, "no-report": 4}})
    await site.start()
    for number in range(5):
        assert (await site.sends(page(number=number))).outcome is Outcome.SENT
    await site.clock.advance(5)
    assert site.line.counts["delivery_reports"] == 1
    assert site.line.confirmed == []


async def test_modem_is_woken_from_a_text_that_somebody_else_began() -> None:
    site = Site()
    await site.start()
    site.says("")
    assert site.ends is not None
    site.ends[0].write(b"AT+CMGS=20\r0011")
    await site.clock.advance(1)
    await site.restart()
    assert site.line.ups == 2
    assert site.modem.state.submitted == 0


async def test_silent_port_is_line_down_in_seconds() -> None:
    site = Site(modem={"faults": {"dead": 1}})
    await site.start(within=6)
    assert site.line.ups == 0
    assert site.down() == "the modem did not answer AT 6 times; next: have the modem reboot itself"


async def test_line_is_up_without_a_network_after_a_minute_and_the_fault_stands() -> None:
    site = Site(modem={"faults": {"no-network": 1}})
    await site.start(within=59)
    assert site.line.ups == 0
    await site.clock.advance(3)
    assert site.line.ups == 1
    assert site.line.faults == ["network: not registered (searching)"]


async def test_modem_that_says_ok_and_does_otherwise_is_given_the_next_routing() -> None:
    site = Site(modem={"faults": {"lies": 1}})
    await site.start()
    assert site.modem.state.routing == (2, 1, 0, 2, 0)
    await works(site)


async def test_answers_of_a_slow_modem_are_not_taken_for_those_of_later_commands() -> None:
    site = Site(modem={"latency": 1.2})
    await site.start(within=60)
    assert site.wrote.count(b"AT+CNMI=") == 1
    assert site.wrote.count(b"AT+CPMS=") == 4
    assert site.modem.state.routing == (2, 1, 0, 1, 0)


# --- PIN -------------------------------------------------------------------------------------------------------------


async def test_pin_is_entered_when_it_is_safe_and_forgotten_when_it_was_right() -> None:
    site = Site(modem={"pin": "4711"}, pin="4711")
    await site.start()
    assert site.line.ups == 1
    assert site.line.memory.kept == {}


@pytest.mark.parametrize("counts", [True, False])
async def test_wrong_pin_is_tried_once_whatever_happens_afterwards(counts: bool) -> None:  # noqa: FBT001
    site = Site(modem={"pin": "4711", "counts_tries": counts}, pin="1234")
    for _ in range(4):
        await site.start()
        assert "1234" not in site.down()
    assert site.modem.state.tries == 2
    assert MEMORY_KEY in site.line.memory.kept


async def test_corrected_pin_is_tried_again() -> None:
    site = Site(modem={"pin": "4711", "counts_tries": False}, pin="1234")
    await site.start()
    assert site.down() == "the SIM did not take its PIN (+CME ERROR: 16); it is not tried again"
    site.driver = GsmDriver(site.line, GsmSettings(port="/dev/memory", pin=SecretStr("4711")), site._open)
    await site.start()
    assert site.line.ups == 1


async def test_pin_is_tried_again_when_the_modem_counts_all_its_tries() -> None:
    site = Site(modem={"pin": "4711"}, pin="4711")
    await site.line.memory.save({MEMORY_KEY: mark("4711")})  # the box stopped before it was entered
    await site.start()
    assert site.line.ups == 1


async def test_wrong_pin_is_not_tried_again_though_the_modem_miscounts_its_tries() -> None:
    site = Site(modem={"pin": "4711"}, pin="1234")
    for _ in range(4):
        site.modem.state.tries = 3
        await site.start()
        assert "not tried again" in site.down()
    assert site.wrote.count(b"1234") == 0
    assert site.modem.state.tries == 3


async def test_pin_is_not_entered_when_it_could_be_the_last_try() -> None:
    site = Site(modem={"pin": "4711"}, pin="4711")
    site.modem.state.tries = 1
    await site.start()
    assert "only 1 tries are left" in site.down()
    assert site.modem.state.tries == 1


async def test_pin_is_not_entered_while_that_cannot_be_recorded() -> None:
    site = Site(modem={"pin": "4711"}, pin="4711")
    site.line.memory.full = True
    await site.start()
    assert "recorded" in site.down()
    assert b"4711" not in site.wrote


@pytest.mark.parametrize(("tries", "words"), [(3, "set pin"), (0, "SIM PUK")])
async def test_locked_sim_says_what_it_wants(tries: int, words: str) -> None:
    site = Site(modem={"pin": "4711"})
    site.modem.state.tries = tries
    await site.start()
    assert words in site.down()


@pytest.mark.parametrize(
    ("error", "times", "up"), [("+CME ERROR: 14", 20, True), ("+CME ERROR: 10", 2, True), ("+CME ERROR: 10", 9, False)]
)
async def test_sim_that_is_busy_or_slow_is_waited_for(error: str, times: int, up: bool) -> None:  # noqa: FBT001
    site = Site()
    site.modem.state.excuses.extend([error] * times)
    await site.start(within=40)
    assert site.line.ups == up
    if not up:
        assert site.down() == "the SIM cannot be used: +CME ERROR: 10 (no SIM); next: have the modem reboot itself"


async def test_sim_that_was_too_busy_for_its_pin_gets_it_again_as_long_as_all_tries_are_left() -> None:
    site = Site(modem={"pin": "4711", "slow": {"AT+CPIN=*": 2.0}}, pin="4711")
    await site.start()
    site.says("\r\n+CME ERROR: 14\r\n")
    site.modem.state.unlocked = False
    await site.clock.advance(0.5)
    assert site.down() == "the SIM was too busy to take its PIN"
    site.modem.state.unlocked, site.modem.state.tries = False, 3
    await site.start(within=5)
    assert site.line.ups == 1


async def test_modem_is_told_not_to_speak_of_its_network_by_itself() -> None:
    site = Site()
    await site.start()
    assert site.wrote.count(b"AT+CREG=0\r") == 1


async def test_no_command_is_given_while_answers_to_earlier_calls_may_follow() -> None:
    site = Site(modem={"latency": 1.2})
    await site.start(within=60)
    calls = site.wrote.split(b"ATE0")[0].count(b"AT\r") + site.wrote.split(b"ATE0")[0].count(b"ATV1Q0\r")
    assert site.modem.state.interruptions == calls - 1
