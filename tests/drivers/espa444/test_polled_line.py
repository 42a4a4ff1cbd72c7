"""The gateway calls transmitters that poll it, and asks for status that does not come by itself."""

import pytest

from drivers.espa444.calls import REMEMBERED_CALLS
from drivers.espa444.simulator import SimulatedPager
from gatewayd.clock import settle
from gatewayd.driver import Outcome
from gatewayd.model import Answer, PageAnswered, PageConfirmed, PageState, TextReceived
from gatewayd.transport.memory import Wire
from tests.drivers.espa444.conftest import Site, page

POLLING = {"control": True, "own": "1", "peer": "2"}
WIRES = [Wire(), Wire(chunk=1), Wire(chunk=3, delay=0.01)]


async def polling_pager(site: Site, wire: Wire | None = None, **settings: object) -> SimulatedPager:
    return await site.pager(wire, options=POLLING, control=False, **settings)


@pytest.mark.parametrize("wire", WIRES)
async def test_page_leaves_with_the_next_poll(site: Site, wire: Wire) -> None:
    pager = await polling_pager(site, wire)
    assert (await site.sends("FIRE 3")).outcome is Outcome.SENT
    assert [call.text for call in pager.calls] == ["FIRE 3"]


async def test_line_is_up_when_it_is_polled(site: Site) -> None:
    pager = await site.pager(options={**POLLING, "faults": {"dead": 1}}, control=False)
    await site.clock.advance(5)
    assert not site.gateway.is_up
    pager.faults.repair("dead")
    await site.clock.advance(5)
    assert site.gateway.is_up


@pytest.mark.parametrize(
    ("fault", "times", "outcome"),
    [
        ("nak", 1, Outcome.SENT),
        ("nak", 3, Outcome.FAILED),
        ("busy", 1, Outcome.FAILED),
        ("invalid", 1, Outcome.REFUSED),
        ("drop", 1, Outcome.SENT),
        ("garble", 1, Outcome.SENT),
    ],
)
async def test_receipt_says_what_is_known(site: Site, fault: str, times: int, outcome: Outcome) -> None:
    pager = await polling_pager(site)
    pager.faults.plan(fault, times)
    assert (await site.sends()).outcome is outcome
    assert len(pager.calls) <= 1


async def test_transmitter_that_does_not_poll_never_got_the_page(site: Site) -> None:
    await site.pager(options={**POLLING, "faults": {"dead": 1}}, control=False, poll_wait=5)
    receipt = await site.sends()
    assert (receipt.outcome, receipt.detail) == (Outcome.FAILED, "nobody polled us for 5 s")


async def test_acknowledgement_on_the_pager_answers_the_page(site: Site) -> None:
    pager = await polling_pager(site)
    receipt = await site.sends("FIRE 3")
    pager.acknowledge(pager.calls[0])
    await site.until(lambda: bool(site.gateway.reports))
    assert site.gateway.reports == [PageAnswered(receipt.reference, Answer.ACCEPT)]


async def test_page_that_is_taken_back_while_it_waits_for_a_poll_is_not_sent(site: Site) -> None:
    pager = await polling_pager(site)
    await site.clock.advance(0.5)
    sending = site.start(site.driver.send(page("TAKEN BACK")))
    await settle()
    sending.cancel()
    await site.clock.advance(5)
    assert pager.calls == []
    assert (await site.sends("NEXT")).outcome is Outcome.SENT


# --- answers after a restart ------------------------------------------------------------------------------------------


async def test_acknowledgement_without_text_is_understood_after_a_restart(site: Site) -> None:
    await site.pager()
    await site.sends("FIRE 2")
    receipt = await site.sends("FIRE 3")
    await settle()
    await site.restart()
    pager = await site.pager()
    pager.queue_status({"1": "2001", "7": "6"})
    await site.until(lambda: bool(site.gateway.reports))
    assert site.gateway.reports == [PageAnswered(receipt.reference, Answer.ACCEPT)]


async def test_calls_that_are_remembered_are_bounded_and_the_newest_stay(site: Site) -> None:
    await site.pager()
    for number in range(REMEMBERED_CALLS + 3):
        await site.sends(f"CALL {number}")
    await settle()
    assert len(site.gateway.memory.items()) == REMEMBERED_CALLS
    newest = await site.sends("THE NEWEST")
    await settle()
    await site.restart()
    pager = await site.pager()
    pager.queue_status({"1": "2001", "7": "6"})
    await site.until(lambda: bool(site.gateway.reports))
    assert site.gateway.reports == [PageAnswered(newest.reference, Answer.ACCEPT)]


# --- status requests and required status ------------------------------------------------------------------------------


async def test_transmitter_is_asked_for_a_status_that_does_not_come(site: Site) -> None:
    pager = await site.pager(options={"answer": ""}, request_status_after=20)
    receipt = await site.sends("FIRE 3", tone="4")
    await site.clock.advance(19)
    assert pager.requests == []
    await site.until(lambda: bool(site.gateway.reports))
    (request,) = pager.requests
    assert [(record.id, record.data) for record in request.block.records] == [
        ("1", "2001"),
        ("2", "FIRE 3"),
        ("3", "4"),
    ]
    assert site.gateway.reports == [PageConfirmed(receipt.reference, PageState.SENT, "paged (call status 3)")]


async def test_transmitter_that_has_said_what_became_of_the_call_is_not_asked(site: Site) -> None:
    pager = await site.pager(options={"answer": "3"}, request_status_after=20, require_status_within=40)
    await site.sends()
    await site.clock.advance(120)
    assert pager.requests == []
    assert len(site.gateway.reports) == 1


async def test_page_has_failed_when_the_status_that_is_required_does_not_come(site: Site) -> None:
    await site.pager(require_status_within=40)
    receipt = await site.sends()
    await site.clock.advance(39)
    assert site.gateway.reports == []
    site.gateway.failures = 1
    await site.clock.advance(7)
    assert site.gateway.reports == [PageConfirmed(receipt.reference, PageState.FAILED, "no status came within 40 s")]


@pytest.mark.parametrize(("value", "failed"), [("2", True), ("3", False), ("6", False)])
async def test_only_a_status_that_the_line_requires_will_do(site: Site, value: str, failed: bool) -> None:  # noqa: FBT001
    await site.pager(options={"answer": value}, require_status_within=40, required_status=["3", "6"])
    await site.sends()
    await site.clock.advance(60)
    details = [report.detail for report in site.gateway.reports if isinstance(report, PageConfirmed)]
    assert ("no status came within 40 s" in details) is failed


async def test_page_that_was_never_taken_is_not_asked_about(site: Site) -> None:
    pager = await site.pager(request_status_after=20)
    pager.faults.plan("invalid")
    await site.sends()
    await site.clock.advance(120)
    assert pager.requests == []


async def test_request_that_the_transmitter_refuses_is_counted(site: Site) -> None:
    pager = await site.pager(request_status_after=20)
    await site.sends()
    pager.faults.plan("invalid")
    await site.clock.advance(30)
    assert site.gateway.counts["requests_lost"] == 1


# --- calls to subscriber lines ----------------------------------------------------------------------------------------


async def test_call_to_a_subscriber_line_is_a_text_for_the_number_that_it_names(site: Site) -> None:
    pager = await site.pager()
    pager.queue_block("4", {"1": "4711"})
    await site.until(lambda: bool(site.gateway.reports))
    (report,) = site.gateway.reports
    assert isinstance(report, TextReceived)
    assert (report.sender, report.recipient) == ("2", "4711")
