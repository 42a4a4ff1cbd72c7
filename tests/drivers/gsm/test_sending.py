"""Sending: what the modem is told, what receipts mean, what a withdrawn page leaves behind, what reports confirm."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from drivers.gsm import DRIVER, SETTINGS, pdu
from drivers.gsm.driver import GsmDriver
from drivers.gsm.settings import GsmSettings
from gatewayd.clock import settle
from gatewayd.driver import Capabilities, Outcome
from gatewayd.errors import LineDown
from gatewayd.model import PageState
from gatewayd.transport.memory import Wire
from tests.drivers.gsm.site import ANNA, BERT, Site, page


def submits(site: Site) -> list[pdu.Submit]:
    """Return the messages that left on this connection."""
    found = [pdu.read(part.split(b"\r")[-1].decode()) for part in site.wrote.split(b"\x1a")[:-1]]
    return [message for message in found if isinstance(message, pdu.Submit)]


def test_package_exports_the_driver_and_its_settings() -> None:
    assert (DRIVER, SETTINGS, DRIVER.kind) == (GsmDriver, GsmSettings, "gsm")


def test_capabilities_follow_the_settings() -> None:
    assert Site().driver.capabilities == Capabilities(
        receives=True,
        sends=True,
        confirms_delivery=True,
        carries_answers=True,
        answers_in_text=True,
        longest_text=459,
        parallel=1,
    )
    assert Site(max_parts=1, delivery_reports=False).driver.capabilities.longest_text == 160
    assert not Site(delivery_reports=False).driver.capabilities.confirms_delivery


@pytest.mark.parametrize(
    "text", ["FIRE 3", "", "Brand Küche 2.OG [Süd] 5€", "Пожар 3", "🔥" * 40, "x" * 300], ids=lambda text: text[:8]
)
@pytest.mark.parametrize("wire", [Wire(), Wire(chunk=1), Wire(chunk=3, delay=0.01)], ids=["whole", "bytes", "slow"])
async def test_page_is_sent_and_read_on_the_telephone(text: str, wire: Wire) -> None:
    site = Site(wire=wire)
    await site.start(within=60)
    receipt = await site.sends(page(text), within=60)
    assert (receipt.outcome, receipt.detail) == (Outcome.SENT, "taken by the network")
    assert (await site.modem.expect(ANNA, text)).parts == (1 if len(text) < 40 else 2)


async def test_page_lives_as_long_in_the_service_centre_as_here() -> None:
    site = Site(validity=7_200)
    await site.start()
    await site.sends(page(expires=site.clock.now() + 3_600))
    await site.sends(page(expires=site.clock.now() + 86_400))
    assert [message.validity for message in submits(site)] == [timedelta(hours=1), timedelta(hours=2)]


async def test_flash_and_reports_are_settings() -> None:
    site = Site(flash=True, delivery_reports=False)
    await site.start()
    await site.sends()
    (message,) = submits(site)
    assert (message.user_data.scheme, message.report) == (0x10, False)


async def test_text_that_does_not_fit_is_cut_and_the_receipt_says_so() -> None:
    site = Site(max_parts=2)
    await site.start()
    receipt = await site.sends(page("x" * 400))
    assert receipt.detail == "taken by the network (text cut to 306 of 400 characters)"
    await site.modem.expect(ANNA, "x" * 306)


@pytest.mark.parametrize("address", ["", "anna", "+49 170", "1\r\nAT", "1" * 21, "0170;"])
async def test_address_that_is_no_number_is_refused_and_never_reaches_the_modem(address: str) -> None:
    site = Site()
    await site.start()
    before = site.wrote
    assert (await site.sends(page(address=address))).outcome is Outcome.REFUSED
    assert site.wrote == before


async def test_control_codes_of_a_text_stay_inside_the_pdu() -> None:
    site = Site()
    await site.start()
    await site.sends(page("A\x1aAT+CMGD=1,4\rB\x1b"))
    assert len(submits(site)) == 1
    assert site.modem.state.submitted == 1


@pytest.mark.parametrize(
    ("fault", "outcome", "retry_after", "words"),
    [
        ("nak", Outcome.FAILED, 10.0, "+CMS ERROR: 38 (network out of order)"),
        ("refuse", Outcome.REFUSED, None, "+CMS ERROR: 1 (unassigned number)"),
        ("full", Outcome.FAILED, 5.0, "+CMS ERROR: 322 (memory full)"),
        ("sim-failure", Outcome.FAILED, 30.0, "+CMS ERROR: 313 (SIM failure)"),
        ("stuck", Outcome.FAILED, 10.0, "+CMS ERROR: 500 (unknown error)"),
        ("unsolicited", Outcome.SENT, None, "taken by the network"),
    ],
)
async def test_fault_of_the_modem_ends_as_its_receipt_says(
    fault: str, outcome: Outcome, retry_after: float | None, words: str
) -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan(fault)
    receipt = await site.sends()
    assert (receipt.outcome, receipt.retry_after, receipt.detail) == (outcome, retry_after, words)
    assert (await site.sends(page("NEXT"))).outcome is Outcome.SENT


@pytest.mark.parametrize("fault", ["drop", "garble", "late"])
async def test_message_without_an_answer_is_unknown_and_the_line_stays_up(fault: str) -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan(fault)
    receipt = await site.sends(within=61)
    assert (receipt.outcome, receipt.reference) == (Outcome.UNKNOWN, "unanswered/1")
    await site.clock.advance(30)
    assert (await site.sends(page("NEXT"))).outcome is Outcome.SENT
    await site.modem.expect(ANNA, "NEXT")
    assert site.line.ups == 1


async def test_unknown_message_counts_as_sent_where_it_must_not_be_repeated() -> None:
    site = Site(resend_unknown=False)
    await site.start()
    site.modem.faults.plan("drop")
    receipt = await site.sends(within=61)
    assert (receipt.outcome, receipt.detail) == (Outcome.SENT, "no answer: it may have been sent")


async def test_answer_that_comes_late_is_reported_and_shifts_no_other_answer() -> None:
    site = Site(modem={"late_by": 63, "reports": False})
    await site.start()
    site.modem.faults.plan("late")
    assert (await site.sends(within=60)).outcome is Outcome.UNKNOWN
    await site.clock.advance(10)
    assert site.line.confirmed == [("unanswered/1", PageState.SENT)]
    receipt = await site.sends(page("NEXT"))
    assert (receipt.outcome, receipt.reference) == (Outcome.SENT, "2/1234567")


async def test_simulated_modem_that_restarts_answers_nothing_of_before() -> None:
    site = Site(modem={"late_by": 25.0}, send_timeout=20)
    await site.start()
    for fault in ("late", "reset"):
        site.modem.faults.plan(fault)
        assert (await site.sends(within=21)).outcome is Outcome.UNKNOWN


async def test_modem_that_does_not_ask_for_the_text_has_sent_nothing() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("no-prompt")
    receipt = await site.sends(within=6)
    assert (receipt.outcome, receipt.detail) == (Outcome.FAILED, "the modem did not ask for the text")
    await site.clock.advance(5)
    assert (await site.sends(page("NEXT"))).outcome is Outcome.SENT
    assert [message.text for message in site.modem.sent] == ["NEXT"]


@pytest.mark.parametrize(
    ("answers", "outcome"), [(("OK",), Outcome.FAILED), (("> ", "OK"), Outcome.UNKNOWN)], ids=["no prompt", "no +CMGS"]
)
async def test_bare_ok_is_no_proof_that_a_message_was_sent(answers: tuple[str, ...], outcome: Outcome) -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("dead")
    task = await site.sending()
    for answer in answers:
        site.says(f"\r\n{answer}\r\n" if answer == "OK" else f"\r\n{answer}")
        await settle()
    assert task.result().outcome is outcome


async def test_second_part_that_fails_fails_the_page_and_says_which() -> None:
    site = Site(modem={"send_time": 1})
    await site.start()
    task = await site.sending(page("x" * 300))
    site.modem.faults.plan("nak")
    await site.clock.advance(5)
    assert task.result().outcome is Outcome.FAILED
    assert task.result().detail == "part 2 of 2: +CMS ERROR: 38 (network out of order)"


async def test_page_that_is_withdrawn_before_its_text_has_left_sends_nothing() -> None:
    site = Site()
    await site.start()
    site.modem.faults.plan("dead")
    task = await site.sending(page("TAKEN"))
    task.cancel()
    await asyncio.wait([task])
    assert site.wrote.endswith(b"AT+CMGS=19\r")
    site.says("\r\n> ")
    await settle()
    assert site.wrote.endswith(b"AT+CMGS=19\r\x1b")
    site.modem.faults.repair("dead")
    site.says("\r\nOK\r\n")
    assert (await site.sends(page("NEXT"))).outcome is Outcome.SENT
    assert [message.text for message in site.modem.sent] == ["NEXT"]


async def test_page_that_is_withdrawn_between_its_parts_sends_no_more_of_them() -> None:
    site = Site(modem={"send_time": 10})
    await site.start()
    task = await site.sending(page("x" * 300))
    task.cancel()
    await asyncio.wait([task])
    await site.clock.advance(30)
    assert site.modem.state.submitted == 1
    assert (await site.sends(page("NEXT"), within=15)).outcome is Outcome.SENT


async def test_page_that_is_withdrawn_while_another_is_under_way_is_never_begun() -> None:
    site = Site(modem={"send_time": 10})
    await site.start()
    first, second = await site.sending(page("ONE")), await site.sending(page("TWO"))
    second.cancel()
    await site.clock.advance(30)
    assert first.result().outcome is Outcome.SENT
    assert [message.text for message in site.modem.sent] == ["ONE"]


async def test_pages_are_not_sent_faster_than_the_sim_may() -> None:
    site = Site(per_minute=2)
    await site.start()
    for number in range(2):
        assert (await site.sends(page(number=number))).outcome is Outcome.SENT
    waiting = await site.sending(page("THIRD"))
    await site.clock.advance(58)
    assert not waiting.done()
    await site.clock.advance(2)
    assert waiting.result().outcome is Outcome.SENT


async def test_page_to_a_modem_that_is_not_there_is_line_down() -> None:
    site = Site()
    with pytest.raises(LineDown):
        await site.driver.send(page())


async def test_lost_port_is_line_down_for_the_line_and_a_page_whose_text_has_not_left() -> None:
    site = Site(modem={"faults": {"no-prompt": 1}})
    await site.start()
    task = await site.sending()
    assert site.ends is not None
    site.ends[0].cut(OSError("unplugged"))
    with pytest.raises(LineDown, match="unplugged"):
        await task
    assert "unplugged" in site.down()
    await site.start()
    assert site.line.ups == 2
    assert (await site.sends(page(address=BERT), within=10)).outcome is Outcome.SENT


@pytest.mark.parametrize(("text", "outcome"), [("FIRE", Outcome.UNKNOWN), ("x" * 300, None)], ids=["whole", "part"])
async def test_page_whose_whole_text_has_left_when_the_port_is_lost_is_unknown(
    text: str, outcome: Outcome | None
) -> None:
    site = Site(modem={"send_time": 10})
    await site.start()
    task = await site.sending(page(text))
    assert site.ends is not None
    site.ends[0].cut(OSError("unplugged"))
    await asyncio.wait([task])
    assert (None if task.exception() else task.result().outcome) is outcome


async def test_long_page_whose_first_part_is_not_answered_is_never_taken_for_sent() -> None:
    site = Site(resend_unknown=False)
    await site.start()
    site.modem.faults.plan("drop")
    receipt = await site.sends(page("x" * 300), within=61)
    assert (receipt.outcome, receipt.detail) == (Outcome.FAILED, "part 1 of 2: no answer: the rest was not sent")


async def test_no_command_is_given_before_the_one_before_it_is_answered() -> None:
    site = Site(modem={"latency": 0.2, "send_time": 2, "report_after": 1})
    await site.start(within=20)
    for number in range(4):
        task = await site.sending(page("x" * (200 * (number % 2) + 1), number=number))
        await site.modem.receives(BERT, f"TEXT {number}")
        asked = asyncio.create_task(site.driver.command("AT+CSQ", 5, force=False))
        await site.clock.advance(30)
        assert task.result().outcome is Outcome.SENT
        assert asked.result()[-1] == "OK"
    assert len(site.line.texts) == 4
    assert site.modem.state.interruptions == 0


async def test_command_leaves_in_the_turn_in_which_the_page_comes() -> None:
    site = Site()
    await site.start()
    task = asyncio.create_task(site.driver.send(page()))
    await asyncio.sleep(0)
    assert site.wrote.endswith(b"AT+CMGS=20\r")
    await settle()
    assert task.done()
