"""Health is proof of work: a modem that is silent, stuck, forgetful or without a network is found, told and mended."""

from __future__ import annotations

import pytest

from drivers.gsm.ladder import Ladder, Step
from gatewayd.driver import Outcome
from tests.drivers.gsm.site import ANNA, Site, page


async def test_silent_modem_is_noticed_without_a_page_within_half_a_minute() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("dead")
    await site.clock.advance(32)
    assert "did not answer" in site.down()
    assert site.wrote.endswith(b"AT+CFUN=1,1\r")


async def test_modem_that_dies_under_a_page_is_line_down_and_the_page_unknown() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("dead")
    task = await site.sending()
    await site.clock.advance(12)
    assert task.result().outcome is Outcome.FAILED
    assert "did not answer" in site.down()


async def test_steps_become_harder_and_the_power_is_cut_at_last_and_seldom() -> None:
    site = Site(modem={"faults": {"dead": 1}}, power_command=("/bin/true",), power_every=600)
    reasons = []
    for _ in range(20):
        await site.start(within=30)
        reasons.append(site.down().partition("next: ")[2])
        site.modem.faults.plan("dead")
    steps = [Step(reason) for reason in reasons]
    assert steps[:5] == [Step.RESTART, Step.REOPEN, Step.REOPEN, Step.POWER, Step.REOPEN]
    assert steps.count(Step.POWER) == len(site.powered) == 1
    assert steps.count(Step.RESTART) == 1


def test_ladder_gives_a_rebooting_modem_its_time_and_begins_anew_when_it_is_well() -> None:
    ladder = Ladder(100, has_power=True)
    assert ladder.next_step(0) is Step.RESTART
    assert [ladder.next_step(now) for now in (10, 20, 30)] == [Step.REOPEN] * 3
    assert ladder.next_step(61) is Step.POWER
    ladder.answers()
    assert ladder.next_step(200) is Step.REOPEN
    assert ladder.next_step(600) is Step.RESTART


def test_ladder_goes_on_with_a_modem_that_answers_and_sends_nothing_until_it_sends() -> None:
    ladder = Ladder(100, has_power=True)
    steps = []
    for now in (0, 100, 200, 300):
        steps.append(ladder.next_step(now, useless=True))
        ladder.answers()
    assert steps == [Step.RESTART, Step.REOPEN, Step.REOPEN, Step.POWER]
    ladder.works()
    assert ladder.next_step(450) is Step.REOPEN


def test_modem_searches_its_network_twice_as_long_each_time_until_it_is_restarted_for_that() -> None:
    ladder = Ladder(100, has_power=False)
    restarted = [now for now in range(0, 60_000, 20) if ladder.searched_enough(now, registered=False)]
    assert restarted == [600, 1_800, 4_200, 9_000, 18_600, 33_000, 47_400]
    assert not ladder.searched_enough(60_000, registered=True)
    assert not ladder.searched_enough(60_010, registered=False)
    assert ladder.searched_enough(60_610, registered=False)


def test_ladder_without_a_power_command_reopens_for_ever() -> None:
    ladder = Ladder(1, has_power=False)
    assert {ladder.next_step(now) for now in range(1, 599)} == {Step.RESTART, Step.REOPEN}


async def test_modem_that_refuses_everything_is_restarted() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("stuck", 3)
    for number in range(3):
        assert (await site.sends(page(number=number))).outcome is Outcome.FAILED
    assert "3 messages in a row failed: +CMS ERROR: 500" in site.down()
    assert site.wrote.endswith(b"AT+CFUN=1,1\r")


@pytest.mark.parametrize(
    ("fault", "outcome", "takes"), [("no-prompt", Outcome.FAILED, 6), ("drop", Outcome.UNKNOWN, 61)]
)
async def test_modem_that_answers_everything_but_messages_is_a_fault_and_is_restarted(
    fault: str, outcome: Outcome, takes: float
) -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan(fault, 3)
    for number in range(3):
        assert site.running is not None
        assert not site.running.done()
        assert (await site.sends(page(number=number), within=takes)).outcome is outcome
    await site.clock.advance(3)
    assert site.down() == "3 messages in a row failed: no answer; next: have the modem reboot itself"
    assert site.line.faults == ["modem: 3 messages in a row were not taken: no answer to a message"]
    await site.start()
    await site.sends()
    await site.clock.advance(0)
    assert site.line.faults == []


