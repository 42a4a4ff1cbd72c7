"""The line as a paging terminal: who is let in, what becomes of a page, and when it is acknowledged."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from drivers.tap.blocks import ETB, ETX, US, Block
from drivers.tap.submissions import PageSubmitted, TerminalRules
from drivers.tap.terminal import MAX_AHEAD, PagingTerminal, State
from drivers.tap.verdicts import CANNOT_STORE, TAKEN, Verdict
from gatewayd.driver import Capabilities, Outcome
from gatewayd.errors import GatewayError, LineDown, StoreUnavailable
from gatewayd.model import Priority, TextReceived
from tests.drivers.tap.bench import ACCEPTED, ASKED, EOT, FIRE, GO_AHEAD, GOODBYE, LOGON, LOGON_OK
from tests.drivers.tap.site import page
from tests.drivers.tap.ward import Ward

READY = LOGON_OK + GO_AHEAD


def block(info: bytes, terminator: int = ETX) -> bytes:
    return Block(info, terminator).to_bytes()


async def logged_on(**line: Any) -> Ward:  # noqa: ANN401 - any setting
    ward = await Ward(**line).start()
    assert await ward.says(b"\r" + LOGON) == ASKED + READY
    return ward


async def test_line_is_up_when_its_port_is_open_and_cannot_send() -> None:
    ward = await Ward().start()
    assert ward.line.ups == 1
    assert ward.driver.capabilities == Capabilities(receives=True)
    assert (await ward.driver.send(page())).outcome is Outcome.REFUSED


async def test_page_becomes_a_text_for_the_recipient_of_that_pager_id() -> None:
    ward = await Ward().start()
    assert (await ward.pages()).outcome is Outcome.SENT
    (report,) = ward.line.reports
    assert isinstance(report, TextReceived)
    assert (report.sender, report.text, report.recipient, report.priority) == ("2001", "FIRE 3", "2001", None)
    assert report.reference
    assert ward.line.counts["messages"] == 1


async def test_pager_ids_mean_the_recipients_of_the_settings() -> None:
    ward = await Ward(pagers={"2001": "Ward 3", "911": "fire plan"}, priority="high").start()
    await ward.pages()
    await ward.pages(pager_id="2002")
    assert ward.line.texts == [("Ward 3", "FIRE 3"), ("2002", "FIRE 3")]
    assert all(isinstance(text, TextReceived) and text.priority is Priority.HIGH for text in ward.line.reports)


async def test_unknown_pager_is_refused_where_the_settings_say_so() -> None:
    ward = await Ward(pagers={"2001": "Ward 3"}, unknown_pagers="refuse").start()
    settled = await ward.pages(pager_id="2002")
    assert (settled.outcome, settled.code) == (Outcome.REFUSED, 511)
    assert ward.line.reports == []
    assert ward.line.counts["refused"] == 1


async def test_ack_comes_only_after_the_store_has_the_page() -> None:
    ward = await logged_on()
    ward.line.store_is_free.clear()
    assert await ward.says(FIRE) == b""
    ward.line.store_is_free.set()
    assert await ward.waits(0) == ACCEPTED


async def test_client_that_waits_for_a_slow_disk_is_told_to_wait() -> None:
    ward = await logged_on()
    ward.line.store_is_free.clear()
    await ward.says(FIRE)
    assert await ward.waits(12) == b"111 processing, wait\r" * 2
    ward.line.store_is_free.set()
    assert await ward.waits(0) == ACCEPTED


async def test_what_comes_while_a_page_is_recorded_is_read_afterwards() -> None:
    ward = await logged_on()
    ward.line.store_is_free.clear()
    assert await ward.says(FIRE + block(b"2002\rFIRE 4\r") + EOT) == b""
    ward.line.store_is_free.set()
    assert await ward.waits(0) == ACCEPTED * 2 + GOODBYE
    assert ward.line.texts == [("2001", "FIRE 3"), ("2002", "FIRE 4")]


def test_impatient_client_is_bounded() -> None:
    core = PagingTerminal(TerminalRules())
    core.receive_data(b"\r" + LOGON + FIRE + b"x" * 100_000, 0.0)
    core.receive_data(b"x" * 100_000, 0.0)
    assert len(core._ahead) == MAX_AHEAD
    core.data_to_send()
    core.settle(TAKEN, 0.0)
    assert core.data_to_send().startswith(ACCEPTED)
    assert core._ahead == b""


@pytest.mark.parametrize("failure", [StoreUnavailable("the disk is full"), GatewayError("a defect")])
async def test_page_that_cannot_be_stored_is_asked_for_again(failure: GatewayError) -> None:
    ward = await logged_on()
    ward.line.failures = [failure]
    assert await ward.says(FIRE) == b"512 temporarily cannot deliver\r\x15\r"
    assert await ward.says(FIRE) == ACCEPTED
    assert ward.line.texts == [("2001", "FIRE 3")]


async def test_long_text_in_several_blocks_is_one_page() -> None:
    ward = await Ward(client={"multi_block": True}).start()
    text = "ROOM 12 BED 1 NURSE CALL " * 20
    assert (await ward.pages(text)).detail.endswith("(sent in 3 blocks)")
    assert ward.line.texts == [("2001", text.rstrip())]


async def test_text_that_is_too_long_is_cut_and_that_is_said() -> None:
    ward = await Ward(longest_text=10).start()
    settled = await ward.pages("0123456789ABC")
    assert (settled.outcome, settled.code) == (Outcome.SENT, 214)
    assert ward.line.texts == [("2001", "0123456789")]


async def test_text_that_is_too_long_is_refused_where_the_settings_say_so() -> None:
    ward = await Ward(longest_text=10, refuse_long=True).start()
    settled = await ward.pages("0123456789ABC")
    assert (settled.outcome, settled.detail) == (Outcome.REFUSED, "517 010 character maximum, rejected")
    assert ward.line.texts == []


async def test_transparent_line_ends_are_line_ends_and_other_controls_are_blanks() -> None:
    ward = await Ward(client={"transparent": True}).start()
    await ward.pages("LINE1\r\nLINE2\rLINE3\x07!\r\n")
    assert ward.line.texts == [("2001", "LINE1\nLINE2\nLINE3 !")]


async def test_line_feeds_that_a_client_leaves_behind_its_line_ends_are_nothing() -> None:
    ward = await Ward().start()
    ward.client.faults.plan("linefeed", 2)
    assert (await ward.pages()).outcome is Outcome.SENT
    assert (await ward.pages("FIRE 4")).outcome is Outcome.SENT
    assert ward.line.texts == [("2001", "FIRE 3"), ("2001", "FIRE 4")]


async def test_line_feed_inside_of_a_text_is_a_line_end() -> None:
    ward = await logged_on()
    assert await ward.says(block(b"2001\r\nLINE 1\nLINE 2\r\n")) == ACCEPTED
    assert ward.line.texts == [("2001", "LINE 1\nLINE 2")]


async def test_call_without_a_text_is_a_call_all_the_same() -> None:
    ward = await Ward().start()
    await ward.pages("")
    assert ward.line.texts == [("2001", "call without a text")]


@pytest.mark.parametrize(
    ("info", "text"),
    [
        (b"2001\rFIRE 3", "FIRE 3"),
        (b"2001\rFIRE\r3", "FIRE\n3"),
        (b"2001\n\rFIRE 3\n", "FIRE 3"),
        (b"2001\r", "call without a text"),
        (b"2001", "call without a text"),
    ],
)
async def test_page_whose_sender_leaves_out_a_line_end_or_the_text_is_taken(info: bytes, text: str) -> None:
    ward = await logged_on()
    assert b"\r\x06\r" in await ward.says(block(info))
    assert ward.line.texts == [("2001", text)]


async def test_field_that_ends_with_ETB_and_has_no_line_end_ends_there() -> None:  # noqa: N802
    ward = await logged_on()
    assert await ward.says(block(b"2001", ETB)) == ACCEPTED
    assert await ward.says(block(b"FI", US)) == ACCEPTED
    assert await ward.says(block(b"RE\r")) == ACCEPTED
    assert ward.line.texts == [("2001", "FIRE")]


async def test_client_without_a_password_is_let_in_where_none_is_wanted() -> None:
    ward = await Ward().start()
    assert await ward.says(b"\r\x1bPG1\r") == ASKED + READY


async def test_empty_password_is_let_in_where_it_is_one_of_the_passwords() -> None:
    ward = await Ward(passwords=("right", "")).start()
    assert (await ward.pages()).outcome is Outcome.SENT
    other = await Ward(passwords=("right",), client={"password": "right"}).start()
    assert (await other.pages()).outcome is Outcome.SENT


async def test_wrong_password_is_turned_away_and_nothing_of_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    ward = await Ward(passwords=("right",), client={"password": "sesame"}).start()
    settled = await ward.pages()
    assert (settled.outcome, "509" in settled.detail) == (Outcome.FAILED, True)
    assert "sesame" not in caplog.text
    assert "right" not in repr(ward.driver._settings.rules())


async def test_client_that_logs_on_again_at_any_time_is_let_in() -> None:
    ward = await logged_on()
    assert await ward.says(LOGON) == READY
    assert await ward.says(FIRE) == ACCEPTED
    assert await ward.waits(2) + await ward.says(b"\r") == ASKED
    assert await ward.says(LOGON) == READY
    assert await ward.says(FIRE[:9]) + await ward.waits(4) + await ward.says(b"\r") == ASKED


async def test_client_that_believes_to_be_logged_on_is_asked_once_for_its_block() -> None:
    ward = await Ward().start()
    assert await ward.says(FIRE) == ASKED
    assert await ward.says(LOGON + FIRE) == READY + ACCEPTED


async def test_trailing_line_ends_behind_a_block_are_nothing() -> None:
    ward = await logged_on()
    assert await ward.says(FIRE + b"\r\n\r") == ACCEPTED
    assert await ward.says(EOT) == GOODBYE


async def test_silent_client_is_hung_up_on_and_may_call_again() -> None:
    ward = await logged_on(silence=30)
    assert await ward.waits(29) == b""
    assert await ward.waits(1) == b"501 time-out waiting for input\r\x1b\x04\r"
    assert await ward.says(b"\r" + LOGON) == ASKED + READY


async def test_client_that_stays_logged_on_may_be_silent_for_days() -> None:
    ward = await logged_on(silence=0)
    assert await ward.says(FIRE) == ACCEPTED
    assert await ward.waits(200_000) == b""
    assert await ward.says(FIRE) == ACCEPTED
    assert len(ward.line.texts) == 2


async def test_clients_from_before_1_6_hear_control_bytes_only() -> None:
    ward = await Ward(response_codes=False).start()
    assert await ward.says(b"\r" + LOGON + FIRE) == ASKED + b"\r\x06\r" + GO_AHEAD + b"\r\x06\r"


async def test_damaged_block_is_sent_again_and_alarms_once() -> None:
    ward = await Ward().start()
    ward.client.faults.plan("garble")
    assert (await ward.pages()).outcome is Outcome.SENT
    assert ward.line.texts == [("2001", "FIRE 3")]
    assert ward.line.counts["naks"] == 1


async def test_stray_characters_before_a_block_do_not_harm_it() -> None:
    ward = await Ward().start()
    ward.client.faults.plan("stray")
    await ward.pages()
    assert ward.line.texts == [("2001", "FIRE 3")]


# --- the same page again ----------------------------------------------------------------------------------------------


async def test_block_that_is_repeated_because_its_ACK_was_misheard_alarms_once() -> None:  # noqa: N802
    ward = await Ward().start()
    ward.client.faults.plan("misheard", 2)
    assert (await ward.pages()).outcome is Outcome.SENT
    assert ward.line.texts == [("2001", "FIRE 3")]
    assert ward.line.counts["repeats"] == 2


async def test_each_block_of_a_long_page_may_be_repeated() -> None:
    ward = await Ward().start()
    ward.client.faults.plan("misheard", 3)
    text = "ROOM 12 BED 1 NURSE CALL " * 20
    assert (await ward.pages(text)).outcome is Outcome.SENT
    ward.client.faults.plan("misheard", 1)
    assert (await ward.pages("x" * 400 + "y")).outcome is Outcome.SENT
    assert ward.line.texts == [("2001", text.rstrip()), ("2001", "x" * 400 + "y")]


async def test_same_page_in_a_new_session_is_a_new_call() -> None:
    ward = await Ward().start()
    await ward.pages(within=1)
    await ward.pages(within=1)
    assert ward.line.texts == [("2001", "FIRE 3")] * 2


async def test_same_page_later_in_a_lasting_session_is_a_new_call() -> None:
    ward = await logged_on()
    assert await ward.says(FIRE) == ACCEPTED
    await ward.waits(16)
    assert await ward.says(FIRE) == ACCEPTED
    assert await ward.says(block(b"2002\rX\r") + FIRE) == ACCEPTED * 2
    assert ward.line.texts == [("2001", "FIRE 3"), ("2001", "FIRE 3"), ("2002", "X"), ("2001", "FIRE 3")]


async def test_page_whose_answer_was_lost_with_the_session_alarms_once() -> None:
    ward = await logged_on()
    assert await ward.says(FIRE) == ACCEPTED
    assert await ward.waits(10) + await ward.says(b"\r") == ASKED
    assert await ward.says(LOGON + FIRE) == READY + ACCEPTED
    assert ward.line.texts == [("2001", "FIRE 3")]
    assert ward.line.counts["repeats"] == 1


async def test_page_that_comes_again_long_after_its_session_broke_is_a_new_call() -> None:
    ward = await logged_on(silence=600)
    assert await ward.says(FIRE) == ACCEPTED
    await ward.waits(121)
    assert await ward.says(b"\r" + LOGON + FIRE) == ASKED + READY + ACCEPTED
    assert len(ward.line.texts) == 2


async def test_page_that_was_answered_too_late_alarms_once_though_the_client_logged_off() -> None:
    ward = await logged_on()
    ward.line.store_is_free.clear()
    await ward.says(FIRE)
    await ward.waits(10)
    await ward.says(EOT)
    ward.line.store_is_free.set()
    assert await ward.waits(0) == ACCEPTED + GOODBYE
    assert await ward.says(b"\r" + LOGON + FIRE) == ASKED + READY + ACCEPTED
    assert ward.line.texts == [("2001", "FIRE 3")]


async def test_client_that_stays_silent_after_its_page_has_heard_the_answer() -> None:
    ward = await logged_on()
    assert await ward.says(FIRE) == ACCEPTED
    await ward.waits(31)
    assert await ward.says(b"\r" + LOGON + FIRE) == ASKED + READY + ACCEPTED
    assert len(ward.line.texts) == 2


# --- clients that do not behave ---------------------------------------------------------------------------------------


async def test_client_that_leaves_without_a_word_is_let_in_again() -> None:
    ward = await Ward().start()
    ward.client.faults.plan("no-eot")
    await ward.pages()
    await ward.clock.advance(31)
    assert (await ward.pages("FIRE 4")).outcome is Outcome.SENT


class Clerk(RuleBasedStateMachine):
    """Clients say anything, the store answers when it likes: no page is acknowledged before it is settled."""

    def __init__(self) -> None:
        super().__init__()
        self.core = PagingTerminal(TerminalRules(silence=30))
        self.now = 0.0
        self.submitted = 0
        self.settled = 0
        self.core.receive_data(b"\r" + LOGON, self.now)
        self.core.data_to_send()

    @rule(piece=st.sampled_from([FIRE, FIRE[:7], block(b"2002\rX\r"), b"\r", LOGON, EOT, b"\x02", b"x" * 300]))
    def hears(self, piece: bytes) -> None:
        self.core.receive_data(piece, self.now)

    @rule(seconds=st.floats(0, 40))
    def waits(self, seconds: float) -> None:
        self.now += seconds
        self.core.handle_timer(self.now)

    @rule(verdict=st.sampled_from([TAKEN, CANNOT_STORE]))
    def settles(self, verdict: Verdict) -> None:
        if self.core.state is State.RECORDING:
            self.core.data_to_send()
            self.settled += 1
            self.core.settle(verdict, self.now)

    @invariant()
    def nothing_is_acknowledged_before_it_is_settled(self) -> None:
        self.submitted += sum(isinstance(event, PageSubmitted) for event in _all(self.core))
        assert self.submitted - self.settled == (self.core.state is State.RECORDING)
        if self.core.state is State.RECORDING:
            assert b"\x06\r" not in self.core.data_to_send().replace(LOGON_OK, b"") or self.settled
        assert len(self.core._ahead) <= MAX_AHEAD


TestClerk = Clerk.TestCase
TestClerk.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def _all(core: Any) -> list[Any]:  # noqa: ANN401 - any core
    return list(iter(core.next_event, None))


# --- the port ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("port", ["/dev/memory", "socket://10.0.0.5:4001"])
async def test_lost_port_or_device_server_is_a_line_that_is_down(port: str) -> None:
    ward = await logged_on(port=port)
    assert await ward.says(FIRE) == ACCEPTED
    assert ward._wire is not None
    ward._wire.cut(OSError("unplugged"))
    await ward.clock.advance(0)
    assert ward.running is not None
    assert isinstance(ward.running.exception(), LineDown)


async def test_stopping_in_the_middle_of_a_page_ends_the_line() -> None:
    ward = await logged_on()
    ward.line.store_is_free.clear()
    await ward.says(FIRE)
    await ward.stop()
    assert ward.line.reports == []
    assert ward.running is not None
    assert ward.running.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}
