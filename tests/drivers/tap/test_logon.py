"""Steps 3 to 7: calling, the logon, the go-ahead, and every way in which a terminal can refuse."""

from __future__ import annotations

import pytest

from drivers.tap.pages import LineReady, LogonFailed, PageSettled
from drivers.tap.session import State
from drivers.tap.timing import MAX_WAITS
from gatewayd.driver import Outcome
from tests.drivers.tap.bench import ASKED, EOT, FIRE, GO_AHEAD, LOGON, LOGON_OK, TIMING, Bench


def failed_logon(bench: Bench) -> str:
    """Return why the logon failed, and see that the page was settled for a later attempt before that."""
    settled, failed = bench.events()
    assert isinstance(settled, PageSettled)
    assert isinstance(failed, LogonFailed)
    assert (settled.outcome, settled.retry_after, settled.detail) == (Outcome.FAILED, 10.0, failed.reason)
    assert bench.core.state is State.OFF
    return failed.reason


def test_page_calls_the_terminal_at_once() -> None:
    assert Bench().page() == b"\r"


def test_CR_is_repeated_every_t1_and_n1_times_in_all() -> None:  # noqa: N802
    bench = Bench()
    sent = bench.page() + bench.waits(1.9)
    assert sent == b"\r"
    assert bench.waits(0.1) == b"\x04\r"
    assert bench.waits(1.9) == b""
    assert bench.waits(0.1) == b"\x03000\r\x04\r"
    assert bench.waits(1.9) == b""
    assert bench.events() == []
    assert bench.waits(0.1) == b""
    assert failed_logon(bench) == "the terminal did not answer 3 CRs with ID="


def test_last_CR_is_given_t2_where_that_is_longer() -> None:  # noqa: N802
    bench = Bench(timing=type(TIMING)(t1=2, t2=5, n1=1))
    bench.page()
    bench.waits(4.9)
    assert bench.events() == []
    bench.waits(0.1)
    assert "1 CRs" in failed_logon(bench)


def test_timers_grow_by_what_the_characters_take_on_a_slow_line() -> None:
    bench = Bench(timing=type(TIMING)(byte_time=10 / 300))
    bench.page()
    assert bench.core.get_timer() == pytest.approx(1_000 + 2 + 101 / 30)


def test_logon_follows_ID_with_the_password() -> None:  # noqa: N802
    bench = Bench(password="secret")
    bench.page()
    assert bench.hears(b"\r\nWelcome\r\nID=") == b"\x1bPG1secret\r"


def test_service_can_be_another_one() -> None:
    bench = Bench(service="PG7")
    bench.page()
    assert bench.hears(ASKED) == b"\x1bPG7\r"


def test_password_is_not_shown_by_the_profile() -> None:
    assert "secret" not in repr(Bench(password="secret").core._profile)


@pytest.mark.parametrize("accepted", [LOGON_OK, b"\r\x06\r", b"\x06", b"114 Welcome\n110 1.8\n\x06\n"])
def test_block_leaves_at_the_go_ahead(accepted: bytes) -> None:
    bench = Bench()
    bench.page()
    bench.hears(ASKED)
    assert bench.hears(accepted) == b""
    assert bench.hears(b"114 Ready when you are\r" + GO_AHEAD) == FIRE
    assert bench.events()[0] == LineReady()


def test_go_ahead_counts_even_when_the_ACK_before_it_was_lost() -> None:  # noqa: N802
    bench = Bench()
    bench.page()
    bench.hears(ASKED)
    assert bench.hears(GO_AHEAD) == FIRE


def test_NAK_gets_the_logon_again_n3_times() -> None:  # noqa: N802
    bench = Bench()
    bench.page()
    sent = [bench.hears(ASKED), *(bench.hears(b"\r\x15\r") for _ in range(4))]
    assert sent == [LOGON, LOGON, LOGON, LOGON, EOT]
    assert failed_logon(bench) == "the terminal did not accept 4 logons"


@pytest.mark.parametrize("code", [507, 508, 509])
@pytest.mark.parametrize("control", [b"\x15", b"\x1e", b"\x1b\x04"])
def test_logon_that_is_itself_wrong_is_not_repeated(code: int, control: bytes) -> None:
    bench = Bench()
    bench.page()
    bench.hears(ASKED)
    bench.hears(b"%d because\r%b\r" % (code, control))
    assert f"{code} because" in failed_logon(bench)
    assert bench.log.count(LOGON) == 1


@pytest.mark.parametrize("progress", [[ASKED], [ASKED, LOGON_OK]])
def test_terminal_that_hangs_up_during_the_logon_fails_it(progress: list[bytes]) -> None:
    bench = Bench()
    bench.page()
    for step in progress:
        bench.hears(step)
    bench.hears(b"113 Busy\r\x1b\x04\r")
    assert failed_logon(bench) == "the terminal hung up at the logon: 113 Busy"


def test_ID_that_is_asked_again_gets_the_logon_again_after_t2() -> None:  # noqa: N802
    bench = Bench()
    bench.page()
    bench.hears(ASKED)
    assert bench.hears(ASKED) == b""
    assert bench.waits(0.9) == b""
    assert bench.waits(0.1) == LOGON


