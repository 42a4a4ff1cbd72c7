"""Health: lost networks, weak signals and failing SIMs are told, spared and cleared; a self-test proves both ways."""

from __future__ import annotations

import pytest

from drivers.gsm.coverage import Coverage
from drivers.gsm.events import CoverageSeen
from drivers.gsm.selftest import SelfTest
from drivers.gsm.throttle import Throttle
from gatewayd.driver import Outcome
from gatewayd.errors import LineDown
from gatewayd.model import AlarmActivated, AlarmReset
from tests.drivers.gsm.site import ANNA, Site, page


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


async def test_network_that_is_back_is_noticed_within_seconds() -> None:
    site = Site(check_every=60)
    await site.start()
    site.modem.faults.plan("no-network")
    await site.clock.advance(60)
    assert site.line.weakness == "not registered (searching)"
    site.modem.faults.repair("no-network")
    await site.clock.advance(6)
    assert site.line.weakness == ""


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


async def test_another_text_is_no_self_test_that_came_back() -> None:
    site = Site(own_number="+491510000000", selftest_every=86_400, modem={"own_number": "+49151999"})
    await site.start()
    await site.clock.advance(130)
    await site.modem.receives(ANNA, "OK #1")
    await site.clock.advance(590)
    assert site.line.texts == [(ANNA, "OK #1")]
    assert site.line.faults == ["self-test: no message came back within 600 s"]
