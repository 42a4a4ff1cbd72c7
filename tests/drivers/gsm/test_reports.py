"""Delivery reports find their page: after restarts, after references have wrapped around, and never a wrong one."""

from __future__ import annotations

import pytest

from drivers.gsm.address import Address
from drivers.gsm.driver import GsmDriver
from drivers.gsm.pdu import StatusReport
from drivers.gsm.settings import GsmSettings
from drivers.gsm.tracking import LATE, MAX_REMEMBERED, PREFIX, Tracker
from gatewayd.model import PageState
from tests.drivers.gsm.site import ANNA, BERT, Site, page

DELIVERED, FAILED, PENDING = 0x00, 0x46, 0x21
LONG = "x" * 400


def report(reference: int, number: str = ANNA, status: int = DELIVERED) -> StatusReport:
    return StatusReport(reference, Address.parse(number), status)


async def reports(site: Site, reference: int, status: int = DELIVERED) -> None:
    """Let the network report on one part."""
    tpdu = report(reference, status=status).to_bytes()
    site.says(f"+CDS: {len(tpdu)}\r\n00{tpdu.hex().upper()}\r\n")
    await site.clock.advance(1.1)


async def restarted(site: Site) -> None:
    """Start the box anew: only what is on disk is known."""
    site.driver = GsmDriver(site.line, GsmSettings(port="/dev/memory"), site._open)
    await site.restart()


async def test_short_message_is_confirmed_by_its_report() -> None:
    site = Site()
    await site.start()
    receipt = await site.sends()
    assert site.line.confirmed == []
    await site.clock.advance(1)
    assert site.line.confirmed == [(receipt.reference, PageState.RECEIVED)]


async def test_report_that_is_faster_than_the_answer_of_the_modem_is_not_lost() -> None:
    site = Site(modem={"send_time": 5, "reports": False})
    await site.start()
    task = await site.sending()
    await reports(site, 1)
    await site.clock.advance(3)
    assert site.line.confirmed == []
    await site.clock.advance(3)
    assert site.line.confirmed == [(task.result().reference, PageState.RECEIVED)]


@pytest.mark.parametrize("send_time", [0, 1, 2.5])
async def test_simulated_network_reports_behind_its_answer(send_time: float) -> None:
    site = Site(modem={"send_time": send_time})
    await site.start()
    receipt = await site.sends(page(LONG), within=8)
    await site.clock.advance(3)
    assert site.line.confirmed == [(receipt.reference, PageState.RECEIVED)]


async def test_long_message_is_confirmed_once_when_all_parts_are() -> None:
    site = Site()
    await site.start()
    receipt = await site.sends(page("x" * 400))
    await site.clock.advance(1)
    assert receipt.reference == "1-2-3/1234567"
    assert site.line.confirmed == [(receipt.reference, PageState.RECEIVED)]


async def test_long_message_fails_when_one_part_does() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("failed-report")
    receipt = await site.sends(page("x" * 400))
    await site.clock.advance(1)
    assert site.line.confirmed == [(receipt.reference, PageState.FAILED)]


async def test_long_message_of_which_a_report_is_missing_is_not_confirmed() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("no-report")
    await site.sends(page("x" * 400))
    await site.clock.advance(10)
    assert site.line.confirmed == []


async def test_report_after_a_restart_of_the_box_still_confirms_a_short_message() -> None:
    site = Site(modem={"report_after": 20})
    await site.start()
    receipt = await site.sends()
    site.driver = GsmDriver(site.line, GsmSettings(port="/dev/memory"), site._open)
    adapter = site.modem._adapter
    await site.restart()
    assert adapter is not None
    site.says("+CDS: 25\r\n" + "0006010C919471103254761110117195514011101171957140" + "00\r\n")
    await site.clock.advance(2)
    assert site.line.confirmed == [(receipt.reference, PageState.RECEIVED)]


@pytest.mark.parametrize("before", [0, 1, 2])
async def test_long_message_is_confirmed_though_the_box_restarts_between_its_reports(before: int) -> None:
    site = Site(modem={"reports": False})
    await site.start()
    receipt = await site.sends(page(LONG))
    for reference in (1, 2, 3)[:before]:
        await reports(site, reference)
    await restarted(site)
    for reference in (1, 2, 3)[before:]:
        assert site.line.confirmed == []
        await reports(site, reference)
    assert site.line.confirmed == [(receipt.reference, PageState.RECEIVED)]
    assert site.line.memory.kept == {}


async def test_long_message_of_which_a_part_fails_after_the_restart_fails() -> None:
    site = Site(modem={"reports": False})
    await site.start()
    receipt = await site.sends(page(LONG))
    await restarted(site)
    await reports(site, 2, PENDING)
    assert site.line.confirmed == []
    await reports(site, 2, FAILED)
    await reports(site, 1)
    assert site.line.confirmed == [(receipt.reference, PageState.FAILED)]


