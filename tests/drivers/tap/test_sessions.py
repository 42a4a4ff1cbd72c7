"""Steps 9 and 10 and what lies between sessions: several pages to one, log-off, ID= at any time, proof of life."""

from __future__ import annotations

import pytest

from drivers.tap.pages import LineReady, LoggedOff, LogonFailed, PageSettled, SessionDoubted
from drivers.tap.session import State
from gatewayd.driver import Outcome
from tests.drivers.tap.bench import (
    ACCEPTED,
    ASKED,
    EOT,
    FIRE,
    GO_AHEAD,
    GOODBYE,
    LOGON,
    LOGON_OK,
    LONG_TEXT,
    Bench,
)

RS = b"\r\x1e\r"
HANG_UP = b"\r\x1b\x04\r"


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_several_pages_share_one_session() -> None:
    bench = Bench()
    bench.in_block()
    for number in range(2, 5):
        bench.hears(ACCEPTED)
        bench.waits(0.9)
        assert bench.page(str(number)) == FIRE
    bench.hears(ACCEPTED)
    assert bench.waits(1) == EOT
    assert bench.log.count(LOGON) == 1


def test_waiting_page_follows_an_answer_at_once() -> None:
    bench = Bench()
    bench.in_block()
    bench.page("2", text="FIRE 4")
    assert bench.hears(ACCEPTED).startswith(b"\x022001\rFIRE 4")


def test_new_session_is_begun_when_the_terminal_takes_no_more_pages_in_this_one() -> None:
    bench = Bench(max_pages=2)
    bench.in_block()
    for number in "23":
        bench.core.send_page(number, "2001", "FIRE 3", bench.now)
    assert bench.hears(ACCEPTED) == FIRE
    assert bench.hears(ACCEPTED) == EOT
    assert bench.hears(GOODBYE) == b"\r"
    assert bench.logs_on() == FIRE


def test_page_during_the_log_off_waits_for_the_goodbye() -> None:
    bench = Bench()
    bench.in_block()
    bench.hears(ACCEPTED)
    bench.waits(1)
    assert bench.page("2") == b""
    assert bench.hears(GOODBYE) == b"\r"


def test_goodbye_is_waited_for_no_longer_than_t2() -> None:
    bench = Bench()
    bench.in_block()
    bench.hears(ACCEPTED)
    bench.waits(1)
    bench.page("2")
    assert bench.waits(0.9) == b""
    assert bench.waits(0.1) == b"\r"


def test_ID_right_after_the_log_off_is_answered_by_the_next_logon() -> None:  # noqa: N802
    bench = Bench()
    bench.in_block()
    bench.hears(ACCEPTED)
    bench.waits(1)
    bench.page("2")
    assert bench.hears(ASKED) == LOGON


def test_RS_after_the_log_off_doubts_every_page_of_the_session() -> None:  # noqa: N802
    bench = Bench()
    bench.in_block()
    bench.hears(ACCEPTED)
    bench.page("2")
    bench.hears(ACCEPTED)
    bench.waits(1)
    bench.events()
    bench.hears(b"115 One was bad\r\x1e\r\x1b\x04\r")
    assert bench.events() == [SessionDoubted(("1", "2"), "115 One was bad"), LoggedOff("logged off")]


def test_pages_of_an_earlier_session_are_not_doubted() -> None:
    bench = Bench()
    bench.in_block()
    bench.hears(ACCEPTED)
    bench.waits(1)
    bench.hears(GOODBYE)
    bench.page("2")
    bench.logs_on()
    bench.hears(ACCEPTED)
    bench.waits(1)
    bench.events()
    bench.hears(RS)
    assert bench.events() == [SessionDoubted(("2",), "the terminal answered RS")]


def test_terminal_that_hangs_up_between_pages_is_called_again() -> None:
    bench = Bench()
    bench.in_block()
    bench.hears(ACCEPTED)
    assert bench.hears(b"501 Time-out\r\x1b\x04\r") == b""
    assert bench.page("2") == b"\r"
    assert bench.logs_on() == FIRE


def test_page_that_was_not_out_when_the_terminal_hung_up_goes_into_the_next_session() -> None:
    bench = Bench()
    bench.page()
    bench.hears(ASKED)
    assert bench.hears(LOGON_OK + GO_AHEAD + b"113 Time is up\r\x1b\x04\r") == b"\r"
    assert bench.logs_on() == FIRE