def test_second_ID_that_only_answers_a_second_CR_does_not_double_the_logon() -> None:  # noqa: N802
    bench = Bench()
    bench.page()
    bench.waits(2)
    assert bench.hears(b"ID=\rID=") == LOGON
    bench.hears(LOGON_OK)
    bench.waits(5)
    assert bench.hears(GO_AHEAD) == FIRE
    assert bench.log.count(LOGON) == 1


def test_terminal_that_asks_again_for_ever_is_given_up() -> None:
    bench = Bench()
    bench.page()
    for _ in range(5):
        bench.hears(ASKED)
        bench.waits(1)
    assert bench.log == b"\r" + LOGON * 4 + EOT
    assert "4 logons" in failed_logon(bench)


def test_ID_instead_of_the_go_ahead_gets_the_logon_again() -> None:  # noqa: N802
    bench = Bench()
    bench.page()
    bench.hears(ASKED)
    bench.hears(LOGON_OK)
    assert bench.hears(b"\r\nID=") == LOGON
    assert bench.hears(LOGON_OK + GO_AHEAD) == FIRE


@pytest.mark.parametrize(
    ("progress", "reason"), [([ASKED], "did not answer the logon"), ([ASKED, LOGON_OK], "no go-ahead")]
)
def test_silence_of_t3_ends_the_logon_and_lets_go_of_the_terminal(progress: list[bytes], reason: str) -> None:
    bench = Bench()
    bench.page()
    for step in progress:
        bench.hears(step)
    assert bench.waits(9.9) == b""
    assert bench.waits(0.1) == EOT
    assert reason in failed_logon(bench)


@pytest.mark.parametrize("progress", [[ASKED], [ASKED, LOGON_OK]])
def test_111_extends_t3_but_not_for_ever(progress: list[bytes]) -> None:
    bench = Bench()
    bench.page()
    for step in progress:
        bench.hears(step)
    for _ in range(MAX_WAITS):
        bench.waits(9)
        bench.hears(b"111 Processing, wait\r")
    assert bench.events() == []
    bench.waits(9)
    bench.hears(b"111 Processing, wait\r")
    bench.waits(1)
    assert failed_logon(bench)


def test_terminal_that_speaks_first_gets_no_CR() -> None:  # noqa: N802
    bench = Bench(send_crs=False)
    assert bench.page() + bench.waits(5.9) == b""
    assert bench.hears(ASKED) == LOGON


def test_terminal_that_should_speak_first_and_does_not_counts_as_dead_after_n1_times_t1() -> None:
    bench = Bench(send_crs=False)
    assert bench.page() + bench.waits(6) == b""
    assert failed_logon(bench) == "the terminal did not ask for a logon (ID=)"


def test_terminal_that_has_asked_within_t5_is_answered_at_once() -> None:
    bench = Bench(send_crs=False)
    bench.hears(ASKED)
    bench.waits(7.9)
    assert bench.page() == LOGON


def test_terminal_that_has_asked_long_ago_is_waited_for() -> None:
    bench = Bench(send_crs=False)
    bench.hears(ASKED)
    bench.waits(8)
    assert bench.page() == b""
    assert bench.hears(ASKED) == LOGON


def test_permanent_line_that_still_believes_in_an_old_session_is_told_to_begin_anew() -> None:
    bench = Bench(permanent=True)
    assert bench.page() + bench.waits(2) == b"\r" + EOT


def test_next_page_after_a_failed_logon_calls_again() -> None:
    bench = Bench()
    bench.page()
    bench.waits(6)
    assert bench.page("2") == b"\r"
    assert bench.logs_on() == FIRE


def test_terminal_that_said_no_goodbye_is_told_again_that_the_session_is_over() -> None:
    bench = Bench()
    bench.in_block()
    bench.hears(b"\x06")
    assert bench.waits(2) == EOT
    assert bench.page("2") + bench.waits(2) == b"\r" + EOT
    assert bench.hears(b"115 Bye\r\x1b\x04\r") == b"\r"
    assert bench.logs_on() == FIRE


def test_goodbyes_do_not_buy_more_than_n1_calls() -> None:
    bench = Bench()
    sent = bench.page() + bench.hears(b"\x1b\x04" * 9)
    assert sent == b"\r\r\r"
    assert bench.events() == []


def test_one_goodbye_clears_the_suspicion_that_a_session_lingers() -> None:
    bench = Bench()
    bench.in_block()
    bench.hears(b"\x06")
    bench.waits(2)
    bench.page("2")
    bench.logs_on()
    bench.hears(b"\x06")
    bench.waits(1)
    bench.hears(b"\x1b\x04\r")
    assert bench.page("3") + bench.waits(2) == b"\r\r"


def test_ID_that_is_asked_again_and_again_does_not_put_the_logon_off() -> None:  # noqa: N802
    bench = Bench()
    bench.page()
    bench.hears(ASKED)
    bench.hears(ASKED)
    bench.waits(0.5)
    bench.hears(ASKED)
    assert bench.waits(0.5) == LOGON


def test_ID_inside_a_welcome_is_not_a_question() -> None:  # noqa: N802
    bench = Bench()
    bench.page()
    bench.hears(ASKED)
    bench.hears(LOGON_OK)
    assert bench.hears(b"114 Your ID=7 is known\r") == b""
    assert bench.hears(GO_AHEAD) == FIRE


def test_timer_that_fires_early_changes_nothing() -> None:
    bench = Bench()
    bench.page()
    bench.core.handle_timer(bench.now + 1.9)
    assert bench.sent() == b""
    assert bench.core.get_timer() == bench.now + 2
