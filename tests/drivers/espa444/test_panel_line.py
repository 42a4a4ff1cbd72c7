import pytest

from drivers.espa444.simulator import SimulatedPager
from gatewayd.clock import settle
from gatewayd.driver import Outcome
from gatewayd.errors import LineDown
from gatewayd.model import AlarmReset, Answer, PageAnswered, PageConfirmed, PageState, Priority
from gatewayd.transport.memory import Wire
from tests.drivers.espa444.conftest import Site, espa, page

WIRES = [Wire(), Wire(chunk=1), Wire(chunk=3, delay=0.01)]


@pytest.mark.parametrize("wire", WIRES)
async def test_page_becomes_a_call_of_the_transmitter(site: Site, wire: Wire) -> None:
    pager = await site.pager(wire, beep="3", transmissions="2")
    receipt = await site.sends("FIRE 3")
    assert receipt.outcome is Outcome.SENT
    (call,) = pager.calls
    assert [(record.id, record.data) for record in call.block.records] == [
        ("1", "2001"),
        ("2", "FIRE 3"),
        ("3", "3"),
        ("4", "3"),
        ("5", "2"),
        ("6", "1"),
    ]


async def test_tone_of_a_page_is_its_beep_coding(site: Site) -> None:
    pager = await site.pager(beep="3")
    await site.sends(tone="7")
    await site.sends(tone="chime")
    assert [call.block.get("3") for call in pager.calls] == ["7", "3"]


async def test_tones_have_names_where_the_line_gives_them(site: Site) -> None:
    pager = await site.pager(beep="3", beeps={"chime": "4", "7": "9"})
    for tone in ("chime", "7", "6", "gong"):
        await site.sends(tone=tone)
    assert [call.block.get("3") for call in pager.calls] == ["4", "9", "6", "3"]


@pytest.mark.parametrize(("priority", "code"), [(Priority.HIGH, "2"), (Priority.NORMAL, "3"), (Priority.LOW, "3")])
async def test_priority_of_a_page_is_the_code_of_the_line(site: Site, priority: Priority, code: str) -> None:
    pager = await site.pager()
    await site.sends(priority=priority)
    assert pager.calls[0].priority == code


@pytest.mark.parametrize(
    ("fault", "times", "outcome"),
    [
        ("nak", 1, Outcome.SENT),
        ("nak", 3, Outcome.FAILED),
        ("busy", 1, Outcome.FAILED),
        ("invalid", 1, Outcome.REFUSED),
        ("drop", 1, Outcome.SENT),
        ("drop", 3, Outcome.UNKNOWN),
        ("garble", 1, Outcome.SENT),
        ("late", 3, Outcome.UNKNOWN),
    ],
)
@pytest.mark.parametrize("wire", WIRES)
async def test_receipt_says_what_is_known(site: Site, fault: str, times: int, outcome: Outcome, wire: Wire) -> None:
    pager = await site.pager(wire, options={"late_by": 30})
    pager.faults.plan(fault, times)
    assert (await site.sends()).outcome is outcome
    assert len(pager.calls) <= 1


@pytest.mark.parametrize("control", [True, False])
@pytest.mark.parametrize(
    ("faults", "counted"),
    [
        ({}, (1, 0, 0)),
        ({"nak": 1}, (1, 1, 1)),
        ({"nak": 3}, (1, 2, 3)),
        ({"drop": 1}, (1, 1, 0)),
        ({"invalid": 1}, (1, 0, 1)),
    ],
)
async def test_blocks_what_was_repeated_of_them_and_refused_are_counted(
    site: Site, faults: dict[str, int], counted: tuple[int, int, int], *, control: bool
) -> None:
    polls = {"control": True, "own": "1", "peer": "2"}
    await site.pager(options={"faults": faults} | ({} if control else polls), control=control)
    await site.sends()
    counts = site.gateway.counts
    assert tuple(counts.get(what, 0) for what in ("frames", "retries", "naks")) == counted


async def test_select_that_is_repeated_is_counted(site: Site) -> None:
    pager = await site.pager(self_poll="absent", options={"self_poll": "absent"})
    pager.faults.plan("dead")
    await site.sends()
    assert site.gateway.counts.get("retries") == 2
    assert "frames" not in site.gateway.counts


async def test_busy_transmitter_says_when_to_come_back(site: Site) -> None:
    pager = await site.pager(retry_busy_after=7)
    pager.faults.plan("busy")
    assert (await site.sends()).retry_after == 7
    assert (await site.sends()).outcome is Outcome.SENT


async def test_dead_transmitter_never_got_the_page(site: Site) -> None:
    pager = await site.pager()
    pager.faults.plan("dead")
    assert (await site.sends()).outcome is Outcome.FAILED