def test_answers_from_before_the_block_are_not_taken_for_its_own() -> None:
    bench = Bench()
    bench.page()
    bench.hears(ASKED)
    assert bench.hears(LOGON_OK + GO_AHEAD + ACCEPTED + RS) == FIRE
    assert not any(isinstance(event, PageSettled) for event in bench.events())


# --- ID= at any time --------------------------------------------------------------------------------------------------


def test_ID_between_pages_gets_a_new_logon() -> None:  # noqa: N802
    bench = Bench()
    bench.in_block()
    bench.hears(ACCEPTED)
    assert bench.hears(b"\r\nID=") == LOGON
    bench.hears(LOGON_OK + GO_AHEAD)
    assert bench.page("2") == FIRE


def test_ID_instead_of_an_answer_gets_a_new_logon_and_the_page_again() -> None:  # noqa: N802
    bench = Bench(multi_block=True, max_chars=1000)
    first = bench.in_block(LONG_TEXT)
    bench.hears(ACCEPTED)
    assert bench.hears(ASKED) == LOGON
    assert bench.hears(LOGON_OK + GO_AHEAD) == first


def test_terminal_that_begins_anew_for_ever_does_not_get_the_page_for_ever() -> None:
    bench = Bench()
    bench.in_block()
    for _ in range(4):
        assert bench.hears(ASKED) == LOGON
        bench.hears(LOGON_OK + GO_AHEAD)
    assert bench.log.count(FIRE) == 4
    assert bench.settled().outcome is Outcome.FAILED


def test_ID_behind_the_words_that_this_terminal_always_says_is_a_question_at_any_time() -> None:  # noqa: N802
    question = b"\r\nWAVE 9 ID="
    bench = Bench()
    bench.page()
    assert bench.hears(question) == LOGON
    bench.hears(LOGON_OK)
    assert bench.hears(question) == LOGON
    assert bench.hears(LOGON_OK + GO_AHEAD) == FIRE
    assert bench.hears(question) == LOGON
    assert bench.hears(LOGON_OK + GO_AHEAD) == FIRE
    bench.hears(ACCEPTED)
    assert bench.hears(question + question[2:]) == LOGON
    assert bench.hears(LOGON_OK + GO_AHEAD + b"WAVE 8 ID=") == b""
    assert bench.waits(1) == EOT
    assert bench.hears(question) == b""
    assert bench.page("2") == LOGON


def test_permanent_line_is_logged_on_again_behind_the_words_that_its_terminal_always_says() -> None:
    bench = Bench(permanent=True)
    bench.page()
    bench.hears(b"WAVE 9 ID=")
    bench.hears(LOGON_OK + GO_AHEAD)
    bench.hears(ACCEPTED)
    bench.hears(HANG_UP)
    assert bench.hears(b"\r\nWAVE 9 ID=") == LOGON


def test_ID_inside_the_text_of_an_answer_does_not_disturb() -> None:  # noqa: N802
    bench = Bench()
    bench.in_block()
    assert bench.hears(b"211 Page ID=17 accepted\r\x06\r") == b""
    assert bench.settled().detail == "211 Page ID=17 accepted"


def test_ID_inside_a_goodbye_is_not_a_question() -> None:  # noqa: N802
    bench = Bench()
    bench.in_block()
    bench.hears(ACCEPTED)
    bench.waits(1)
    bench.page("2")
    assert bench.hears(b"115 Bye, ID=7\r") == b""
    assert bench.hears(HANG_UP) == b"\r"


def test_spontaneous_ID_is_not_answered_when_there_is_nothing_to_say() -> None:  # noqa: N802
    bench = Bench()
    assert bench.hears(ASKED) + bench.waits(60) == b""


def test_page_right_after_a_spontaneous_ID_logs_on_without_a_CR() -> None:  # noqa: N802
    bench = Bench()
    bench.hears(ASKED)
    assert bench.page() == LOGON


# --- permanent lines and proof of life --------------------------------------------------------------------------------


def test_permanent_line_stays_logged_on() -> None:
    bench = Bench(permanent=True)
    bench.in_block()
    bench.hears(ACCEPTED)
    assert bench.waits(86_400) == b""
    assert bench.page("2") == FIRE