async def test_pages_that_are_withdrawn_do_not_count_against_the_modem() -> None:
    site = Site()
    await site.start()
    for number in range(5):
        site.modem.faults.plan("no-prompt")
        task = await site.sending(page(number=number))
        task.cancel()
        await site.clock.advance(8)
    assert (await site.sends()).outcome is Outcome.SENT
    assert (site.line.ups, site.line.faults) == (1, [])


async def test_network_that_takes_nothing_is_a_fault_though_the_modem_is_registered() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("nak", 3)
    for number in range(3):
        assert site.line.faults == []
        await site.sends(page(number=number))
        await site.clock.advance(0)
    words = "3 messages in a row were not taken: +CMS ERROR: 38 (network out of order)"
    assert (site.line.faults, site.line.weakness) == ([f"modem: {words}"], words)
    await site.sends()
    await site.clock.advance(0)
    assert (site.line.faults, site.line.weakness) == ([], "")


async def test_sim_for_which_every_number_is_refused_is_a_fault_and_one_wrong_number_is_none() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("refuse", 5)
    for number in (ANNA, ANNA, ANNA, "+4917111", "+4917222"):
        assert site.line.faults == []
        assert (await site.sends(page(address=number))).outcome is Outcome.REFUSED
        await site.clock.advance(0)
    assert site.line.faults == ["modem: 3 numbers in a row are refused: +CMS ERROR: 1 (unassigned number)"]


@pytest.mark.parametrize("fault", ["nak", "refuse"])
async def test_only_failures_in_a_row_are_a_fault(fault: str) -> None:
    site = Site()
    await site.start()
    for number in range(6):
        site.modem.faults.plan(fault, number % 3 and 1)
        await site.sends(page(address=f"+491701111{number}"))
    await site.clock.advance(0)
    assert site.line.faults == []


async def test_trouble_is_given_another_chance_after_a_while_for_only_work_shows_that_it_is_over() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("sim-failure")
    await site.sends()
    await site.clock.advance(590)
    assert site.line.weakness == "+CMS ERROR: 313 (SIM failure)"
    await site.clock.advance(30)
    assert site.line.weakness == ""
    assert site.line.faults == ["modem: +CMS ERROR: 313 (SIM failure)"]


async def test_modem_that_finds_no_network_is_restarted_after_ten_minutes() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("no-network")
    await site.clock.advance(600)
    assert site.running is not None
    assert not site.running.done()
    await site.clock.advance(45)
    assert site.down() == "network: not registered (searching); next: have the modem reboot itself"
    assert site.wrote.endswith(b"AT+CFUN=1,1\r")


@pytest.mark.parametrize("pin", ["", "4711"])
async def test_modem_that_restarts_by_itself_without_losing_its_port_is_set_up_again(pin: str) -> None:
    site = Site(modem={"pin": pin}, pin=pin)
    await site.start()
    site.modem.state.reboot()
    assert not pin or not site.modem.state.unlocked
    await site.clock.advance(25)
    assert (site.modem.state.routing, site.modem.state.unlocked) == ((2, 1, 0, 1, 0), True)
    await site.modem.receives(ANNA, "OK")
    await site.clock.advance(1)
    assert site.line.texts == [(ANNA, "OK")]
    assert (await site.sends()).outcome is Outcome.SENT
    assert site.running is not None
    assert not site.running.done()


async def test_modem_that_cannot_say_why_it_refuses_is_let_use_either_network_once() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("stuck", 2)
    for number in range(3):
        await site.sends(page(number=number))
    assert site.wrote.count(b"AT+CGSMS=3\r") == 1
    site.modem.faults.plan("nak", 2)
    await site.sends()
    assert site.wrote.count(b"AT+CGSMS=3\r") == 1


async def test_wrong_numbers_do_not_restart_the_modem() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("refuse", 10)
    for number in range(10):
        assert (await site.sends(page(number=number))).outcome is Outcome.REFUSED
    assert site.line.ups == 1
    assert site.running is not None
    assert not site.running.done()