@pytest.mark.parametrize("address", ["", "12345678901234567", "12\x0334", "höhe"])
async def test_address_that_the_line_cannot_carry_is_refused_and_never_bent(site: Site, address: str) -> None:
    pager = await site.pager()
    assert (await site.sends(address=address)).outcome is Outcome.REFUSED
    assert pager.calls == []


async def test_text_is_made_fit_for_the_line(site: Site) -> None:
    pager = await site.pager(longest_text=20)
    await site.sends("Tür\x03 auf\n\x1eÜbergröße 5€ und mehr")
    assert pager.calls[0].text == "Tuer auf Uebergroess"


async def test_umlauts_reach_a_pager_with_german_characters(site: Site) -> None:
    pager = await site.pager(options={"encoding": "din66003"}, encoding="din66003")
    await site.sends("Tür [3] öffnen")
    assert pager.calls[0].text == "Tür (3) öffnen"
    assert b"T}r (3) |ffnen" in site.said


async def test_utf8_is_cut_between_characters(site: Site) -> None:
    pager = await site.pager(
        options={"encoding": "utf-8"}, encoding="utf-8", bytesize=8, parity="none", stopbits=1, longest_text=8
    )
    await site.sends("xÜberhöhung")
    assert pager.calls[0].text == "xÜberh"


@pytest.mark.parametrize("quirks", [[], ["eot-after-ack"]])
async def test_burst_of_pages_goes_out_in_one_turn_where_the_line_holds_it(site: Site, quirks: list[str]) -> None:
    pager = await site.pager(options={"quirks": quirks}, hold_turn=0.05, poll_interval=0)
    for number in range(5):
        assert (await site.sends(f"FIRE {number}")).outcome is Outcome.SENT
    assert [call.text for call in pager.calls] == [f"FIRE {number}" for number in range(5)]
    selects = site.said.count(b"1\x052\x05")
    assert selects == (1 if not quirks else 5)


# --- taken back -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", [0.005, 0.015, 0.025, 0.035, 0.05])
async def test_page_that_is_taken_back_is_not_repeated_and_the_next_one_goes_out(site: Site, moment: float) -> None:
    pager = await site.pager(Wire(delay=0.01), poll_interval=0)
    pager.faults.plan("drop")
    sending = site.start(site.driver.send(page("TAKEN BACK")))
    await site.clock.advance(moment)
    sending.cancel()
    await settle()
    assert sending.cancelled()
    receipt = await site.sends("NEXT")
    assert receipt.outcome is Outcome.SENT
    assert site.said.count(b"TAKEN BACK") <= 1
    assert [call.text for call in pager.calls][-1] == "NEXT"
    assert site.said.endswith(b"\x04")


# --- the line ---------------------------------------------------------------------------------------------------------


async def test_line_is_up_when_the_transmitter_has_answered(site: Site) -> None:
    pager = SimulatedPager(site.clock)
    pager.faults.plan("dead")
    await site.join(pager.adapter, None, espa(role="panel"))
    site.start(pager.serve())
    await site.clock.advance(5)
    assert not site.gateway.is_up
    pager.faults.repair("dead")
    await site.clock.advance(5)
    assert site.gateway.is_up


async def test_line_that_polls_nobody_is_up_at_once(site: Site) -> None:
    await site.pager(poll_interval=0)
    assert site.gateway.is_up
    assert site.said == b""


async def test_silent_transmitter_is_a_fault_until_it_answers(site: Site) -> None:
    pager = await site.pager()
    await site.clock.advance(5)
    pager.faults.plan("dead")
    await site.clock.advance(32)
    assert [fault.key for fault in site.gateway.faults] == ["link-silent"]
    assert site.gateway.weakness == "nothing was heard from ESPA station 2 for 30 s"
    pager.faults.repair("dead")
    await site.clock.advance(5)
    assert site.gateway.resets == [AlarmReset("link-silent")]
    assert site.gateway.weakness == ""


async def test_page_on_a_line_that_is_not_open_is_not_sent(site: Site) -> None:
    await site.pager()
    site.tasks[0].cancel()
    await settle()
    with pytest.raises(LineDown):
        await site.driver.send(page())


async def test_line_lost_under_a_page_ends_both(site: Site) -> None:
    pager = await site.pager()
    pager.faults.plan("drop")
    sending = site.start(site.driver.send(page()))
    await site.clock.advance(1)
    assert site.wire is not None
    site.wire.cut(None)
    for task in (sending, site.tasks[0]):
        with pytest.raises(LineDown):
            await site.finish(task)


# --- status -----------------------------------------------------------------------------------------------------------


