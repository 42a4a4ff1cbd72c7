"""Health is proof of work: silence, lost networks and stuck modems are found, told, mended and cleared."""

from __future__ import annotations

import pytest

from drivers.gsm.coverage import Coverage
from drivers.gsm.events import CoverageSeen
from drivers.gsm.guard import MAX_SENDERS, Guard
from drivers.gsm.ladder import Ladder, Step
from drivers.gsm.selftest import SelfTest
from drivers.gsm.throttle import Throttle
from gatewayd.driver import Outcome
from gatewayd.errors import LineDown
from gatewayd.model import AlarmActivated, AlarmReset
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


async def test_lost_network_is_a_fault_after_its_grace_and_pages_fail_meanwhile() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("no-network")
    await site.clock.advance(25)
    assert site.line.faults == []
    receipt = await site.sends()
    assert (receipt.outcome, receipt.detail) == (Outcome.FAILED, "network: not registered (searching)")
    assert receipt.retry_after == 10
    await site.clock.advance(61)
    assert site.line.faults == ["network: not registered (searching)"]
    site.modem.faults.repair("no-network")
    await site.clock.advance(21)
    assert site.line.faults == []
    assert (await site.sends()).outcome is Outcome.SENT


async def test_weak_signal_is_a_fault_but_pages_are_sent() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("weak")
    await site.clock.advance(90)
    assert site.line.faults == ["network: signal 3 of 31 is weak"]
    assert (await site.sends()).outcome is Outcome.SENT


async def test_fault_is_told_again_until_it_is_on_disk() -> None:
    site = Site()
    await site.start()
    site.line.disk_full = True
    site.modem.faults.plan("no-network")
    await site.clock.advance(120)
    site.line.disk_full = False
    await site.clock.advance(2)
    assert site.line.faults == ["network: not registered (searching)"]


def test_coverage_does_not_flutter_and_clears_what_stood_before_a_restart() -> None:
    coverage = Coverage(60, 5)

    def look(signal: int | None, now: float, registered: bool = True) -> str:  # noqa: FBT001, FBT002
        report = coverage.see(CoverageSeen(registered, signal, ""), now)
        if report is not None:
            coverage.told(fault=isinstance(report, AlarmActivated))
        return type(report).__name__

    assert look(20, 0) == AlarmReset.__name__
    assert [look(4, 1), look(20, 30), look(4, 31), look(4, 90)] == ["NoneType"] * 4
    assert look(4, 91) == AlarmActivated.__name__
    assert [look(5, 92), look(6, 93)] == ["NoneType"] * 2
    assert look(7, 94) == AlarmReset.__name__
    assert look(None, 95) == "NoneType"


async def test_sim_that_fails_is_a_fault_until_a_message_is_sent() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("sim-failure", 2)
    await site.sends()
    await site.sends()
    await site.clock.advance(0)
    assert site.line.faults == ["modem: +CMS ERROR: 313 (SIM failure)"]
    await site.sends()
    await site.clock.advance(0)
    assert site.line.faults == []


async def test_self_test_that_comes_back_is_remembered_and_shown_to_nobody() -> None:
    own = "+491510000000"
    site = Site(modem={"own_number": own}, own_number=own, selftest_every=7_200, check_every=60)
    await site.start()
    await site.clock.advance(130)
    assert [message.number for message in site.modem.sent] == [own]
    assert (site.line.texts, site.line.faults) == ([], [])
    assert site.line.memory.kept["selftest"] == pytest.approx(site.clock.wall(), abs=130)
    await site.clock.advance(7_300)
    assert len(site.modem.sent) == 2


async def test_self_test_that_does_not_come_back_is_a_fault_until_one_does() -> None:
    site = Site(modem={"own_number": "+49151999"}, own_number="+491510000000", selftest_every=86_400)
    await site.start()
    await site.clock.advance(720)
    assert site.line.faults == ["self-test: no message came back within 600 s"]
    site.modem.settings = site.modem.settings.model_copy(update={"own_number": "+491510000000"})
    await site.clock.advance(3_700)
    assert site.line.faults == []


async def test_self_test_that_comes_back_too_late_is_no_text_for_a_person() -> None:
    own = "+491510000000"
    site = Site(own_number=own, selftest_every=86_400)
    await site.start()
    await site.modem.receives(own, "gatewayd self-test 1700000000")
    await site.modem.receives(own, "gatewayd self-test failed, says the technician")
    await site.modem.receives(ANNA, "gatewayd self-test 1700000000")
    await site.clock.advance(1)
    assert site.line.texts == [
        (own, "gatewayd self-test failed, says the technician"),
        (ANNA, "gatewayd self-test 1700000000"),
    ]
    assert site.modem.state.memory == {}


def test_self_test_is_not_repeated_at_every_restart() -> None:
    test = SelfTest(86_400, ANNA)
    test.start(last=1_000.0, wall=2_000.0, now=0)
    assert test.text_due(85_000) == ""
    assert test.text_due(85_400) != ""


def test_throttle_counts_parts_within_a_minute() -> None:
    throttle = Throttle(3)
    throttle.book(2, 0)
    assert throttle.wait(1) == 0
    throttle.book(2, 10)
    assert throttle.wait(20) == 40
    assert throttle.wait(60) == 0
    assert Throttle(0).wait(0) == 0


def test_guard_remembers_a_bounded_number_of_senders() -> None:
    guard = Guard(5)
    for number in range(MAX_SENDERS + 50):
        guard.objection(f"+49{number}", "hello", 0)
        guard.paged(f"+49{number}", 0)
    assert len(guard._recent) == len(guard._known) == MAX_SENDERS


async def test_stopped_line_ends_what_is_under_way() -> None:
    site = Site(modem={"send_time": 10})
    await site.start()
    task = await site.sending()
    assert site.running is not None
    site.running.cancel()
    await site.clock.advance(6)
    assert task.result().outcome is Outcome.UNKNOWN
    with pytest.raises(LineDown, match="not ready"):
        await site.driver.send(page())


async def test_line_without_network_or_signal_asks_to_be_spared_at_once_and_no_longer_than_that() -> None:
    site = Site()
    await site.start()
    assert site.line.weakness == ""
    for fault, reason in (("no-network", "not registered (searching)"), ("weak", "signal 3 of 31 is weak")):
        site.modem.faults.plan(fault)
        await site.clock.advance(21)
        assert (site.line.weakness, site.line.faults) == (reason, [])
        site.modem.faults.repair(fault)
        await site.clock.advance(21)
        assert site.line.weakness == ""


async def test_line_whose_sim_fails_asks_to_be_spared_until_a_message_is_sent() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("sim-failure")
    await site.sends()
    assert site.line.weakness == "+CMS ERROR: 313 (SIM failure)"
    await site.clock.advance(60)
    assert site.line.weakness != ""
    await site.sends()
    assert site.line.weakness == ""


async def test_sim_that_has_sent_all_that_it_may_says_for_how_long() -> None:
    site = Site(per_minute=2)
    await site.start()
    assert site.driver.held_back() == 0
    await site.sends(page("x" * 200))
    await site.clock.advance(20)
    assert site.driver.held_back() == 40