def test_permanent_line_that_asks_is_logged_on_again_at_once() -> None:
    bench = Bench(permanent=True)
    assert bench.hears(ASKED) == LOGON
    assert bench.hears(LOGON_OK + GO_AHEAD) == b""
    assert bench.page() == FIRE


def test_permanent_line_does_not_answer_ID_inside_a_text() -> None:  # noqa: N802
    assert Bench(permanent=True).hears(b"Carrier lost, ID=7\r") == b""


def test_permanent_line_proves_that_it_lives_by_a_new_session() -> None:
    bench = Bench(permanent=True, probe_every=600)
    bench.in_block()
    bench.hears(ACCEPTED)
    assert bench.waits(599) == b""
    assert bench.waits(1) == EOT
    assert bench.hears(GOODBYE) == b"\r"
    bench.events()
    assert bench.logs_on() == b""
    assert bench.events() == [LineReady()]


def test_probe_is_a_session_without_a_page() -> None:
    bench = Bench(probe_every=600)
    bench.core.probe(bench.now)
    assert bench.sent() == b"\r"
    assert bench.logs_on() == b""
    assert bench.events() == [LineReady()]
    assert bench.waits(1) == EOT


def test_quiet_terminal_is_probed_again_after_a_while() -> None:
    bench = Bench(probe_every=600)
    bench.in_block()
    bench.hears(ACCEPTED)
    bench.waits(1)
    bench.hears(GOODBYE)
    assert bench.waits(599.9) == b""
    assert bench.waits(0.1) == b"\r"


def test_dead_terminal_is_found_out_by_the_probe() -> None:
    bench = Bench(probe_every=600)
    bench.core.probe(bench.now)
    bench.waits(6)
    assert bench.events() == [LogonFailed("the terminal did not answer 3 CRs with ID=")]


def test_page_during_a_probe_uses_its_session() -> None:
    bench = Bench()
    bench.core.probe(bench.now)
    bench.sent()
    assert bench.page() == b""
    assert bench.logs_on() == FIRE


def test_terminal_that_speaks_first_is_not_probed_by_the_clock() -> None:
    bench = Bench(send_crs=False, probe_every=600)
    bench.core.probe(bench.now)
    bench.logs_on()
    bench.waits(1)
    bench.hears(GOODBYE)
    assert bench.waits(86_400) == b""
    assert bench.core.get_timer() is None


@pytest.mark.parametrize("permanent", [True, False])
def test_probe_of_a_session_under_way_changes_nothing(permanent: bool) -> None:  # noqa: FBT001
    bench = Bench(permanent=permanent)
    bench.in_block()
    bench.core.probe(bench.now)
    assert bench.sent() == b""
    bench.hears(ACCEPTED)
    assert bench.settled().outcome is Outcome.SENT


@pytest.mark.parametrize("progress", [[], [ASKED], [ASKED, LOGON_OK], [ASKED, LOGON_OK, GO_AHEAD]])
def test_hanging_up_ends_whatever_is_under_way(progress: list[bytes]) -> None:
    bench = Bench()
    bench.page()
    for step in progress:
        bench.hears(step)
    bench.core.hang_up(bench.now)
    assert bench.sent() == EOT
    assert bench.hears(GOODBYE) + bench.waits(60) == b""


def test_hanging_up_at_rest_says_nothing() -> None:
    bench = Bench()
    bench.core.hang_up(bench.now)
    assert bench.sent() == b""


def test_broken_connection_leaves_unknown_only_what_went_out_whole() -> None:
    bench = Bench(multi_block=True, max_chars=1000)
    bench.in_block(LONG_TEXT)
    bench.page("2")
    bench.core.break_off("gone")
    assert [(event.page_ref, event.outcome, event.detail) for event in _settled(bench)] == [
        ("1", Outcome.FAILED, "gone (sent in 3 blocks)"),
        ("2", Outcome.FAILED, "gone"),
    ]
    whole = Bench()
    whole.in_block()
    whole.core.break_off("gone")
    assert [event.outcome for event in _settled(whole)] == [Outcome.UNKNOWN]
    assert (whole.core.state, whole.core.get_timer(), whole.sent()) == (State.OFF, None, b"")


def _settled(bench: Bench) -> list[PageSettled]:
    return [event for event in bench.events() if isinstance(event, PageSettled)]