async def test_acknowledgement_on_the_pager_answers_the_page(site: Site) -> None:
    pager = await site.pager()
    first = await site.sends("FIRE 3")
    await site.sends("FIRE 4")
    pager.acknowledge(pager.calls[0])
    await site.until(lambda: bool(site.gateway.reports))
    assert site.gateway.reports == [PageAnswered(first.reference, Answer.ACCEPT)]


async def test_acknowledgement_without_text_answers_the_newest_page_of_its_address(site: Site) -> None:
    pager = await site.pager()
    await site.sends("FIRE 3")
    newest = await site.sends("FIRE 4")
    pager.queue_status({"1": "2001", "7": "6"})
    await site.until(lambda: bool(site.gateway.reports))
    assert site.gateway.reports == [PageAnswered(newest.reference, Answer.ACCEPT)]


async def test_acknowledgement_answers_the_page_with_the_same_beep(site: Site) -> None:
    pager = await site.pager()
    first = await site.sends("FIRE 3", tone="3")
    await site.sends("FIRE 4", tone="4")
    pager.queue_status({"1": "2001", "3": "3", "7": "6"})
    await site.until(lambda: bool(site.gateway.reports))
    assert site.gateway.reports == [PageAnswered(first.reference, Answer.ACCEPT)]


@pytest.mark.parametrize(
    ("value", "state"),
    [
        ("1", PageState.FAILED),
        ("2", PageState.SENT),
        ("3", PageState.SENT),
        ("4", PageState.FAILED),
        ("5", PageState.SENT),
        ("7", PageState.READ),
        ("71", PageState.SENT),
        ("72", PageState.FAILED),
        ("31", PageState.SENT),
    ],
)
async def test_call_status_confirms_the_page(site: Site, value: str, state: PageState) -> None:
    pager = await site.pager()
    receipt = await site.sends()
    pager.return_status(pager.calls[0], value)
    await site.until(lambda: bool(site.gateway.reports))
    (report,) = site.gateway.reports
    assert isinstance(report, PageConfirmed)
    assert (report.reference, report.state) == (receipt.reference, state)
    assert value in report.detail


async def test_status_is_acknowledged_only_when_it_is_on_disk(site: Site) -> None:
    pager = await site.pager()
    await site.sends()
    site.gateway.store_is_free.clear()
    pager.acknowledge(pager.calls[0])
    await site.clock.advance(5)
    assert site.said.endswith(b"\x06")  # the answer to the transmitter's select
    before = len(site.said)
    site.gateway.store_is_free.set()
    await settle()
    assert site.said[before:] == b"\x06"


async def test_status_that_could_not_be_recorded_comes_again(site: Site) -> None:
    pager = await site.pager()
    await site.sends()
    site.gateway.failures = 1
    pager.acknowledge(pager.calls[0])
    await site.until(lambda: bool(site.gateway.reports))
    assert b"2\x15" in site.said
    assert len(site.gateway.reports) == 1


async def test_pages_go_out_while_the_store_is_slow(site: Site) -> None:
    pager = await site.pager()
    await site.sends("FIRST")
    site.gateway.store_is_free.clear()
    pager.acknowledge(pager.calls[0])
    await site.clock.advance(2)
    assert (await site.sends("SECOND")).outcome is Outcome.SENT


async def test_failure_of_the_transmitter_is_a_fault_until_it_is_well(site: Site) -> None:
    pager = await site.pager()
    pager.queue_status({"8": "1"})
    await site.until(lambda: bool(site.gateway.faults))
    assert site.gateway.faults[0].key == "system-status"
    pager.queue_status({"8": "0"})
    await site.until(lambda: bool(site.gateway.resets))
    assert site.gateway.resets[0].key == "system-status"


async def test_fault_indication_of_a_call_is_a_fault_and_fails_the_page(site: Site) -> None:
    pager = await site.pager()
    receipt = await site.sends()
    pager.return_status(pager.calls[0], "8")
    await site.until(lambda: len(site.gateway.reports) > 1)
    assert site.gateway.faults[0].address == "2001"
    confirmed = site.gateway.reports[1]
    assert isinstance(confirmed, PageConfirmed)
    assert (confirmed.reference, confirmed.state) == (receipt.reference, PageState.FAILED)


async def test_simulated_pager_answers_by_itself_when_told_to(site: Site) -> None:
    pager = await site.pager(options={"answer": "6"})
    sending = site.start(site.driver.send(page("HELP ROOM 7")))
    call = await site.finish(site.start(pager.expect("ROOM 7")))
    receipt = await site.finish(sending)
    await site.until(lambda: bool(site.gateway.reports))
    assert call.address == "2001"
    assert site.gateway.reports == [PageAnswered(receipt.reference, Answer.ACCEPT)]