async def test_report_stays_with_the_modem_until_it_is_on_disk() -> None:
    site = Site(modem={"reports": False, "refuses": ("AT+CNMI=2,1,0,1,0",)})
    await site.start()
    await site.sends(page(LONG))
    index = site.modem.state.store(report(1))
    site.line.memory.full = True
    site.says(f'+CDSI: "ME",{index}\r\n')
    await site.clock.advance(5)
    assert len(site.modem.state.memory) == 1
    site.line.memory.full = False
    await site.clock.advance(2)
    assert site.modem.state.memory == {}
    assert site.line.memory.kept["long/1-2-3/1234567"][1] == [2, 3]


async def test_short_messages_cost_no_memory() -> None:
    site = Site()
    await site.start()
    for number in range(5):
        await site.sends(page(number=number))
    await site.clock.advance(2)
    assert site.line.memory.kept == {}


def sent(tracker: Tracker, ref: str, references: list[int], number: str = ANNA, now: float = 0) -> str:
    for reference in references:
        tracker.part_sent(ref, number, reference, now)
    return tracker.settled(ref, number, tuple(references), sent=True)


def test_newest_message_owns_a_reference_that_came_again() -> None:
    tracker = Tracker()
    older = sent(tracker, "1", [8, 7])
    newer = sent(tracker, "2", [8])
    confirmed = tracker.reported(report(8))
    assert confirmed is not None
    assert confirmed.reference == newer != older
    assert tracker.reported(report(7)) is None  # the older one can never be complete


def test_older_message_whose_reference_came_again_is_forgotten_on_disk() -> None:
    tracker = Tracker()
    sent(tracker, "1", [7, 8])
    first = tracker.changes()
    sent(tracker, "2", [8])
    assert list(first) == list(tracker.changes())
    assert tracker.changes() == {}


def test_same_reference_of_another_number_is_another_message() -> None:
    tracker = Tracker()
    own, other = sent(tracker, "1", [7, 8]), sent(tracker, "2", [7, 8], BERT)
    assert tracker.reported(report(7, BERT)) is None
    confirmed = tracker.reported(report(8, BERT))
    assert confirmed is not None
    assert confirmed.reference == other != own


def test_numbers_are_compared_by_their_tail_for_networks_write_them_differently() -> None:
    tracker = Tracker()
    own = sent(tracker, "1", [7])
    confirmed = tracker.reported(report(7, "0170" + ANNA[-7:]))
    assert confirmed is not None
    assert confirmed.reference == own


def test_message_that_was_half_reported_goes_on_where_it_was() -> None:
    before, after = Tracker(), Tracker()
    reference = sent(before, "1", [255, 0, 1])
    memory = before.changes()
    before.reported(report(0))
    memory |= before.changes()
    after.load(memory, 100)
    assert after.reported(report(255)) is None
    confirmed = after.reported(report(1))
    assert confirmed is not None
    assert (confirmed.reference, confirmed.state) == (reference, PageState.RECEIVED)
    assert after.changes()[PREFIX + reference] is None


@pytest.mark.parametrize("validity", [3_600.0, 345_600.0])
def test_message_is_forgotten_at_the_start_when_no_report_can_come_any_more(validity: float) -> None:
    before, after, much_later = (Tracker(validity) for _ in range(3))
    sent(before, "1", [1, 2])
    memory = before.changes()
    after.load(memory, validity + LATE - 1)
    assert after.changes() == {}
    much_later.load(memory, validity + LATE + 1)
    assert much_later.changes() == dict.fromkeys(memory)


def test_what_is_remembered_of_long_messages_is_bounded() -> None:
    tracker, memory = Tracker(), dict[str, object]()
    for number in range(MAX_REMEMBERED + 20):
        sent(tracker, str(number), [1, 2], f"+49170{number:07}")
        memory |= tracker.changes()
    assert len([value for value in memory.values() if value is not None]) == MAX_REMEMBERED
    assert memory[f"{PREFIX}1-2/0000000"] is None


def test_modem_that_knows_one_reference_names_no_page() -> None:
    tracker = Tracker()
    assert [sent(tracker, str(number), [9]) for number in range(5)] == ["9/1234567", *[""] * 4]
    assert tracker.reported(report(9)) is None
    assert tracker.reported(report(9, BERT)) is None


def test_reference_is_forgotten_when_no_report_can_come_any_more() -> None:
    tracker = Tracker(validity=600.0)
    tracker.part_sent("1", ANNA, 7, 0.0)
    tracker.part_sent("2", ANNA, 8, 600.0 + LATE - 1)
    assert tracker.knows(report(7))
    tracker.part_sent("3", ANNA, 9, 600.0 + LATE)
    assert not tracker.knows(report(7))
    assert tracker.knows(report(8))


def test_report_with_a_damaged_number_means_nobody_where_it_could_mean_two() -> None:
    tracker = Tracker()
    own, _, other = sent(tracker, "1", [8]), sent(tracker, "2", [9]), sent(tracker, "3", [8], BERT)
    damaged = report(8, "12")
    found = tracker.reported(damaged)
    assert found is not None
    assert found.reference not in {own, other}
    assert tracker.knows(report(8))
    assert tracker.knows(report(8, BERT))
